"""The commands of the deployment stage: deploy, rollback, reconcile, verify, halt, resume."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, assert_never

import click
import msgspec

from release_tool.cli import completion
from release_tool.cli.session import current_session
from release_tool.cli.workflow import insist_on_gate
from release_tool.errors import RefusedError, RolledBackError, UnhealthyError, UsageError
from release_tool.text.typed import word
from release_tool.text.visible import shortened, visible, visible_block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from release_tool.cli.progress import LiveProgress, PlainProgress
    from release_tool.cli.session import Session
    from release_tool.deploy.attempt import DeployResult
    from release_tool.deploy.environment import DeployEnvironment
    from release_tool.deploy.halts.model import Halt
    from release_tool.deploy.health.verdict import Sample
    from release_tool.deploy.ledger.model import Override
    from release_tool.deploy.policy import DeployOutcome
    from release_tool.deploy.preconditions import DeployRequest
    from release_tool.deploy.reconcile import ReconcileStep
    from release_tool.project import Project

P = ParamSpec("P")

_OVERRIDES = ("halt", "quarantine", "older", "irreversible", "no-way-back")


def _overrides(_context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Several in one value are fine, and none: a form has one field for all of them."""
    named = tuple(name for value in values for name in value.replace(",", " ").split())
    for name in named:
        if name not in _OVERRIDES:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(_OVERRIDES)}", param=parameter)
    return named


_EVIDENCE = click.option(
    "--evidence",
    metavar="DIR",
    default="",
    type=click.Path(file_okay=False),
    help="Save the full log in this folder.",
)
_ENVIRONMENT = click.option(
    "-e", "--environment", required=True, metavar="ENV", shell_complete=completion.environments, help="Where."
)


