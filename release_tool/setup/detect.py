"""What the files of a repository show about it: how it is built and tested, released and deployed so far."""

from __future__ import annotations

import enum
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import Labels
from release_tool.model.version import parse_version
from release_tool.release.version_files import version_files
from release_tool.setup import publishers
from release_tool.text.globs import matching

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

_WORKFLOWS = (".github/workflows/*.yml", ".github/workflows/*.yaml")
_TOLD_BY = (
    *_WORKFLOWS,
    *("Makefile", "pyproject.toml", "setup.cfg", "package.json", "Cargo.toml", "tox.ini"),
    *("*.go", "main.go", "*/main.go", "cmd/**/*.go"),
)
"""Files that are read; of all others the name is enough."""

_ARCHIVE = 'git archive --format=tar.gz --prefix="source/" --output="dist/source-$RELEASE_VERSION.tar.gz" HEAD'
_PYTHON = """\
      - name: Set up Python
        uses: actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0
        with:
          python-version: "3.x"
"""


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """How a project is built and tested: lines of shell, after a step that sets its language up.

    What is built lies in `dist` afterwards; without a `build` nothing is shipped. Without a `test` none was found.
    """

    name: str
    build: tuple[str, ...]
    test: tuple[str, ...] = ()
    setup: str = ""


class Way(enum.Enum):
    """How something that releases or deploys is told by a file."""

    RUN = "run"
    """A workflow runs it by itself."""
    BY_HAND = "by hand"
    """A workflow runs it when a person starts that."""
    CONFIGURED = "configured"
    """Its configuration lies there, and what runs it may be anywhere."""


class Competitor(msgspec.Struct, frozen=True):
    """Something that releases or deploys already: the file that tells, what it is, and how it is told."""

    path: str
    what: str
    way: Way


class Hint(msgspec.Struct, frozen=True):
    """How a project may be deployed: the file that tells, and the recipe that fits."""

    path: str
    recipe: str


def telling(paths: Iterable[str]) -> tuple[str, ...]:
    """Keep the paths of the files that have to be read."""
    return matching(paths, _TOLD_BY)


def stack(paths: Collection[str], texts: Mapping[str, str]) -> Stack:
    """Find out how a project is built and tested; where no file shows it, its source is what is released."""
    kinds = [make for marks, make in _STACKS if _any(paths, marks)]
    if kinds[1:] and kinds[0] is _python and not _is_python_package(paths, texts):
        kinds = kinds[1:]  # what only lints or documents in Python is built in the other language
    found = (kinds or [_unknown])[0](paths, texts)
    targets = set(re.findall(r"^([\w-]+):(?!=)", texts.get("Makefile", ""), re.MULTILINE))
    ships = found.build and "build" in targets  # a library's `make build` makes nothing that is released
    build = ("make build",) if ships else found.build
    test = ("make test",) if "test" in targets else found.test
    return msgspec.structs.replace(found, build=build, test=test)


def competitors(paths: Collection[str], texts: Mapping[str, str], ours: Collection[str]) -> tuple[Competitor, ...]:
    """Name what releases or deploys already, by its own file or in a workflow that is not `ours`."""
    return tuple(dict.fromkeys([*_configured(paths, texts), *_in_workflows(texts, ours)]))


def tests_pull_requests(texts: Mapping[str, str], ours: Collection[str]) -> str:
    """Name the workflow, none of `ours`, that runs tests on pull requests already; empty where there is none."""
    started = re.compile(r"^ *(?:on: *\[?.*|- )?\bpull_request\b(?!_)", re.MULTILINE)
    pulls = [path for path in _workflows(texts, ours) if started.search(texts[path])]
    counted = {path: len(_TESTS.findall(texts[path] + _called_by(texts[path], texts))) for path in pulls}
    return max((path for path in pulls if counted[path]), key=counted.__getitem__, default="")


def _called_by(workflow: str, texts: Mapping[str, str]) -> str:
    """The workflows of the same repository that one calls."""
    return "\n".join(texts.get(path, "") for path in re.findall(r"uses: *\./(\.github/workflows/\S+\.ya?ml)", workflow))


