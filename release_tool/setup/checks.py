"""What has to be in place before a release or a deployment works: one finding each, with the way to fix it."""

from __future__ import annotations

import enum
import re
import shlex
from typing import TYPE_CHECKING, assert_never

import msgspec

from release_tool.deploy.freeze import parse_cron, parse_zone
from release_tool.deploy.health.judge import unusable
from release_tool.deploy.ledger.model import live, proven_commits
from release_tool.errors import UsageError
from release_tool.history.changes import BumpRule
from release_tool.history.titles import conventional
from release_tool.history.trust import summed_up
from release_tool.model.tags import TagState
from release_tool.model.version import Bump
from release_tool.pull_request.policy import missing_labels
from release_tool.release.version_files import BUILD, unset, version_files
from release_tool.setup.called import breaches
from release_tool.setup.files import DEPLOY, RELEASE, FileState, granted, is_kept, passed
from release_tool.text.globs import matching
from release_tool.text.typed import environment_path, word

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import timedelta

    from release_tool.config.model import Config, Environment
    from release_tool.deploy.ledger.model import Deployment
    from release_tool.history.changes import Change
    from release_tool.history.trust import Ignored
    from release_tool.model.tag_names import Naming
    from release_tool.model.tags import VersionTag
    from release_tool.setup.files import ManagedFile

_FEW = 5
_DIFFERENCE = 30
"""Seconds by which clocks may differ before it matters to leases and halts."""
_PUSHES = frozenset({"update", "pull_request", "required_status_checks", "required_signatures", "merge_queue"})
"""Rules that keep a push from moving a branch."""
_START = re.compile(r"^on:.*?(?=^\S)", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r" *#[^\n]*")


class FindingState(enum.Enum):
    """The result of checking a precondition."""

    OK = "ok"
    PROBLEM = "problem"
    UNSEEN = "unseen"
    """It cannot be seen with this token, or from here."""


class Fix(enum.Enum):
    """What can be fixed safely without a person."""

    LABELS = "labels"
    CLOUD = "cloud"
    FILES = "files"


class DoctorFinding(msgspec.Struct, frozen=True):
    """One precondition: what it is about, how it is, and the command or the place that fixes it.

    Where it holds, `fix` is advice.
    """

    about: str
    verdict: FindingState
    text: str
    fix: str = ""
    repair: Fix | None = None


class BranchRules(msgspec.Struct, frozen=True):
    """What holds for a branch: the kinds of its rules, and the checks that are required."""

    rules: frozenset[str]
    checks: frozenset[str]


class TagRules(msgspec.Struct, frozen=True):
    """A ruleset for tags: the patterns of refs it covers and leaves out, its rules, and whether we are let through."""

    name: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    rules: frozenset[str]
    bypassed: bool


class EnvironmentSettings(msgspec.Struct, frozen=True):
    """An environment as GitHub has it: whether somebody has to approve, minutes to wait, and who may deploy to it.

    `branches` are patterns of branch names, None where every branch is admitted.
    """

    name: str
    reviewed: bool = False
    wait_minutes: int = 0
    branches: tuple[str, ...] | None = None
    protected_only: bool = False


class ActionsSettings(msgspec.Struct, frozen=True):
    """What GitHub Actions may do in a repository; `allowed` says whose actions may be used."""

    enabled: bool
    allowed: str
    opens_pulls: bool


def ok(about: str, text: str, advice: str = "") -> DoctorFinding:
    """Say that a precondition holds."""
    return DoctorFinding(about, FindingState.OK, text, advice)


def problem(about: str, text: str, fix: str, repair: Fix | None = None) -> DoctorFinding:
    """Say that a precondition does not hold."""
    return DoctorFinding(about, FindingState.PROBLEM, text, fix, repair)


def unseen(about: str, why: str, fix: str = "") -> DoctorFinding:
    """Say that a precondition could not be looked at."""
    return DoctorFinding(about, FindingState.UNSEEN, why, fix)


