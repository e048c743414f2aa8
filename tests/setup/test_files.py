"""The files that other repositories get hold the house rules and GitHub's, are few, and know who changed them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from release_tool.cli.action import words_of
from release_tool.config.model import Build, Channel, Config, DeploySetup, Duration, Environment, Job, Sync
from release_tool.config.read import parse
from release_tool.setup import files as scaffold
from release_tool.setup.files import FileState, compare, sign
from release_tool.setup.render import Values
from release_tool.setup.shipped import render
from tests import forkserver
from tests.adoption import ACTION
from tests.workflow_rights import breaches_of_rights
from tests.workflow_rules import breaches_of_action, breaches_of_workflow, read_workflow

PLAIN = Values(branch="main", action=ACTION, build=("make build",), test=("make test",))
LIVE = {"production": Environment(command=("./deploy.sh",), pass_env=("SSH_KEY",))}
HOSTED = Config(sync=Sync(), environments=LIVE)
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
IMAGE = Config(
    sync=Sync(),
    environments=LIVE,
    build=Build(secrets=("REGISTRY_TOKEN",), permissions={"packages": "write"}, references=("web",)),
    tests=Job(secrets=("REGISTRY_TOKEN",), permissions={"packages": "write"}),
    deploy_setup=DeploySetup(secrets=("KUBECONFIG",), permissions={"id-token": "write"}),
)
CALLED = Config(
    sync=Sync(),
    environments=LIVE,
    build=Build(
        workflow=".github/workflows/build.yml",
        secrets=("REGISTRY_TOKEN",),
        permissions={"packages": "write"},
        references=("web",),
    ),
    tests=Job(workflow=".github/workflows/cloud-tests.yml"),
)
WATCHED = msgspec.structs.replace(
    HOSTED,
    environments={
        name: msgspec.structs.replace(environment, watch=Duration(hours=4))
        for name, environment in HOSTED.environments.items()
    },
)
VARIANTS = {
    "a library": (Config(), PLAIN),
    "nothing but tags and notes": (Config(build=Build(enabled=False)), PLAIN),
    "a hosted branch alone": (Config(sync=Sync()), PLAIN),
    "deployed without a hosted branch": (Config(environments=LIVE), PLAIN),
    "the whole road": (HOSTED, PLAIN),
    "with other names": (OTHERWISE, msgspec.structs.replace(PLAIN, branch="trunk")),
    "an image": (IMAGE, PLAIN),
    "by an app": (HOSTED, msgspec.structs.replace(PLAIN, app=True)),
    "on a server of its own": (IMAGE, msgspec.structs.replace(PLAIN, server="git.example.com", runner="[self-hosted]")),
    "built by a workflow of its own": (CALLED, PLAIN),
    "watched": (WATCHED, PLAIN),
}
ROOT = Path(__file__).parent.parent.parent
OLD_SET = Path(__file__).parent / "old_set"
BUILD = """
on:
  workflow_call:
    inputs: {sha: {required: true}, version: {required: true}, tag: {}, artifact: {required: true}}
    secrets: {REGISTRY_TOKEN: {required: false}}
    outputs: {references: {value: "${{ jobs.build.outputs.references }}"}}
permissions: {}
jobs:
  build:
    permissions:
      packages: write # push
    timeout-minutes: 5
    outputs: {references: "a"}
    steps:
      - name: Log in
        env: {NAMES: REGISTRY_TOKEN, REGISTRY_TOKEN: "${{ secrets.REGISTRY_TOKEN }}"}
"""
TESTS = """
on:
  workflow_call: {inputs: {sha: {required: true}}}
permissions: {}
jobs:
  tests: {permissions: {contents: read}, timeout-minutes: 5}
