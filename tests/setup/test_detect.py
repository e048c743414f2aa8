"""What files tell about a project; nothing of it is guessed where they tell nothing."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from release_tool.config.model import Labels
from release_tool.setup import detect
from release_tool.setup.detect import Competitor, Hint, Way

WORKFLOW = ".github/workflows/ci.yml"


@pytest.mark.parametrize(
    "files, name, build, test",
    [
        ({"pyproject.toml": "[project]\n[tool.pytest]"}, "Python", "pipx run build", "python3 -m pytest"),
        ({"pyproject.toml": "[build-system]", "tox.ini": ""}, "Python", "pipx run build", "pipx run tox"),
        ({"setup.py": ""}, "Python", "pipx run build", None),
        ({"package.json": '{"scripts": {"test": "x"}}'}, "Node.js", "npm pack --pack-destination dist", "npm run test"),
        (
            {"package.json": "{}", "pnpm-lock.yaml": ""},
            "Node.js",
            "corepack enable && pnpm install --frozen-lockfile",
            None,
        ),
        ({"package.json": "{}", "yarn.lock": ""}, "Node.js", "corepack enable && yarn install --immutable", None),
        ({"package.json": "{}", "package-lock.json": ""}, "Node.js", "npm ci", None),
        ({"go.mod": "", "cmd/shop/main.go": "package main\n"}, "Go", "go build -trimpath -o dist/", "go test ./..."),
        ({"go.mod": "", "shop.go": "package shop\n"}, "Go, a library", "", "go test ./..."),
        (
            {"go.mod": "", "shop.go": "package shop\n", "gen.go": "//go:build ignore\n\npackage main\n"},
            "Go, a library",
            "",
            "go test ./...",
        ),
        ({"Cargo.toml": "", "Cargo.lock": "", "src/main.rs": ""}, "Rust", "--release --locked", "cargo test --locked"),
        ({"Cargo.toml": "", "src/lib.rs": ""}, "Rust, a library", "", "cargo test"),
        ({"pyproject.toml": "[tool.ruff]"}, "Python", "git archive", None),
        (
            {"pyproject.toml": "[project]\n[tool.uv]\npackage = false", "package.json": "{}"},
            "Node.js",
            "npm pack",
            None,
        ),
        ({"pyproject.toml": "[tool.ruff]", "go.mod": "", "main.go": "package main"}, "Go", "go build", "go test ./..."),
        ({"pyproject.toml": "[build-system]", "Cargo.toml": ""}, "Python", "pipx run build", None),
        ({"pyproject.toml": "[build-system]\n[tool.pytest]", "noxfile.py": ""}, "Python", "build", "pipx run nox"),
        (
            {"pyproject.toml": '[project]\nversion = "1.0.0"\n'},
            "Python",
            'pipx run uv version --frozen "$RELEASE_VERSION"\npipx run build',
            None,
        ),
        (
            {"package.json": '{"version": "1.0.0"}'},
            "Node.js",
            'npm version --no-git-tag-version --allow-same-version "$RELEASE_VERSION"\nnpm run --if-present build',
            None,
        ),
        (
            {"Cargo.toml": '[package]\nversion = "1.0.0"\n', "src/main.rs": ""},
            "Rust",
            "cargo update --workspace\ncargo build",
            "cargo",
        ),
        ({"pom.xml": ""}, "Java with Maven", "mvn --batch-mode --no-transfer-progress package", "verify"),
        ({"build.gradle.kts": "", "gradlew": ""}, "Java with Gradle", "./gradlew assemble", "./gradlew check"),
        ({"shop.gemspec": "", "Rakefile": ""}, "Ruby", "gem build *.gemspec", "bundle exec rake"),
        ({"shop.sln": ""}, ".NET", "dotnet publish", "dotnet test"),
        ({"Makefile": "build:\n\tx\ntest: build\n"}, "nothing known", "make build", "make test"),
        (
            {"go.mod": "", "main.go": "package main", "Makefile": "test:\n\tx\nBUILD := y\n"},
            "Go",
            "go build",
            "make test",
        ),
        ({"go.mod": "", "Makefile": "build:\n\tgo build ./...\n"}, "Go, a library", "", "go test ./..."),
        ({"README.md": ""}, "nothing known", "git archive", None),
    ],
)
def test_how_a_project_is_built_and_tested_is_told_by_its_files(
    files: dict[str, str], name: str, build: str, test: str | None
) -> None:
    found = detect.stack(files.keys(), files)
    assert found.name == name
    assert build in "\n".join(found.build)
    assert (test in "\n".join(found.test)) if test else not found.test


@pytest.mark.parametrize(
    "path, text, what",
    [
        (".releaserc.json", "", "semantic-release"),
        ("package.json", '"semantic-release": "^24"', "semantic-release"),
        ("pyproject.toml", "[tool.semantic_release.branches]", "python-semantic-release"),
        ("release-please-config.json", "", "release-please"),
        (".github/release-drafter.yml", "", "release-drafter"),
        (".goreleaser.yaml", "", "GoReleaser"),
        (".changeset/config.json", "", "changesets"),
    ],
)
def test_what_configures_something_that_releases_is_named(path: str, text: str, what: str) -> None:
    assert detect.competitors([path], {path: text}, ours=()) == (Competitor(path, what, Way.CONFIGURED),)


@pytest.mark.parametrize(
    "step, what",
    [
        ("uses: googleapis/release-please-action@v4", "release-please"),
        ("uses: release-drafter/release-drafter@v6", "release-drafter"),
        ("uses: goreleaser/goreleaser-action@v6", "GoReleaser"),
        ("uses: softprops/action-gh-release@v2", "GitHub releases"),
        ("run: gh release create v1", "GitHub releases"),
        ("run: git tag v1 && git push --tags", "tags"),
        ("run: kamal deploy", "Kamal"),
        ("run: flyctl deploy --remote-only", "Fly"),
        ("run: helm upgrade shop chart", "Kubernetes"),
        ("uses: appleboy/ssh-action@v1", "ssh"),
    ],
)
def test_what_releases_or_deploys_already_is_named_with_its_file(step: str, what: str) -> None:
    text = f"on: push\njobs:\n  ship:\n    steps:\n      - {step}\n"
    assert detect.competitors([WORKFLOW], {WORKFLOW: text}, ours=()) == (Competitor(WORKFLOW, what, Way.RUN),)
    by_hand = {WORKFLOW: text.replace("push", "workflow_dispatch", 1)}
    assert detect.competitors([WORKFLOW], by_hand, ours=()) == (Competitor(WORKFLOW, what, Way.BY_HAND),)


def test_our_own_workflows_do_not_compete() -> None:
    text = "jobs: {x: {steps: [{run: git tag v1 && gh release create v1}]}}"
    assert detect.competitors([WORKFLOW], {WORKFLOW: text}, ours=[WORKFLOW]) == ()


def test_a_project_without_anything_of_the_kind_has_no_competitor() -> None:
    files = {"package.json": "{}", "pyproject.toml": "[project]", WORKFLOW: "run: make test"}
    assert detect.competitors(files.keys(), files, ours=()) == ()


def test_what_tests_pull_requests_may_do_it_in_a_workflow_that_it_calls() -> None:
    calling = "on: pull_request\njobs: {x: {uses: ./.github/workflows/.test.yml}}\n"
    called = "on: workflow_call\njobs: {x: {steps: [{run: make -o build test-unit}]}}\n"
    files = {".github/workflows/test.yml": calling, ".github/workflows/.test.yml": called}
    assert detect.tests_pull_requests(files, ours=()) == ".github/workflows/test.yml"


@pytest.mark.parametrize(
    "text, starts",
    [
        ("on: pull_request\n", True),
        ("on: [push, pull_request]\n", True),
        ("on:\n  push:\n  pull_request:\n    branches: [main]\n", True),
        ("on:\n  - pull_request\n", True),
        ("on:\n  pull_request_target:\n", False),
        ("on: push\n", False),
    ],
)
def test_a_workflow_that_tests_pull_requests_is_found_by_what_it_starts_on(text: str, starts: bool) -> None:
    text += "jobs: {test: {steps: [{run: make test}]}}\n"
    assert bool(detect.tests_pull_requests({WORKFLOW: text}, ours=())) is starts


def test_what_tests_pull_requests_is_found_by_what_it_runs_and_not_by_its_name() -> None:
    linting = "on: pull_request\njobs: {lint: {steps: [{uses: pre-commit/action@v3}]}}\n"
    testing = "on: [push, pull_request]\njobs: {py: {steps: [{run: python -m pytest -q}]}}\n"
    files = {".github/workflows/a-pre-commit.yml": linting, ".github/workflows/z-tests.yml": testing}
    assert detect.tests_pull_requests(files, ours=()) == ".github/workflows/z-tests.yml"
    assert detect.tests_pull_requests({".github/workflows/a.yml": linting}, ours=()) == ""


def test_what_publishes_on_a_pushed_tag_is_named() -> None:
    publishing = 'on:\n  push:\n    tags: ["v*"]\njobs: {}\n'
    files = {".github/workflows/pypi.yml": publishing, WORKFLOW: "on: push\njobs:\n  a:\n    tags: [x]\n"}
    assert detect.started_by_tags(files, ours=()) == (".github/workflows/pypi.yml",)


def test_what_only_tests_once_more_on_a_tag_is_not_said_to_stop() -> None:
    text = "on:\n  push:\n    tags: ['2*']\n  pull_request:\njobs: {x: {steps: [{run: CMD}]}}\n"
    assert detect.started_by_tags({WORKFLOW: text.replace("CMD", "make richtest")}, ours=()) == ()
    for publishing in ("cargo publish", "gh release create x"):
        assert detect.started_by_tags({WORKFLOW: text.replace("CMD", publishing)}, ours=()) == (WORKFLOW,)
    assert detect.tests_pull_requests({WORKFLOW: text.replace("CMD", "make richtest")}, ours=()) == WORKFLOW


# Builds that were run


PYTHON = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "0.9.0"\n\n[build-system]\nrequires = ["hatchling"]\n'
    'build-backend = "hatchling.build"\n',
    "shop/__init__.py": "",
}
GO = {"go.mod": "module example.com/shop\n\ngo 1.21\n", "main.go": "package main\n\nfunc main() {}\n"}
GO_LIBRARY = {
    "go.mod": "module example.com/shop\n\ngo 1.21\n",
    "shop.go": "package shop\n\nfunc One() int { return 1 }\n",
    "shop_test.go": 'package shop\n\nimport "testing"\n\nfunc TestOne(t *testing.T) { _ = 1 / One() }\n',
}
NODE = {"package.json": '{"name": "shop", "version": "0.9.0"}', "index.js": "module.exports = 1\n"}
RUST = {
    "Cargo.toml": '[package]\nname = "shop"\nversion = "0.9.0"\nedition = "2021"\n',
    "Cargo.lock": 'version = 3\n\n[[package]]\nname = "shop"\nversion = "0.9.0"\n',
    "src/main.rs": 'fn main() { print!("{}", env!("CARGO_PKG_VERSION")) }\n',
}
HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)
"""A person's own home, and not that of the tests: toolchains lie there."""
BINARIES = (HOME / ".cargo/bin", HOME / "go/bin", HOME / ".local/bin", Path("/usr/local/go/bin"))
"""Where installers put toolchains, and the start-up files of shells look for them."""
PIPX = f"""#!/bin/sh
shift; program=$1; shift
test "$program" != build || exec {sys.executable} -m build --no-isolation "$@"
exec {Path(sys.executable).parent}/"$program" "$@"
"""
"""A pipx that fetches nothing, since no test has a network: what it would fetch is here already."""


