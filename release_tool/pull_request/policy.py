"""What a pull request has to fulfil before it is merged, and what merging it will make of the next release."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import Labels
from release_tool.history.changes import (
    BumpRule,
    ChangeKind,
    Landing,
    bump_labels,
    bump_types,
    landing_change,
    reference_of,
    title_decision,
)
from release_tool.history.titles import has_breaking_footer, near_miss
from release_tool.model.commits import Author, Commit, PullRequest
from release_tool.model.version import Bump
from release_tool.release.notes.body import read
from release_tool.text.globs import matching
from release_tool.text.markdown import Piece, pieces
from release_tool.text.typed import word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from release_tool.config.model import Config
    from release_tool.history.changes import Change

MIGRATION_TEXT = "## Migration\n\nBefore upgrading, …\n"
"""What to paste into a body that lacks its migration section."""

_BREAKING_PROSE = re.compile(r"^BREAKING[ -]CHANGE\b", re.MULTILINE)
_MENTION = re.compile(r"(?<![\w`/.])@[A-Za-z0-9][A-Za-z0-9-]{0,38}(?:/[A-Za-z0-9._-]+)?")


class Severity(enum.Enum):
    """How much a finding matters: an error refuses the pull request, the others only tell."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


class PolicyFinding(msgspec.Struct, frozen=True):
    """Something to know about a pull request, and what to do about it; `code` names the rule for programs."""

    code: str
    severity: Severity
    message: str
    todo: str = ""


class MergeCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A pull request that may be merged; `files` are the paths it changes, read only where a rule asks for them.

    `commits` are the newest of its own, whose footers land with it.
    `known_labels` are the labels that exist in the repository, unless `knows_all_labels` says that there are more.
    """

    pull: PullRequest
    head: str
    state: str
    commits: tuple[Commit, ...] = ()
    files: tuple[str, ...] = ()
    known_labels: frozenset[str] = frozenset()
    knows_all_labels: bool = True


def landing_of(candidate: MergeCandidate) -> Landing:
    """The landing that merging it would make now, so that it is decided by the very code of the release."""
    pull = candidate.pull
    commit = Commit(candidate.head, (), pull.author or Author("ghost"), 0, f"{pull.title} (#{pull.number})")
    return Landing((commit,), pull, pull.number, candidate.commits)


def change_of(candidate: MergeCandidate, config: Config) -> Change:
    """The change that merging a pull request would be."""
    return landing_change(landing_of(candidate), config)


def findings(candidate: MergeCandidate, config: Config, repository: str) -> tuple[PolicyFinding, ...]:
    """Check a pull request against the policy; the errors come first."""
    change = change_of(candidate, config)
    rules = (
        _unlabelled(candidate, change, config),
        _contradicting(candidate, config),
        _migration(candidate, change),
        _one_way(candidate, config),
        _title(candidate, change, config),
        _footer(candidate, change, config),
        _prose(candidate, change),
        _revert(candidate, repository),
        _mentions(candidate),
        _missing_labels(candidate, config),
    )
    found = [finding for rule in rules for finding in rule]
    return tuple(sorted(found, key=lambda finding: list(Severity).index(finding.severity)))


def refuses(found: Iterable[PolicyFinding]) -> bool:
    """Whether any finding prevents the merge."""
    return any(finding.severity is Severity.ERROR for finding in found)


def _unlabelled(candidate: MergeCandidate, change: Change, config: Config) -> Iterator[PolicyFinding]:
    if change.rule is not BumpRule.POLICY:
        return
    known = {label.casefold() for label in candidate.known_labels}
    choices = ", ".join(
        f"`{next((label for label in labels if label.casefold() in known), labels[0])}`"
        for labels in _levels(config.labels)
        if labels
    )
    others = ", ".join(f"`{label}`" for label in candidate.pull.labels)
    severity = Severity.ERROR if config.unlabelled == "fail" else Severity.NOTICE
    message = f"its labels ({others}) do not say" if others else "nothing says"
    taken = "" if severity is Severity.ERROR else ", so it counts as a patch"
    yield PolicyFinding(
        "unlabelled",
        severity,
        f"{message} how far it moves the version{taken}",
        f"set a label ({choices}), or begin the title with a Conventional Commit type such as `feat:`",
    )


def _contradicting(candidate: MergeCandidate, config: Config) -> Iterator[PolicyFinding]:
    bumps = bump_labels(config.labels)
    levels = {bumps[label.casefold()] for label in candidate.pull.labels if label.casefold() in bumps}
    if Bump.NONE in levels and len(levels) > 1:
        none = _named(candidate, config.labels.none)
        yield PolicyFinding(
            "contradicting-labels",
            Severity.ERROR,
            f"the label {none} says that it causes no release, and another one asks for a {max(levels)}",
            "remove one of the two labels",
        )
    one_way, two_way = _named(candidate, config.labels.irreversible), _named(candidate, config.labels.reversible)
    if one_way and two_way:
        yield PolicyFinding(
            "contradicting-labels",
            Severity.ERROR,
            f"it can't be {one_way} and {two_way} at the same time",
            "remove one of the two labels",
        )
    if len(levels - {Bump.NONE}) > 1:
        yield PolicyFinding("several-labels", Severity.NOTICE, f"the label with the highest bump counts: {max(levels)}")


def _migration(candidate: MergeCandidate, change: Change) -> Iterator[PolicyFinding]:
    told = bool(read(candidate.pull.body).migration)
    if change.kind is ChangeKind.BREAKING and not told:
        yield PolicyFinding(
            "no-migration",
            Severity.ERROR,
            "it is a breaking change, and its body has no `Migration` section",
            f"fill in a section like this:\n\n```markdown\n{MIGRATION_TEXT}```",
        )
    if told and change.kind is not ChangeKind.BREAKING:
        yield PolicyFinding(
            "migration-without-breaking",
            Severity.WARNING,
            f"its body has a migration section, but it counts as {change.kind.value} ({change.bump})",
            "set the label for a breaking change, if people have to do something when they upgrade",
        )


def _one_way(candidate: MergeCandidate, config: Config) -> Iterator[PolicyFinding]:
    hit = matching(candidate.files, config.irreversible_paths)
    labels = config.labels
    if not hit or _named(candidate, labels.irreversible) or _named(candidate, labels.reversible):
        return
    more = f" and {len(hit) - 1} more" if len(hit) > 1 else ""
    [f"`{names[0]}`" for names in (labels.irreversible, labels.reversible) if names]
    yield PolicyFinding(
        "one-way",
        Severity.ERROR,
        f"`{hit[0]}`{more} can make it impossible to roll back, and no label says whether it does",
        f"set `{labels.irreversible[0]}` or `{labels.reversible[0]}`"
        if labels.irreversible and labels.reversible
        else "",
    )


def _title(candidate: MergeCandidate, change: Change, config: Config) -> Iterator[PolicyFinding]:
    said = title_decision(candidate.pull.title, config)
    if change.rule is BumpRule.LABEL and said is not None and said.bump is not change.bump:
        yield PolicyFinding(
            "title-against-labels",
            Severity.WARNING,
            f"the title says {said.bump}, the labels say {change.bump}, and the labels take precedence",
            "make them say the same",
        )
    near = near_miss(candidate.pull.title, bump_types(config)) if change.rule is BumpRule.POLICY else ""
    if near:
        yield PolicyFinding(
            "nearly-conventional", Severity.WARNING, f"the title is no Conventional Commit: {near}", "correct the title"
        )


def _footer(candidate: MergeCandidate, change: Change, config: Config) -> Iterator[PolicyFinding]:
    """A footer decides where nothing else says so, and a squash can leave it out."""
    footed = next((commit for commit in candidate.commits if has_breaking_footer(commit.message)), None)
    said = title_decision(candidate.pull.title, config)
    if footed is None or change.rule is not BumpRule.TITLE or (said and said.bump is Bump.MAJOR):
        return
    yield PolicyFinding(
        "breaking-by-footer",
        Severity.WARNING,
        f"it is breaking by the footer `BREAKING CHANGE:` of {footed.sha[:10]} alone, which a squash can drop",
        "set the label for a breaking change, or put a `!` before the colon of the title",
    )


def _prose(candidate: MergeCandidate, change: Change) -> Iterator[PolicyFinding]:
    if change.kind is not ChangeKind.BREAKING and _BREAKING_PROSE.search(candidate.pull.body):
        yield PolicyFinding(
            "breaking-in-prose",
            Severity.WARNING,
            "its body mentions a BREAKING CHANGE, which does not change the version: "
            "only labels, titles and commit footers do",
            "set the label for a breaking change, if it is one",
        )


def _revert(candidate: MergeCandidate, repository: str) -> Iterator[PolicyFinding]:
    if reference_of(landing_of(candidate), repository):
        yield PolicyFinding(
            "revert",
            Severity.NOTICE,
            "it says that it reverts something: if git proves that at the release, the two cancel out",
        )


def _mentions(candidate: MergeCandidate) -> Iterator[PolicyFinding]:
    text = f"{candidate.pull.title}\n\n{candidate.pull.body}"
    names = [name for kind, piece in pieces(text) if kind is Piece.PROSE for name in _MENTION.findall(piece)]
    if names:
        shown = ", ".join(f"`{name}`" for name in dict.fromkeys(names))
        yield PolicyFinding("mention", Severity.NOTICE, f"{shown} will not be pinged by the release notes")


def missing_labels(known: Iterable[str], config: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels that a repository lacks: each one that somebody chose, and the first of a usual kind."""
    known = {label.casefold() for label in known}
    chosen: list[str] = []
    usual: list[str] = []
    for labels, default in _mapped(config):
        missing = [label for label in labels if label.casefold() not in known]
        own = [label for label in missing if label not in default]
        chosen += own
        if labels and len(missing) == len(labels) and not own:
            usual.append(labels[0])
    return tuple(chosen), tuple(usual)


def _missing_labels(candidate: MergeCandidate, config: Config) -> Iterator[PolicyFinding]:
    if not candidate.knows_all_labels:
        return
    chosen, usual = missing_labels(candidate.known_labels, config)
    for severity, wanted in ((Severity.WARNING, chosen), (Severity.NOTICE, usual)):
        if wanted:
            shown = " and ".join(f"`{label}`" for label in wanted)
            commands = ", ".join(f"`gh label create {word(label)}`" for label in wanted)
            yield PolicyFinding(
                "missing-label", severity, f"this repository has no label {shown}", f"create it: {commands}"
            )


def _mapped(config: Config) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The labels that mean something, as configured and as they usually are."""
    ours, usual = config.labels, Labels()
    yield from zip(_levels(ours), _levels(usual), strict=True)
    if config.irreversible_paths:
        yield ours.irreversible, usual.irreversible
        yield ours.reversible, usual.reversible


def _levels(labels: Labels) -> tuple[tuple[str, ...], ...]:
    return labels.major, labels.minor, labels.patch, labels.none


def _named(candidate: MergeCandidate, labels: Iterable[str]) -> str:
    """The first of some labels that the pull request has, quoted; empty where it has none of them."""
    wanted = {label.casefold() for label in labels}
    return next((f"`{label}`" for label in candidate.pull.labels if label.casefold() in wanted), "")