def _one_environment(text: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    return click.option(
        "-e", "--environment", default="", metavar="ENV", shell_complete=completion.environments, help=text
    )


def _at(command: Callable[P, None]) -> Callable[P, None]:
    """Give a command the options for the environment, the reason, and the output."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        _EVIDENCE,
        click.option("--here", is_flag=True, help="Run it on this machine instead of starting the workflow."),
        click.option("--dry-run", is_flag=True, help="Show what would be done and stop."),
        click.option("--reason", default="", help="The reason, recorded in the ledger."),
        _ENVIRONMENT,
    ):
        command = option(command)
    return command


@click.command()
@click.argument("version", shell_complete=completion.versions)
@_at
@click.option(
    "--override", "overrides", multiple=True, callback=_overrides, metavar="WHAT", help="Bypass a safety check."
)
@click.option("--again", is_flag=True, help="Deploy again even if the version is live and healthy.")
@click.option("--automatic", is_flag=True, help="Act as an automatic run: an objection blocks it.")
@click.option("--record", is_flag=True, help="Deploy nothing; record what runs, if it is healthy.")
@click.option("--no-watch", is_flag=True, help="End when it is healthy, whatever `watch` says.")
def deploy(  # the options of the command
    version: str,
    environment: str,
    reason: str,
    overrides: tuple[str, ...],
    again: bool,
    automatic: bool,
    record: bool,
    no_watch: bool,
    dry_run: bool,
    here: bool,
    evidence: str,
    as_json: bool,
) -> None:
    """Deploy VERSION to an environment, verify it through a bake, and roll back if it is not healthy.

    In Actions the job itself deploys; from a terminal the workflow is started and followed.
    Where `watch` is configured, the version is watched after that: in Actions by a run of its own, with --here here.
    A version that is live is checked first, and deployed again only if it is unhealthy; --again skips that check.
    --override takes halt, quarantine, older, irreversible or no-way-back, and a reason.

    \b
    Examples:
      release-tool deploy 1.3.0 -e production
      release-tool deploy 1.3.0 -e production --again
      release-tool deploy 1.3.0 -e production --override quarantine --reason "the database was full"
      release-tool deploy 1.2.3 -e production --record
    """
    if overrides and automatic:
        raise UsageError(
            "--override is for people and can't be combined with --automatic", todo="leave one of them out"
        )
    if again and (automatic or record):
        raise UsageError(
            "--again can't be combined with --automatic or --record", todo="leave out `--automatic` or `--record`"
        )
    if overrides and not reason.strip():
        raise UsageError("--override needs a reason", todo="say why with `--reason`")
    session = current_session()
    inputs = {"action": "deploy", "version": version, "reason": reason, "override": " ".join(overrides)}
    inputs |= {"again": "true"} if again else {}
    if not (here or dry_run or automatic or record or session.actions.enabled):
        _by_workflow(session, environment, inputs, as_json=as_json)
        return
    from release_tool.deploy import deploy as deployment
    from release_tool.deploy import verify as baseline

    request = _request(session, reason, overrides, automatic=automatic, again=again)
    with _progress(session) as progress:
        deploy_environment = _deploy_environment(session, environment, progress, evidence)
        if dry_run:
            done = deployment.preview(deploy_environment, version, request)
        elif record:
            done = baseline.record(deploy_environment, version, request)
        else:
            done = deployment.deploy(deploy_environment, version, request)
    if no_watch:
        done = msgspec.structs.replace(done, watched_until=None)
    if done.watched_until and not session.actions.enabled:
        if not as_json:
            session.show("\n".join(_lines(done)))
        with _progress(session) as progress:
            done = baseline.watch(dataclasses.replace(deploy_environment, progress=progress))
    _tell(session, done, as_json=as_json, matrix=_then(deploy_environment, "deploy", done))


@click.command()
@_at
@click.option(
    "--to",
    "version",
    default="",
    metavar="VERSION",
    shell_complete=completion.versions,
    help="Roll back to this version instead of the last known good.",
)
@click.option("--no-halt", is_flag=True, help="Don't halt the environment.")
@click.option("--override", "overrides", multiple=True, callback=_overrides, metavar="WHAT", help="irreversible")
def rollback(  # the options of the command
    environment: str,
    version: str,
    reason: str,
    no_halt: bool,
    overrides: tuple[str, ...],
    dry_run: bool,
    here: bool,
    evidence: str,
    as_json: bool,
) -> None:
    """Roll back to the last known good version now, even during a deployment, and halt the environment.

    \b
    Examples:
      release-tool rollback -e production
      release-tool rollback -e production --to 1.2.3 --reason "checkout is broken"
    """
    if not set(overrides) <= {"irreversible"}:
        raise UsageError("a rollback takes `--override irreversible` only", todo="leave the others out")
    if overrides and not reason.strip():
        raise UsageError("--override needs a reason", todo="say why with `--reason`")
    session = current_session()
    inputs = {"action": "rollback", "version": version, "reason": reason, "override": " ".join(overrides)}
    if not (here or dry_run or session.actions.enabled):
        if no_halt:
            raise UsageError("--no-halt needs --here", todo="add `--here`, or `release-tool resume` afterwards")
        _by_workflow(session, environment, inputs, as_json=as_json)
        return
    from release_tool.deploy import deploy as deployment

    request = _request(session, reason, overrides, automatic=False)
    with _progress(session) as progress:
        deploy_environment = _deploy_environment(session, environment, progress, evidence)
        if dry_run:
            done = deployment.preview_rollback(deploy_environment, version, request)
        else:
            done = deployment.rollback(deploy_environment, version, request, halts=not no_halt)
    _tell(session, done, as_json=as_json, matrix=_then(deploy_environment, "rollback", done))


@click.command()
@_one_environment("Only this environment. [default: all, in order]")
@click.option("--only-settle", is_flag=True, help="Recover interrupted deployments; deploy nothing new.")
@click.option("--only-close", is_flag=True, help="Close interrupted deployments; touch no environment.")
@click.option("--plan", is_flag=True, help="Record what is blocked, and print what to do in each environment.")
@click.option("--dry-run", is_flag=True, help="Show what would be done and stop.")
@_EVIDENCE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def reconcile(  # the options of the command
    environment: str, only_settle: bool, only_close: bool, plan: bool, dry_run: bool, evidence: str, as_json: bool
) -> None:
    """Recover interrupted deployments, then deploy the newest version that was blocked or missed.

    \b
    Examples:
      release-tool reconcile --dry-run
      release-tool reconcile -e production
    """
    from release_tool.deploy import reconcile as reconciliation

    if sum((only_settle, only_close, plan, dry_run)) > 1:
        raise UsageError("these options exclude each other", todo="give one of them")
    session = current_session()
    looks = plan or dry_run
    with _progress(session) as progress:
        places = _places(session, environment, progress, evidence)
        steps = reconciliation.plan(places, writes=plan) if looks else None
        done = () if looks else reconciliation.reconcile(places, only_settle=only_settle, only_close=only_close)
    if steps is not None:
        _tell_steps(session, places, steps, as_json=as_json)
    else:
        _tell_all(session, places, done, as_json=as_json)


@click.command()
@_ENVIRONMENT
@click.option("--watch", is_flag=True, help="Continue until the environment's `watch` is over; roll back on failure.")
@_EVIDENCE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def verify(environment: str, watch: bool, evidence: str, as_json: bool) -> None:
    """Run the checks now against the version that should be live: exit code 0 when healthy, 7 when not.

    With --watch it continues at a slower pace until `watch` after the deployment is over; a newer deployment or a
    signal ends it. A version that is found unhealthy is rolled back: exit code 6.

    \b
    Examples:
      release-tool verify -e production
      release-tool verify -e production --watch
    """
    from release_tool.deploy import verify as baseline

    session = current_session()
    with _progress(session) as progress:
        deploy_environment = _deploy_environment(session, environment, progress, evidence)
        done = baseline.watch(deploy_environment) if watch else baseline.verify(deploy_environment)
    _tell(session, done, as_json=as_json)


@click.command()
@_one_environment("Only this environment. [default: all]")
@click.option("--reason", required=True, help="The reason, shown to everybody.")
@click.option("--until", default="", metavar="TIME", help="When it ends by itself: 2h, 18:00 or 2026-11-22T18:00Z.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def halt(environment: str, reason: str, until: str, as_json: bool) -> None:
    """Stop automatic deployments by opening an issue; closing it, or `resume`, lifts the halt.

    \b
    Examples:
      release-tool halt -e production --reason "Black Friday" --until 2026-11-28T08:00Z
      release-tool halt --reason "the database is being moved"
    """
    from release_tool.deploy.halts.commands import halt as stop
    from release_tool.deploy.halts.model import HaltOrder

    session = current_session()
    project = session.project()
    _insist_on_environment(project, environment)
    if not reason.strip():
        raise UsageError("a halt needs a reason", todo="say why with `--reason`")
    order = HaltOrder(
        environment=environment,
        by=session.person(),
        reason=_masked(project, reason.strip()),
        until=_until(until, project.clock.now()),
    )
    made = stop(project, order)
    more = [_how_it_ends(project, one) for one in made.halts]
    _tell_halts(session, made.halts, "halted" if made.changed else "halted already", more, as_json=as_json)


@click.command()
@_one_environment("Only halts of this environment. [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def resume(environment: str, as_json: bool) -> None:
    """Lift halts, those of incidents included, continue what is paused between waves, and show what is deployed next.

    \b
    Examples:
      release-tool resume
      release-tool resume -e production
    """
    from release_tool.deploy import reconcile as reconciliation
    from release_tool.deploy.halts.commands import resume as lift

    session = current_session()
    project = session.project()
    _insist_on_environment(project, environment)
    done = lift(project, environment, session.person())
    places = _places(session, environment, None, "")
    texts = list(_gone_on(places, session.person()))
    state = "resumed" if done.changed or texts else "still halted" if done.left else "nothing was halted"
    texts += [f"every environment is still halted, this one too: {one.url}: `release-tool resume`" for one in done.left]
    steps = [step for step in reconciliation.plan(places) if step.needed]
    texts += [f"next in {step.environment}: {step.action} {step.version}".rstrip() for step in steps]
    _tell_halts(session, done.halts, state, texts, as_json=as_json)


def _gone_on(places: Sequence[DeployEnvironment], by: str) -> Iterator[str]:
    """Which deployments were paused between waves, and continue now."""
    from release_tool.deploy.ledger.writer import LedgerWriter
    from release_tool.deploy.queue import resume_paused

    for deploy_environment in places:
        if entry := resume_paused(LedgerWriter(deploy_environment), by):
            yield f"{deploy_environment.name}: {entry} continues"


def _how_it_ends(project: Project, halted: Halt) -> str:
    """What has to happen for deployments to go on."""
    from release_tool.deploy.our_workflows import told_next_look

    until = halted.order.until
    if until is None:
        return "it lasts until somebody resumes, which also starts blocked deployments: `release-tool resume`"
    return f"it ends on {until:%a} {until:%Y-%m-%d %H:%M} UTC; from then on, {told_next_look(project, until)}"


# Where


def _request(
    session: Session, reason: str, overrides: Sequence[str], *, automatic: bool, again: bool = False
) -> DeployRequest:
    from release_tool.deploy.ledger.model import Override
    from release_tool.deploy.preconditions import DeployRequest

    chosen: frozenset[Override] = frozenset(Override(word) for word in overrides)
    by = session.person()
    return DeployRequest(by=by, reason=visible(reason), automatic=automatic, overrides=chosen, again=again)


def _deployed(session: Session) -> Project:
    """The project with the configuration of what is deployed, unless a file was named."""
    from release_tool.deploy.environment import with_deployed_configuration

    project = session.project()
    if session.options.config:
        return project
    deployed = with_deployed_configuration(project)
    return msgspec.structs.replace(deployed, notify=session.notifier(deployed.git, deployed.config))


def _deploy_environment(
    session: Session, name: str, progress: LiveProgress | PlainProgress, evidence: str
) -> DeployEnvironment:
    from release_tool.deploy.environment import environment_named

    folder = _folder(evidence)
    deploy_environment = environment_named(
        _deployed(session), name, ours=os.environ, progress=progress, evidence=folder
    )
    insist_on_gate(name, deploy_environment.settings, os.environ)
    return deploy_environment


def _places(
    session: Session, name: str, progress: LiveProgress | PlainProgress | None, evidence: str
) -> tuple[DeployEnvironment, ...]:
    from release_tool.deploy.environment import environment_named

    project, folder = _deployed(session), _folder(evidence)
    names = [name] if name else list(project.config.environments)
    places = tuple(
        environment_named(project, name, ours=os.environ, progress=progress, evidence=folder) for name in names
    )
    for deploy_environment in places:
        insist_on_gate(deploy_environment.name, deploy_environment.settings, os.environ)
    return places


def _folder(evidence: str) -> Path | None:
    """Where evidence is kept: as asked, else in Actions beside the job's other files, else nowhere."""
    if evidence:
        return Path(evidence)
    temporary = os.environ.get("RUNNER_TEMP", "")
    return Path(temporary) / "release-tool-evidence" if temporary else None


def _insist_on_environment(project: Project, name: str) -> None:
    from release_tool.deploy.environment import with_deployed_configuration

    if name and name not in project.config.environments:
        known = with_deployed_configuration(project).config.environments
        if name not in known:
            raise UsageError(
                f"there is no environment {name!r}",
                already="nothing was changed",
                todo=f"name one of {', '.join(known)}, or none for all" if known else "name none for all",
            )


def _masked(project: Project, text: str) -> str:
    """What a person typed for everybody to read, without our tokens and what any command is given in secret."""
    from release_tool.config.model import OUR_TOKENS
    from release_tool.text.masking import Masker

    passed = (name for settings in project.config.environments.values() for name in settings.pass_env)
    return Masker({os.environ.get(name, "") for name in (*OUR_TOKENS, *passed)} - {""})(text)


def _until(text: str, now: datetime) -> datetime | None:
    """Read when a halt ends: a time from now on, a time of the day (UTC), or a whole date with its time."""
    from datetime import UTC, datetime, time, timedelta

    from release_tool.config.model import Duration

    if not text.strip():
        return None
    try:
        if lasts := Duration.parse(text.strip()):
            return now + lasts
    except ValueError:
        pass
    try:
        clock = time.fromisoformat(text)
        zone = clock.tzinfo or UTC
        at = datetime.combine(now.astimezone(zone).date(), clock, zone).astimezone(UTC)
        return at if at > now else at + timedelta(days=1)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.replace(tzinfo=found.tzinfo or UTC) <= now:
        raise UsageError(
            f"--until {text!r} is not a time in the future", todo="say `2h`, `18:00` or `2026-11-22T18:00Z`"
        )
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)


