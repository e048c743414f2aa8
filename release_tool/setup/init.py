"""Setting a repository up: look at what it is, propose files, show the difference, write what was agreed to."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

import release_tool
from release_tool import config as configuration
from release_tool.config import Config
from release_tool.errors import UsageError
from release_tool.git.worktree import Worktree
from release_tool.history.look import look_at_tags
from release_tool.setup import detect, installation, shipped
from release_tool.setup import files as scaffold
from release_tool.setup.detect import Competitor, Hint, Stack
from release_tool.setup.files import FileState, ManagedFile
from release_tool.setup.github_settings import Settings
from release_tool.setup.proposal import Deviations, extended
from release_tool.setup.proposal import configuration as written
from release_tool.setup.render import Values, render

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from release_tool.model.tag_names import Naming
    from release_tool.project import Project

CONFIGURATION = "release-tool.toml"
_CLOUDS = ("cloud", "hosted", "saas")
"""Names of branches that look like a hosted branch."""


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What a repository is like before anything is written.

    `own` says that it is the tool's own. `configured` is the file that configures the tool already, empty where none
    does. `packages` are tags of several packages, of which a prefix has to choose one. `runner`, `app` and `source` are
    what files of ours that are there say, and `checked_by` a workflow of the user's that tests pull requests.
    """

    own: bool
    branch: str
    configured: str
    wishes: Deviations
    stack: Stack
    competitors: tuple[Competitor, ...]
    hints: tuple[Hint, ...]
    checked_by: str
    runner: str
    app: bool
    source: str
    server: str
    packages: tuple[str, ...] = ()


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


class SetupProposal(msgspec.Struct, frozen=True, kw_only=True):
    """The files as they should be, the configuration that they go with, and what could not be found out."""

    config: Config
    files: tuple[ManagedFile, ...]
    app: bool
    unsure: tuple[str, ...]

    def to_write(self, replaced: Collection[str] = ()) -> tuple[ManagedFile, ...]:
        """The files that are missing, those of ours that are older, and the changed ones that may be replaced."""
        changed = {file.path for file in self.files if file.state is FileState.CHANGED} & set(replaced)
        return tuple(
            file for file in self.files if file.state in {FileState.NEW, FileState.OLDER} or file.path in changed
        )

    def changed(self) -> tuple[str, ...]:
        """The files that somebody else wrote or changed."""
        return tuple(file.path for file in self.files if file.state is FileState.CHANGED)


def survey(project: Project) -> Survey:
    """Find out what the repository is; GitHub is asked for its labels where there is a token."""
    if project.git.is_bare:
        raise UsageError("there is no working tree here", todo="run this inside a clone with one")
    tree = Worktree(project.git.root)
    paths = project.git.files()
    texts = {path: text for path in detect.telling(paths) if (text := tree.read(path)) is not None}
    ours = shipped.files().keys()
    action = tree.read(scaffold.ACTION) or ""
    written_before = tree.read(f"{scaffold.WORKFLOWS}/pr-policy.yml") or ""
    configured_by = configured(tree)
    tagged, tags = look_at_tags(project)
    released = any(tag.stable for tag in tags)
    wishes = _wishes(project, texts, configured_by, tagged, released=released)
    return Survey(
        own=scaffold.is_own(action),
        branch=wishes.branch,
        configured=configured_by,
        wishes=wishes,
        stack=detect.stack(paths, texts),
        competitors=detect.competitors(paths, texts, ours),
        hints=detect.deployment_hints(paths),
        checked_by="" if tree.read(scaffold.CHECKS) else detect.tests_pull_requests(texts, ours),
        runner=scaffold.runner_of(written_before),
        app=scaffold.has_app(written_before),
        source=_source(action),
        server=_enterprise(project),
        packages=tagged.packages,
    )


def propose(project: Project, found: Survey, choices: Choices) -> SetupProposal:
    """Render every file for this repository; raises UsageError where something is missing that nothing tells."""
    recipe = _recipe(choices.recipe)
    values = _values(found, choices)
    tree = Worktree(project.git.root)
    settings = _settings(project, tree, found, _chosen(found, choices, recipe.get(CONFIGURATION, "")))
    config = configuration.parse(settings.text, settings.path)
    rendered = render(shipped.files(), config, values)
    for path in _unwanted(found):
        del rendered[path]
    scripts = {path: script for path, script in recipe.items() if path.endswith(".sh")}
    version = release_tool.__version__
    files = [
        scaffold.compare(path, scaffold.sign(path, text, version), tree.read(path))
        for path, text in (rendered | scripts).items()
    ]
    return SetupProposal(
        config=config,
        files=(settings, *files),
        app=values.app,
        unsure=tuple(_unsure(found, values, choices)),
    )


