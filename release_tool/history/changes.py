"""What landed on a branch, turned into changes with a kind and a bump; reverts cancel what they revert."""

from __future__ import annotations

import enum
import functools
import re
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import USUAL_TYPES
from release_tool.history.titles import conventional, has_breaking_footer, near_miss, nearly_breaking
from release_tool.model.commits import Author, Commit, PullRequest, author_of
from release_tool.model.version import Bump

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from release_tool.config.model import Config, Labels, Level

_MERGED = re.compile(r"Merge pull request #(?P<number>[0-9]{1,9}) from \S+")
_SQUASHED = re.compile(r"(?P<title>.*\S)\s+\(#(?P<number>[0-9]{1,9})\)", re.DOTALL)
_CO_AUTHOR = r"(?im)^co-authored-by:[ \t]*(?P<name>[^<\n]*?)[ \t]*<(?P<mail>[^<>\n]*)>[ \t]*$"
_REVERTS_COMMIT = r"(?i)\bThis reverts commit ([0-9a-f]{7,64})\b"
_REVERTS_PULL = r"(?m)^Reverts (?:(?P<repository>[\w.-]+/[\w.-]+))?#(?P<number>[0-9]{1,9})\b"
_REVERT_TITLE = r"(?is)(?:Revert[: ]+|revert(?:\([^()]*\))?!?: +)\"?(?P<title>.+?)\"?"
_REAPPLY_TITLE = r'(?is)Reapply "(?P<title>.+)"'
_REVERT, _REAPPLY = "revert", "reapply"
"""What stands in every text that takes something back, or brings it back."""
_FIX_LABELS = frozenset({"bug", "fix", "patch"})


class ChangeKind(enum.Enum):
    """What a change is to its users, and so the part of the notes it stands in."""

    BREAKING = "breaking"
    FEATURE = "feature"
    FIX = "fix"
    OTHER = "other"


_KINDS = {
    Bump.MAJOR: ChangeKind.BREAKING,
    Bump.MINOR: ChangeKind.FEATURE,
    Bump.PATCH: ChangeKind.OTHER,
    Bump.NONE: ChangeKind.OTHER,
}


class BumpRule(enum.Enum):
    """What decided the bump of a change."""

    LABEL = "label"
    TITLE = "title"
    POLICY = "policy"
    REVERT = "revert"


class Landing(msgspec.Struct, frozen=True):
    """What landed at one time: the first-parent commits of one pull request, or one direct push, oldest first."""

    commits: tuple[Commit, ...]
    pull: PullRequest | None = None
    number: int | None = None
    """The pull request's number, known from the commit message where the pull request itself could not be read."""
    brought: tuple[Commit, ...] = ()
    """What the merge of a pull request brought in beside the first-parent line, oldest first."""

    @property
    def sha(self) -> str:
        """The commit with which all of it had landed."""
        return self.commits[-1].sha

    @property
    def parent(self) -> str | None:
        """The first-parent commit before it, or None at the root of the history."""
        return next(iter(self.commits[0].parents), None)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One landing with its decision; a cancelled change has the bump `none` and no place in the notes.

    `landed_at` is in seconds since the epoch; `body` is the pull request's, or the rest of the commit message.
    `irreversible` is what a label says about going back behind it, None where no label says anything.
    `head` is the branch of the pull request.
    """

    pull: int | None
    sha: str
    title: str
    kind: ChangeKind
    bump: Bump
    rule: BumpRule
    reason: str
    authors: tuple[Author, ...] = ()
    hidden: bool = False
    cancelled_by: int | str | None = None
    body: str = ""
    landed_at: int = 0
    irreversible: bool | None = None
    head: str = ""

    @property
    def name(self) -> str:
        """How people refer to it: `#12`, or the short hash of a direct push."""
        return f"#{self.pull}" if self.pull else self.sha[:10]


class RevertReference(msgspec.Struct, frozen=True):
    """What a text says it reverts: hashes, pull requests of this repository, or a title."""

    commits: tuple[str, ...] = ()
    pulls: tuple[int, ...] = ()
    titles: tuple[str, ...] = ()


class RevertProposal(msgspec.Struct, frozen=True):
    """A landing whose text says it reverts something, with the earlier landings it may mean, newest first."""

    revert: Landing
    reference: RevertReference
    candidates: tuple[Landing, ...]


class RevertProof(msgspec.Struct, frozen=True):
    """What git proved: one commit's patch is the reverse of another's, which may be released already."""

    revert: str
    original: str
    name: str
    released_in: str | None = None


class BumpDecision(msgspec.Struct, frozen=True):
    """How far a change moves the version, and why."""

    bump: Bump
    kind: ChangeKind
    rule: BumpRule
    reason: str


def pull_number(commit: Commit) -> int | None:
    """Read the pull request's number from the message of a merge or squash commit."""
    return _merge_of(commit.message)[0]