def started_by_tags(texts: Mapping[str, str], ours: Collection[str]) -> tuple[str, ...]:
    """Name the workflows, none of `ours`, that a pushed tag starts; one that a workflow's token pushed starts none."""
    on = re.compile(r"^[\"']?on[\"']?:.*?(?=^\S|\Z)", re.DOTALL | re.MULTILINE)
    starts = {path: found[0] for path in _workflows(texts, ours) if (found := on.search(texts[path]))}
    tagged = {path: start for path, start in starts.items() if re.search(r"^ +tags:", start, re.MULTILINE)}
    return tuple(
        path
        for path, start in tagged.items()
        if not re.search(r"^ +pull_request:", start, re.MULTILINE) or _publishes(texts[path])
    )


def _publishes(workflow: str) -> bool:
    """Whether a workflow that also tests pull requests does more on a tag than test once more."""
    return bool(_PUBLISHES.search(workflow) or publishers.places(workflow))


def deployment_hints(paths: Collection[str]) -> tuple[Hint, ...]:
    """The ways to deploy that the files suggest, the surest first."""
    found = ((next(iter(sorted(matching(paths, globs))), ""), recipe) for globs, recipe in _HINTS)
    return tuple(Hint(path, recipe) for path, recipe in found if path)


_TESTS = re.compile(
    r"\b(?:pytest|tox|nox|unittest|go test|cargo (?:nextest|test)|(?:npm|yarn|pnpm|bun)(?: run)? test\S*|npm t|vitest"
    r"|jest|mvn\b.*\b(?:test|verify)|gradlew? .*\b(?:test|check)|make\b[^\n&|;]*(?:test|check)|rake|rspec"
    r"|dotnet test|ctest|phpunit)\b"
)
"""What a workflow runs that tests something."""


_PUBLISHES = re.compile(
    r"gh-action-pypi-publish|twine upload|(?:uv|poetry|hatch|flit|cargo|npm|pnpm|yarn|lerna) publish|gem push"
    r"|dotnet nuget push|docker/build-push-action|docker (?:image )?push|upload-release-action"
)
"""What a workflow runs that brings something to an index or a registry."""


def written_version(texts: Mapping[str, str]) -> str | None:
    """The version that the project's own metadata gives it, None where there is none to go on from."""
    for path in ("pyproject.toml", "package.json", "Cargo.toml"):
        found = re.search(r'^\s*"?version"?\s*[:=]\s*"(\d+\.\d+\.\d+)"', texts.get(path, ""), re.MULTILINE)
        if found and parse_version(found[1]) and found[1] != "0.0.0":
            return found[1]
    return None


def labels(known: Iterable[str]) -> Labels:
    """Map the labels that a repository has to what they mean, besides the usual ones: `type: bug` is a patch."""
    usual = Labels()
    meant: dict[str, list[str]] = {}
    for label in known:
        *before, last = re.split(r"[:/\s]+", label.strip().casefold())
        if before and (field := _MEANINGS.get(last)):
            meant.setdefault(field, []).append(label)
    return msgspec.structs.replace(
        usual, **{field: (*getattr(usual, field), *sorted(more)) for field, more in meant.items()}
    )


_MEANINGS = {
    **dict.fromkeys(("major", "breaking", "breaking-change"), "major"),
    **dict.fromkeys(("minor", "feature", "feat", "enhancement"), "minor"),
    **dict.fromkeys(("patch", "bug", "bugfix", "fix"), "patch"),
    **dict.fromkeys(("documentation", "docs", "chore", "dependencies"), "none"),
}
"""What the last word of a label such as `kind/bug` means."""


_IGNORED = re.compile(r"^//(?:go:build| *\+build) +ignore\b", re.MULTILINE)
"""A program that only a person runs, such as one that generates code."""


def _any(paths: Collection[str], globs: Iterable[str]) -> bool:
    return bool(matching(paths, globs))


def _workflows(texts: Mapping[str, str], ours: Collection[str]) -> Iterator[str]:
    yield from (path for path in matching(sorted(texts), _WORKFLOWS) if path not in ours)


# Building and testing, language by language


