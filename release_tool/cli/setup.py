"""The commands that set a repository up and check that everything is in place: init, doctor."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

import click
import msgspec

from release_tool.cli import terminal
from release_tool.cli.session import current_session
from release_tool.errors import RefusedError
from release_tool.text.visible import visible, visible_block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.cli.session import Session
    from release_tool.project import Project
    from release_tool.setup.checks import DoctorFinding
    from release_tool.setup.doctor import DoctorReport
    from release_tool.setup.files import ManagedFile
    from release_tool.setup.init import Choices, SetupProposal, Survey


@click.command()
@click.option("--cloud", metavar="BRANCH", help="Carry releases into this hosted branch; empty for none.")
@click.option("--environment", default="", metavar="NAME", help="What the environment is called. [default: production]")
@click.option("--recipe", metavar="NAME", help="Deploy by this recipe; empty for none.")
@click.option("--url", default="", metavar="URL", help="The URL of the deployed application.")
@click.option("--build", default="", metavar="COMMAND", help="How the project is built, into `dist`.")
@click.option("--test", default="", metavar="COMMAND", help="How the project is tested.")
@click.option("--runner", default="", metavar="LABEL", help="The runner label of the jobs. [default: ubuntu-latest]")
@click.option("--app/--no-app", default=None, help="Act as a GitHub App instead of the workflows' own token.")
@click.option("--source", default="", metavar="URL", help="Where workflows install release-tool from, as pip names it.")
@click.option("--release-now", is_flag=True, help="Let the first merge release, instead of a person's `bump`.")
@click.option("--switch-off", is_flag=True, help="Also switch off other release tools in their own workflows.")
@click.option("--overwrite", is_flag=True, help="Also replace files that somebody changed.")
@click.option("--dry-run", is_flag=True, help="Show every line that would change and stop.")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def init(
    cloud: str | None,
    environment: str,
    recipe: str | None,
    url: str,
    build: str,
    test: str,
    runner: str,
    app: bool | None,
    source: str,
    release_now: bool,
    switch_off: bool,
    overwrite: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Set this repository up: write the workflows and the configuration that it needs.

    Detects what is there, asks two questions at most, shows every change, and writes into the working tree only.
    Run it again to upgrade what it wrote; a file that somebody changed is never replaced without asking.
    What releases already is named, with the patch that switches it off; a terminal is asked whether to write that, too.

    \b
    Examples:
      release-tool init
      release-tool init --cloud cloud --recipe compose-ssh --url https://shop.example.com
      release-tool init --dry-run | git apply --check
    """
    from release_tool.setup import init as stage

    session = current_session()
    project = session.project()
    found = stage.survey(project)
    choices = stage.Choices(
        cloud=cloud,
        environment=environment,
        recipe=recipe,
        url=url,
        build=build,
        test=test,
        runner=runner,
        source=source,
        app=app,
        release_now=release_now,
    )
    for line in _found(found):
        session.say(line)
    if not (yes or dry_run) and sys.stdin.isatty():
        choices = _ask(session, found, choices)
    proposal = stage.propose(project, found, choices)
    _insist_on_names(proposal, overwrite=overwrite)
    if dry_run:
        _tell_difference(session, proposal, overwrite=overwrite, switch_off=switch_off, as_json=as_json)
        return
    rivals = proposal.rivals if switch_off else () if yes else _asked_to_switch_off(session, found, proposal)
    files = _agreed(session, proposal, rivals, overwrite=overwrite, yes=yes)
    stage.write(project, files)
    _tell_written(session, project, found, proposal, files, as_json=as_json)


def _insist_on_names(proposal: SetupProposal, *, overwrite: bool) -> None:
    """Raise RefusedError where somebody else's file has the name of one of ours, or would release beside ours."""
    if proposal.stuck:
        raise RefusedError(
            f"{', '.join(proposal.stuck)} was edited, and would still make releases beside the new workflows",
            during="replacing the workflows of an older release-tool",
            already="nothing was written",
            todo="remove it, or undo the edits, and run this again; what you need of it belongs into"
            " `build.yml`, `cloud-tests.yml` or a workflow of your own",
        )
    if not overwrite and (strange := proposal.strange()):
        raise RefusedError(
            f"{', '.join(strange)} exists already and is not managed by release-tool",
            during="setting the repository up",
            already="nothing was written",
            todo="rename it, or replace it with `--overwrite`, and run this again",
        )


