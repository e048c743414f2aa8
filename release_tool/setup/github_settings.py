"""How a repository is set up on GitHub: labels, rules, environments, Actions, and what the token may do."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from release_tool.errors import PermissionDeniedError, RemoteError
from release_tool.github.transport import NotFoundError, Purpose, RejectedError
from release_tool.setup.checks import ActionsSettings, BranchRules, EnvironmentSettings, TagRules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from release_tool.github.graphql import GraphQL
    from release_tool.github.rest import Rest


_NOBODY = "release-tool/doctor/asks-for-what-does-not-exist"
_NO_COMMIT = "0" * 40


class _Name(msgspec.Struct, frozen=True):
    name: str


class _Check(msgspec.Struct, frozen=True):
    context: str


class _Parameters(msgspec.Struct, frozen=True):
    required_status_checks: tuple[_Check, ...] = ()


class _Rule(msgspec.Struct, frozen=True):
    type: str
    parameters: _Parameters | None = None

    @property
    def checks(self) -> tuple[str, ...]:
        return tuple(check.context for check in self.parameters.required_status_checks) if self.parameters else ()


class _RefNames(msgspec.Struct, frozen=True):
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class _Conditions(msgspec.Struct, frozen=True):
    ref_name: _RefNames | None = None


class _Ruleset(msgspec.Struct, frozen=True):
    """A set of rules; the list of them tells neither the rules nor where they hold."""

    id: int
    name: str
    enforcement: str
    target: str = "branch"
    conditions: _Conditions | None = None
    rules: tuple[_Rule, ...] = ()
    bypass: str = msgspec.field(name="current_user_can_bypass", default="never")

    def told(self) -> TagRules:
        names = self.conditions.ref_name if self.conditions else None
        include, exclude = (names.include, names.exclude) if names else ((), ())
        kinds = frozenset(rule.type for rule in self.rules)
        return TagRules(self.name, include, exclude, kinds, bypassed=self.bypass in {"always", "exempt"})


class _RequiredChecks(msgspec.Struct, frozen=True):
    contexts: tuple[str, ...] = ()


class _Protection(msgspec.Struct, frozen=True):
    required_status_checks: _RequiredChecks | None = None


class _Branch(msgspec.Struct, frozen=True):
    protection: _Protection | None = None


class _ProtectionRule(msgspec.Struct, frozen=True):
    type: str
    wait_timer: int = 0
    reviewers: tuple[dict[str, object], ...] = ()


class _BranchPolicy(msgspec.Struct, frozen=True):
    protected_branches: bool
    custom_branch_policies: bool


class _Environment(msgspec.Struct, frozen=True):
    name: str
    protection_rules: tuple[_ProtectionRule, ...] = ()
    deployment_branch_policy: _BranchPolicy | None = None


class _Environments(msgspec.Struct, frozen=True):
    environments: tuple[_Environment, ...] = ()


class _BranchPolicies(msgspec.Struct, frozen=True):
    branch_policies: tuple[_Name, ...] = ()


class _Secrets(msgspec.Struct, frozen=True):
    secrets: tuple[_Name, ...] = ()


class _Permissions(msgspec.Struct, frozen=True):
    enabled: bool
    allowed_actions: str = "all"


class _WorkflowPermissions(msgspec.Struct, frozen=True):
    can_approve_pull_request_reviews: bool


class _Enabled(msgspec.Struct, frozen=True):
    enabled: bool


class _Merging(msgspec.Struct, frozen=True):
    allow_merge_commit: bool | None = None


class Settings:
    """How one repository is set up; what a token can't see raises PermissionDeniedError or NotFoundError."""

    def __init__(self, rest: Rest, _graphql: GraphQL) -> None:
        self._rest = rest

    # Labels

    def labels(self) -> tuple[str, ...]:
        """The names of all labels."""
        purpose = Purpose("listing the labels", "issues: read")
        return tuple(label.name for page in self._rest.pages("labels", list[_Name], purpose) for label in page)

    def create_label(self, name: str, color: str, description: str) -> None:
        """Make a label; one that is there already is left as it is."""
        purpose = Purpose(f"creating the label {name}", "issues: write")
        try:
            self._rest.send("POST", "labels", {"name": name, "color": color, "description": description}, purpose)
        except RejectedError as error:
            if "already_exists" not in error.codes:
                raise

    # Rules

    def branch_rules(self, branch: str) -> BranchRules | None:
        """What holds for a branch, None where there is no such branch."""
        path = quote(branch, safe="")
        purpose = Purpose(f"reading the rules of {branch}", "metadata: read")
        try:
            found = self._rest.read(
                f"branches/{path}", _Branch, Purpose(f"reading the branch {branch}", "contents: read")
            )
        except NotFoundError:
            return None
        rules = [rule for page in self._rest.pages(f"rules/branches/{path}", list[_Rule], purpose) for rule in page]
        classic = found.protection.required_status_checks if found.protection else None
        checks = {check for rule in rules for check in rule.checks} | set(classic.contexts if classic else ())
        return BranchRules(frozenset(rule.type for rule in rules), frozenset(checks))

    def tag_rulesets(self) -> tuple[TagRules, ...]:
        """The rulesets that hold for tags now, with their rules."""
        purpose = Purpose("reading the rules of tags", "metadata: read")
        listed = [one for page in self._rest.pages("rulesets", list[_Ruleset], purpose) for one in page]
        active = (one.id for one in listed if one.target == "tag" and one.enforcement == "active")
        return tuple(self._rest.read(f"rulesets/{number}", _Ruleset, purpose).told() for number in active)

    def immutable_releases(self) -> bool:
        """Whether what is released is locked; takes administration rights to see."""
        purpose = Purpose("reading whether releases are immutable", "administration: read")
        try:
            return self._rest.read("immutable-releases", _Enabled, purpose).enabled
        except NotFoundError:
            return False

    def allows_merge_commits(self) -> bool | None:
        """Whether pull requests may be merged with a merge commit; None where the token can't see it."""
        return self._rest.read("", _Merging, Purpose("reading the repository", "metadata: read")).allow_merge_commit

    # Actions and environments

    def actions(self) -> ActionsSettings:
        """What GitHub Actions may do; takes administration rights to see."""
        purpose = Purpose("reading the settings of Actions", "administration: read")
        general = self._rest.read("actions/permissions", _Permissions, purpose)
        workflow = self._rest.read("actions/permissions/workflow", _WorkflowPermissions, purpose)
        return ActionsSettings(general.enabled, general.allowed_actions, workflow.can_approve_pull_request_reviews)

    def environments(self) -> tuple[EnvironmentSettings, ...]:
        """Every environment with its protection."""
        purpose = Purpose("listing the environments", "actions: read")
        pages = self._rest.pages("environments", _Environments, purpose)
        return tuple(self._environment(found, purpose) for page in pages for found in page.environments)

    def secrets(self, environment: str) -> frozenset[str]:
        """The names of an environment's secrets and of the repository's, which it can use as well."""
        place = f"environments/{quote(environment, safe='')}/secrets"
        own = self._rest.pages(place, _Secrets, Purpose(f"listing the secrets of {environment}", "environments: read"))
        shared = self._rest.pages(
            "actions/secrets", _Secrets, Purpose("listing the secrets of Actions", "secrets: read")
        )
        return frozenset(secret.name for pages in (own, shared) for page in pages for secret in page.secrets)

    # The token and the clock

    def time(self) -> datetime | None:
        """What time it is at GitHub, to the second."""
        answer = self._rest.transport.read(self._rest.path(), Purpose("asking for the time", "metadata: read"))
        told = answer.headers.get("date")
        return parsedate_to_datetime(told) if told else None

    def rights(self, branch: str) -> dict[str, bool | None]:
        """What the token may write, by permission; None where GitHub does not tell.

        Each is asked for something that can't be done, for it names what does not exist: a token without the right is
        refused for that (403), one with it for the other reason, and nothing is ever written.
        """
        return {permission: self._may(path, body, permission) for permission, path, body in _impossible(branch)}

    def _may(self, path: str, body: Mapping[str, object], permission: str) -> bool | None:
        try:
            self._rest.send("POST", path, body, Purpose(f"asking whether the token may write {permission}", permission))
        except PermissionDeniedError:
            return False
        except RejectedError:
            return True
        except RemoteError:
            return None
        return True

    # How it is asked

    def _environment(self, found: _Environment, purpose: Purpose) -> EnvironmentSettings:
        policy = found.deployment_branch_policy
        branches: tuple[str, ...] | None = None
        if policy and policy.custom_branch_policies:
            path = f"environments/{quote(found.name, safe='')}/deployment-branch-policies"
            branches = tuple(
                one.name for page in self._rest.pages(path, _BranchPolicies, purpose) for one in page.branch_policies
            )
        return EnvironmentSettings(
            found.name,
            reviewed=any(rule.reviewers for rule in found.protection_rules),
            wait_minutes=max((rule.wait_timer for rule in found.protection_rules), default=0),
            branches=branches,
            protected_only=bool(policy and policy.protected_branches),
        )


def _impossible(branch: str) -> Iterator[tuple[str, str, dict[str, object]]]:
    """For each permission a request that GitHub can't fulfil, whoever sends it."""
    yield "contents: write", "git/refs", {"ref": f"refs/tags/{_NOBODY}", "sha": _NO_COMMIT}
    yield "pull-requests: write", "pulls", {"title": _NOBODY, "head": _NOBODY, "base": branch}
    yield "issues: write", "issues", {"title": ""}
    yield "deployments: write", "deployments", {"ref": _NOBODY, "auto_merge": False, "required_contexts": []}
    yield "statuses: write", f"statuses/{_NO_COMMIT}", {"state": "pending", "context": _NOBODY}
    yield "actions: write", "actions/workflows/release-tool.yml/dispatches", {"ref": _NOBODY}