def with_toolchain(program: str, folder: Path) -> dict[str, str]:
    """The environment in which a program runs; the test is skipped, with its reason, where there is no such program."""
    (folder / "bin").mkdir()
    (folder / "bin" / "pipx").write_text(PIPX)
    (folder / "bin" / "pipx").chmod(0o755)
    env = os.environ | {
        "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"], *map(str, BINARIES)]),
        "CARGO_HOME": os.environ.get("CARGO_HOME", str(HOME / ".cargo")),
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(HOME / ".rustup")),
        "HOME": str(folder),
        "GOFLAGS": "-mod=mod",
        "GOCACHE": str(Path(__file__).parents[2] / "build/go-cache"),  # else Go's own library is compiled each time
        "GOTOOLCHAIN": "local",
        "CARGO_NET_OFFLINE": "true",
        "npm_config_offline": "true",
        "UV_OFFLINE": "1",
        "RELEASE_VERSION": "1.0.0",
    }
    asked = [program, "version"] if program == "go" else [program, "--version"]
    found = shutil.which(program, path=env["PATH"])
    answer = found and subprocess.run([found, *asked[1:]], env=env, capture_output=True, check=False)
    if not answer or answer.returncode:
        pytest.skip(f"{program} is not on this machine, so its build is not tried")
    return env