def merged_title(commit: Commit) -> str | None:
    """Read a pull request's title, as it was at the merge, from its merge or squash commit."""
    return _merge_of(commit.message)[1]


@functools.lru_cache(maxsize=256)
def _merge_of(message: str) -> tuple[int | None, str | None]:
    """The number and the title of the pull request that a message merges; each is asked for many times in a row."""
    subject = message.partition("\n")[0].strip()
    if "#" not in subject:
        return None, None
    merged = _MERGED.fullmatch(subject) if subject.startswith("Merge") else None
    squashed = _SQUASHED.fullmatch(subject) if subject.endswith(")") else None
    number = merged or squashed
    title = squashed["title"] if squashed else None
    if merged and not squashed:
        title = next((line.strip() for line in message.splitlines()[1:] if line.strip()), None)
    return int(number["number"]) if number else None, title


def landings(
    commits: Sequence[Commit],
    owners: Mapping[str, PullRequest] | None = None,
    brought: Mapping[str, Sequence[Commit]] | None = None,
) -> tuple[Landing, ...]:
    """Group first-parent commits (newest first) by pull request: every commit is in exactly one landing, oldest first.

    `owners` says which commit belongs to which pull request, as GitHub knows it; without it the messages tell.
    `brought` says what the merges of pull requests brought in.
    """
    groups: dict[int | str, list[Commit]] = {}
    for commit in reversed(commits):
        groups.setdefault(_number(commit, owners) or commit.sha, []).append(commit)
    return tuple(
        _landing(tuple(group), key if isinstance(key, int) else None, owners, brought or {})
        for key, group in groups.items()
    )


def _number(commit: Commit, owners: Mapping[str, PullRequest] | None) -> int | None:
    if owners is None:
        return pull_number(commit)
    return owners[commit.sha].number if commit.sha in owners else None


def _landing(
    commits: tuple[Commit, ...],
    number: int | None,
    owners: Mapping[str, PullRequest] | None,
    brought: Mapping[str, Sequence[Commit]],
) -> Landing:
    inside = tuple(side for commit in commits for side in brought.get(commit.sha, ())) if brought else ()
    return Landing(commits, owners.get(commits[-1].sha) if owners else None, number, inside)


def pull_from_message(landing: Landing, base: str) -> PullRequest | None:
    """What the commits of a landing tell of its pull request: neither labels nor a text; None for a direct push."""
    if landing.number is None:
        return None
    author = authors_of(landing)[0]
    return PullRequest(
        number=landing.number, title=title_of(landing), author=author, base=base, merge_commit=landing.sha
    )


def rebase_suspects(commits: Sequence[Commit], owners: Mapping[str, PullRequest]) -> tuple[int, ...]:
    """The pull requests that may have been rebased: a commit that is nobody's lies directly below their last one.

    GitHub names only the last commit of a rebase merge.
    """
    known = {commit.sha: commit for commit in commits}
    return tuple(
        owners[commit.sha].number for commit in commits if commit.sha in owners and _below(commit, known, owners)
    )