def _progress(session: Session) -> LiveProgress | PlainProgress:
    from release_tool.cli.progress import LiveProgress, PlainProgress

    lively = sys.stderr.isatty() and not session.actions.enabled and os.environ.get("TERM") != "dumb"
    return LiveProgress(session) if lively else PlainProgress(session)


# Elsewhere


def _by_workflow(session: Session, environment: str, inputs: Mapping[str, str], *, as_json: bool) -> None:
    """Start the workflow and follow its run; the exit code is that of what it did."""
    from release_tool.cli.progress import PlainProgress
    from release_tool.deploy import dispatch
    from release_tool.deploy.halts.model import KEPT_OF_A_REASON
    from release_tool.deploy.our_workflows import workflow_of

    deploy_environment = _deploy_environment(session, environment, PlainProgress(session), "")
    reason = shortened(deploy_environment.mask(inputs["reason"]), KEPT_OF_A_REASON)
    request = {**inputs, "environment": environment, "reason": reason}
    run = dispatch.start(deploy_environment.project, workflow_of(deploy_environment.project, "deploy"), request)
    ended = dispatch.follow(
        deploy_environment.project, run, session.show_job(f"{deploy_environment.project.web_url}/actions/runs/{run}")
    )
    _tell(session, dispatch.outcome_of(deploy_environment, ended), as_json=as_json)