@pytest.mark.build
@pytest.mark.parametrize(
    "files, program, made",
    [
        (PYTHON, "python3", ["shop-1.0.0-py2.py3-none-any.whl", "shop-1.0.0.tar.gz"]),
        (GO, "go", ["shop"]),
        (GO_LIBRARY, "go", []),
        (NODE, "npm", ["shop-1.0.0.tgz"]),
        (RUST, "cargo", ["shop"]),
        ({"a.txt": "a\n"}, "git", ["source-1.0.0.tar.gz"]),
    ],
    ids=["Python", "Go", "a Go library", "Node", "Rust", "nothing known"],
)
def test_what_is_proposed_builds_a_small_project_of_its_kind(
    tmp_path: Path, files: dict[str, str], program: str, made: list[str]
) -> None:
    """What tells its version tells that of the tag, whatever is written in its files; of a library its tests run."""
    env, place = with_toolchain(program, tmp_path), tmp_path / "project"
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    for argv in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=begin"]):
        subprocess.run(["git", *argv], cwd=place, check=True)
    found = detect.stack(files.keys(), files)
    script = "\n".join(found.build or found.test)
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout.decode()
    assert sorted(path.name for path in place.glob("dist/*")) == made
    if files is RUST:
        told = subprocess.run([place / "dist" / "shop"], capture_output=True, text=True, check=True)
        assert told.stdout == "1.0.0"


