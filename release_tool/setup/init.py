"""Setting a repository up: look at what it is, propose files, show the difference, write what was agreed to."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

import release_tool
from release_tool.config.model import Config
from release_tool.config.read import configures, parse
from release_tool.errors import RefusedError, UsageError
from release_tool.git.worktree import Worktree
from release_tool.history.look import look_at_tags
from release_tool.release import version_files
from release_tool.setup import detect, installation, old_set, publishers, shipped
from release_tool.setup import files as scaffold
from release_tool.setup.detect import Competitor, Hint, Stack, Way
from release_tool.setup.files import FileState, ManagedFile
from release_tool.setup.github_settings import Settings
from release_tool.setup.old_set import OldSet
from release_tool.setup.proposal import Deviations, competes, extended
from release_tool.setup.proposal import configuration as written
from release_tool.setup.render import Values

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from release_tool.model.tag_names import Naming
    from release_tool.project import Project

CONFIGURATION = "release-tool.toml"
_TEXTS = (".md", ".rst", ".yml", ".yaml", ".sh", ".toml", ".json")
"""What may name a workflow, besides files without an ending."""
_CLOUDS = ("cloud", "hosted", "saas")
"""Names of branches that look like a hosted branch."""


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What a repository is like before anything is written.

    `configured` is the file that configures the tool already, empty where none does. `old` is what is left of an older
    set, and `mentioned` the files that name one of its workflows, each with that name. `versioned` are the texts of
    files that may tell a version, or set it in a build. `runner`, `app` and `source` are what files of ours that are
    there say, and `checked_by` a workflow of the user's that tests pull requests.
    """

    branch: str
    configured: str
    wishes: Deviations
    stack: Stack
    competitors: tuple[Competitor, ...]
    hints: tuple[Hint, ...]
    old: OldSet
    mentioned: tuple[tuple[str, str], ...]
    by_tags: tuple[str, ...]
    versioned: dict[str, str]
    checked_by: str
    runner: str
    app: bool
    source: str
    server: str


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What a person may say otherwise than it was found; None and empty leave it as found."""

    cloud: str | None = None
    environment: str = ""
    recipe: str | None = None
    url: str = ""
    build: str = ""
    test: str = ""
    runner: str = ""
    source: str = ""
    app: bool | None = None
    release_now: bool = False


class SetupProposal(msgspec.Struct, frozen=True, kw_only=True):
    """The files as they should be, the configuration that they go with, and what could not be found out."""

    config: Config
    files: tuple[ManagedFile, ...]
    rivals: tuple[ManagedFile, ...]
    """Workflows of others that release or deploy already, with that switched off; theirs, and only offered."""
    stuck: tuple[str, ...]
    app: bool
    unsure: tuple[str, ...]

    def to_write(self, replaced: Collection[str] = ()) -> tuple[ManagedFile, ...]:
        """The files that are missing, those of ours that are older, and the others that may be replaced."""
        asked = {file.path for file in self.files if file.state in {FileState.CHANGED, FileState.STRANGE}} & set(
            replaced
        )
        due = {FileState.NEW, FileState.OLDER, FileState.GONE}
        return tuple(file for file in self.files if file.state in due or file.path in asked)

    def changed(self) -> tuple[str, ...]:
        """The files of ours that somebody changed."""
        return tuple(file.path for file in self.files if file.state is FileState.CHANGED)

    def strange(self) -> tuple[str, ...]:
        """The files of somebody else that have the name of one of ours."""
        return tuple(file.path for file in self.files if file.state is FileState.STRANGE)


def survey(project: Project) -> Survey:
    """Find out what the repository is; GitHub is asked for its labels where there is a token."""
    tagged, tags = look_at_tags(project)
    _insist_on_one_project_of_github(project, tagged)
    if project.git.is_bare:
        raise UsageError("there is no working tree here", todo="run this inside a clone with one")
    tree = Worktree(project.git.root)
    paths = project.git.files()
    texts = {path: text for path in detect.telling(paths) if (text := tree.read(path)) is not None}
    ours = frozenset(path for path, text in texts.items() if scaffold.is_ours(text))
    before = texts | {path: text for path in old_set.FILES if (text := tree.read(path)) is not None}
    old = old_set.find(before)
    written_before = tree.read(scaffold.RELEASE) or texts.get(old_set.RELEASE, "") * bool(old.removed)
    configured_by = configured(tree)
    released = any(tag.stable for tag in tags)
    wishes = _wishes(project, texts, configured_by, tagged, released=released)
    return Survey(
        branch=wishes.branch,
        configured=configured_by,
        wishes=wishes,
        stack=detect.stack(paths, texts),
        competitors=detect.competitors(paths, texts, ours),
        hints=detect.deployment_hints(paths),
        old=old,
        mentioned=_mentioned(tree, paths, old),
        by_tags=detect.started_by_tags(texts, ours.union(old.removed, old.stuck)),
        versioned={path: texts[path] for path in (*version_files.PATHS, *version_files.BUILDS) if path in texts},
        checked_by=detect.tests_pull_requests(texts, ours),
        runner=scaffold.runner_of(written_before),
        app=scaffold.has_app(written_before),
        source=_source([texts[path] for path in sorted(ours)]),
        server=_enterprise(project),
    )


def _source(workflows: Iterable[str]) -> str:
    """Where this very version comes from, as a workflow says that it has written."""
    ours = (text for text in workflows if scaffold.version_of(text) == release_tool.__version__)
    return next(filter(None, map(scaffold.source_of, ours)), "")


def _insist_on_one_project_of_github(project: Project, tagged: Naming) -> None:
    """Raise RefusedError where nothing that is written could work."""
    host = urlsplit(project.web_url).hostname or ""
    if "gitlab" in host or "bitbucket" in host:
        raise RefusedError(
            f"this repository is on {host}, and release-tool works with GitHub and its Actions only",
            already="nothing was written",
            todo="mirror it to GitHub, or use what your host brings for releases",
        )
    if tagged.packages:
        raise RefusedError(
            f"several packages are released here by themselves ({', '.join(tagged.packages)}),"
            " and release-tool releases a repository as one",
            already="nothing was written",
            todo=f'choose one in release-tool.toml, such as `tag-prefix = "{tagged.choice}"`, and run this again',
        )


def _mentioned(tree: Worktree, paths: Iterable[str], old: OldSet) -> tuple[tuple[str, str], ...]:
    """The files that name a workflow that is removed; only looked for where one is."""
    if not old.removed:
        return ()
    told = [path for path in paths if path.endswith(_TEXTS) or "." not in path.rpartition("/")[2]]
    texts = {path: text for path in told if (text := tree.read(path)) is not None}
    return tuple(old_set.mentions(texts, old.removed))


def propose(project: Project, found: Survey, choices: Choices) -> SetupProposal:
    """Render every file for this repository; raises UsageError where something is missing that nothing tells."""
    recipe = _recipe(choices.recipe)
    values = _values(found, choices)
    tree = Worktree(project.git.root)
    settings = _settings(project, tree, found, _chosen(found, choices, recipe.get(CONFIGURATION, "")))
    config = parse(settings.text, settings.path)
    scripts = {path: script for path, script in recipe.items() if path.endswith(".sh")}
    version = release_tool.__version__
    files = [
        scaffold.compare(path, scaffold.sign(path, text, version), tree.read(path))
        for path, text in (shipped.render(config, values) | scripts).items()
    ]
    here = {file.path for file in files}
    gone = [ManagedFile(path, "", tree.read(path), FileState.GONE) for path in found.old.removed if path not in here]
    return SetupProposal(
        config=config,
        files=(settings, *files, *gone),
        rivals=tuple(_switched_off(tree, found.competitors, config)),
        stuck=found.old.stuck,
        app=values.app,
        unsure=tuple(_unsure(found, values, config, choices)),
    )


def _switched_off(tree: Worktree, competitors: Iterable[Competitor], config: Config) -> Iterator[ManagedFile]:
    """The workflows in which something would release beside ours, or deploy where we do, without that."""
    kinds: dict[str, set[str]] = {}
    for found in competitors:
        if found.way is Way.RUN and competes(found, config):
            kinds.setdefault(found.path, set()).add(found.what)
    for path, whats in kinds.items():
        there = tree.read(path) or ""
        if "\ufffd" not in there:  # what can't be read can't be written back as it was
            yield ManagedFile(path, publishers.switched_off(there, whats), there, FileState.YOURS)


def write(project: Project, files: Collection[ManagedFile]) -> None:
    """Write files into the working tree, all or none; running it again writes the same."""
    tree = Worktree(project.git.root)
    for file in files:
        tree.insist_on_room(file.path)
    for file in files:
        if file.state is FileState.GONE:
            project.say(f"removing {file.path}")
            tree.remove(file.path)
            continue
        project.say(f"writing {file.path}")
        tree.write(file.path, file.text, executable=file.text.startswith("#!"))


def difference(file: ManagedFile) -> str:
    """What writing a file would change, as `git apply` understands it."""
    before = (file.there or "").splitlines(keepends=True)
    old = "/dev/null" if file.there is None else f"a/{file.path}"
    new = "/dev/null" if file.state is FileState.GONE else f"b/{file.path}"
    lines = difflib.unified_diff(before, file.text.splitlines(keepends=True), old, new)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def configured(tree: Worktree) -> str:
    """The file that configures the tool already."""
    texts = {name: tree.read(name) for name in (CONFIGURATION, "pyproject.toml")}
    return next((name for name, text in texts.items() if text and configures(text, name)), "")


def _settings(project: Project, tree: Worktree, found: Survey, wishes: Deviations) -> ManagedFile:
    """The configuration as it should be: a new one, or the one that is there with what is wished for and missing."""
    if not found.configured:
        return ManagedFile(CONFIGURATION, written(wishes), None, FileState.NEW)
    there = tree.read(found.configured) or ""
    within = "tool.release-tool." if found.configured == "pyproject.toml" else ""
    text = extended(there, project.config, wishes, within=within)
    return ManagedFile(found.configured, text, there, FileState.YOURS if text == there else FileState.OLDER)


def _wishes(
    project: Project, texts: dict[str, str], configured_by: str, tagged: Naming, *, released: bool
) -> Deviations:
    known = project.github.adapter(Settings).labels() if project.github else ()
    first = None if released else detect.written_version(texts)
    return Deviations(
        branch=_branch(project, configured_by),
        tag_prefix=tagged.prefix if tagged.prefix != "v" or tagged.packages else None,
        initial_version=first or "",
        labels=detect.labels(known),
        cloud=next((name for name in _CLOUDS if project.git.has_branch(name)), ""),
    )


def _branch(project: Project, configured: str) -> str:
    """The branch that is released: the configured one, GitHub's default, or at the first time what is here."""
    git = project.git
    if project.config.branch != "main" or (project.github is None and git.has_branch("main")):
        return project.config.branch
    told = project.github.repository().default_branch if project.github else git.default_branch()
    return told or ("" if configured else git.current_branch()) or project.config.branch


