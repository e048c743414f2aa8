"""What a repository is proposed when it is set up: a configuration, and what only a person can do afterwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, assert_never

import msgspec

from release_tool.config.cron import read_cron
from release_tool.config.model import Build, Config, Job, Labels
from release_tool.setup.detect import Way
from release_tool.setup.files import APP, APP_KEY
from release_tool.setup.publishers import deploys
from release_tool.text.typed import environment_path, word

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from release_tool.setup.detect import Competitor

_EXAMPLE_URL = re.compile(r'https://[\w-]+\.(?:example\.com|[\w-]+\.(?:dev|com))(?=[/"])')
_RELEASE_NOW = "release-now = true"
_HOURS = 24
_HOURLY = round(_HOURS * 365 / 12)
"""Looks in a month, where there is one each hour; each is a minute of a runner."""
_EXAMPLE_NAME = re.compile(r'(?<=name = ")[\w-]+\.example\.com(?=")')


class Deviations(msgspec.Struct, frozen=True, kw_only=True):
    """What a repository shall be like: its own deviations from the defaults.

    `builds` says whether anything is built, `cloud` is the hosted branch, empty for none. `recipe` is the text of a
    recipe's configuration, empty where nothing is deployed, and `url` where the deployed application answers.
    """

    branch: str = "main"
    tag_prefix: str | None = None
    initial_version: str = ""
    labels: Labels = Labels()
    builds: bool = True
    build: Build = Build()
    tests: Job = Job()
    release_now: bool = False
    cloud: str = ""
    recipe: str = ""
    environment: str = "production"
    url: str = ""


def configuration(wishes: Deviations) -> str:
    """Write a configuration that says what differs from the defaults, and nothing else."""
    head = "# Every key has a default; what stands here is different. `release-tool doctor` checks it."
    parts = [head, "\n".join(_keys(wishes)), "\n".join(_labels(wishes.labels)), *_tables(wishes)]
    return "\n\n".join(filter(None, parts)) + "\n"


def extended(text: str, config: Config, wishes: Deviations, *, within: str = "") -> str:
    """Add what is wished for and missing to a configuration that is there; `within` is the table that all of it is in.

    What is configured already stays as it is.
    """
    missing = msgspec.structs.replace(
        wishes,
        builds=True,
        build=wishes.build if config.build == Build() else Build(),
        tests=wishes.tests if config.tests == Job() and (config.sync or wishes.cloud) else Job(),
        cloud="" if config.sync else wishes.cloud,
        recipe="" if wishes.environment in config.environments else wishes.recipe,
    )
    tables = [re.sub(r"^(\[+)", rf"\g<1>{within}", table, flags=re.MULTILINE) for table in _tables(missing) if table]
    text = _releasing_now(text, within) if wishes.release_now and not config.release_now else text
    return "\n\n".join([text.rstrip("\n"), *tables]) + "\n" if tables else text


def _releasing_now(text: str, within: str) -> str:
    """Say in a configuration that is there that a push may make the first release."""
    if re.search(r"^release-now *=", text, re.MULTILINE):
        return re.sub(r"^release-now *=.*$", _RELEASE_NOW, text, count=1, flags=re.MULTILINE)
    if not within:
        return f"{_RELEASE_NOW}\n{text}"
    table = f"[{within.rstrip('.')}]"
    head = re.search(rf"^{re.escape(table)}.*\n", text, re.MULTILINE)
    before, after = (text[: head.end()], text[head.end() :]) if head else (f"{text}\n{table}\n", "")
    return f"{before}{_RELEASE_NOW}\n{after}"


def _tables(wishes: Deviations) -> tuple[str, str, str, str]:
    build = _called("build", wishes.build) or ("" if wishes.builds else "[build]\nenabled = false")
    return (
        build,
        _called("tests", wishes.tests),
        f"[sync]\nbranch = {_quoted(wishes.cloud)}" if wishes.cloud else "",
        _environment(wishes),
    )


def _called(name: str, job: Job) -> str:
    """The table that says which workflow of the user's is called, and what it is given."""
    secrets = [f"secrets = [{', '.join(map(_quoted, job.secrets))}]"] if job.secrets else []
    granted = ", ".join(f"{what} = {_quoted(level)}" for what, level in sorted(job.permissions.items()))
    permissions = [f"permissions = {{ {granted} }}"] if granted else []
    lines = [f"[{name}]", f"workflow = {_quoted(job.workflow)}", *secrets, *permissions]
    return "\n".join(lines) if job.workflow else ""


def left_to_do(  # noqa: PLR0913 - each is a fact that asks something of a person
    config: Config,
    *,
    repository: str,
    web_url: str,
    branch: str,
    unsure: Iterable[str],
    competitors: Collection[Competitor],
    off: Collection[str],
    app: bool,
) -> tuple[str, ...]:
    """Say what only a person can do, in the order in which to do it; `off` are the workflows that were switched off."""
    return (
        *unsure,
        *_of_competitors([found for found in competitors if competes(found, config)], off),
        f"Commit these files, and merge them by a pull request: nothing happens before they are on `{branch}`.",
        *_of_settings(config, repository, web_url, branch, app=app),
        *_of_secrets(config, repository),
        *_of_environments(config, repository),
        *_of_look(config),
        *(
            []
            if config.release_now
            else ["Make the first release yourself: `release-tool bump`; from then on merges do."]
        ),
        "Run `release-tool doctor`: it checks all of this, and `--fix` makes labels and branches.",
    )