@pytest.mark.parametrize(
    "path, recipe",
    [
        ("compose.yaml", "compose-ssh"),
        ("docker-compose.yml", "compose-ssh"),
        ("config/deploy.yml", "kamal"),
        ("fly.toml", "fly"),
        ("Procfile", "heroku"),
        ("charts/shop/Chart.yaml", "helm"),
        ("k8s/base/deployment.yaml", "kubectl"),
        ("render.yaml", "render"),
        ("deploy/shop.service", "systemd"),
    ],
)
def test_a_recipe_is_proposed_for_what_lies_there(path: str, recipe: str) -> None:
    assert detect.deployment_hints([path, "README.md"]) == (Hint(path, recipe),)


def test_the_more_telling_file_comes_first() -> None:
    hints = detect.deployment_hints(["compose.yaml", "config/deploy.yml"])
    assert [hint.recipe for hint in hints] == ["kamal", "compose-ssh"]


@pytest.mark.parametrize(
    "texts, version",
    [
        ({"pyproject.toml": '[project]\nname = "x"\nversion = "1.4.0"\n'}, "1.4.0"),
        ({"package.json": '{\n  "version": "2.0.1"\n}'}, "2.0.1"),
        ({"Cargo.toml": '[package]\nversion = "0.3.0"\n'}, "0.3.0"),
        ({"package.json": '{"name": "x",\n  "version": "0.0.0"}'}, None),
        ({"pyproject.toml": '[project]\ndynamic = ["version"]\n'}, None),
    ],
)
def test_a_project_without_tags_goes_on_from_the_version_it_has(texts: dict[str, str], version: str | None) -> None:
    assert detect.written_version(texts) == version


def test_labels_with_a_kind_before_them_mean_what_they_say() -> None:
    found = detect.labels(["type: bug", "kind/feature", "semver:major", "good first issue", "Bug", "area/docs-site"])
    usual = Labels()
    assert found.patch == (*usual.patch, "type: bug")
    assert found.minor == (*usual.minor, "kind/feature")
    assert found.major == (*usual.major, "semver:major")
    assert found.none == usual.none
    assert detect.labels(["type: docs"]).none == (*usual.none, "type: docs")
