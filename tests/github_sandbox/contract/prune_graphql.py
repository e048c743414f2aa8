"""Cuts the sandbox's GraphQL schema out of GitHub's own.

    npm pack @octokit/graphql-schema@15.26.1 && tar xzf octokit-graphql-schema-15.26.1.tgz
    python tests/github_sandbox/contract/prune_graphql.py package/schema.graphql > github_sandbox/schema.graphql

The second command must leave the file as it is: that is how one sees that nothing in it is our invention.
What is kept stands in KEEP: types with their fields, and for each field the arguments that the sandbox honours.
Enumerations and input objects come along whole.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from graphql import (
    EnumTypeDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeDefinitionNode,
    UnionTypeDefinitionNode,
    parse,
    print_ast,
)

if TYPE_CHECKING:
    from graphql import (
        DocumentNode,
        FieldDefinitionNode,
        InputValueDefinitionNode,
        TypeNode,
    )

HEAD = """\
# A part of GitHub's GraphQL schema, cut out of @octokit/graphql-schema 15.26.1
# by tests/github_sandbox/contract/prune_graphql.py.
# Copyright (c) GitHub 2025, MIT licence; its text stands in tests/github_sandbox/contract/README.md.

"""

PAGE = "first last after before"
PAGED = "nodes pageInfo totalCount"

KEEP = f"""
Query: id node(id) rateLimit repository(owner name) search(query type {PAGE}) viewer
Repository: id databaseId name nameWithOwner owner url description isPrivate isFork isArchived createdAt pushedAt
  updatedAt viewerPermission mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed defaultBranchRef
  deployments(environments orderBy {PAGE}) issue(number) issueOrPullRequest(number)
  issues(states labels filterBy orderBy {PAGE}) label(name)
  labels(orderBy {PAGE}) latestRelease mergeQueue(branch) object(expression oid) pullRequest(number)
  pullRequests(states baseRefName headRefName labels orderBy {PAGE}) ref(qualifiedName)
  refs(refPrefix orderBy direction {PAGE}) release(tagName) releases(orderBy {PAGE})
RepositoryOwner: id login url
Actor: login url avatarUrl
Node: id
User: id databaseId login name url avatarUrl
Bot: id databaseId login url avatarUrl
Organization: id databaseId login name url avatarUrl
GitObject: id oid abbreviatedOid
Ref: id name prefix target compare(headRef)
Comparison: id aheadBy behindBy status commits({PAGE})
Commit: id oid abbreviatedOid url message messageHeadline messageBody author committer authors({PAGE}) authoredDate
  committedDate parents({PAGE}) history({PAGE}) associatedPullRequests({PAGE}) status
Tag: id oid abbreviatedOid name message tagger target
Blob: id oid abbreviatedOid text byteSize isBinary
GitActor: name email date user
Status: id state contexts
StatusContext: id context state description targetUrl createdAt creator
PullRequest: id databaseId number title body url permalink state closed closedAt merged mergedAt mergedBy mergeCommit
  createdAt updatedAt isDraft isCrossRepository isInMergeQueue baseRefName baseRefOid headRefName headRefOid
  baseRepository headRepository repository author authorAssociation assignees({PAGE}) labels(orderBy {PAGE})
  comments({PAGE}) commits({PAGE}) files({PAGE}) changedFiles activeLockReason locked mergeable milestone
PullRequestCommit: id commit
PullRequestChangedFile: path additions deletions changeType
Issue: id databaseId number title body url state stateReason closed closedAt createdAt updatedAt author
  authorAssociation assignees({PAGE}) labels(orderBy {PAGE}) comments({PAGE}) repository viewerDidAuthor
  activeLockReason locked milestone
  timelineItems(itemTypes {PAGE})
ClosedEvent: id actor closer createdAt
ReopenedEvent: id actor createdAt
LabeledEvent: id actor label createdAt
UnlabeledEvent: id actor label createdAt
IssueComment: id databaseId body author authorAssociation createdAt updatedAt url viewerDidAuthor
Label: id name color description isDefault url
Milestone: id number state title url description creator createdAt updatedAt closedAt
Release: id databaseId tagName name description isDraft isPrerelease isLatest createdAt publishedAt updatedAt url
  author tag tagCommit releaseAssets(name {PAGE})
ReleaseAsset: id name size contentType downloadCount downloadUrl url createdAt updatedAt
Deployment: id databaseId commit commitOid createdAt updatedAt creator description environment originalEnvironment
  latestStatus payload ref state statuses({PAGE}) task