def competes(found: Competitor, config: Config) -> bool:
    """Whether it does what we do: a tool that only deploys does not compete where release-tool deploys nothing."""
    return bool(config.environments) or not deploys(found.what)


def _of_competitors(competitors: Collection[Competitor], off: Collection[str]) -> Iterator[str]:
    """What to do about what releases or deploys already; a configuration alone does nothing."""
    run = {found.what for found in competitors if found.way is not Way.CONFIGURED}
    for found in competitors:
        does = "deploy" if deploys(found.what) else "release"
        match found.way:
            case Way.RUN if found.path in off:
                yield f"See what {found.path} does after {found.what}, which is off now: it may wait for its outputs."
            case Way.RUN:
                yield (
                    f"Switch off {found.what} in {found.path}, in the same pull request: both would {does}."
                    " `release-tool init --switch-off` does it."
                )
            case Way.BY_HAND:
                yield f"Start {found.path} no more: {found.what} in it would {does}, too."
            case Way.CONFIGURED if found.what not in run:
                yield (
                    f"Switch off what runs {found.what}, in the same pull request: {found.path} configures it,"
                    f" no workflow here runs it, and both would {does}."
                )
            case Way.CONFIGURED:
                pass
            case _ as never:
                assert_never(never)


def _of_secrets(config: Config, repository: str) -> Iterator[str]:
    jobs = [*([config.build] if config.build.enabled else []), *([config.tests] if config.sync else [])]
    for secret, environment in dict.fromkeys((name, job.environment) for job in jobs for name in job.secrets):
        where = f" --env {word(environment)}" if environment else ""
        yield f"Give the build its secret: `gh secret set {secret}{where} --repo {repository}`"


def _of_settings(config: Config, repository: str, web_url: str, branch: str, *, app: bool) -> Iterator[str]:
    settings = f"{web_url}/settings"
    yield f"Require the checks `checks` and `policy` on `{branch}`: {settings}/rules/new?target=branch"
    yield f"Lock what is released: switch on immutable releases in {settings}"
    if config.sync:
        yield f"Let workflows open the pull request of a conflict: {settings}/actions, at the bottom"
    if app:
        yield (
            f"Name the app: `gh variable set {APP} --repo {repository}`,"
            f" `gh secret set {APP_KEY} --repo {repository} < key.pem`"
        )


def _of_environments(config: Config, repository: str) -> Iterator[str]:
    for name, environment in config.environments.items():
        yield f"Make the environment `{name}`: `gh api --method PUT {environment_path(repository, name)}`"
        for secret in environment.pass_env:
            yield f"Give it its secret: `gh secret set {secret} --env {word(name)} --repo {repository}`"
        record = f"release-tool deploy VERSION -e {word(name)} --record"
        yield f"Record what runs there now, as the first rollback target: `{record}`"


def _of_look(config: Config) -> Iterator[str]:
    """Propose an hourly look where something may wait for it that a day is long for, with its price."""
    waiting = [
        what
        for what, there in (
            ('`release-on = "schedule"`', config.release_on == "schedule"),
            ("automatic deployments", any(one.automatic for one in config.environments.values())),
            ("freezes", any(one.freeze for one in config.environments.values())),
        )
        if there
    ]
    if waiting and len(read_cron(config.look).hours) < _HOURS:
        yield (
            f"Let it look every hour where a day is too long for {', '.join(waiting)} or `halt --until`:"
            f' `look = "23 * * * *"` in the configuration, and `release-tool init` again. That costs {_HOURLY} minutes'
            " of a runner a month."
        )


def _keys(wishes: Deviations) -> Iterator[str]:
    usual = Config()
    if wishes.branch != usual.branch:
        yield f"branch = {_quoted(wishes.branch)}"
    if wishes.tag_prefix is not None:
        yield f"tag-prefix = {_quoted(wishes.tag_prefix)}"
    if wishes.initial_version not in {"", usual.initial_version}:
        yield f"initial-version = {_quoted(wishes.initial_version)}"
    if wishes.release_now:
        yield _RELEASE_NOW


def _labels(labels: Labels) -> Iterator[str]:
    usual = Labels()
    different = [field for field in labels.__struct_fields__ if getattr(labels, field) != getattr(usual, field)]
    if different:
        yield "[labels]"
        yield from (f"{field} = [{', '.join(map(_quoted, getattr(labels, field)))}]" for field in different)


def _environment(wishes: Deviations) -> str:
    """The recipe's environment, under its name here; and with its address, where the recipe has one place for it."""
    text = wishes.recipe.strip().replace("environments.production", f"environments.{wishes.environment}")
    if not wishes.url or len(set(_EXAMPLE_URL.findall(text))) != 1:
        return text
    text = _EXAMPLE_URL.sub(lambda _: wishes.url.rstrip("/"), text)
    host = re.search(r"//([\w.-]+)", wishes.url)
    return _EXAMPLE_NAME.sub(lambda found: host[1] if host else found[0], text)


def _quoted(text: str) -> str:
    """A TOML string; what JSON escapes, TOML escapes alike."""
    return msgspec.json.encode(text).decode()