# The configuration and what it says of itself


def of_configuration(config: Config, source: str) -> Iterator[DoctorFinding]:
    """Checks that can't be asked and freezes that never begin are errors of the configuration, too."""
    wrong = [text for name, environment in config.environments.items() for text in _wrong(name, environment)]
    yield from (problem("configuration", text, f"correct {source}") for text in wrong)
    if not wrong:
        yield ok("configuration", f"{source} is valid" if source else "no file, so the defaults apply")


def _wrong(name: str, environment: Environment) -> Iterator[str]:
    for number, check in enumerate(environment.checks):
        yield from (f"environments.{name}.checks[{number}]: {text}" for text in unusable(check))
    for number, freeze in enumerate(environment.freeze):
        try:
            parse_cron(freeze.cron)
            parse_zone(freeze.timezone)
        except UsageError as error:
            yield f"environments.{name}.freeze[{number}]: {error.message}"
    if not (environment.checks or environment.health):
        yield f"environments.{name}: has no check, so nothing can tell whether a deployment is healthy"


def of_proof(config: Config) -> Iterator[DoctorFinding]:
    """Without a check that proves the version, an answer of the old one counts as the new one's."""
    for name, environment in config.environments.items():
        tells = any(check.tells_version for check in environment.checks)
        about = f"proof of {name}"
        if tells:
            yield ok(about, "a check tells which version answers")
        else:
            fix = f"let the application tell its version, and set `version-pointer` in environments.{name}.checks"
            yield problem(about, "no check tells which version answers: what is deployed stays unproven", fix)


def of_watch(config: Config) -> Iterator[DoctorFinding]:
    """A watch is paid for: a job takes as long."""
    for name, environment in config.environments.items():
        if environment.watch:
            minutes = round(environment.watch.total_seconds() / 60)
            text = f"a job watches for {minutes} minutes after each deployment, which are billed like any other"
            yield ok(f"watch of {name}", text)


def of_channels(config: Config, known: Collection[str], workflows: Iterable[str]) -> Iterator[DoctorFinding]:
    """A channel needs the variable with its URL; `known` are those that are set here."""
    told = "\n".join(workflows)
    for name, channel in config.channels.items():
        about, variable = f"channel {name}", channel.url_env
        if variable in known:
            yield ok(about, f"{variable} is set; `release-tool notify test` tries it")
        elif variable not in told:
            fix = f"release-tool init, or `{variable}: ${{{{ secrets.{variable} }}}}` in the steps that notify"
            yield problem(about, f"no workflow passes {variable} on", fix, Fix.FILES)
        else:
            yield unseen(about, f"{variable} is not set here", "release-tool notify test")


# The token


def of_rights(rights: Mapping[str, bool | None]) -> Iterator[DoctorFinding]:
    """What the token at hand may write; the workflows say what theirs may."""
    for permission, may in rights.items():
        about = f"token: {permission}"
        if may is None:
            yield unseen(about, "GitHub does not report it")
        elif may:
            yield ok(about, "granted")
        else:
            fix = f"use a token with `{permission}`: gh auth refresh, or a new fine-grained token"
            yield problem(about, "this token may not", fix)


# Labels, rules and settings


def of_labels(config: Config, known: Collection[str]) -> Iterator[DoctorFinding]:
    """Labels that the configuration maps have to exist, or nobody can choose them."""
    missing = [label for labels in missing_labels(known, config) for label in labels]
    if missing:
        commands = "; ".join(f"gh label create {shlex.quote(label)}" for label in missing)
        yield problem("labels", f"missing: {', '.join(missing)}", commands, Fix.LABELS)
    else:
        yield ok("labels", "all configured labels exist")