# Telling


def _tell(session: Session, done: DeployResult, *, as_json: bool, matrix: str = "[]") -> None:
    if as_json:
        session.document(_document(done))
    else:
        session.show("\n".join(_lines(done)))
    session.actions.write_outputs(_outputs(done) | {"environments": matrix})
    if session.actions.enabled:
        session.actions.write_summary(_summary(done))
    _raise(done)


def _tell_all(
    session: Session, places: Sequence[DeployEnvironment], done: Sequence[DeployResult], *, as_json: bool
) -> None:
    """Report what was reconciled; the exit code is that of the worst result."""
    if as_json:
        session.document({"deployments": [_document(one) for one in done]})
    else:
        text = "\n".join(line for one in done for line in _lines(one))
        session.show(text or "nothing to recover, and nothing to deploy")
    by_name = {deploy_environment.name: deploy_environment for deploy_environment in places}
    watched = [(by_name[one.environment], "watch", one.version) for one in done if one.watched_until]
    session.actions.write_outputs({"environments": _matrix(watched)})
    for one in done:
        if session.actions.enabled:
            session.actions.write_summary(_summary(one))
    for outcome in ("unhealthy", "inconclusive", "rolled_back"):
        for one in done:
            if one.outcome == outcome:
                _raise(one)


def _tell_steps(
    session: Session, places: Sequence[DeployEnvironment], steps: Sequence[ReconcileStep], *, as_json: bool
) -> None:
    if as_json:
        session.document({"steps": [msgspec.to_builtins(_step_document(step)) for step in steps]})
    else:
        session.show(
            "\n".join(line for step in steps for line in _step_lines(step)) or "there is no environment to deploy to"
        )
    by_name = {deploy_environment.name: deploy_environment for deploy_environment in places}
    todo = [(by_name[step.environment], "reconcile", step.version) for step in steps if step.needed]
    session.actions.write_outputs({"environments": _matrix(todo)})
    if session.actions.enabled:
        session.actions.write_summary("\n\n".join(_step_summary(step) for step in steps))