def _chosen(found: Survey, choices: Choices, recipe: str) -> Deviations:
    """What was found, and what was said otherwise; a branch that looks hosted counts at the first time only."""
    looks_hosted = "" if found.configured else found.wishes.cloud
    return msgspec.structs.replace(
        found.wishes,
        cloud=looks_hosted if choices.cloud is None else choices.cloud,
        builds=bool(choices.build or found.stack.build),
        build=found.old.build,
        tests=found.old.tests,
        release_now=choices.release_now,
        recipe=recipe,
        environment=choices.environment or found.wishes.environment,
        url=choices.url,
    )


def _recipe(name: str | None) -> dict[str, str]:
    if name and name not in shipped.recipes():
        raise UsageError(
            f"there is no recipe {name!r}",
            already="nothing was written",
            todo=f"name one of {', '.join(shipped.recipes())}",
        )
    return shipped.recipe(name) if name else {}


def _values(found: Survey, choices: Choices) -> Values:
    action = _action(choices.source or found.source or installation.source().url)
    return Values(
        branch=found.branch,
        action=action,
        runner=choices.runner or found.runner,
        server=found.server,
        app=found.app if choices.app is None else choices.app,
        setup=found.stack.setup,
        build=(choices.build,) if choices.build else found.stack.build or _nothing("builds"),
        test=(choices.test,) if choices.test else found.stack.test or _nothing("tests"),
    )


