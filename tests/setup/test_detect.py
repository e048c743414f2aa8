"""What files tell about a project; nothing of it is guessed where they tell nothing."""

from __future__ import annotations

import pytest

from release_tool.config import Labels
from release_tool.setup import detect
from release_tool.setup.detect import Competitor, Hint

WORKFLOW = ".github/workflows/ci.yml"


@pytest.mark.parametrize(
    "files, name, build, test",
    [
        ({"pyproject.toml": "[tool.pytest]"}, "Python", "pipx run build", "python3 -m pytest"),
        ({"pyproject.toml": "", "tox.ini": ""}, "Python", "pipx run build", "pipx run tox"),
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
        ({"go.mod": "module shop"}, "Go", "go build -trimpath -o dist/ ./...", "go test ./..."),
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
        ({"Cargo.toml": '[package]\nversion = "1.0.0"\n'}, "Rust", "cargo update --workspace\ncargo build", "cargo"),
        ({"Cargo.toml": ""}, "Rust", "cargo build --release --locked", "cargo test --locked"),
        ({"pom.xml": ""}, "Java with Maven", "mvn --batch-mode --no-transfer-progress package", "verify"),
        ({"build.gradle.kts": "", "gradlew": ""}, "Java with Gradle", "./gradlew assemble", "./gradlew check"),
        ({"shop.gemspec": "", "Rakefile": ""}, "Ruby", "gem build *.gemspec", "bundle exec rake"),
        ({"shop.sln": ""}, ".NET", "dotnet publish", "dotnet test"),
        ({"Makefile": "build:\n\tx\ntest: build\n"}, "nothing known", "make build", "make test"),
        ({"go.mod": "", "Makefile": "test:\n\tx\nBUILD := y\n"}, "Go", "go build", "make test"),
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
    assert bool(detect.tests_pull_requests({WORKFLOW: text}, ours=())) is starts


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