def rebased(
    commits: Sequence[Commit], owners: Mapping[str, PullRequest], messages: Mapping[int, Sequence[str]]
) -> dict[str, PullRequest]:
    """Give the earlier commits of rebased pull requests to them, by the messages that their commits had (oldest first).

    A squash has a message of its own, so nothing below it is given away; a rebase leaves out what is there already.
    """
    known = {commit.sha: commit for commit in commits}
    found: dict[str, PullRequest] = {}
    for commit in commits:
        at: Commit | None = commit if commit.sha in owners else None
        for message in reversed(messages.get(owners[commit.sha].number, ()) if at else ()):
            if at is not None and at.message.strip() == message.strip():
                found[at.sha] = owners[commit.sha]
                at = _below(at, known, owners)
    return found


def _below(commit: Commit, known: Mapping[str, Commit], owners: Mapping[str, PullRequest]) -> Commit | None:
    """The commit below one that has a single parent, where that is nobody's and no merge either."""
    below = known.get(commit.parents[0]) if len(commit.parents) == 1 else None
    return None if below is None or below.is_merge or below.sha in owners else below


def title_of(landing: Landing) -> str:
    """The title as it is shown: the pull request's as it is now, else the one in the commit."""
    newest = landing.commits[-1]
    return landing.pull.title if landing.pull else _landed_title(landing) or newest.subject or newest.sha[:10]


def _landed_title(landing: Landing) -> str:
    """The title as it was when it landed, which alone can decide a bump: it stays editable on GitHub later."""
    newest = landing.commits[-1]
    if landing.number is None:
        return newest.subject
    told = merged_title(newest) if pull_number(newest) == landing.number else None
    return told or (landing.pull.title if landing.pull else newest.subject)


def decide(landing: Landing, config: Config) -> BumpDecision:
    """Decide how far a landing moves the version: by its labels, else by what its commits say, else by the policy."""
    labels = landing.pull.labels if landing.pull else ()
    by_label = _by_label(labels, config.labels) if labels else None
    decision = by_label or _by_message(landing, config) or _by_policy(landing, config)
    doubts = dict.fromkeys(_doubts(landing, config, decision))
    return msgspec.structs.replace(decision, reason="; ".join([decision.reason, *doubts])) if doubts else decision


def _by_label(labels: Iterable[str], mapping: Labels) -> BumpDecision | None:
    bumps = bump_labels(mapping)
    found = [(bumps[label.casefold()], label) for label in labels if label.casefold() in bumps]
    if not found:
        return None
    bump = max(bump for bump, _ in found)
    names = [label for level, label in found if level == bump]
    is_fix = bump == Bump.PATCH and any(name.casefold() in _FIX_LABELS for name in names)
    kind = ChangeKind.FIX if is_fix else _KINDS[bump]
    return BumpDecision(bump, kind, BumpRule.LABEL, f"label {', '.join(map(repr, names))}")


@functools.cache
def bump_labels(mapping: Labels) -> Mapping[str, Bump]:
    """Which bump each configured label asks for, by its case-folded name; made once for all changes."""
    levels = {
        Bump.MAJOR: mapping.major,
        Bump.MINOR: mapping.minor,
        Bump.PATCH: mapping.patch,
        Bump.NONE: mapping.none,
    }
    return MappingProxyType({label.casefold(): bump for bump, labels in levels.items() for label in labels})


def bump_types(config: Config) -> Mapping[str, Bump]:
    """How far each Conventional Commit type moves the version, the usual ones and those that are configured."""
    return _types(tuple(config.types.items()))


@functools.cache
def _types(own: tuple[tuple[str, Level], ...]) -> Mapping[str, Bump]:
    """Made once for all changes of a configuration."""
    return MappingProxyType({name: Bump[level.upper()] for name, level in (USUAL_TYPES | dict(own)).items()})


