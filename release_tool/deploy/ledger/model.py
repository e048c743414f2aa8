"""The ledger of an environment: all deployments to it, oldest first, and what they say about it."""

from __future__ import annotations

import enum
import hashlib
import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec

from release_tool.deploy.health.curves import Curve, read_curves
from release_tool.deploy.ledger.phase import (
    INTERRUPTED,
    REASON,
    DeploymentState,
    Phase,
    PhaseRecord,
    as_written,
    is_same_end,
    read,
)
from release_tool.model.tags import Owner
from release_tool.text.documents import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

TASK = "release-tool"
"""The task of our deployments; those of other tools have another one and are never counted."""

GONE = "is in neither the deployed branch nor a release any more"
"""Why nothing is run of a commit that was deployed once, or is said to have been."""

Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40,64}\Z")]


class DeploymentKind(enum.Enum):
    """What a deployment does: deploy something new, roll back, or only record what runs."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    RECORD = "record"


class Override(enum.Enum):
    """A safety check that a person may bypass."""

    HALT = "halt"
    QUARANTINE = "quarantine"
    OLDER = "older"
    IRREVERSIBLE = "irreversible"
    NO_WAY_BACK = "no-way-back"


class Payload(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=1):
    """What is recorded of a deployment when it is created.

    `by` is the person, empty where nobody is known; `automatic` says that no person asked for it.
    `parent` is the deployment that a rollback leaves, and `overrides` are those that were needed. `watched` says that
    a rollback leaves what had been proven, because the watch after that found it unhealthy. `curves` show why it leaves
    that, and decide nothing.
    """

    commit: Hash
    name: str
    kind: DeploymentKind
    automatic: bool
    owner: Owner
    by: str = ""
    reason: str = ""
    references: dict[str, str] = {}
    parent: int | None = None
    overrides: tuple[Override, ...] = ()
    watched: bool = False
    curves: tuple[Curve, ...] = ()


class PhaseChange(msgspec.Struct, frozen=True):
    """A phase that a deployment reached, and when."""

    phase: PhaseRecord
    at: datetime

    @property
    def finished(self) -> bool:
        """Whether the deployment has ended."""
        return self.phase.word.finished


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to bring an environment to one commit, with the phases that it went through, oldest first."""

    id: int
    payload: Payload
    created: datetime
    steps: tuple[PhaseChange, ...] = ()

    def __str__(self) -> str:
        return f"{self.payload.name} (#{self.id})"

    @property
    def commit(self) -> str:
        """The commit that it brings."""
        return self.payload.commit

    @property
    def owner(self) -> Owner:
        """Who is at work on it."""
        return self.payload.owner

    @property
    def phase(self) -> PhaseRecord:
        """Where it is, or how it ended; one without any status waits."""
        return self.steps[-1].phase if self.steps else PhaseRecord(Phase.WAITING)

    @property
    def finished(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.phase.word.finished

    @property
    def in_progress(self) -> bool:
        """Whether it has begun and not ended."""
        return self.phase.word.state is DeploymentState.IN_PROGRESS

    @property
    def changed(self) -> bool:
        """Whether it may have changed anything; a record never does, nor one that was found to have changed nothing."""
        possible = self.payload.kind is not DeploymentKind.RECORD and self.phase.word is not Phase.NOT_DONE
        return possible and any(step.phase.word in _CHANGED for step in self.steps)

    @property
    def undone(self) -> bool:
        """Whether it had begun, and was then found to have changed nothing."""
        return self.phase.word is Phase.NOT_DONE and any(step.phase.word in _CHANGED for step in self.steps)

    @property
    def blameless(self) -> bool:
        """Whether it failed only because its run was interrupted."""
        _, after, reason = self.phase.text.partition(REASON)
        return (reason if after else self.phase.text).startswith(INTERRUPTED)

    @property
    def proven(self) -> bool:
        """Whether every check passed through its bake, whatever was found later."""
        return any(step.phase.word is Phase.HEALTHY for step in self.steps)

    @property
    def healthy(self) -> bool:
        """Whether it ended well and nothing replaced it, so that it is live."""
        return self.phase.word in _PROOF

    @property
    def proof(self) -> str:
        """What was written when it was proven the last time, empty where it never was."""
        found = (step.phase.text for step in reversed(self.steps) if step.phase.word is Phase.HEALTHY)
        return next(found, "")

    @property
    def disproven(self) -> str:
        """The later finding by which its proof is lost; empty while the proof holds."""
        last = next((step.phase for step in reversed(self.steps) if step.phase.word in _PROOF), None)
        return last.text if last and last.word is Phase.UNHEALTHY else ""

    def is_resumed(self, pause: PhaseRecord) -> bool:
        """Whether a person let it go on since it was paused, whatever was written to show that its owner lives."""
        phases = [step.phase for step in self.steps]
        begun = next((at for at, one in enumerate(phases) if str(one) == str(pause)), len(phases))
        return any(one.word is Phase.RESUMED for one in phases[begun:])

    @property
    def failed_checks(self) -> bool:
        """Whether it failed because its checks did, after its command had ended well."""
        before = self.steps[-2].phase.word if len(self.steps) > 1 else None
        return self.phase.word is Phase.FAILED and before in {Phase.VERIFYING, Phase.BAKING}

    def touched(self, targets: Sequence[str]) -> tuple[str, ...]:
        """Those of the environment's targets that it is known to have begun to change, in that order."""
        names = (name for wave in self._waves(targets) for name in wave)
        return tuple(dict.fromkeys(names)) if self.changed else ()

    def may_have_touched(self, targets: Sequence[str]) -> tuple[str, ...]:
        """Those that it may have changed: all of them where a wave has targets that nobody knows any more."""
        return self.touched(targets) if all(self._waves(targets)) else tuple(targets)

    def _waves(self, targets: Sequence[str]) -> list[Sequence[str]]:
        texts = [step.phase.text for step in self.steps if step.phase.word is Phase.CHANGING]
        return [wave_named(text, targets) for text in texts]

    @property
    def persons_rollback(self) -> bool:
        """Whether it is a person's rollback, which does not queue."""
        return self.payload.kind is DeploymentKind.ROLLBACK and not self.payload.automatic

    @property
    def can_roll_back(self) -> bool:
        """Whether its failure is answered by a rollback: one attempt, and none where a person ruled it out."""
        ruled_out = {Override.IRREVERSIBLE, Override.NO_WAY_BACK}
        return self.payload.kind is DeploymentKind.DEPLOY and ruled_out.isdisjoint(self.payload.overrides)

    @property
    def seen_at(self) -> datetime:
        """The last sign of life."""
        return self.steps[-1].at if self.steps else self.created


_TO = " … "
_ALONE, _BESIDE = 120, 60
"""Characters of a name that stands alone in a line, and of each of two."""
_PLAIN = re.compile(r"[\w.:/@-]+", re.ASCII)


def name_wave(names: Sequence[str]) -> str:
    """Name targets that follow one another as the ledger holds them, whose lines are short."""
    if len(names) == 1:
        return _held(names[0], _ALONE)
    return f"{_held(names[0], _BESIDE)}{_TO}{_held(names[-1], _BESIDE)}"


def wave_named(text: str, targets: Sequence[str]) -> Sequence[str]:
    """The targets that a name of a wave stands for; names are compared as the ledger holds them."""
    older = {_written(name): number for number, name in enumerate(targets)}  # as lines of older versions are cut
    held = older | {_held(name, room): number for number, name in enumerate(targets) for room in (_BESIDE, _ALONE)}
    if (one := held.get(text)) is not None:
        return targets[one : one + 1]
    first, _, last = text.partition(_TO)
    ends = held.get(first), held.get(last)
    return targets[ends[0] : ends[1] + 1] if ends[0] is not None and ends[1] is not None else ()


def _held(name: str, room: int) -> str:
    """The name of a target as the ledger holds it, which is that of no other: it ends in a digest where it was cut.

    So it does where a line can't hold every letter of it, or where it looks like the names of a wave.
    """
    written = _written(name)
    if len(name) <= room and written == name and _TO not in name:
        return name
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{written.replace(_TO, ' ')[: room - len(digest) - 1].strip()}~{digest}"


def _written(name: str) -> str:
    """A name as a line of the ledger holds it."""
    is_plain = len(name) <= _ALONE and _PLAIN.fullmatch(name)
    return name if is_plain else as_written(PhaseRecord(Phase.CHANGING, name)).text


_PROOF = {Phase.HEALTHY, Phase.WATCHING, Phase.UNHEALTHY}

_CHANGED = {
    Phase.CHANGING,
    Phase.VERIFYING,
    Phase.BAKING,
    Phase.PAUSED,
    Phase.RESUMED,
    Phase.HEALTHY,
    Phase.WATCHING,
    Phase.UNHEALTHY,
    Phase.ROLLING_BACK,
    Phase.FAILED,
    Phase.UNKNOWN,
}

Ledger: TypeAlias = "Sequence[Deployment]"


class LiveDeployment(msgspec.Struct, frozen=True):
    """What is live: a deployment, nothing yet, or unknown, and then why."""

    deployment: Deployment | None = None
    unknown: str = ""

    @property
    def commit(self) -> str | None:
        """The commit that is live, None where it is unknown or nothing is."""
        return self.deployment.commit if self.deployment else None


LEAVING = "is being rolled back"
"""Why the deployment that is rolled back is no rollback target."""


class RollbackTarget(msgspec.Struct, frozen=True):
    """The last known good, None where there is none, and why each later deployment is none.

    `doubt` is why its proof was lost, where there is no better one.
    """

    choice: Deployment | None
    passed_over: tuple[tuple[Deployment, str], ...] = ()
    doubt: str = ""

    @property
    def reason(self) -> str:
        """Why this one, and why not the others, as one sentence."""
        last = f"{self.choice} is the last known good" if self.choice else "there is no rollback target"
        last += f", though it {self.doubt}" if self.doubt else ""
        others = (f"leaving {other}" if why == LEAVING else f"{other} {why}" for other, why in self.passed_over)
        return "; ".join([last, *others])


def encode(payload: Payload) -> dict[str, object]:
    """Write a payload as GitHub takes it."""
    document: dict[str, object] = msgspec.to_builtins(payload)
    return document if payload.curves else {name: one for name, one in document.items() if name != "curves"}


def decode(task: str, payload: object) -> Payload | None:
    """Read a deployment's payload, or None where it is not ours or of another schema; unknown fields are ignored.

    GitHub tells it as an object over one interface and as JSON text over the other, and text as text in text.
    """
    if task != TASK:
        return None
    try:
        while isinstance(payload, str):
            payload = msgspec.json.decode(payload)
        if not isinstance(payload, dict) or "schema" not in payload:
            return None
        curves = read_curves(payload.get("curves"))
        return msgspec.structs.replace(msgspec.convert({**payload, "curves": ()}, Payload), curves=curves)
    except UNREADABLE:
        return None


def steps(statuses: Iterable[tuple[str, str, datetime]]) -> tuple[PhaseChange, ...]:
    """Read a deployment's statuses, oldest first, each a state, a description and a time."""
    found: tuple[PhaseChange, ...] = ()
    for state, description, at in statuses:
        found = followed_by(found, PhaseChange(read(state, description), at))
    return found


def followed_by(steps: tuple[PhaseChange, ...], step: PhaseChange) -> tuple[PhaseChange, ...]:
    """The steps with one more; an end that is written again only updates the notified channels.

    A watch that is written again still goes on.

    What comes after an end, other than another end, was sent before it and arrived late. Only of what was replaced
    that is not sure, for GitHub says so by itself of what somebody is still at.
    """
    last = steps[-1] if steps else None
    if last and last.finished and last.phase.word is not Phase.REPLACED and not step.finished:
        return steps
    if last and last.finished and last.phase.word is step.phase.word:
        at = step.at if step.phase.word is Phase.WATCHING else last.at
        return (*steps[:-1], PhaseChange(step.phase, at))
    return (*steps, step)


def live(ledger: Ledger) -> LiveDeployment:
    """What is live: the newest success, unknown after a change that did not end in one."""
    for deployment in reversed(ledger):
        if deployment.healthy:
            return LiveDeployment(deployment)
        if deployment.changed or deployment.proven:
            return LiveDeployment(unknown=_why_unknown(deployment))
    return LiveDeployment()


def yardstick(ledger: Ledger) -> str | None:
    """The commit that another one may not be older than: what is live, else the last known good."""
    now = live(ledger).deployment or rollback_target(ledger, None).choice
    return now.commit if now else None


def leaving(ledger: Ledger) -> Deployment | None:
    """What a person rolls back: the newest deployment, live or not.

    A rollback that did not succeed is skipped: what it should have rolled back is still there.
    """
    brought = (deployment for deployment in reversed(ledger) if deployment.changed or deployment.proven)
    return next((one for one in brought if one.proven or one.payload.kind is not DeploymentKind.ROLLBACK), None)


def quarantine(ledger: Ledger) -> dict[str, str]:
    """The quarantined commits, each with the reason why.

    A failed deployment and its rollback begin it, unless it failed because its run was interrupted; only a person's
    healthy deployment ends it.
    A rollback that fails says nothing about the commit that it deployed.
    """
    by_id = {deployment.id: deployment for deployment in ledger}
    found: dict[str, str] = {}
    for deployment in ledger:
        left = by_id.get(deployment.payload.parent or 0)
        if deployment.payload.kind is DeploymentKind.ROLLBACK:
            blamed = left and not (deployment.payload.automatic and left.blameless)
            if left and blamed and deployment.changed and left.commit != deployment.commit:
                found[left.commit] = f"was rolled back (#{deployment.id})"
        elif deployment.phase.word is Phase.FAILED and not deployment.blameless:
            found[deployment.commit] = f"failed here (#{deployment.id})"
        if deployment.proven and not deployment.payload.automatic:
            found.pop(deployment.commit, None)
    return found


def lost_proofs(ledger: Ledger) -> dict[str, str]:
    """The commits that were proven here and seen to fail later, each with what was seen; only a new proof ends it."""
    found: dict[str, str] = {}
    for deployment in ledger:
        if deployment.disproven:
            found[deployment.commit] = f"was found unhealthy after it was proven (#{deployment.id})"
        elif deployment.proven:
            found.pop(deployment.commit, None)
        elif deployment.payload.kind is DeploymentKind.ROLLBACK and deployment.failed_checks:
            found[deployment.commit] = f"was not healthy when it was rolled back to (#{deployment.id})"
    return found


def rollback_target(
    ledger: Ledger,
    leaves: str | None,
    *,
    withdrawn: Collection[str] = (),
    gone: Collection[str] = (),
    tried: Collection[str] = (),
) -> RollbackTarget:
    """Find the last known good other than the one rolled back; one that lost its proof where there is no other.

    `gone` are in neither the branch nor a release any more, `tried` were just rolled back to in vain. Which ones to
    ask about tells `proven_commits`.
    """
    bad, lost = quarantine(ledger) | dict.fromkeys(tried, "did not come up again"), lost_proofs(ledger)
    passed_over: list[tuple[Deployment, str]] = []
    doubtful: Deployment | None = None
    for deployment in _newest_of_each(ledger):
        why = _why_not(deployment, leaves, withdrawn, bad, gone)
        doubt = "" if why else lost.get(deployment.commit, "")
        if not (why or doubt):
            return RollbackTarget(deployment, tuple(passed_over))
        doubtful = deployment if doubt and not doubtful else doubtful
        passed_over.append((deployment, why or doubt))
    others = tuple(one for one in passed_over if one[0] is not doubtful)
    return RollbackTarget(doubtful, others, lost[doubtful.commit] if doubtful else "")


def proven_commits(ledger: Ledger) -> tuple[str, ...]:
    """The commits that were proven here, the latest proof first."""
    return tuple(deployment.commit for deployment in _newest_of_each(ledger) if deployment.proven)


def is_written(ledger: Ledger, commit: str, phase: PhaseRecord) -> bool:
    """Whether the ledger has a commit with just this end: a refusal is written once for each commit and reason."""
    return any(one.commit == commit and is_same_end(one.phase, phase) for one in ledger)


def live_before(ledger: Ledger, deployment: Deployment) -> Deployment | None:
    """What was live before a deployment changed anything; None where nothing was, or it is unknown."""
    earlier = (one for one in reversed(ledger) if one.id < deployment.id and (one.changed or one.proven))
    newest = next(earlier, None)
    return newest if newest and newest.proven else None


def over_by(ledger: Ledger, deployment: Deployment) -> Deployment | None:
    """The earlier failure that a healthy deployment resolves; None where there was none.

    A rollback resolves nothing: what was to be deployed is still missing.
    """
    earlier = (
        one
        for one in reversed(ledger)
        if one.id < deployment.id and one.finished and (one.changed or one.proven) and not _is_part_of_another(one)
    )
    newest = next(earlier, None)
    return None if newest is None or newest.proven else newest


def _is_part_of_another(one: Deployment) -> bool:
    """Whether another deployment is announced instead: the one that it rolls back, or that took over from it."""
    goes_back = one.payload.kind is DeploymentKind.ROLLBACK and one.payload.automatic
    return goes_back or one.phase.handed_over_to is not None


def _why_unknown(deployment: Deployment) -> str:
    if not deployment.finished:
        return f"{deployment} is under way"
    if deployment.phase.word is Phase.FAILED:
        return f"{deployment} failed and nothing was proven since"
    return f"the outcome of {deployment} is unknown"


def _newest_of_each(ledger: Ledger) -> Iterator[Deployment]:
    """For each commit that was ever brought its latest proof, else its latest attempt; newest first."""
    newest: dict[str, Deployment] = {}
    for deployment in ledger:
        known = newest.get(deployment.commit)
        if deployment.proven or (deployment.changed and not (known and known.proven)):
            newest[deployment.commit] = deployment
    return iter(sorted(newest.values(), key=lambda deployment: deployment.id, reverse=True))


def _why_not(
    deployment: Deployment,
    leaves: str | None,
    withdrawn: Collection[str],
    bad: dict[str, str],
    gone: Collection[str],
) -> str:
    commit = deployment.commit
    if commit == leaves:
        return LEAVING
    if commit in withdrawn:
        return "was withdrawn"
    if commit in bad:
        return bad[commit]
    if not deployment.proven:
        return "was never proven here"
    return GONE if commit in gone else ""