def _tell_halts(session: Session, halts: Sequence[Halt], what: str, more: Sequence[str] = (), *, as_json: bool) -> None:
    if as_json:
        found = [{"issue": one.issue, "url": one.url, **msgspec.to_builtins(one.order)} for one in halts]
        session.document({"state": what, "halts": found, "next": list(more)})
        return
    lines = [f"{what}: {one.order.environment or 'every environment'} {one.url}" for one in halts] or [what]
    session.show(visible_block("\n".join([*lines, *more])))
    if session.actions.enabled:
        session.actions.write_summary("\n".join(f"- {visible(line)}" for line in [*lines, *more]))


def _then(environment: DeployEnvironment, action: str, done: DeployResult) -> str:
    """What a workflow has to do next: what a preview says may go, or to watch what was brought."""
    goes = done.outcome == "goes"
    return _matrix([(environment, action if goes else "watch", done.version)] if goes or done.watched_until else [])


def _matrix(todo: Sequence[tuple[DeployEnvironment, str, str]]) -> str:
    """What a workflow makes jobs of: where, what, and the environment of GitHub's that guards it.

    A watch may go back, so it needs what a rollback needs.
    """
    entries = []
    for deploy_environment, action, version in todo:
        gate = (
            action in {"rollback", "watch"} and deploy_environment.settings.rollback_environment
        ) or deploy_environment.name
        entries.append({"environment": deploy_environment.name, "action": action, "version": version, "gate": gate})
    return json.dumps(entries)