def _unknown(paths: Collection[str], texts: Mapping[str, str]) -> Stack:
    del paths, texts
    return Stack(name="nothing known", build=("mkdir -p dist", _ARCHIVE))


def _python(paths: Collection[str], texts: Mapping[str, str]) -> Stack:
    told = texts.get("pyproject.toml", "") + texts.get("setup.cfg", "")
    packaged = _is_python_package(paths, texts)
    test: tuple[str, ...] = ("pipx run tox",) if "tox.ini" in paths or "[tool.tox]" in told else ()
    test = test or (("pipx run nox",) if "noxfile.py" in paths else ())
    if not test and ("pytest" in told or _any(paths, ["**/test_*.py", "**/conftest.py"])):
        test = ("python3 -m pip install --quiet . pytest", "python3 -m pytest")
    build = (*_setting("pyproject.toml", texts), "pipx run build") if packaged else ("mkdir -p dist", _ARCHIVE)
    return Stack(name="Python", setup=_PYTHON, build=build, test=test)


def _is_python_package(paths: Collection[str], texts: Mapping[str, str]) -> bool:
    told = texts.get("pyproject.toml", "") + texts.get("setup.cfg", "")
    named = re.search(r"^\[(?:project|build-system|tool\.poetry|metadata)\]", told, re.MULTILINE)
    unpackaged = re.search(r"^package(?:-mode)? *= *false\b", told, re.MULTILINE)
    return "setup.py" in paths or bool(named and not unpackaged)


def _node(paths: Collection[str], texts: Mapping[str, str]) -> Stack:
    tested = re.search(r'"test"\s*:', texts.get("package.json", "")) is not None
    if "pnpm-lock.yaml" in paths:
        install, run, pack = "corepack enable && pnpm install --frozen-lockfile", "pnpm run", "pnpm pack"
    elif "yarn.lock" in paths:
        install, run, pack = "corepack enable && yarn install --immutable", "npm run", "npm pack"
    else:
        install = "npm ci" if "package-lock.json" in paths else "npm install"
        run, pack = "npm run", "npm pack"
    version = _setting("package.json", texts)
    build = (install, *version, f"{run} --if-present build", f"mkdir -p dist && {pack} --pack-destination dist")
    return Stack(name="Node.js", build=build, test=(install, f"{run} test") if tested else ())


def _go(paths: Collection[str], texts: Mapping[str, str]) -> Stack:
    del paths
    sources = [text for path, text in texts.items() if path.endswith(".go") and not path.endswith("_test.go")]
    runs = any(re.search(r"^package main\b", text, re.MULTILINE) and not _IGNORED.search(text) for text in sources)
    return Stack(
        name="Go" if runs else "Go, a library",
        build=("go build -trimpath -o dist/ ./...",) if runs else (),
        test=("go test ./...",),
    )


def _rust(paths: Collection[str], texts: Mapping[str, str]) -> Stack:
    runs = _any(paths, ["src/main.rs", "src/bin/**", "*/src/main.rs", "*/*/src/main.rs"])
    runs = runs or "[[bin]]" in texts.get("Cargo.toml", "")
    locked = " --locked" if "Cargo.lock" in paths else ""
    copy = "mkdir -p dist && find target/release -maxdepth 1 -type f -executable -exec cp -t dist {} +"
    return Stack(
        name="Rust" if runs else "Rust, a library",
        build=(*_setting("Cargo.toml", texts), f"cargo build --release{locked}", copy) if runs else (),
        test=(f"cargo test{locked}",),
    )


