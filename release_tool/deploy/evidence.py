"""What happened during a deployment, kept before anything is rolled back; secrets are masked already."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from release_tool.deploy.command import CommandResult, said_since
from release_tool.deploy.health.curves import curve_lines
from release_tool.deploy.health.verdict import Reading
from release_tool.text.markdown import fenced
from release_tool.text.visible import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from release_tool.deploy.health.curves import Curve
    from release_tool.deploy.health.verdict import Sample
    from release_tool.text.masking import Masker

_SHOWN_SAMPLES = 12
_SHOWN_LINES = 40
_SHOWN_CHARACTERS = 8_000
"""Of the lines of a command, so that an issue has room for those of the rollbacks as well."""
_LONGEST_LINE = 1_000


class CommandOutput(msgspec.Struct, frozen=True):
    """What the command for a target said, and how it ended."""

    target: str
    ran: CommandResult

    def log(self, mask: Masker) -> str:
        """All that is kept of it, and of what it left running."""
        since = said_since(self.ran.left, mask) if self.ran.left else ""
        then = f"# what it left running said since:\n{since}" if since else ""
        return f"{self.ran.evidence}\n# the command for {self.target} {self.ran.ending}\n{then}"


@dataclasses.dataclass
class Evidence:
    """The output of the commands and every sample, in the order in which they came.

    `before` are the samples from before the deployment, with which the later ones are compared; `curves` show why it
    failed. `chapters` are those that were closed, and that nothing later pushes out.
    """

    said: list[CommandOutput] = dataclasses.field(default_factory=list)
    samples: list[Sample] = dataclasses.field(default_factory=list)
    before: list[Sample] = dataclasses.field(default_factory=list)
    curves: tuple[Curve, ...] = ()
    chapters: list[str] = dataclasses.field(default_factory=list)
    _begun: tuple[int, int] = (0, 0)

    def close_chapter(self) -> None:
        """Keep the end of what was found so far: a rollback must not hide why it was needed."""
        self.chapters.append(self._chapter())
        self._begun = (len(self.said), len(self.samples))

    def write(self, directory: Path, mask: Masker) -> None:
        """Write it down as files: a log of each command, and the samples as one JSON document a line."""
        directory.mkdir(parents=True, exist_ok=True)
        for number, said in enumerate(self.said, start=1):
            (directory / f"command-{number}.log").write_text(said.log(mask), encoding="utf-8")
        _write_samples(directory / "samples.jsonl", self.samples)
        if self.before:
            _write_samples(directory / "before.jsonl", self.before)

    def markdown(self) -> str:
        """The end of each chapter for a summary or an issue: what matters most stands in the last lines."""
        return "\n\n".join(filter(None, [*self.chapters, self._chapter()]))

    def _chapter(self) -> str:
        said_before, sampled_before = self._begun
        samples = self.samples[sampled_before:]
        parts = []
        for said in self.said[said_before:][-1:]:
            lines = fenced(_last_lines(said.ran.evidence))
            parts.append(f"The command for `{_code(said.target)}` {said.ran.ending}.\n\n{lines}")
        if self.curves and not self.chapters:
            parts.append(f"How it went, before and after:\n\n{fenced(curve_lines(self.curves))}")
        if samples:
            parts.append(f"The last samples:\n\n{fenced(sample_lines(samples[-_SHOWN_SAMPLES:]))}")
        return "\n\n".join(parts)


def _write_samples(file: Path, samples: Sequence[Sample]) -> None:
    lines = [msgspec.json.encode(sample.document()).decode() + "\n" for sample in samples]
    file.write_text("".join(lines), encoding="utf-8")


def _last_lines(text: str) -> str:
    """The last lines of a text, as many as are shown."""
    room, shown = _SHOWN_CHARACTERS, list[str]()
    for line in reversed(text.splitlines()[-_SHOWN_LINES:]):
        shown.append(shortened(line, _LONGEST_LINE))
        room -= len(shown[-1])
        if room < 0:
            break
    return "\n".join(reversed(shown))


def sample_lines(samples: Sequence[Sample]) -> str:
    """Samples as people read them, one a line."""
    return "\n".join(
        f"{sample.at:%H:%M:%S}  {sample.sample.value:<12}  {sample.target}  {sample.check}"
        + (f"  {sample.detail}" if sample.sample is not Reading.OK and sample.detail else "")
        for sample in samples
    )


def _code(name: str) -> str:
    return name.replace("`", "")