def of_required_checks(branch: str, rules: BranchRules | None, settings: str) -> Iterator[DoctorFinding]:
    """Without required checks a pull request is merged that breaks the release."""
    about = f"checks of {branch}"
    if rules is None:
        yield problem(about, f"there is no branch `{branch}` on GitHub", f"git push origin {branch}")
        return
    missing = [name for name in ("checks", "policy") if name not in rules.checks]
    if missing:
        named = " and ".join(f"`{name}`" for name in missing)
        yield problem(about, f"not required: {named}", f"require them: {settings}/rules/new?target=branch")
    else:
        yield ok(about, "`checks` and `policy` are required")


def of_cloud(
    config: Config, rules: BranchRules | None, *, merges: bool | None, settings: str
) -> Iterator[DoctorFinding]:
    """The hosted branch has to be there, may have to be pushed to, and has to take merge commits."""
    if config.sync is None:
        return
    branch = config.sync.branch
    about = f"branch {branch}"
    if rules is None:
        yield problem(about, "does not exist yet", f"git push origin REF:refs/heads/{branch}", Fix.CLOUD)
        return
    hindered = sorted(rules.rules & _PUSHES | ({"required_status_checks"} if rules.checks else set()))
    if hindered and config.sync.via == "push":
        fix = f'let the app or a deploy key bypass it in {settings}/rules, or set `via = "pull-request"`'
        yield problem(about, f"rules keep a push from moving it: {', '.join(hindered)}", fix)
    else:
        kept = {"non_fast_forward", "deletion"} <= rules.rules
        yield ok(about, "exists", "" if kept else f"forbid to rewrite or delete it: {settings}/rules/new?target=branch")
    if "required_linear_history" in rules.rules or merges is False:
        what = "a rule forbids merge commits" if merges is not False else "the repository allows no merge commits"
        fix = f"allow them: {settings}, and {settings}/rules"
        yield problem(f"merges into {branch}", f"{what}: a resolved conflict would come back", fix)


def of_tag_rules(tag: str, rulesets: Iterable[TagRules], settings: str) -> Iterator[DoctorFinding]:
    """A rule that keeps tags from being made keeps releases from being made."""
    ref = f"refs/tags/{tag}"
    held = [one.name for one in rulesets if "creation" in one.rules and not one.bypassed and _covers(one, ref)]
    if held:
        fix = f"let this token bypass it, or an app (`release-tool init --app`): {settings}/rules"
        yield problem("tags", f"the ruleset {', '.join(held)} keeps this token from making {tag}", fix)
    else:
        yield ok("tags", f"no rule keeps this token from making {tag}")


def _covers(rules: TagRules, ref: str) -> bool:
    return _any_matches(rules.include, ref) and not _any_matches(rules.exclude, ref)


def _any_matches(patterns: Iterable[str], ref: str) -> bool:
    return any(pattern == "~ALL" or matching([ref], [pattern]) for pattern in patterns)


def of_immutable_releases(*, locked: bool, settings: str) -> Iterator[DoctorFinding]:
    """What is released need not be locked, and better is."""
    if locked:
        yield ok("immutable releases", "tags and files of releases are locked once published")
        yield unseen(
            "burned names", "GitHub does not list tag names burned by deleted releases; only creating a tag shows it"
        )
    else:
        yield ok("immutable releases", "off: published files can still be changed", f"switch them on in {settings}")


def of_actions(config: Config, actions: ActionsSettings, settings: str) -> Iterator[DoctorFinding]:
    """Actions has to run, with GitHub's own actions, and opens the pull request of a conflict."""
    about, place = "Actions", f"{settings}/actions"
    if not actions.enabled:
        yield problem(about, "is switched off", f"switch it on: {place}")
    elif actions.allowed == "local_only":
        yield problem(about, "may not use actions made by GitHub", f"allow them: {place}")
    else:
        yield ok(about, "is on, and may use GitHub's own actions")
    if config.sync and not actions.opens_pulls:
        text = "workflows may not open pull requests: a conflict becomes an issue instead"
        yield problem("Actions: pull requests", text, f"allow it at the bottom of {place}")


# Environments