"""


def written(variant: str) -> dict[str, str]:
    config, values = VARIANTS[variant]
    return {path: sign(path, text, "1.4.0") for path, text in render(config, values).items()}


def workflows(variant: str) -> dict[str, str]:
    found = {path: text for path, text in written(variant).items() if path.startswith(scaffold.WORKFLOWS)}
    if variant == "built by a workflow of its own":
        found |= {f"{scaffold.WORKFLOWS}/build.yml": BUILD, f"{scaffold.WORKFLOWS}/cloud-tests.yml": TESTS}
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_written_keeps_the_house_rules(variant: str) -> None:
    files = {f"./{path}": text for path, text in workflows(variant).items()}
    read = {path: read_workflow(text) for path, text in files.items()}
    ours = {path: text for path, text in files.items() if text not in {BUILD, TESTS}}
    breaches = {path: list(breaches_of_workflow(text, read)) for path, text in ours.items()}
    assert {path: found for path, found in breaches.items() if found} == {}


def test_the_root_action_keeps_the_house_rules() -> None:
    assert list(breaches_of_action((ROOT / "action.yml").read_text())) == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_written_is_what_github_takes_and_zizmor_finds_sound(variant: str, tmp_path: Path) -> None:
    for path, text in written(variant).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    named = map(str, sorted((tmp_path / scaffold.WORKFLOWS).glob("*.yml")))
    schema = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *named]
    sound = ["zizmor", "--quiet", "--offline", "--pedantic", "--no-progress", str(tmp_path / ".github")]
    for program, *options in (schema, sound):
        command = [str(Path(sys.executable).parent / program), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "variant, most_files, most_lines",
    [("a library", 2, 190), ("nothing but tags and notes", 2, 190), ("the whole road", 7, 680)],
)
def test_no_more_is_written_than_is_used(variant: str, most_files: int, most_lines: int) -> None:
    """With the configuration that is one file and ten lines more."""
    files = written(variant)
    assert len(files) <= most_files
    assert sum(text.count("\n") for text in files.values()) <= most_lines


# Secrets and permissions, as GitHub gives them


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_secret_that_is_configured_arrives_and_is_looked_at_first(variant: str) -> None:
    config, _ = VARIANTS[variant]
    passed = {name for environment in config.environments.values() for name in environment.pass_env}
    needed = passed.union(config.build.secrets, config.tests.secrets, config.deploy_setup.secrets)
    assert list(breaches_of_rights(workflows(variant), needed)) == []


def test_the_set_of_1_3_lost_the_secrets_of_a_build_on_the_way() -> None:
    files = {str(path.relative_to(OLD_SET)): path.read_text() for path in OLD_SET.glob(".github/workflows/*.yml")}
    found = list(breaches_of_rights(files, {"REGISTRY_TOKEN", "SSH_KEY"}))
    assert "build.yml: job `build` uses REGISTRY_TOKEN, which its caller does not pass: they are empty" in found
    assert "build.yml: job `build` uses REGISTRY_TOKEN, and nothing looks whether they are empty" in found
    assert "deploy.yml: job `environments` uses SSH_KEY, and nothing looks whether they are empty" in found


def test_the_set_of_1_3_did_not_start_where_a_build_asked_for_more() -> None:
    files = {str(path.relative_to(OLD_SET)): path.read_text() for path in OLD_SET.glob(".github/workflows/*.yml")}
    build = f"{scaffold.WORKFLOWS}/build.yml"
    files[build] = files[build].replace("      contents: read", "      packages: write # push\n      contents: read")
    found = list(breaches_of_rights(files, set()))
    assert any("publish.yml: job `build` grants less than `packages: write`" in breach for breach in found)


def test_a_builds_password_is_seen_by_the_build_and_by_no_other_job() -> None:
    (release,) = (text for path, text in written("an image").items() if path == scaffold.RELEASE)
    jobs = read_workflow(release).jobs
    seeing = {name for name, job in jobs.items() if "${{ secrets.REGISTRY_TOKEN }}" in str(job)}
    assert seeing == {"build", "tests"}
    assert jobs["build"].permissions == {"contents": "read", "packages": "write"}
    for name in seeing:
        assert "write" not in {level for what, level in (jobs[name].permissions or {}).items() if what != "packages"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_users_code_runs_where_no_token_writes_and_no_other_jobs_secret_is(variant: str) -> None:
    config, _ = VARIANTS[variant]
    asked = {"build": config.build, "candidate": config.build, "tests": config.tests}
    for name, job in read_workflow(written(variant)[scaffold.RELEASE]).jobs.items():
        if name not in asked:
            assert not job.uses
            assert [step.run for step in job.steps if step.run] == []  # nothing but actions that were looked at
            continue
        given = (job.permissions or {}).items() - asked[name].permissions.items()
        assert given == {("contents", "read")}
        assert set(re.findall(r"secrets\.(\w+)", str(job))) == set(asked[name].secrets)


def test_the_check_that_is_required_keeps_its_name() -> None:
    assert [job.name for job in read_workflow(written("a library")[scaffold.POLICY]).jobs.values()] == ["policy"]


def test_what_a_person_cannot_see_before_the_merge_is_asked_in_the_plan() -> None:
    plan = read_workflow(written("an image")[scaffold.RELEASE]).jobs["plan"]
    assert plan.steps[0].env == {"RELEASE_SECRET_REGISTRY_TOKEN": "${{ secrets.REGISTRY_TOKEN != '' }}"}


def test_what_pass_env_names_is_handed_to_the_deploying_steps_and_goes_nowhere_else() -> None:
    files = written("with other names")
    steps = read_workflow(files[scaffold.DEPLOY]).jobs["environments"].steps
    deploying = [step.env for step in steps if "$ENVIRONMENT" in str(step.with_.get("run", ""))]
    assert len(deploying) == 4
    assert all({"SSH_KEY", "SSH_HOST", "TEAM_URL", "ALL_URL"} == env.keys() for env in deploying)
    assert scaffold.passed(files[scaffold.DEPLOY], "environments") >= {"SSH_KEY", "SSH_HOST"}
    assert all("SSH_KEY" not in text for path, text in files.items() if path != scaffold.DEPLOY)


def test_an_app_acts_in_a_release_and_the_ledger_is_kept_with_the_workflows_own_token() -> None:
    files = written("by an app")
    jobs = read_workflow(files[scaffold.RELEASE]).jobs
    for name in ("plan", "release", "advance"):
        acting = [
            step for step in jobs[name].steps if str(step.with_.get("run", "")).startswith(("plan", "rel", "sync"))
        ]
        assert acting
        assert all(step.with_["app-key"] == "${{ secrets.RELEASE_TOOL_APP_KEY }}" for step in acting)
    for name in ("build", "tests"):
        assert "APP" not in str(jobs[name])
    assert "APP" not in files[scaffold.DEPLOY] + files[scaffold.LOOK] + files[scaffold.POLICY]
    assert "github.event.sender.type == 'Bot'" in jobs["plan"].if_  # what it pushes itself starts no second chain


# What they start on, and what they keep


def test_workflows_start_on_the_branches_and_tags_that_are_configured() -> None:
    assert read_workflow(written("a library")[scaffold.RELEASE]).on["push"] == {
        "branches": ["main", "*.x"],
        "tags": ["v*"],
    }
    release = read_workflow(written("with other names")[scaffold.RELEASE])
    assert release.on["push"] == {"branches": ["hosted/eu"], "tags": ["[0-9]*"]}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_a_push_starts_shares_no_file_with_a_schedule(variant: str) -> None:
    for text in workflows(variant).values():
        events = read_workflow(text).on.keys()
        assert "schedule" not in events or events == {"schedule", "workflow_dispatch"}


def test_where_there_is_nothing_to_look_after_there_is_no_schedule() -> None:
    assert all("schedule:" not in text for text in written("a library").values())
    assert '- cron: "23 4 * * *"' in written("the whole road")[scaffold.LOOK]


@pytest.mark.parametrize("variant", VARIANTS)
def test_artifacts_are_kept_for_a_week_at_most(variant: str) -> None:
    for text in workflows(variant).values():
        for job in read_workflow(text).jobs.values():
            for step in job.steps:
                if "upload" in step.uses:
                    assert int(step.with_["retention-days"]) <= 7, step.name


def in_a_row(workflow: str, *, without: frozenset[str] = frozenset()) -> int:
    """How many jobs wait for one another."""
    jobs = read_workflow(workflow).jobs

    def depth(name: str) -> int:
        return (name not in without) + max(map(depth, jobs[name].waits_for()), default=0)

    return max(map(depth, jobs))


def test_a_merge_waits_for_few_jobs() -> None:
    assert in_a_row(written("a library")[scaffold.RELEASE]) == 3
    road = written("the whole road")
    assert in_a_row(road[scaffold.RELEASE]) == 5
    deployment = in_a_row(road[scaffold.DEPLOY], without=frozenset({"plan", "after"}))
    assert deployment == 1  # it is told what was planned, so 6 to production


def test_a_server_of_its_own_gets_nothing_that_it_lacks() -> None:
    files = written("on a server of its own")
    text = "".join(text for path, text in files.items() if path.startswith(scaffold.WORKFLOWS))
    for lacking in ("queue: max", "actions/attest@", "attestations:", "ubuntu-latest", "deployment: false"):
        assert lacking not in text


def test_what_is_said_of_releasing_is_what_the_project_has() -> None:
    alone = written("a hosted branch alone")[scaffold.RELEASING]
    assert "`cloud`" in alone
    assert "rollback" not in alone
    deployed = written("deployed without a hosted branch")[scaffold.RELEASING]
    assert "rollback" in deployed
    assert "cloud" not in deployed
    assert scaffold.RELEASING not in written("a library")


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "merging a pull request is enough"),
        ('release-on = "schedule"', "what was merged is released at the next look"),
        ('release-on = "manual"', "released when a person starts `release-tool.yml`"),
    ],
)
def test_what_is_said_of_who_releases_is_so(text: str, says: str) -> None:
    files = render(parse(f"{text}\n[sync]\n", "release-tool.toml"), PLAIN)
    assert says in files[scaffold.RELEASING]


def test_who_builds_nothing_gets_no_right_to_attest() -> None:
    jobs = read_workflow(written("nothing but tags and notes")[scaffold.RELEASE]).jobs
    assert not {"attestations", "id-token"} & (jobs["release"].permissions or {}).keys()
    ships = read_workflow(written("a library")[scaffold.RELEASE]).jobs["release"].permissions or {}
    assert ships["attestations"] == "write"


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_line_of_a_workflow_ends_in_space(variant: str) -> None:
    assert [line for text in workflows(variant).values() for line in text.splitlines() if line != line.rstrip()] == []


def test_every_field_of_a_form_is_explained_to_who_fills_it_in() -> None:
    files = written("the whole road")
    told = [files[scaffold.RELEASE], files[scaffold.DEPLOY]]
    fields = {name for text in told for name in read_workflow(text).interface("workflow_dispatch").inputs}
    fields -= {"action", "plan"}  # the one has options, the other is left empty
    fields |= {option for line in re.findall(r"options: \[(.+)\]", told[1]) for option in line.split(", ")}
    assert {name for name in fields if not re.search(rf"\b{name}\b", files[scaffold.RELEASING])} == set()


def test_the_cadence_of_the_look_is_a_key() -> None:
    files = render(parse('look = "23 * * * *"\n[sync]\n', "release-tool.toml"), PLAIN)
    assert read_workflow(files[scaffold.LOOK]).on["schedule"] == [{"cron": "23 * * * *"}]
    assert 'at "23 * * * *" (UTC' in files[scaffold.RELEASING]


@pytest.mark.parametrize("variant", ["a hosted branch alone", "deployed without a hosted branch", "the whole road"])
def test_every_kind_of_run_sees_whether_the_look_is_on(variant: str) -> None:
    files = workflows(variant)
    kept = {path for path, text in files.items() if f"keep: {scaffold.LOOK.rpartition('/')[2]}\n" in text}
    assert kept == files.keys() - {scaffold.LOOK}


# Who wrote a file, and who changed it

PATH = scaffold.RELEASE
TEXTS = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])).map(
    "# release-tool: release.\n".__add__
)


@given(TEXTS, TEXTS)
def test_our_untouched_file_is_current_or_older_whatever_is_in_it(before: str, after: str) -> None:
    there = sign(PATH, before, "1.3.0")
    state = compare(PATH, sign(PATH, after, "1.4.0"), there).state
    assert state is (FileState.CURRENT if before == after else FileState.OLDER)


@given(TEXTS, st.text(st.characters(exclude_characters="\r@", exclude_categories=["Cs"])))
def test_a_file_that_somebody_touched_is_never_taken_for_ours(text: str, added: str) -> None:
    assume(added)
    there = sign(PATH, text, "1.3.0") + added
    assert compare(PATH, sign(PATH, text, "1.4.0"), there).state is FileState.CHANGED


@pytest.mark.parametrize(
    "there, state",
    [
        (None, FileState.NEW),
        ("text\n", FileState.CURRENT),
        ("other\n", FileState.STRANGE),
        ("# release-tool: release.\nother\n", FileState.CHANGED),
        (sign(PATH, "other\n", "1.3.0"), FileState.OLDER),
        (sign(PATH, "other\n", "2.0.0"), FileState.CHANGED),
        (sign(PATH, "other\n", "1.3.0").replace("\n", "\r\n"), FileState.OLDER),
        (sign(PATH, "other\n", "1.3.0").replace("sha256:", "sha256:0"), FileState.STRANGE),
    ],
    ids=[
        "missing",
        "the same by hand",
        "a stranger's",
        "ours without its first line",
        "ours",
        "of a newer version",
        "checked out by Windows",
        "forged",
    ],
)
def test_a_file_is_upgraded_only_where_we_wrote_it_last(there: str | None, state: FileState) -> None:
    assert compare(PATH, sign(PATH, "text\n", "1.4.0"), there).state is state


def test_an_upgrade_keeps_the_users_own_steps_as_they_are() -> None:
    before = written("a library")[PATH]
    mine = before.replace("          make build\n", "          cmake --build . # mine\n")
    assert compare(PATH, before, mine).state is FileState.CURRENT
    newer = before.replace("timeout-minutes: 15", "timeout-minutes: 16")
    newer = sign(PATH, newer.partition("\n")[2], "1.5.0")
    file = compare(PATH, newer, mine)
    assert file.state is FileState.OLDER
    assert "          cmake --build . # mine\n" in file.text
    assert "timeout-minutes: 16" in file.text
    assert compare(PATH, newer, file.text).state is FileState.CURRENT


def test_a_bot_that_raises_a_pin_makes_the_file_nobodys_but_ours() -> None:
    before = written("a library")[PATH]
    raised = re.sub(r"actions/checkout@\w+ # v\S+", f"actions/checkout@{'b' * 40} # v9.0.0", before)
    assert compare(PATH, before, raised).state is FileState.CURRENT
    newer = re.sub(r"release-tool@\w+ # v\S+", f"release-tool@{'b' * 40} # v1.6.0", before)
    assert compare(PATH, before, newer).state is FileState.CHANGED  # older would be worse
    assert compare(PATH, sign(PATH, newer.partition("\n")[2], "1.6.0"), before).state is FileState.OLDER


def test_what_is_the_users_is_neither_signed_nor_judged() -> None:
    assert sign(scaffold.DEPLOY_SETUP, "text\n", "1.4.0") == "text\n"
    assert compare(scaffold.DEPLOY_SETUP, "text\n", "mine\n").state is FileState.YOURS
    assert compare(scaffold.RELEASING, sign(scaffold.RELEASING, "text\n", "1.4.0"), "# Mine\n").state is FileState.YOURS


def test_a_markdown_file_is_signed_where_no_reader_sees_it() -> None:
    signed = sign(scaffold.RELEASING, "# How\n", "1.4.0")
    assert signed.startswith("<!-- Kept by release-tool 1.4.0 (sha256:")
    assert compare(scaffold.RELEASING, sign(scaffold.RELEASING, "# Why\n", "1.5.0"), signed).state is FileState.OLDER


def test_a_configuration_says_by_name_what_a_job_is_given() -> None:
    text = '[build]\nsecrets = ["A"]\npermissions = {packages = "write"}\n'
    assert parse(text, "release-tool.toml").build == Build(secrets=("A",), permissions={"packages": "write"})


@pytest.mark.parametrize("variant", ["an image", "built by a workflow of its own"])
def test_a_step_passes_only_options_that_its_command_has(variant: str) -> None:
    given: dict[str, set[str]] = {}
    for text in workflows(variant).values():
        for step in (step for job in read_workflow(text).jobs.values() for step in job.steps):
            if run := str(step.with_.get("run", "")):
                command, *words = words_of(run, {})
                given.setdefault(command, set()).update(word.partition("=")[0] for word in words if word[:3] > "--")
    for command, options in given.items():
        described = forkserver.run([command, "--help"], cwd=ROOT, env=os.environ).out
        assert {option for option in options if option.startswith("--")} <= set(re.findall(r"--[a-z-]+", described))


# What the action makes of a step's command


def test_what_a_person_typed_into_a_form_adds_no_word_to_a_command(tmp_path: Path) -> None:
    (tmp_path / "b.txt").touch()
    (tmp_path / "a.txt").touch()
    typed = {"REASON": "it's $BROKEN --record; rm -rf *", "DIST": str(tmp_path), "EMPTY": ""}
    words = words_of("deploy --reason=$REASON --pre=$EMPTY $DIST/*", typed)
    assert words[:3] == ("deploy", "--reason=it's $BROKEN --record; rm -rf *", "--pre=")
    assert [Path(word).name for word in words[3:]] == ["a.txt", "b.txt"]