def _nothing(what: str) -> tuple[str, ...]:
    """The placeholder of a missing command: it fails until one is written."""
    return (f"echo 'Write the command that {what} this project here.'", "exit 1")


def _action(source: str) -> str:
    """How `uses:` names the tool's action, from where pip would install it, or from another workflow of ours."""
    named = re.fullmatch(r"(?:git\+)?(?:https?://[^/]+/)?(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?@(?P<at>[\w.-]+)", source)
    if named is None:
        raise UsageError(
            "which commit of release-tool the workflows are to use is not known",
            already="nothing was written",
            todo="name its repository and a commit of it: `--source git+https://github.com/OWNER/release-tool@HASH`",
        )
    return f"{named['name']}@{named['at']} # v{release_tool.__version__}"


def _unsure(found: Survey, values: Values, config: Config, choices: Choices) -> Iterator[str]:
    if config.sync and not (found.stack.test or choices.test or config.tests.workflow):
        yield f"Write the tests of this project into {scaffold.RELEASE}, job `tests`: none was found."
    yield from _of_old_set(found)
    builds = {} if version_files.BUILD in found.versioned else {version_files.BUILD: "\n".join(values.build)}
    for file in version_files.unset(found.versioned | builds) if config.build.enabled else ():
        yield (
            f"{file.path} says {file.version!r}, and the build does not set it: let the version come from the tag,"
            f" or set it before it builds: {file.command}"
        )
    if not values.app:
        for path in found.by_tags:
            yield (
                f"{path} starts on a pushed tag, and a tag that a workflow's own token pushes starts nothing: let it"
                " start on `workflow_run` of `Release`, or let an app act (`release-tool init --app`)."
            )
    if found.checked_by:
        yield f"Let the last job of {found.checked_by} be named `checks`, and let it start on `merge_group`, too."
    else:
        yield "Add a workflow that tests pull requests, with a last job named `checks`: none was found."
    if values.action.startswith(f"{installation.NOBODY}/"):
        yield (
            f"Name the repository of release-tool itself: {values.action.partition(' ')[0]} is what the workflows use."
            " Give it with `release-tool init --source git+https://…@COMMIT`."
        )
    if choices.recipe:
        where = _page(values.action, choices.recipe)
        yield f"Adapt `deploy.sh` and its environment in the configuration to your project, as the recipe says: {where}"
    elif found.hints and not found.configured:
        hint = found.hints[0]
        yield (
            f"Deploy it by the recipe that {hint.path} suggests: `release-tool init --recipe {hint.recipe} --url URL`,"
            f" and see {_page(values.action, hint.recipe)}"
        )
    if values.server:
        yield f"Make the pinned actions available on {values.server}, by a copy or by GitHub Connect."