def of_environments(
    config: Config, settings: Mapping[str, EnvironmentSettings], branches: Collection[str], repository: str
) -> Iterator[DoctorFinding]:
    """Each environment exists, admits the branches that deploy to it, and lets a rollback through at once."""
    for name, environment in config.environments.items():
        yield from _of_environment(name, settings.get(name), branches, repository)
        back = environment.rollback_environment or name
        found = settings.get(back)
        if found and (found.reviewed or found.wait_minutes):
            what = "asks for an approval" if found.reviewed else f"waits {found.wait_minutes} minutes"
            fix = f"name an environment without it: environments.{name}.rollback-environment"
            waits = "a rollback and the watch" if environment.watch else "a rollback"
            yield problem(f"rollback of {name}", f"`{back}` {what}, and {waits} would wait for it", fix)
        if environment.rollback_environment and found is None:
            yield from _of_environment(back, None, branches, repository)


def _of_environment(
    name: str, found: EnvironmentSettings | None, branches: Collection[str], repository: str
) -> Iterator[DoctorFinding]:
    about, place = f"environment {name}", environment_path(repository, name)
    if found is None:
        text = "does not exist: the first job would make it, without any protection"
        yield problem(about, text, f"gh api --method PUT {place}")
        return
    patterns = found.branches
    shut = [branch for branch in branches if patterns is not None and not matching([branch], patterns)]
    if shut:
        commands = [f"gh api {place}/deployment-branch-policies -f {word(f'name={branch}')}" for branch in shut]
        yield problem(about, f"does not admit {', '.join(shut)}", "; ".join(commands))
    elif patterns is None and not found.protected_only:
        yield ok(about, "exists, and admits every branch", f"admit only {', '.join(branches)}: its settings")
    else:
        yield ok(about, "exists, and admits the branches that deploy")


def of_secrets(name: str, environment: Environment, known: Collection[str], repository: str) -> Iterator[DoctorFinding]:
    """What `pass-env` names has to be there to be handed on."""
    missing = [secret for secret in environment.pass_env if secret not in known]
    if missing:
        commands = "; ".join(f"gh secret set {secret} --env {word(name)} --repo {repository}" for secret in missing)
        yield problem(
            f"secrets of {name}",
            f"not set, neither for the environment nor for the repository: {', '.join(missing)}",
            commands,
        )
    elif environment.pass_env:
        yield ok(f"secrets of {name}", "all that `pass-env` names are set")


def of_passed(config: Config, deploy: str | None, release: str | None) -> Iterator[DoctorFinding]:
    """What the configuration names has to stand in the very job that is given it."""
    jobs = {"build": config.build} if config.build.enabled else {}
    jobs |= {"candidate": config.build} if config.sync and config.build.workflow else {}
    for name, job in (jobs | ({"tests": config.tests} if config.sync else {})).items():
        yield from _given(name, job.secrets, job.permissions, RELEASE, release)
    passed_on = {name for environment in config.environments.values() for name in environment.pass_env}
    setup = config.deploy_setup
    yield from _given("environments", passed_on.union(setup.secrets), setup.permissions, DEPLOY, deploy)


def of_called(config: Config, workflows: Mapping[str, str | None]) -> Iterator[DoctorFinding]:
    """A workflow of the user's that ours calls has to take what it is given, or GitHub starts nothing at all."""
    jobs = {"build": config.build, "tests": config.tests}
    for name, job in jobs.items():
        wrong = list(breaches(name, job, workflows.get(job.workflow)))
        yield from (problem(f"{name} workflow", text, f"correct {job.workflow}, or `{name}`") for text in wrong)
        if job.workflow and not wrong:
            yield ok(f"{name} workflow", f"{job.workflow} takes what it is given")


