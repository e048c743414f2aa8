"""The phases of a deployment, and how each stands in the ledger: a state of GitHub's and a line that begins with it."""

from __future__ import annotations

import enum
import re

import msgspec

from release_tool.text.visible import visible

LIMIT = 140
"""The characters that GitHub takes in the description of a status."""

INTERRUPTED = "interrupted"
"""How the text of a failure begins whose only cause is the interruption of its run."""

REASON = ", after this: "
"""What separates the reason why there was no rollback from the failure itself."""

EVERYBODY = "*"
"""Stands for all subscribed channels, where there is no room for their names."""

_LONGEST_NAME = 60
_LONGEST_NAMES = 30
_DEBT = re.compile(r"(?P<text>.*?) ?\[tell: (?P<names>[\w., -]+|\*)\]", re.ASCII)
_NAME = re.compile(r"[\w.-]+", re.ASCII)
_ENDING = re.compile(r"(?P<text>.*?)(?:; rolled back to (?P<name>\S+)|; handed over to #(?P<number>[0-9]{1,18}))?")
_UNSTORABLE = re.compile("[^\x00-\ud7ff\ue000-\uffff]")
"""Characters beyond the basic plane and lone halves of them, which not every description of GitHub's can hold."""


class DeploymentState(enum.Enum):
    """What GitHub knows of a deployment."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    INACTIVE = "inactive"
    FAILURE = "failure"
    ERROR = "error"


class Phase(enum.Enum):
    """The phases, each as the word that its line begins with."""

    WAITING = "waiting"
    CHANGING = "changing"
    VERIFYING = "verifying"
    BAKING = "baking"
    PAUSED = "paused"
    """A wave is proven, and a person is waited for before the next one."""
    RESUMED = "resumed"
    """A person lets it go on."""
    HEALTHY = "healthy"
    WATCHING = "watching"
    """It is live and proven, and somebody goes on measuring it for a while."""
    UNHEALTHY = "unhealthy"
    """It is live, was proven, and was seen to fail later: its proof is lost."""
    HELD = "held"
    SUPERSEDED = "superseded"
    REFUSED = "refused"
    NOT_DONE = "not done"
    ROLLING_BACK = "rolling back"
    FAILED = "failed"
    REPLACED = "replaced"
    UNKNOWN = "unknown"

    @property
    def finished(self) -> bool:
        """Whether the deployment has ended."""
        return self.state not in {DeploymentState.QUEUED, DeploymentState.IN_PROGRESS}

    @property
    def state(self) -> DeploymentState:
        """The state that a deployment in this phase has on GitHub."""
        return _STATES[self]


_STATES = {
    Phase.WAITING: DeploymentState.QUEUED,
    Phase.CHANGING: DeploymentState.IN_PROGRESS,
    Phase.VERIFYING: DeploymentState.IN_PROGRESS,
    Phase.BAKING: DeploymentState.IN_PROGRESS,
    Phase.PAUSED: DeploymentState.IN_PROGRESS,
    Phase.RESUMED: DeploymentState.IN_PROGRESS,
    Phase.HEALTHY: DeploymentState.SUCCESS,
    Phase.WATCHING: DeploymentState.SUCCESS,
    Phase.UNHEALTHY: DeploymentState.SUCCESS,
    Phase.HELD: DeploymentState.INACTIVE,
    Phase.SUPERSEDED: DeploymentState.INACTIVE,
    Phase.REFUSED: DeploymentState.INACTIVE,
    Phase.NOT_DONE: DeploymentState.INACTIVE,
    Phase.ROLLING_BACK: DeploymentState.IN_PROGRESS,
    Phase.FAILED: DeploymentState.FAILURE,
    Phase.REPLACED: DeploymentState.INACTIVE,
    Phase.UNKNOWN: DeploymentState.ERROR,
}

_WORDS = {word.value: word for word in Phase}

_UNSPOKEN = {
    "queued": Phase.WAITING,
    "pending": Phase.WAITING,
    "waiting": Phase.WAITING,
    "in_progress": Phase.CHANGING,
    "success": Phase.HEALTHY,
    "inactive": Phase.REPLACED,
    "failure": Phase.FAILED,
}
"""What a state means whose line is not ours: GitHub itself makes older deployments inactive, without a word."""


class PhaseRecord(msgspec.Struct, frozen=True):
    """Where a deployment is. `text` names the target that is changed or verified, else it says why.

    A failed one may tell how it ended: `rolled_back_to` names a commit, `handed_over_to` numbers a deployment.
    `owed` are the channels that are still to be notified of its end, or `EVERYBODY`.
    """

    word: Phase
    text: str = ""
    rolled_back_to: str = ""
    handed_over_to: int | None = None
    owed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return describe(msgspec.structs.replace(self, owed=()))[1]


def describe(phase: PhaseRecord) -> tuple[DeploymentState, str]:
    """Write a phase as the state and the description of a status; a text that is too long loses its end."""
    failed = phase.word is Phase.FAILED
    head, ending = f"{phase.word.value}: ", (_ending(phase) if failed else "") + _debt(phase.owed)
    text = _storable(phase.text).replace("[tell:", "(tell:")
    if failed:
        text = text.replace(";", ",")  # the ending stands behind the only one
    return phase.word.state, f"{head}{_cut(text, LIMIT - len(head) - len(ending))}{ending}".rstrip()


def read(state: str, description: str) -> PhaseRecord:
    """Read a status back; one that the tool did not write is taken by its state, and its whole line is the text."""
    state = state.lower()
    start, _, text = description.partition(":")
    if not is_spoken(state, description):
        return PhaseRecord(_UNSPOKEN.get(state, Phase.UNKNOWN), _storable(description))
    word = _WORDS[start]
    text, owed = _without_debt(text.removeprefix(" "))
    ended = _ENDING.fullmatch(text) if word is Phase.FAILED else None
    if ended is None:
        return PhaseRecord(word, text, owed=owed)
    number = int(ended["number"]) if ended["number"] else None
    return PhaseRecord(word, ended["text"], ended["name"] or "", number, owed)


def as_written(phase: PhaseRecord) -> PhaseRecord:
    """A phase as it is read back once it was written."""
    state, line = describe(phase)
    return read(state.value, line)


def is_spoken(state: str, description: str) -> bool:
    """Whether a status is one that the tool wrote, by its words."""
    word = _WORDS.get(description.partition(":")[0])
    return word is not None and word.state.value == state.lower()


def is_same_end(written: PhaseRecord, phase: PhaseRecord) -> bool:
    """Whether an end is in the ledger, even if its text was cut for the channels to notify."""
    line, whole = str(written), str(phase)
    return line == whole or (line.endswith("…") and whole.startswith(line.removesuffix("…")))


def _ending(phase: PhaseRecord) -> str:
    name = _storable(phase.rolled_back_to).replace(" ", "-").replace(";", "-")
    if name:
        return f"; rolled back to {name[:_LONGEST_NAME]}"
    return "" if phase.handed_over_to is None else f"; handed over to #{phase.handed_over_to}"


def _debt(owed: tuple[str, ...]) -> str:
    names = ", ".join(owed)
    fits = len(names) <= _LONGEST_NAMES and all(map(_NAME.fullmatch, owed))
    return f" [tell: {names if fits else EVERYBODY}]" if owed else ""


def _without_debt(text: str) -> tuple[str, tuple[str, ...]]:
    found = _DEBT.fullmatch(text)
    return (found["text"], tuple(found["names"].split(", "))) if found else (text, ())


def _storable(text: str) -> str:
    return visible(_UNSTORABLE.sub("\ufffd", text))


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1].rstrip()}…"