def _document(done: DeployResult) -> dict[str, object]:
    return {
        "environment": done.environment,
        "version": done.version or None,
        "commit": done.commit or None,
        "outcome": done.outcome,
        "reason": done.reason,
        "before": done.before,
        "live": done.live,
        "rolled_back_to": done.rolled_back_to,
        "deployment": done.deployment,
        "incident": done.incident or None,
        "watched_until": f"{done.watched_until:%Y-%m-%dT%H:%M:%SZ}" if done.watched_until else None,
        "overrides": list(done.ways_out),
        "samples": [_sample_document(sample) for sample in done.samples],
    }


def _sample_document(sample: Sample) -> dict[str, object]:
    told = sample.document()
    return {name: told[name] for name in ("target", "check", "at", "sample", "detail", "value", "took") if name in told}


def _step_document(step: ReconcileStep) -> dict[str, object]:
    return {
        "environment": step.environment,
        "action": step.action,
        "version": step.version or None,
        "reason": step.reason,
        "changes": list(step.changes),
    }


def _outputs(done: DeployResult) -> dict[str, str]:
    return {
        "outcome": done.outcome,
        "environment": done.environment,
        "version": done.version,
        "live": done.live or "",
        "deployment": str(done.deployment or ""),
    }


def _lines(done: DeployResult) -> list[str]:
    name = f" {done.version}" if done.version else ""
    lines = [f"{done.environment}:{name} {_shown(done.outcome)}: {visible(done.reason)}"]
    lines += [f"  {change.name} {visible(change.title)}" for change in done.changes if done.outcome == "goes"]
    if done.outcome not in {"goes", "healthy", "unchanged"}:
        lines.append(f"  live: {done.live or 'unknown'}")
    if done.watched_until:
        lines.append(f"  watched until {done.watched_until:%H:%M} UTC")
    if done.then:
        lines.append(f"  {visible(done.then)}")
    return lines


def _shown(outcome: DeployOutcome) -> str:
    """An outcome in the words of a person, where they are others than those of programs."""
    return {"goes": "ok", "held": "blocked"}.get(outcome, outcome.replace("_", " "))