def _given(
    job: str, secrets: Collection[str], permissions: Mapping[str, str], path: str, workflow: str | None
) -> Iterator[DoctorFinding]:
    about, name, text = f"job {job}", path.rpartition("/")[2], workflow or ""
    may = granted(text, job)
    rights = [
        f"`{what}: {level}`" for what, level in sorted(permissions.items()) if may.get(what) not in {level, "write"}
    ]
    missing = [*sorted({*secrets} - passed(text, job)), *rights]
    if missing:
        fix = "release-tool init, or a line each: `NAME: ${{ secrets.NAME }}`, or the permission"
        yield problem(about, f"{name} does not give it {', '.join(missing)}", fix, Fix.FILES)
    elif secrets or permissions:
        yield ok(about, f"{name} gives it all that the configuration names")


def of_ledgers(config: Config, ledgers: Mapping[str, tuple[Deployment, ...]]) -> Iterator[DoctorFinding]:
    """Without something proven there is no rollback target, and nothing is deployed automatically."""
    for name in config.environments:
        ledger = ledgers.get(name, ())
        about = f"baseline of {name}"
        if not proven_commits(ledger):
            text = "nothing was proven here yet, so nothing is deployed automatically"
            yield problem(about, text, f"release-tool deploy VERSION -e {word(name)} --record")
        elif live(ledger).commit is None:
            text = f"it is not known what is live: {live(ledger).unknown}"
            yield problem(about, text, f"release-tool reconcile -e {word(name)}")
        else:
            yield ok(about, "something proven is live")


def of_records(ignored: Iterable[Ignored]) -> Iterator[DoctorFinding]:
    """Untrusted and unreadable records in the ledger are ignored; an app may only be missing in `trusted-apps`."""
    found = summed_up(ignored)
    for one in found:
        text = f"ignored: {one}"
        yield problem("records", text, one.todo) if one.todo else ok("records", text, "check who has write access")
    if not found:
        yield ok("records", "everything in the ledger counts")


# Files, tags, the clone, the clock


def of_files(files: Iterable[ManagedFile]) -> Iterator[DoctorFinding]:
    """The files that are kept up to date have to be there, and as this version writes them."""
    kept = [file for file in files if is_kept(file.path)]
    missing = [file.path for file in kept if file.state is FileState.NEW]
    older = [file.path for file in kept if file.state is FileState.OLDER]
    changed = [file.path for file in kept if file.state is FileState.CHANGED]
    strange = [file.path for file in kept if file.state is FileState.STRANGE]
    if strange:
        text = f"not managed by release-tool, but with the name of a managed file: {', '.join(strange)}"
        yield problem("files", text, "rename them, and run `release-tool init`")
    if missing:
        yield problem("files", f"missing: {', '.join(missing)}", "release-tool init", Fix.FILES)
    if older:
        yield problem("files", f"older than this release-tool: {', '.join(older)}", "release-tool init", Fix.FILES)
    if changed:
        text = f"changed, or not written by `init`: {', '.join(changed)}"
        yield ok("files", text, "see what differs: release-tool init --dry-run --overwrite")
    if not (missing or older or changed or strange):
        yield ok("files", "as this release-tool writes them")


def of_triggers(files: Iterable[ManagedFile]) -> Iterator[DoctorFinding]:
    """A workflow that somebody changed still has to start on what the configuration asks for."""
    for file in files:
        if file.state is FileState.CHANGED and file.there is not None and _start(file.there) != _start(file.text):
            fix = f"compare them: release-tool init --dry-run --overwrite ({file.path})"
            yield problem("triggers", f"{file.path} has other triggers than the configuration asks for", fix)


def _start(workflow: str) -> list[str]:
    found = _START.search(workflow)
    lines = _COMMENT.sub("", found[0]).splitlines() if found else []
    return [line.strip() for line in lines if line.strip()]


