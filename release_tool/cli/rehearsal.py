"""The command that shows a team its next release before anything is adopted: rehearse."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from release_tool.cli import terminal
from release_tool.cli.session import current_session
from release_tool.errors import NeedsPersonError, RefusedError
from release_tool.text.typed import word
from release_tool.text.visible import visible, visible_block

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from release_tool.cli.session import Session
    from release_tool.demo.rehearsal import Outcome, RehearsalStage
    from release_tool.setup.build_steps import BuildSteps

_DURING = "the rehearsal"
_ALREADY = "nothing outside the copy was written"
_COLOURS = {"goes": "green", "nothing": "bright_black", "skipped": "bright_black"}
_SIMULATED = "the tests of the hosted branch, deploy commands and their checks"
_NOT_BUILT = "your build and its files"
_NOT_SEEN = "rights and rules on GitHub (`release-tool doctor` does that), halts, and what is deployed now"


@click.command()
@click.option("--keep", is_flag=True, help="Keep the rehearsal's folder, and print its path.")
@click.option("--build", is_flag=True, help="Run your build, too, after showing it and asking.")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def rehearse(keep: bool, build: bool, yes: bool, as_json: bool) -> None:
    """Rehearse your next release, its sync and its deployments on a copy of this repository.

    The copy is served by a stand-in for GitHub on this machine. With a token, pull requests and releases are read
    from GitHub; nothing is sent there, and nothing is written outside of a temporary folder.
    Nothing is built without `--build`, which runs your build in a copy, with no secret in its environment.
    Exit code 0 when everything would succeed, 5 when a person would be needed, 3 when something would be refused.

    \b
    Examples:
      release-tool rehearse
      release-tool rehearse --build
      release-tool rehearse --keep
      release-tool rehearse --json | jq .outcome
    """
    from release_tool.demo.rehearsal import rehearse as play
    from release_tool.setup.build_steps import read_build
    from release_tool.setup.rehearsal_input import read_original

    session = current_session()
    project = session.project()
    steps = read_build(project)
    if build:
        _agree_to_build(session, steps, yes=yes)
    with _folder(keep=keep) as folder:
        original = read_original(project, folder / "objects")
        acts = play(original, folder, _Audience(session, quiet=as_json), steps, built=build)
    kept = str(folder) if keep else None
    if as_json:
        session.document(_document(original, acts, kept))
    else:
        columns = terminal.width(sys.stdout)
        session.show("\n".join(_lines(original, acts, kept, columns)))
        if columns:
            _show_verdict(session, acts)
    _raise(acts)


def _agree_to_build(session: Session, build: BuildSteps, *, yes: bool) -> None:
    """Show what would be run, and ask; raises RefusedError for a no, and where it runs on GitHub only."""
    if build.workflow or (build.elsewhere and not build.steps):
        raise RefusedError(
            f"{build.source} builds this project, and what it does runs on GitHub only",
            during=_DURING,
            already="nothing was run",
            todo="rehearse without `--build`",
        )
    if build.ships_nothing:
        return
    lines = [line for step in build.steps for line in step.script.strip().splitlines()]
    session.say("\n".join([f"the build, as {build.source} has it:", *(f"  {line}" for line in lines)]))
    session.say(
        "it is run in a copy of the commit, with no secret in its environment; anything else that it does is real"
    )
    if build.empty:
        session.say(f"empty, where GitHub would have them: {', '.join(build.empty)}")
    if build.elsewhere:
        session.say(f"not run here: {', '.join(build.elsewhere)}")
    if not yes and not _agrees(session):
        raise _not_agreed()


def _agrees(session: Session) -> bool:
    try:
        return session.agrees("Run it on this machine?")
    except RefusedError:
        raise _not_agreed() from None


def _not_agreed() -> RefusedError:
    return RefusedError(
        "aborted: not confirmed",
        during=_DURING,
        already="nothing was run",
        todo="confirm, or run `release-tool rehearse --build --yes`; without `--build` nothing is built",
    )


class _Audience:
    """A person who looks on; quietly, where only the document at the end is wanted."""

    def __init__(self, session: Session, *, quiet: bool) -> None:
        self.quiet = quiet
        self._session = session

    def tell(self, text: str) -> None:
        """Say what comes next."""
        columns, shown = terminal.width(sys.stdout), visible(text)
        self._show("\n" + click.style(terminal.folded(shown, columns) if columns else shown, bold=True))

    def command(self, line: str) -> None:
        """Show a command as a person would type it."""
        if self.quiet:
            self._session.say(line)
        self._show(click.style(f"$ {visible(line)}", fg="cyan"))

    def result(self, text: str) -> None:
        """Show what came out of it."""
        columns, shown = terminal.width(sys.stdout), visible_block(text).rstrip()
        self._show(terminal.folded(shown, columns) if columns else shown)

    def progress(self, line: str) -> None:
        """Show what is being done."""
        self._session.say(line)

    def _show(self, text: str) -> None:
        if not self.quiet:
            self._session.show(text)


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    prefix = "release-tool-rehearsal-"
    if keep:
        yield Path(tempfile.mkdtemp(prefix=prefix)).resolve()
        return
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


def _worst(acts: Sequence[RehearsalStage]) -> Outcome:
    """A person is asked before anything else is; what is refused comes next."""
    found = {act.outcome for act in acts}
    outcomes: tuple[Outcome, ...] = ("needs-person", "refused", "goes")
    return next((outcome for outcome in outcomes if outcome in found), "nothing")


def _lines(
    original: Mapping[str, object], acts: Sequence[RehearsalStage], kept: str | None, columns: int | None
) -> Iterator[str]:
    def fit(text: str) -> str:
        return terminal.folded(text, columns) if columns else text

    yield "\n" + click.style("What would happen", bold=True)
    rows = list(_rows(acts))
    yield terminal.table(rows, columns, indent=2) if columns else "\n".join("  " + "  ".join(row) for row in rows)
    yield "\n" + click.style("What to do first", bold=True)
    yield from (fit(f"  {visible(todo)}") for todo in _todo(original, acts))
    yield fit(f"\nSimulated: {_simulated(acts)}.")
    yield fit(f"Not looked at: {'; '.join([*_unseen(original), _NOT_SEEN])}.")
    if kept:
        yield f"The copy is kept in {kept}."


def _rows(acts: Sequence[RehearsalStage]) -> Iterator[tuple[str, str, str]]:
    width = max(len(act.stage) for act in acts)
    for act in acts:
        shown = "ok" if act.outcome == "goes" else act.outcome
        outcome = click.style(shown.ljust(len("needs-person")), fg=_COLOURS.get(act.outcome, "yellow"))
        yield act.stage.ljust(width), outcome, visible(act.reason)


def _show_verdict(session: Session, acts: Sequence[RehearsalStage]) -> None:
    """End a long output with its verdict; where it is bad, the error that ends the command says it."""
    worst = _worst(acts)
    if worst in {"goes", "nothing"}:
        what = "ok" if worst == "goes" else "nothing to do"
        session.show(f"\nverdict: {click.style(what, fg=_COLOURS[worst])}: {visible(acts[0].reason)}")


def _simulated(acts: Sequence[RehearsalStage]) -> str:
    """What was not done in truth, what was not built among it."""
    skipped = any(act.stage == "build" and act.outcome == "skipped" for act in acts)
    return f"{_NOT_BUILT}, {_SIMULATED}" if skipped else _SIMULATED


def _unseen(original: Mapping[str, object]) -> list[str]:
    return msgspec.convert(original["unseen"], list[str])


def _todo(original: Mapping[str, object], acts: Sequence[RehearsalStage]) -> list[str]:
    """What stands in the way, else the first step of adopting it."""
    in_the_way = [act.todo for act in acts if act.outcome in {"needs-person", "refused"} and act.todo]
    if in_the_way:
        return in_the_way
    not_seen = [act.todo for act in acts if act.outcome == "skipped" and act.todo]
    token = (
        []
        if original["source"] == "github"
        else ["set a token, so that labels and texts can be read, and rehearse again"]
    )
    places = [act.stage for act in acts if act.stage not in {"plan", "build", "release", "sync"}]
    first = [
        f"write down what runs in {name}: `release-tool deploy VERSION -e {word(name)} --record`" for name in places
    ]
    return [
        *token,
        "set the repository up with `release-tool init`, and see that it is with `release-tool doctor`",
        *not_seen,
        *first,
    ]


def _document(original: Mapping[str, object], acts: Sequence[RehearsalStage], kept: str | None) -> dict[str, object]:
    return {
        "repository": original["repository"],
        "source": original["source"],
        "unseen": [*_unseen(original), _NOT_SEEN],
        "simulated": _simulated(acts),
        "outcome": _worst(acts),
        "stages": [
            {
                "stage": act.stage,
                "outcome": act.outcome,
                "reason": act.reason,
                "todo": act.todo,
                "document": _without_samples(act.document),
            }
            for act in acts
        ],
        "todo": _todo(original, acts),
        "folder": kept,
    }


def _without_samples(document: msgspec.Raw) -> dict[str, object] | None:
    """What the stage's command told, but for what a simulated check measured."""
    told = msgspec.json.decode(document, type=dict[str, object] | None)
    return told and {key: value for key, value in told.items() if key != "samples"}


def _raise(acts: Sequence[RehearsalStage]) -> None:
    """End with the exit code of the worst stage; a stage that succeeded has none."""
    worst = _worst(acts)
    act = next((act for act in acts if act.outcome == worst), None)
    if act is None or worst not in {"needs-person", "refused"}:
        return
    message = f"{act.stage}: {act.reason}"
    if worst == "needs-person":
        raise NeedsPersonError(message, during=_DURING, already=_ALREADY, todo=act.todo)
    raise RefusedError(message, during=_DURING, already=_ALREADY, todo=act.todo)