DeploymentStatus: id state description environment environmentUrl logUrl createdAt updatedAt creator deployment
MergeQueue: id url entries({PAGE})
MergeQueueEntry: id position state enqueuedAt enqueuer baseCommit headCommit pullRequest
RateLimit: cost limit nodeCount remaining resetAt used
PageInfo: startCursor endCursor hasNextPage hasPreviousPage
SearchResultItemConnection: nodes pageInfo issueCount
CommitHistoryConnection: {PAGED}
CommitConnection: {PAGED}
ComparisonCommitConnection: {PAGED}
DeploymentConnection: {PAGED}
DeploymentStatusConnection: {PAGED}
GitActorConnection: {PAGED}
IssueCommentConnection: {PAGED}
IssueConnection: {PAGED}
IssueTimelineItemsConnection: {PAGED}
LabelConnection: {PAGED}
MergeQueueEntryConnection: {PAGED}
PullRequestChangedFileConnection: {PAGED}
PullRequestCommitConnection: {PAGED}
PullRequestConnection: {PAGED}
RefConnection: {PAGED}
ReleaseAssetConnection: {PAGED}
ReleaseConnection: {PAGED}
UserConnection: {PAGED}
"""

Kept = dict[str, dict[str, set[str]]]


def kept(text: str = KEEP) -> Kept:
    """Types with the fields to keep, each with its arguments."""
    found: Kept = {}
    for line in re.sub(r"\n +", " ", text).strip().splitlines():
        name, _, fields = line.partition(": ")
        parts = re.findall(r"(\w+)(?:\(([^)]*)\))?", fields)
        found[name] = {field: set(arguments.split()) for field, arguments in parts}
    return found


def named(node: TypeNode) -> str:
    """The name of a type without its lists and exclamation marks."""
    while isinstance(node, NonNullTypeNode | ListTypeNode):
        node = node.type
    assert isinstance(node, NamedTypeNode)
    return node.name.value


def prune(original: DocumentNode, keep: Kept) -> str:
    """The schema that is left, without descriptions."""
    types = {node.name.value: node for node in original.definitions if isinstance(node, TypeDefinitionNode)}
    missing = [name for name in keep if name not in types]
    if missing:
        raise SystemExit(f"the schema has no {', '.join(missing)}")
    printed = {name: _object(types[name], fields, keep) for name, fields in keep.items()}
    left = sorted(_mentioned("\n".join(printed.values())) & types.keys() - printed.keys())
    while left:
        name = left.pop()
        printed[name] = _whole(types[name], keep)
        left.extend(_mentioned(printed[name]) & types.keys() - printed.keys() - set(left))
    return HEAD + "\n\n".join(printed[name] for name in sorted(printed)) + "\n"


def _mentioned(text: str) -> set[str]:
    return set(re.findall(r"\b[A-Z]\w+", re.sub(r"(?m)^\s+[A-Z_]+$", "", text)))


def _object(node: TypeDefinitionNode, fields: dict[str, set[str]], keep: Kept) -> str:
    assert isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode), node.name.value
    known = {field.name.value: field for field in node.fields or ()}
    unknown = fields.keys() - known.keys()
    if unknown:
        raise SystemExit(f"{node.name.value} has no {', '.join(sorted(unknown))}")
    interfaces = [one.name.value for one in node.interfaces or () if one.name.value in keep]
    head = "type" if isinstance(node, ObjectTypeDefinitionNode) else "interface"
    implements = f" implements {' & '.join(interfaces)}" if interfaces else ""
    lines = [f"  {_field(known[name], fields[name])}" for name in known if name in fields]
    return "\n".join([f"{head} {node.name.value}{implements} {{", *lines, "}"])


def _field(node: FieldDefinitionNode, arguments: set[str]) -> str:
    known = {argument.name.value: argument for argument in node.arguments or ()}
    unknown = arguments - known.keys()
    if unknown:
        raise SystemExit(f"{node.name.value} has no argument {', '.join(sorted(unknown))}")
    shown = ", ".join(_input(known[name]) for name in known if name in arguments)
    return f"{node.name.value}{f'({shown})' if shown else ''}: {print_ast(node.type)}"


def _input(node: InputValueDefinitionNode) -> str:
    default = f" = {print_ast(node.default_value)}" if node.default_value else ""
    return f"{node.name.value}: {print_ast(node.type)}{default}"


def _whole(node: TypeDefinitionNode, keep: Kept) -> str:
    name = node.name.value
    match node:
        case ScalarTypeDefinitionNode():
            return f"scalar {name}"
        case EnumTypeDefinitionNode():
            values = [f"  {value.name.value}" for value in node.values or ()]
            return "\n".join([f"enum {name} {{", *values, "}"])
        case InputObjectTypeDefinitionNode():
            return "\n".join([f"input {name} {{", *(f"  {_input(field)}" for field in node.fields or ()), "}"])
        case UnionTypeDefinitionNode():
            members = [one.name.value for one in node.types or () if one.name.value in keep]
            return f"union {name} = {' | '.join(members)}"
        case _:
            raise SystemExit(f"{name} is mentioned and not kept")


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    sys.stdout.write(prune(parse(text, no_location=True), kept()))