def of_workflows(states: Mapping[str, str], wanted: Iterable[str]) -> Iterator[DoctorFinding]:
    """A workflow runs when it is on the default branch and nobody has switched it off."""
    wanted = tuple(wanted)
    missing = [path for path in wanted if path not in states]
    off = [path for path in wanted if states.get(path, "active") != "active"]
    if missing:
        text = f"not on the default branch yet: {', '.join(missing)}"
        yield problem("workflows", text, "commit them, and merge them by a pull request")
    if off:
        commands = "; ".join(f"gh workflow enable {path.rpartition('/')[2]}" for path in off)
        yield problem("workflows", f"switched off: {', '.join(off)}", commands)
    if not wanted:
        yield unseen("workflows", "which are needed is not known", "release-tool init")
    elif not (missing or off):
        yield ok("workflows", "all are on the default branch and switched on")


def of_tags(tags: Iterable[VersionTag], naming: Naming) -> Iterator[DoctorFinding]:
    """Version tags are of one package and can be read, and every one that was claimed is finished."""
    tags = tuple(tags)
    if naming.packages:
        several = f"they are of several packages: {', '.join(naming.packages)}"
        yield problem("version tags", several, f'choose one by its prefix: `tag-prefix = "{naming.choice}"`')
    else:
        newest = f"the newest is {tags[0].name}" if tags else "none yet: the first release begins them"
        yield ok("version tags", "; ".join([newest, *naming.remarks]))
    for tag in tags:
        if tag.state is TagState.HALF_DONE and tag.owner_lives:
            yield ok("half-done releases", f"a run is working on {tag.name}")
        elif tag.state is TagState.HALF_DONE:
            fix = f"release-tool release, or `release-tool withdraw {tag.name} --reason TEXT`"
            yield problem("half-done releases", f"{tag.name} was claimed and never published", fix)


def of_version_files(texts: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Nothing is pushed to the released branch, so a version that is written in a file is the build's to set."""
    missed = unset(texts)
    for file in version_files(texts):
        about = f"version in {file.path}"
        if file in missed:
            text = f"says {file.version!r}, and no build sets it: the build reports another version than its tag"
            yield problem(about, text, f"let the version come from the tag, or in {BUILD}: {file.command}")
        else:
            yield ok(about, f"says {file.version!r}; the build sets it, and nobody has to change it for a release")


def of_waiting(changes: Iterable[Change], config: Config) -> Iterator[DoctorFinding]:
    """Report changes that were a patch by default in older versions, and wait by default now."""
    alive = [change for change in changes if change.cancelled_by is None]
    quiet = [change for change in alive if change.bump is Bump.NONE and _waits_by_default(change, config)]
    if quiet and len(quiet) == len(alive):
        names = ", ".join(change.name for change in quiet[:_FEW]) + (", …" if len(quiet) > _FEW else "")
        yield ok(
            "changes that wait",
            f"{names}: such types and labels cause no release any more (docs/upgrading.md)",
            "release-tool bump --force patch; another bump: `[types]` and `labels.patch`",
        )


def _waits_by_default(change: Change, config: Config) -> bool:
    match change.rule:
        case BumpRule.TITLE:
            said = conventional(change.title)
            return said is not None and said.type not in config.types
        case BumpRule.LABEL:
            return any(repr(label) in change.reason.casefold() for label in ("documentation", "chore", "dependencies"))
        case BumpRule.POLICY | BumpRule.REVERT:
            return False
        case _ as never:
            assert_never(never)


def of_clone(*, shallow: bool) -> DoctorFinding:
    """A shallow clone lacks the history that versions are counted from."""
    if shallow:
        return problem("clone", "is shallow: the last release may not be in it", "git fetch --unshallow --tags")
    return ok("clone", "has its whole history")


def of_clock(difference: timedelta) -> DoctorFinding:
    """How far our clock is from GitHub's decides what a halt that ends at some time means."""
    seconds = round(abs(difference.total_seconds()))
    if seconds > _DIFFERENCE:
        way = "ahead of" if difference.total_seconds() > 0 else "behind"
        return problem("clock", f"{seconds} s {way} GitHub's", "set the clock: timedatectl set-ntp true")
    return ok("clock", "agrees with GitHub's")