def _of_old_set(found: Survey) -> Iterator[str]:
    """What only a person can do where an older set of ours is replaced."""
    for secret in found.old.undeclared:
        yield (
            f"Declare `{secret}: {{required: false}}` below `on.workflow_call.secrets` of {old_set.BUILD}, and name it"
            " in `build.secrets`: without that it is empty on GitHub."
        )
    for path in found.old.kept:
        yield f"Remove {path} when you no longer need what you changed there: no managed workflow calls it any more."
    for path, name in found.mentioned:
        yield f"{path} names {name}, which does not exist any more: name `release-tool.yml` or what took its place."
    if found.old.removed:
        yield (
            "Update everything that trusts a workflow by its name, such as the trusted publishers of a package index"
            " and the roles of a cloud (OIDC, `job_workflow_ref`): releases come from `release-tool.yml` now."
        )


def _page(action: str, recipe: str) -> str:
    """Where a recipe can be read, at the very commit that the workflows use."""
    place, _, commit = action.partition(" ")[0].rpartition("@")
    return f"https://github.com/{place}/blob/{commit}/docs/recipes/{recipe}/README.md"


def _enterprise(project: Project) -> str:
    """The host of the GitHub Enterprise Server that the repository is on, empty on github.com."""
    named = urlsplit(project.web_url)
    like_github = {None, "github.com", "127.0.0.1", "localhost"}  # a stand-in on this machine is one of github.com
    hosted = named.hostname in like_github or named.netloc.endswith(".ghe.com")
    return "" if hosted else named.netloc
