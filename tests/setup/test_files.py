"""The files that other repositories get are this one's own, hold the same house rules, and know who changed them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from release_tool.config import Channel, Config, Environment, Sync
from release_tool.errors import BugError
from release_tool.setup import files as scaffold
from release_tool.setup import shipped
from release_tool.setup.files import FileState, compare, sign
from release_tool.setup.render import Values, render
from tests.adoption import SOURCE
from tests.workflow_rules import breaches_of_action, breaches_of_workflow, read_action, read_workflow

PLAIN = Values(branch="main", source=SOURCE, build=("make build",), test=("make test",))
HOSTED = Config(sync=Sync())
OTHERWISE = Config(
    branch="trunk",
    tag_prefix="",
    maintenance=("release-*", "lts/*"),
    release_on="schedule",
    sync=Sync(branch="hosted/eu"),
    channels={"team": Channel(url_env="TEAM_URL"), "all": Channel(url_env="ALL_URL")},
    environments={
        "staging": Environment(command=("./deploy.sh",), pass_env=("SSH_KEY",)),
        "production": Environment(command=("./deploy.sh",), pass_env=("SSH_HOST", "SSH_KEY")),
    },
)
VARIANTS = {
    "as it is": (HOSTED, PLAIN),
    "without a hosted branch": (Config(), PLAIN),
    "with other names": (OTHERWISE, msgspec.structs.replace(PLAIN, branch="trunk")),
    "by an app": (HOSTED, msgspec.structs.replace(PLAIN, app=True)),
    "on a server of its own": (
        HOSTED,
        msgspec.structs.replace(PLAIN, server="git.example.com", runner="[self-hosted]"),
    ),
}
ROOT = Path(__file__).parent.parent.parent


def written(variant: str) -> dict[str, str]:
    config, values = VARIANTS[variant]
    rendered = render(shipped.files(), config, values)
    return {path: sign(path, text, "1.4.0") for path, text in rendered.items()}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_written_keeps_the_house_rules(variant: str) -> None:
    files = written(variant)
    workflows = {f"./{path}": text for path, text in files.items() if path.startswith(scaffold.WORKFLOWS)}
    read = {path: read_workflow(text) for path, text in workflows.items()}

    breaches = {path: list(breaches_of_workflow(text, read)) for path, text in workflows.items()}
    breaches[scaffold.ACTION] = list(breaches_of_action(files[scaffold.ACTION]))
    assert {path: found for path, found in breaches.items() if found} == {}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_written_is_what_github_takes_and_zizmor_finds_sound(variant: str, tmp_path: Path) -> None:
    for path, text in written(variant).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    workflows = map(str, sorted((tmp_path / scaffold.WORKFLOWS).glob("*.yml")))
    schema = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows]
    sound = ["zizmor", "--quiet", "--offline", "--pedantic", "--no-progress", str(tmp_path / ".github")]
    for program, *options in (schema, sound):
        command = [str(Path(sys.executable).parent / program), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_as_it_is_a_workflow_differs_from_this_projects_own_by_its_first_line_only() -> None:
    for name in ("pr-policy", "publish", "release", "cloud-sync", "cloud-advance", "deploy"):
        path = f"{scaffold.WORKFLOWS}/{name}.yml"
        assert written("as it is")[path].partition("\n")[2] == (ROOT / path).read_text()


def test_workflows_start_on_the_branches_and_tags_that_are_configured() -> None:
    files = written("with other names")
    release = read_workflow(files[f"{scaffold.WORKFLOWS}/release.yml"])
    sync = read_workflow(files[f"{scaffold.WORKFLOWS}/cloud-sync.yml"])

    assert release.on["push"] == {"tags": ["[0-9]*"]}
    assert "refs/heads/trunk" in str(release.jobs["sync"].if_)
    assert sync.on["push"] == {"branches": ["hosted/eu"]}


def test_without_a_hosted_branch_no_push_starts_a_sync() -> None:
    sync = read_workflow(written("without a hosted branch")[f"{scaffold.WORKFLOWS}/cloud-sync.yml"])
    assert sync.on.keys() == {"workflow_call", "workflow_dispatch"}


def test_an_app_acts_in_every_job_and_its_key_goes_to_none_of_the_users_workflows() -> None:
    files = written("by an app")
    for name in ("pr-policy", "publish", "cloud-sync"):
        text = files[f"{scaffold.WORKFLOWS}/{name}.yml"]
        assert "GITHUB_TOKEN: ${{ github.token }}" not in text
        assert text.count("id: tool") == text.count("app-key: ")
    for name in ("build", "cloud-tests"):
        assert "APP" not in files[f"{scaffold.WORKFLOWS}/{name}.yml"]
    handed = [line for line in files[f"{scaffold.WORKFLOWS}/release.yml"].splitlines() if "APP_KEY: ${{" in line]
    assert len(handed) == 2  # publish and sync


def test_what_pass_env_names_is_handed_on_in_the_deploy_job_once_each() -> None:
    path = f"{scaffold.WORKFLOWS}/deploy.yml"
    text = written("with other names")[path]
    lines = {"SSH_KEY": "${{ secrets.SSH_KEY }}", "SSH_HOST": "${{ secrets.SSH_HOST }}"}
    assert lines.items() <= read_workflow(text).jobs["environments"].env.items()
    assert scaffold.passed(text) == {"SSH_KEY", "SSH_HOST"}
    assert scaffold.passed(written("as it is")[path]) == set()


def test_what_a_deploy_command_gets_reaches_it_on_the_whole_way_and_goes_nowhere_else() -> None:
    files = {path.rpartition("/")[2]: text for path, text in written("with other names").items()}
    handed = {
        (name, job.uses.rpartition("/")[2]): set(job.secrets)
        for name, text in files.items()
        if name.endswith(".yml") and name != "action.yml"
        for job in read_workflow(text).jobs.values()
        if job.uses
    }
    channels, passed = {"ALL_URL", "TEAM_URL"}, {"SSH_HOST", "SSH_KEY"}
    assert {way: names for way, names in handed.items() if names} == {
        ("release.yml", "publish.yml"): channels,
        ("release.yml", "cloud-sync.yml"): channels | passed,
        ("cloud-sync.yml", "cloud-advance.yml"): channels,
        ("cloud-sync.yml", "deploy.yml"): channels | passed,
    }


def test_a_channels_address_goes_to_every_job_that_has_something_to_tell_and_to_no_other() -> None:
    files = {path.rpartition("/")[2]: text for path, text in written("with other names").items()}
    for name in ("publish.yml", "cloud-advance.yml", "deploy.yml"):
        steps = [step for job in read_workflow(files[name]).jobs.values() for step in job.steps]
        acting = [step.env for step in steps if "GITHUB_TOKEN" in step.env]
        assert acting
        assert all(env["TEAM_URL"] == "${{ secrets.TEAM_URL }}" for env in acting)
        assert "TEAM_URL" in str(read_workflow(files[name]).on["workflow_call"])
    jobs = read_workflow(files["dashboard.yml"]).jobs
    telling = {job for job, told in jobs.items() if any("TEAM_URL" in step.env for step in told.steps)}
    assert telling == {"missed"}
    for name in ("pr-policy.yml", "pr-checks.yml", "build.yml", "cloud-tests.yml"):
        assert "TEAM_URL" not in files[name]


def test_a_server_of_its_own_gets_nothing_that_it_lacks() -> None:
    files = written("on a server of its own")
    text = "".join(text for path, text in files.items() if path.startswith(scaffold.WORKFLOWS))
    for lacking in (
        "queue: max",
        "actions/attest@",
        "ubuntu-latest",
        " GH_TOKEN:",
    ):
        assert lacking not in text
    assert "id-token" not in files[f"{scaffold.WORKFLOWS}/publish.yml"]
    assert "id-token" in files[f"{scaffold.WORKFLOWS}/dashboard.yml"]
    assert text.count("GH_HOST: git.example.com") == text.count("GH_ENTERPRISE_TOKEN:")


def test_the_tool_is_installed_from_the_pinned_commit_with_its_locked_dependencies() -> None:
    files = written("as it is")
    (install, _) = read_action(files[scaffold.ACTION]).runs.steps
    assert install.env["SOURCE"] == SOURCE
    assert install.env["LOCK"] == "${{ github.action_path }}/requirements.txt"
    assert scaffold.source_of(files[scaffold.ACTION]) == SOURCE
    assert install.env["INSTALL"] == "${{ github.action_path }}/install.sh"
    for path, own in (
        (scaffold.INSTALL, "install.sh"),
        (scaffold.LOCK, "requirements/tool.txt"),
        (scaffold.UV, "requirements/uv.txt"),
    ):
        assert files[path].partition("\n")[2] == (ROOT / own).read_text()


def test_the_projects_own_way_replaces_ours() -> None:
    files = written("as it is")
    for name, command in (("build", "make build"), ("cloud-tests", "make test"), ("pr-checks", "make test")):
        text = files[f"{scaffold.WORKFLOWS}/{name}.yml"]
        assert command in text
        assert "make smoke" not in text
        assert "this project's own" not in text
    checks = read_workflow(files[scaffold.CHECKS])
    assert checks.jobs.keys() == {"tests", "checks"}


def test_a_shipped_file_that_cannot_be_rendered_any_more_is_a_bug_that_names_what_is_missing() -> None:
    files = shipped.files() | {f"{scaffold.WORKFLOWS}/release.yml": "on: push\n"}
    with pytest.raises(BugError, match=r"branches: \[main"):
        render(files, HOSTED, PLAIN)


# Who wrote a file, and who changed it

PATH = f"{scaffold.WORKFLOWS}/release.yml"
TEXTS = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]))


@given(TEXTS, TEXTS)
def test_our_untouched_file_is_current_or_older_whatever_is_in_it(before: str, after: str) -> None:
    there = sign(PATH, before, "1.3.0")
    state = compare(PATH, sign(PATH, after, "1.4.0"), there).state
    assert state is (FileState.CURRENT if before == after else FileState.OLDER)


@given(TEXTS, TEXTS)
def test_a_file_that_somebody_touched_is_never_taken_for_ours(text: str, added: str) -> None:
    assume(added)
    there = sign(PATH, text, "1.3.0") + added
    assert compare(PATH, sign(PATH, text, "1.4.0"), there).state is FileState.CHANGED


@pytest.mark.parametrize(
    "there, state",
    [
        (None, FileState.NEW),
        ("text\n", FileState.CURRENT),
        ("other\n", FileState.CHANGED),
        (sign(PATH, "other\n", "1.3.0"), FileState.OLDER),
        (sign(PATH, "other\n", "2.0.0"), FileState.CHANGED),
        (sign(PATH, "other\n", "1.3.0").replace("\n", "\r\n"), FileState.OLDER),
        (sign(PATH, "other\n", "1.3.0").replace("sha256:", "sha256:0"), FileState.CHANGED),
    ],
    ids=[
        "missing",
        "the same by hand",
        "a stranger's",
        "ours",
        "of a newer version",
        "checked out by Windows",
        "forged",
    ],
)
def test_a_file_is_upgraded_only_where_we_wrote_it_last(there: str | None, state: FileState) -> None:
    assert compare(PATH, sign(PATH, "text\n", "1.4.0"), there).state is state


@pytest.mark.parametrize("path", ["build.yml", "cloud-tests.yml", "pr-checks.yml"])
def test_what_is_the_users_is_neither_signed_nor_judged(path: str) -> None:
    place = f"{scaffold.WORKFLOWS}/{path}"
    assert sign(place, "text\n", "1.4.0") == "text\n"
    assert compare(place, "text\n", "mine\n").state is FileState.YOURS


def test_a_markdown_file_is_signed_where_no_reader_sees_it() -> None:
    signed = sign(scaffold.RELEASING, "# How\n", "1.4.0")
    assert signed.startswith("<!-- Kept by release-tool 1.4.0 (sha256:")
    assert compare(scaffold.RELEASING, sign(scaffold.RELEASING, "# Why\n", "1.5.0"), signed).state is FileState.OLDER