def _unwanted(found: Survey) -> Iterator[str]:
    """The files that this repository does without: it has checks of its own, or locks what the tool needs elsewhere."""
    if found.checked_by:
        yield scaffold.CHECKS
    if found.own:
        yield from scaffold.INSTALLERS


def write(project: Project, files: Collection[ManagedFile]) -> None:
    """Write files into the working tree; running it again writes the same."""
    tree = Worktree(project.git.root)
    for file in files:
        project.say(f"writing {file.path}")
        tree.write(file.path, file.text, executable=file.text.startswith("#!"))


def difference(file: ManagedFile) -> str:
    """What writing a file would change, as `git apply` understands it."""
    before = (file.there or "").splitlines(keepends=True)
    old = "/dev/null" if file.there is None else f"a/{file.path}"
    lines = difflib.unified_diff(before, file.text.splitlines(keepends=True), old, f"b/{file.path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _source(action: str) -> str:
    """What to install the tool from: as the action of this very version says, else as this tool was installed."""
    there = scaffold.source_of(action)
    if there and scaffold.version_of(action) == release_tool.__version__:
        return there
    return installation.source().url or there


def configured(tree: Worktree) -> str:
    """The file that configures the tool already."""
    texts = {name: tree.read(name) for name in (CONFIGURATION, "pyproject.toml")}
    return next((name for name, text in texts.items() if text and configuration.configures(text, name)), "")


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
    source = "" if found.own else choices.source or found.source
    if not (source or found.own):
        raise UsageError(
            "which commit of release-tool the workflows are to install is not known",
            already="nothing was written",
            todo="name its repository and a commit of it: `--source git+https://github.com/OWNER/release-tool@HASH`",
        )
    nothing = ("echo 'Write the command that tests this project here.'", "exit 1")
    return Values(
        branch=found.branch,
        source=source,
        runner=choices.runner or found.runner,
        server=found.server,
        app=found.app if choices.app is None else choices.app,
        setup=found.stack.setup,
        build=(choices.build,) if choices.build else found.stack.build,
        test=(choices.test,) if choices.test else found.stack.test or nothing,
    )


def _unsure(found: Survey, values: Values, choices: Choices) -> Iterator[str]:
    if found.packages:
        yield (
            f"Say which package this is (`tag-prefix`): {', '.join(found.packages)} are released here,"
            f" and {found.wishes.tag_prefix}1.2.3 is only the likeliest."
        )
    if not (found.stack.test or choices.test):
        yield f"Write how this project is tested into {scaffold.WORKFLOWS}/cloud-tests.yml: nothing told it."
    if found.checked_by:
        yield (
            f"{found.checked_by} tests pull requests already, so no pr-checks.yml is written:"
            " let its last job be named `checks`, and let it start on `merge_group`, too."
        )
    if f"/{installation.NOBODY}/" in values.source:
        yield (
            f"Say where release-tool itself lives: {values.source} is what the workflows install."
            " Give it with `release-tool init --source git+https://…@COMMIT`."
        )
    if choices.recipe:
        where = _page(values.source, choices.recipe)
        yield f"Fit `deploy.sh` and its environment in the configuration to your project, as the recipe says: {where}"
    elif found.hints and not found.configured:
        hint = found.hints[0]
        yield (
            f"Let it be deployed, as {hint.path} tells: `release-tool init --recipe {hint.recipe} --url URL`,"
            f" and see {_page(values.source, hint.recipe)}"
        )
    if values.server:
        yield f"Take over the pinned actions on {values.server}: they have to be there, or come by GitHub Connect."


def _page(source: str, recipe: str) -> str:
    """Where a recipe can be read, at the very commit that the tool is installed from."""
    place, _, commit = source.removeprefix("git+").rpartition("@")
    return f"{place.removesuffix('.git')}/blob/{commit}/docs/recipes/{recipe}/README.md"


def _enterprise(project: Project) -> str:
    """The host of the GitHub Enterprise Server that the repository is on, empty on github.com."""
    named = urlsplit(project.web_url)
    like_github = {None, "github.com", "127.0.0.1", "localhost"}  # a stand-in on this machine is one of github.com
    hosted = named.hostname in like_github or named.netloc.endswith(".ghe.com")
    return "" if hosted else named.netloc