def _found(found: Survey) -> Iterator[str]:
    """What was found out, a line each."""
    prefix = "v" if found.wishes.tag_prefix is None else found.wishes.tag_prefix
    yield f"releases come from `{found.branch}`, tagged `{prefix}1.2.3`"
    yield f"built with: {found.stack.name} ({'; '.join(found.stack.build) or 'nothing is built'})"
    yield f"tested with: {'; '.join(found.stack.test) or 'nothing known'}"
    if found.configured:
        yield f"{found.configured} is the configuration already, and is kept"
    for competitor in found.competitors:
        yield f"also releases or deploys: {competitor.what}, in {competitor.path}"
    for hint in found.hints:
        yield f"deployed by: {hint.recipe}, as {hint.path} tells"


def _ask(session: Session, found: Survey, choices: Choices) -> Choices:
    """Ask for the two things that no file tells; nothing where the repository is configured already."""
    if found.configured:
        return choices
    cloud, recipe, url = choices.cloud, choices.recipe, choices.url
    if cloud is None:
        question = "Branch that you host and that releases are merged into (empty for none)"
        cloud = click.prompt(question, default=found.wishes.cloud, show_default=bool(found.wishes.cloud), err=True)
    if recipe is None and found.hints:
        hint = found.hints[0]
        question = f"Deploy by the recipe `{hint.recipe}`, as {visible(hint.path)} suggests?"
        recipe = hint.recipe if session.agrees(question) else ""
    if recipe and not url:
        url = click.prompt("URL of the deployed application (empty for none)", default="", err=True)
    return msgspec.structs.replace(choices, cloud=cloud.strip(), recipe=recipe, url=url.strip())


def _asked_to_switch_off(session: Session, found: Survey, proposal: SetupProposal) -> tuple[ManagedFile, ...]:
    """Show what would switch off what releases already, and ask; nothing without a terminal."""
    if not sys.stdin.isatty():
        return ()
    agreed = []
    for file in proposal.rivals:
        what = " and ".join(one.what for one in found.competitors if one.path == file.path)
        _show(file)
        if session.agrees(f"Switch off {what} in {visible(file.path)}, in the same change?"):
            agreed.append(file)
    return tuple(agreed)


def _agreed(
    session: Session, proposal: SetupProposal, rivals: tuple[ManagedFile, ...], *, overwrite: bool, yes: bool
) -> tuple[ManagedFile, ...]:
    """Show what would be written, and ask; what somebody changed is asked for one by one."""
    from release_tool.setup.files import FileState

    by_name = {file.path: file for file in proposal.files}
    replaced = [*proposal.changed(), *proposal.strange()] if overwrite else []
    if not proposal.to_write(replaced) and not proposal.changed() and not rivals:
        return ()
    for file in proposal.to_write(replaced):
        _show(file)
    if not yes and not overwrite:
        for path in proposal.changed():
            _show(by_name[path])
            if session.agrees(f"{path} was edited, or is not managed by release-tool. Replace it?"):
                replaced.append(path)
    files = (*proposal.to_write(replaced), *rivals)
    if files and not yes:
        session.confirm(f"Write {len(files)} file{'s' if len(files) > 1 else ''}?")
    kept = [file.path for file in proposal.files if file.state is FileState.CHANGED and file.path not in replaced]
    for path in kept:
        session.say(f"exists already and is not managed by release-tool: {path}")
    return files


def _show(file: ManagedFile) -> None:
    """Show a file before it is written: the difference, or how long it is where all of it is new."""
    from release_tool.setup.init import CONFIGURATION, difference

    if file.there is None and file.path != CONFIGURATION:
        click.echo(f"new  {file.path} ({file.text.count(chr(10))} lines)", err=True)
    else:
        click.echo(visible_block(difference(file)), err=True, nl=False)


def _tell_difference(
    session: Session, proposal: SetupProposal, *, overwrite: bool, switch_off: bool, as_json: bool
) -> None:
    from release_tool.setup.init import difference

    files = proposal.to_write([*proposal.changed(), *proposal.strange()] if overwrite else ())
    files += proposal.rivals if switch_off else ()
    if as_json:
        session.document(_document(proposal, (), ()))
        return
    session.show_as_written("".join(map(difference, files)).rstrip("\n") or "everything is up to date")