def _setting(path: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """The line that sets the version in a file of the project, where it is written there and not taken from the tag."""
    return tuple(file.command for file in version_files({path: texts.get(path, "")}))


def _maven(paths: Collection[str], texts: Mapping[str, str]) -> Stack:
    del paths, texts
    build = ("mvn --batch-mode --no-transfer-progress package", "mkdir -p dist && cp target/*.jar dist/")
    return Stack(name="Java with Maven", build=build, test=("mvn --batch-mode --no-transfer-progress verify",))


def _gradle(paths: Collection[str], texts: Mapping[str, str]) -> Stack:
    del texts
    gradle = "./gradlew" if "gradlew" in paths else "gradle"
    build = (f"{gradle} assemble", "mkdir -p dist && cp build/libs/*.jar dist/")
    return Stack(name="Java with Gradle", build=build, test=(f"{gradle} check",))


def _ruby(paths: Collection[str], texts: Mapping[str, str]) -> Stack:
    del texts
    build = ("mkdir -p dist", "gem build *.gemspec --output dist/package.gem") if _any(paths, ["*.gemspec"]) else ()
    test = ("bundle install && bundle exec rake",) if "Rakefile" in paths else ()
    return Stack(name="Ruby", build=build or ("mkdir -p dist", _ARCHIVE), test=test)


def _dotnet(paths: Collection[str], texts: Mapping[str, str]) -> Stack:
    del paths, texts
    build = ("dotnet publish --configuration Release --output published", "mkdir -p dist")
    return Stack(name=".NET", build=(*build, "tar -czf dist/published.tar.gz -C published ."), test=("dotnet test",))


_STACKS: tuple[tuple[tuple[str, ...], Callable[[Collection[str], Mapping[str, str]], Stack]], ...] = (
    (("pyproject.toml", "setup.py"), _python),
    (("package.json",), _node),
    (("go.mod",), _go),
    (("Cargo.toml",), _rust),
    (("pom.xml",), _maven),
    (("build.gradle", "build.gradle.kts"), _gradle),
    (("Gemfile", "*.gemspec"), _ruby),
    (("*.sln", "*.csproj"), _dotnet),
)


# What competes

_OWN_FILES = {
    "semantic-release": (".releaserc", ".releaserc.*", "release.config.*"),
    "release-please": ("release-please-config.json", ".release-please-manifest.json", ".github/release-please.yml"),
    "release-drafter": (".github/release-drafter.yml", ".github/release-drafter.yaml"),
    "GoReleaser": (".goreleaser.yml", ".goreleaser.yaml", "goreleaser.yml", "goreleaser.yaml"),
    "changesets": (".changeset/config.json",),
    "auto": (".autorc", ".autorc.*"),
    "knope": ("knope.toml",),
}
_OWN_TABLES = {
    "python-semantic-release": ("pyproject.toml", "[tool.semantic_release"),
    "semantic-release": ("package.json", '"semantic-release"'),
    "cargo-release": ("Cargo.toml", "metadata.release]"),
}


def _configured(paths: Collection[str], texts: Mapping[str, str]) -> Iterator[Competitor]:
    for what, names in _OWN_FILES.items():
        found = [path for path in sorted(paths) if any(fnmatchcase(path, name) for name in names)]
        yield from (Competitor(path, what, Way.CONFIGURED) for path in found)
    for what, (path, mark) in _OWN_TABLES.items():
        if mark in texts.get(path, ""):
            yield Competitor(path, what, Way.CONFIGURED)


def _in_workflows(texts: Mapping[str, str], ours: Collection[str]) -> Iterator[Competitor]:
    for path in _workflows(texts, ours):
        kinds = dict.fromkeys(place.what for place in publishers.places(texts[path]))
        yield from (Competitor(path, what, _way(texts[path])) for what in kinds)


def _way(workflow: str) -> Way:
    return Way.BY_HAND if publishers.by_hand(workflow) else Way.RUN


_HINTS = (
    (("config/deploy.yml",), "kamal"),
    (("fly.toml",), "fly"),
    (("chart/Chart.yaml", "charts/*/Chart.yaml", "Chart.yaml", "helm/Chart.yaml"), "helm"),
    (("argocd/*.y*ml", "argo-cd/*.y*ml"), "argo-cd"),
    (("k8s/**/*.y*ml", "kubernetes/**/*.y*ml", "manifests/**/*.y*ml", "kustomization.yaml"), "kubectl"),
    (("compose.y*ml", "docker-compose.y*ml"), "compose-ssh"),
    (("render.yaml",), "render"),
    (("Procfile",), "heroku"),
    (("*.service", "deploy/*.service", "systemd/*.service"), "systemd"),
)
"""A file that tells, and the recipe in `docs/recipes` that fits."""