def title_decision(title: str, config: Config) -> BumpDecision | None:
    """Decide by a Conventional Commit title alone; None where it is not one, or its type means nothing."""
    parts = conventional(title) if ":" in title else None
    if parts is None:
        return None
    types = bump_types(config)
    if not (parts.breaking or parts.type in types):
        return None
    reason = f"title '{title.strip().partition(':')[0]}:'"
    if parts.breaking:
        doubt = "" if parts.type in types else f", though `{parts.type}` is not one of the types"
        return BumpDecision(Bump.MAJOR, ChangeKind.BREAKING, BumpRule.TITLE, reason + doubt)
    bump = types[parts.type]
    kind = ChangeKind.FIX if parts.type == "fix" and bump is Bump.PATCH else _KINDS[bump]
    return BumpDecision(bump, kind, BumpRule.TITLE, reason)


def _by_message(landing: Landing, config: Config) -> BumpDecision | None:
    """By the footers of its commits, else by its title."""
    if footed := _with_footer(landing):
        where = "" if footed in landing.commits else f" of {footed.sha[:10]}"
        return BumpDecision(Bump.MAJOR, ChangeKind.BREAKING, BumpRule.TITLE, f"footer 'BREAKING CHANGE:'{where}")
    return title_decision(_landed_title(landing), config)


def _with_footer(landing: Landing) -> Commit | None:
    return next((at for at in (*landing.commits, *landing.brought) if has_breaking_footer(at.message)), None)


def _doubts(landing: Landing, config: Config, decision: BumpDecision) -> Iterator[str]:
    """What nearly decided otherwise, shown so that it is found before the release."""
    if landing.number is not None and landing.pull is None and _only_quotes(landing):
        yield f"it may only mention #{landing.number}, since it is not the commit with which GitHub merged that"
    if decision.bump is Bump.MAJOR:
        return
    if decision.rule is BumpRule.LABEL and _with_footer(landing):
        yield "a label takes precedence over its footer 'BREAKING CHANGE:'"
    if decision.rule is BumpRule.POLICY and (near := near_miss(_landed_title(landing), bump_types(config))):
        yield near
    if decision.rule is not BumpRule.LABEL:
        yield from _nearly_breaking(landing, config)


def _nearly_breaking(landing: Landing, config: Config) -> Iterator[str]:
    for commit in (*landing.commits, *landing.brought):
        if near := nearly_breaking(commit.message):
            yield f"'{near}' is ignored: it is not a footer 'BREAKING CHANGE: …' at the start of a paragraph"
        said = title_decision(commit.subject, config) if landing.number is not None else None
        if said and said.bump is Bump.MAJOR:
            yield f"{said.reason} of {commit.sha[:10]} is ignored, since the pull request's own title takes precedence"


def _only_quotes(landing: Landing) -> bool:
    """Whether the number may be one that a commit quotes which was pushed, or rebased for another pull request."""
    newest = landing.commits[-1]
    return bool(newest.committer) and not (newest.made_on_github or newest.is_merge)


def _by_policy(landing: Landing, config: Config) -> BumpDecision:
    if landing.number is None:
        bump = Bump.PATCH if config.direct_push == "patch" else Bump.NONE
        what = "merged" if landing.commits[-1].is_merge else "pushed"
        return BumpDecision(
            bump, ChangeKind.OTHER, BumpRule.POLICY, f"{what} directly, and `direct-push` is {config.direct_push!r}"
        )
    if config.unlabelled == "fail":
        reason = (
            "no label and no Conventional Commit title, which `unlabelled = 'fail'` should have refused: taken as patch"
        )
    else:
        reason = "no label and no Conventional Commit title, and `unlabelled` is 'patch'"
    return BumpDecision(Bump.PATCH, ChangeKind.OTHER, BumpRule.POLICY, reason)