def _tell_written(
    session: Session,
    project: Project,
    found: Survey,
    proposal: SetupProposal,
    files: tuple[ManagedFile, ...],
    *,
    as_json: bool,
) -> None:
    from release_tool.setup.checks import of_watch
    from release_tool.setup.init import difference
    from release_tool.setup.proposal import left_to_do

    todo = left_to_do(
        proposal.config,
        repository=project.repository or "OWNER/NAME",
        web_url=project.web_url or "https://github.com/OWNER/NAME",
        branch=found.branch,
        unsure=proposal.unsure,
        competitors=found.competitors,
        off={file.path for file in files},
        app=proposal.app,
    )
    if as_json:
        session.document(_document(proposal, files, todo))
        return
    if not files:
        session.show("everything is up to date" if not proposal.changed() else "nothing was written")
        return
    for finding in of_watch(proposal.config):
        session.say(f"{finding.about}: {finding.text}")
    session.show(f"{len(files)} file{'s' if len(files) > 1 else ''} written. What only you can do:\n")
    session.show("\n".join(f"{number:>2}. {visible(line)}" for number, line in enumerate(todo, 1)))
    if left := [file for file in proposal.rivals if file not in files]:
        session.show("\nThis switches it off, and so does `release-tool init --switch-off`:\n")
        session.show_as_written("".join(map(difference, left)).rstrip("\n"))


def _document(proposal: SetupProposal, files: tuple[ManagedFile, ...], todo: tuple[str, ...]) -> dict[str, object]:
    from release_tool.setup.init import difference

    written = {file.path for file in files}
    return {
        "files": [
            {"path": file.path, "state": file.state.value, "written": file.path in written} for file in proposal.files
        ],
        "switch_off": [
            {"path": file.path, "patch": difference(file), "written": file.path in written} for file in proposal.rivals
        ],
        "todo": list(todo),
    }


@click.command()
@click.option("--fix", is_flag=True, help="Fix what is safe to fix: labels, the hosted branch, managed files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def doctor(fix: bool, as_json: bool) -> None:
    """Check that everything is in place: one line for each check, with a fix for each problem.

    The token's permissions are probed by requests that can't succeed; nothing is written without `--fix`.
    Ends with exit code 3 when there is a problem.

    \b
    Examples:
      release-tool doctor
      release-tool doctor --fix
      release-tool doctor --json | jq '.findings[] | select(.verdict == "problem")'
    """
    from release_tool.setup import doctor as stage

    session = current_session()
    project = session.project()
    found = stage.examine(project, os.environ)
    done = stage.fix(project, found) if fix else ()
    if done:
        found = stage.examine(session.project(), os.environ)
    _tell_examination(session, found, done, as_json=as_json)
    if found.problems:
        count = len(found.problems)
        raise RefusedError(
            f"{count} precondition{'s do' if count > 1 else ' does'} not hold",
            during="looking at the repository",
            already="; ".join(done) or "nothing was written",
            todo="apply the fix shown for each problem"
            + ("" if fix else ", or run `release-tool doctor --fix` for those that are safe"),
        )


_MARKS = {"ok": ("ok", "green"), "problem": ("problem", "red"), "unseen": ("unseen", "yellow")}


def _tell_examination(session: Session, found: DoctorReport, done: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        document = msgspec.to_builtins(found.findings)
        session.document({"ok": not found.problems, "findings": document, "fixed": list(done)})
        return
    for line in done:
        session.say(line)
    rows = [row for finding in found.findings for row in _rows(finding)]
    columns = terminal.width(sys.stdout)
    if columns is None:
        session.show("\n".join(f"{word} {text}" for word, text in rows))
    else:
        session.show(terminal.ended(terminal.table(rows, columns), _verdict(found)))


def _rows(finding: DoctorFinding) -> Iterator[tuple[str, str]]:
    word, colour = _MARKS[finding.verdict.value]
    yield click.style(f"{word:<8}", fg=colour), f"{finding.about}: {visible(finding.text)}"
    if finding.fix:
        yield f"{'':<8}", f"-> {visible(finding.fix)}"


def _verdict(found: DoctorReport) -> str:
    """How many checks have each verdict, in the words that stand before each."""
    counts = Counter(finding.verdict.value for finding in found.findings)
    return ", ".join(
        click.style(f"{word}: {counts[word]}", fg=colour) for word, colour in _MARKS.values() if counts[word]
    )
