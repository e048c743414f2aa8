"""What files tell about a project; nothing of it is guessed where they tell nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from release_tool.config import Labels
from release_tool.setup import detect
from release_tool.setup.detect import Competitor, Hint

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
        (WORKFLOW, "uses: googleapis/release-please-action@v4", "release-please"),
        (WORKFLOW, "uses: release-drafter/release-drafter@v6", "release-drafter"),
        (WORKFLOW, "uses: goreleaser/goreleaser-action@v6", "GoReleaser"),
        (WORKFLOW, "uses: softprops/action-gh-release@v2", "GitHub releases"),
        (WORKFLOW, "run: gh release create v1", "GitHub releases"),
        (WORKFLOW, "run: git tag v1 && git push --tags", "tags"),
        (WORKFLOW, "run: kamal deploy", "Kamal"),
        (WORKFLOW, "run: flyctl deploy --remote-only", "Fly"),
        (WORKFLOW, "run: helm upgrade shop chart", "Kubernetes"),
        (WORKFLOW, "uses: appleboy/ssh-action@v1", "ssh"),
    ],
)
def test_what_releases_or_deploys_already_is_named_with_its_file(path: str, text: str, what: str) -> None:
    assert detect.competitors([path], {path: text}, ours=()) == (Competitor(path, what),)


def test_our_own_workflows_do_not_compete() -> None:
    text = "run: git tag v1 && gh release create v1"
    assert detect.competitors([WORKFLOW], {WORKFLOW: text}, ours=[WORKFLOW]) == ()


def test_a_project_without_anything_of_the_kind_has_no_competitor() -> None:
    files = {"package.json": "{}", "pyproject.toml": "[project]", WORKFLOW: "run: make test"}
    assert detect.competitors(files.keys(), files, ours=()) == ()


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


# Builds that were run


GO = {"go.mod": "module example.com/shop\n\ngo 1.21\n", "main.go": "package main\n\nfunc main() {}\n"}
NODE = {"package.json": '{"name": "shop", "version": "1.0.0"}', "index.js": "module.exports = 1\n"}
RUST = {
    "Cargo.toml": '[package]\nname = "shop"\nversion = "1.0.0"\nedition = "2021"\n',
    "Cargo.lock": 'version = 3\n\n[[package]]\nname = "shop"\nversion = "1.0.0"\n',
    "src/main.rs": "fn main() {}\n",
}


@pytest.mark.build
@pytest.mark.parametrize(
    "files, program, made",
    [
        (GO, "go", "shop"),
        (NODE, "npm", "shop-1.0.0.tgz"),
        (RUST, "cargo", "shop"),
        ({"a.txt": "a\n"}, "git", "source-"),
    ],
    ids=["Go", "Node", "Rust", "nothing known"],
)
def test_what_is_proposed_builds_a_small_project_of_its_kind(
    tmp_path: Path, files: dict[str, str], program: str, made: str
) -> None:
    real = {name: os.environ.get(name) or str(Path.home() / folder) for name, folder in TOOLCHAINS.items()}
    asked = [program, "version"] if program == "go" else [program, "--version"]
    answer = shutil.which(program) and subprocess.run(asked, env=os.environ | real, capture_output=True, check=False)
    if not answer or answer.returncode:
        pytest.skip(f"{program} is not on this machine, so its build is not tried")
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    for argv in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=begin"]):
        subprocess.run(["git", *argv], cwd=tmp_path, check=True)
    script = "\n".join(detect.stack(files.keys(), files).build)
    quiet = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "CARGO_NET_OFFLINE": "true", "npm_config_offline": "true"}
    cache = {
        "GOCACHE": str(Path(__file__).parents[2] / "build/go-cache")
    }  # else Go's own library is compiled each time
    built = os.environ | quiet | real | cache | {"HOME": str(tmp_path.parent), "RELEASE_VERSION": "1.0.0"}
    subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=built, check=True)
    assert [path.name for path in (tmp_path / "dist").iterdir() if path.name.startswith(made)]


TOOLCHAINS = {"CARGO_HOME": ".cargo", "RUSTUP_HOME": ".rustup"}
"""Where rustup keeps what it installed."""


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