def _step_lines(step: ReconcileStep) -> list[str]:
    why = f": {visible(step.reason)}" if step.reason else ""
    line = f"{step.environment}: {step.action} {step.version}".rstrip() + why
    return [line, f"  {visible(step.then)}"] if step.then else [line]


def _summary(done: DeployResult) -> str:
    from release_tool.text.markdown import fenced, inert

    name = inert(done.version)
    parts = [f"### {done.environment}: {name} {_shown(done.outcome)}", inert(done.reason), inert(done.then)]
    parts = [part for part in parts if part]
    if done.before and done.before != done.version:
        parts.append(f"{inert(done.before)} → {name}")
    parts += ["\n".join(f"- {change.name} {inert(change.title)}" for change in done.changes)] if done.changes else []
    if done.incident:
        parts.append(f"Incident: {done.incident}")
    if done.evidence and done.outcome != "healthy":
        parts.append(done.evidence)
    if done.by_hand:
        parts.append(f"<details><summary>By hand</summary>\n\n{fenced(done.by_hand)}\n\n</details>")
    return "\n\n".join(parts)


def _step_summary(step: ReconcileStep) -> str:
    from release_tool.text.markdown import inert

    text = f"### {step.environment}: {step.action} {inert(step.version)}".rstrip()
    listed = "\n".join(f"- {inert(line)}" for line in step.changes)
    return "\n\n".join(part for part in (text, inert(step.reason), inert(step.then), listed) if part)


def _raise(done: DeployResult) -> None:
    """End with the exit code of an outcome; those that are fine end with none."""
    from release_tool.deploy.policy import DeployOutcome

    live = f"{done.live} is live" if done.live else "it is unknown what is live"
    where = word(done.environment)
    back = f"`release-tool rollback -e {where}`"
    match done.outcome:
        case DeployOutcome.REFUSED:
            raise RefusedError(done.reason, already=f"nothing was changed; {live}", todo=_way_on(done))
        case DeployOutcome.ROLLED_BACK:
            raise RolledBackError(
                f"{done.version} is not healthy in {done.environment}: {done.reason}",
                already=f"rolled back: {done.rolled_back_to} is live again, and was proven healthy",
                todo=_way_on(done),
            )
        case DeployOutcome.UNHEALTHY:
            halted, lifts = "", ""
            if done.incident:
                halted = f"; automatic deployments are halted: {done.incident}"
                lifts = f", `release-tool resume -e {where}` lifts the halt"
            raise UnhealthyError(
                f"{done.environment} is not healthy: {done.reason}",
                already=f"{live}{halted}",
                todo=f"check it now: {back} returns to the last known good{lifts}",
            )
        case DeployOutcome.INCONCLUSIVE:
            raise UnhealthyError(
                f"the health of {done.environment} is unknown: {done.reason}",
                already="nothing was rolled back, because the measurement itself may be at fault",
                todo=f"look at it, then `release-tool verify -e {where}`, or {back}",
            )
        case (
            DeployOutcome.GOES
            | DeployOutcome.UNCHANGED
            | DeployOutcome.HELD
            | DeployOutcome.SUPERSEDED
            | DeployOutcome.HEALTHY
        ):
            return
        case _ as never:
            assert_never(never)


def _way_on(done: DeployResult) -> str:
    """What to do about a version that was refused, or rolled back."""
    from release_tool.deploy.policy import DeployOutcome

    if done.outcome is DeployOutcome.ROLLED_BACK:
        if done.blameless:
            return f"deploy {done.version} again; the version did not cause the failure"
        return f"fix {done.version} and release again; it is quarantined in {done.environment} until then"
    if ways := " ".join(f"--override {way}" for way in done.ways_out):
        return f'or bypass the check: `{ways} --reason "…"`'
    return f"remove what stands in the way, or deploy what `release-tool status -e {word(done.environment)}` shows"