def authors_of(landing: Landing) -> tuple[Author, ...]:
    """Everybody who wrote a landing, each once: the pull request's author first, then co-authors.

    Machines that helped are left out, and so is who is there by a login already, under the same name.
    """
    pull = landing.pull
    people = [pull.author or Author("ghost")] if pull else [commit.author for commit in landing.commits]
    helpers = [
        author_of(match["name"], match["mail"])
        for commit in landing.commits
        if "co-authored-by:" in commit.message.lower()
        for match in re.finditer(_CO_AUTHOR, commit.message)
    ]
    if not helpers and len(people) == 1 and len(landing.commits) == 1:
        return tuple(people)
    if pull and len(landing.commits) > 1:
        helpers += [commit.author for commit in landing.commits]
    names = {author.name.casefold() for author in (*people, *helpers) if author.login} | _names_of_author(landing)
    once: dict[str, Author] = {}
    for author in [*people, *(one for one in helpers if not (one.bot or _is_among(names, one)))]:
        once.setdefault((author.login or author.name).casefold(), author)
    return tuple(once.values())


def _is_among(names: Collection[str], author: Author) -> bool:
    return author.login is None and author.name.casefold() in names


def _names_of_author(landing: Landing) -> frozenset[str]:
    """What the pull request's author is called in its squashed commit, which GitHub writes down as theirs."""
    commit = landing.commits[-1]
    squashed = landing.pull is not None and len(landing.commits) == 1 and not commit.is_merge
    return frozenset({commit.author.name.casefold()}) if squashed else frozenset()


def reference_of(landing: Landing, repository: str) -> RevertReference | None:
    """Read what a landing says it reverts; only its own words are asked, so this proposes and proves nothing."""
    if not _says_so(landing):
        return None
    texts = [commit.message for commit in landing.commits] + ([landing.pull.body] if landing.pull else [])
    titles = {found for title in _titles(landing) for found in _reverted_titles(title)}
    commits = {match.lower() for text in texts for match in re.findall(_REVERTS_COMMIT, text)}
    pulls = {
        int(match["number"])
        for text in texts
        for match in re.finditer(_REVERTS_PULL, text)
        if (match["repository"] or repository).casefold() == repository.casefold()
    }
    if not (titles or commits or pulls):
        return None
    return RevertReference(tuple(sorted(commits)), tuple(sorted(pulls)), tuple(sorted(titles)))


def _says_so(landing: Landing) -> bool:
    """Whether any of its texts has a word that stands in all those that take something back."""
    told = f"{landing.pull.title}\n{landing.pull.body}" if landing.pull else ""
    for text in (told, *(commit.message for commit in landing.commits)):
        lower = text.lower()
        if _REVERT in lower or _REAPPLY in lower:
            return True
    return False


def _titles(landing: Landing) -> set[str]:
    return {title_of(landing), _landed_title(landing)}


def _reverted_titles(title: str) -> Iterator[str]:
    if reapplied := re.fullmatch(_REAPPLY_TITLE, title):
        yield f'Revert "{reapplied["title"]}"'
    elif reverted := re.fullmatch(_REVERT_TITLE, title):
        yield reverted["title"]
        if squashed := _SQUASHED.fullmatch(reverted["title"]):
            yield squashed["title"]


def proposals(landed: Sequence[Landing], repository: str) -> tuple[RevertProposal, ...]:
    """Find the landings (oldest first) that say they revert something, each with what it may mean in this range."""
    found = []
    for index, landing in enumerate(landed):
        if reference := reference_of(landing, repository):
            earlier = reversed(landed[:index])
            candidates = tuple(other for other in earlier if _meant(other, reference))
            found.append(RevertProposal(landing, reference, candidates))
    return tuple(found)


def _meant(landing: Landing, reference: RevertReference) -> bool:
    if landing.number is not None and landing.number in reference.pulls:
        return True
    if any(commit.sha.startswith(prefix) for commit in landing.commits for prefix in reference.commits):
        return True
    return not _titles(landing).isdisjoint(reference.titles)


def assess(
    landed: Sequence[Landing], config: Config, repository: str, proofs: Iterable[RevertProof]
) -> tuple[Change, ...]:
    """Turn landings (oldest first) into changes: what is reverted in the same range cancels, with what reverts it."""
    proven = tuple(proofs)
    partners = _cancelled(landed, proven)
    names = {landing.sha: _name(landing) for landing in landed} if proven else {}
    released = {proof.revert: proof for proof in proven if proof.original not in names}
    changes = []
    for landing in landed:
        if landing.sha in partners:
            changes.append(_cancelled_change(landing, config, names[partners[landing.sha]]))
            continue
        decision = decide(landing, config)
        proof = released.get(landing.sha)
        if proof and decision.rule is not BumpRule.LABEL:
            where = f", released in {proof.released_in}" if proof.released_in else ""
            decision = BumpDecision(Bump.PATCH, ChangeKind.FIX, BumpRule.REVERT, f"reverts {proof.name}{where}")
        elif proof is None and reference_of(landing, repository):
            note = "it looks like a revert, but its patch does not prove it"
            decision = msgspec.structs.replace(decision, reason=f"{decision.reason}; {note}")
        changes.append(_change(landing, config, decision))
    return tuple(changes)


def _cancelled(landed: Sequence[Landing], proofs: Sequence[RevertProof]) -> dict[str, str]:
    """Pair reverts with what they revert, newest first, so that a revert of a revert brings the first one back."""
    order = {landing.sha: index for index, landing in enumerate(landed)}
    partners: dict[str, str] = {}
    pairs = [(order[p.revert], order[p.original], p) for p in proofs if p.revert in order and p.original in order]
    for _, _, proof in sorted(pairs, key=lambda pair: pair[:2], reverse=True):
        if proof.revert not in partners and proof.original not in partners:
            partners[proof.revert] = proof.original
            partners[proof.original] = proof.revert
    return partners


def _name(landing: Landing) -> int | str:
    return landing.number or landing.sha


def name_of(landing: Landing) -> str:
    """How people refer to a landing: `#12`, or the short hash of a direct push."""
    return f"#{landing.number}" if landing.number else landing.sha[:10]


def _cancelled_change(landing: Landing, config: Config, partner: int | str) -> Change:
    name = f"#{partner}" if isinstance(partner, int) else partner[:10]
    decision = BumpDecision(Bump.NONE, decide(landing, config).kind, BumpRule.REVERT, f"cancelled out by {name}")
    return msgspec.structs.replace(_change(landing, config, decision), cancelled_by=partner)


def landing_change(landing: Landing, config: Config) -> Change:
    """Turn one landing into the change that it is on its own."""
    return _change(landing, config, decide(landing, config))


def _change(landing: Landing, config: Config, decision: BumpDecision) -> Change:
    labels = frozenset(label.casefold() for label in landing.pull.labels) if landing.pull else frozenset[str]()
    return Change(
        pull=landing.number,
        sha=landing.sha,
        title=title_of(landing),
        kind=decision.kind,
        bump=decision.bump,
        rule=decision.rule,
        reason=decision.reason,
        authors=authors_of(landing),
        landed_at=landing.commits[-1].committed_at,
        hidden=bool(labels) and _any_of(labels, config.labels.hidden),
        body=landing.pull.body if landing.pull else _body_of(landing.commits[-1]),
        irreversible=_irreversible(labels, config) if labels else None,
        head=landing.pull.head if landing.pull else "",
    )


def _any_of(labels: frozenset[str], wanted: Iterable[str]) -> bool:
    return not labels.isdisjoint(label.casefold() for label in wanted)


def _irreversible(labels: frozenset[str], config: Config) -> bool | None:
    """What the labels say; where they say both, it counts as irreversible, which is safe."""
    if _any_of(labels, config.labels.irreversible):
        return True
    return False if _any_of(labels, config.labels.reversible) else None


def _body_of(commit: Commit) -> str:
    return commit.message.partition("\n")[2].strip()
