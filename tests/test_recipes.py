"""Every recipe is a configuration that the tool reads and a script that does what it says, run as a deployment runs it.

The programs that a script calls are stand-ins which write down how they were called, and fail when they are told to.
What speaks HTTP speaks it, by the real curl, to a server on loopback.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from werkzeug import Response

from release_tool.config.read import parse
from release_tool.deploy.command import CommandInput, passed_on, run, surroundings
from release_tool.deploy.health.judge import unusable
from release_tool.text.masking import Masker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_httpserver import HTTPServer
    from werkzeug import Request

    from release_tool.config.model import Environment
    from release_tool.deploy.command import CommandResult

RECIPES = Path(__file__).parent.parent / "docs" / "recipes"
NAMES = sorted(path.parent.name for path in RECIPES.glob("*/release-tool.toml"))
SHELLCHECK = Path(sys.executable).with_name("shellcheck")
SCRIPTS = sorted(RECIPES.glob("*/*.sh"))

COMMIT = "5" * 40
DIGEST = f"sha256:{'a' * 64}"
IMAGE = f"ghcr.io/acme/shop@{DIGEST}"
MANIFEST = f"GET /v2/shop/web/manifests/{DIGEST}"
BUILDING = {"build", "push", "--build", "--build-only", "--push"}
SETTINGS = ("DEPLOY_ROOT", "DEPLOY_SECONDS", "HEROKU_API", "HEROKU_REGISTRY", "POLL_SECONDS", "RENDER_API")
"""What a script can be told beyond its `pass-env`, for who needs it."""

Kind = Literal["deploy", "rollback"]
KINDS: tuple[Kind, ...] = ("deploy", "rollback")

STAND_IN = """#!/bin/sh
{{ printf '%s' "${{0##*/}}"; printf ' %s' "$@"; printf '\\n'; }} >>{calls}
[ "$(wc -l <{calls})" -ne {fail_at} ] || exit 9
{body}
"""
LOCALLY = 'for command; do :; done; exec sh -c "$command"'
STAND_INS = {
    "argo-cd": {
        "argocd": f"""[ "$2" != get ] || printf '{{"status": {{"sync": {{"revision": "{COMMIT}"}}}}}}'""",
    },
    "compose-ssh": {
        "ssh": LOCALLY,
        "docker": """case "$*" in *"ps --quiet"*) echo 1f2e ;; inspect*) sed s/IMAGE=// .env ;; esac""",
    },
    "fly": {"flyctl": ""},
    "helm": {"helm": """[ "$1" != history ] || printf '[{"revision": 3, "status": "deployed"}]'"""},
    "kamal": {"docker": f"echo {DIGEST}", "kamal": """[ "$1" != lock ] || echo 'There is no deploy lock'"""},
    "kubectl": {"kubectl": ""},
    "kubectl-canary": {"kubectl": ""},
    "systemd": {
        "ssh": LOCALLY,
        "sudo": 'shift; exec "$@"',
        "systemctl": "touch starts; case $1 in restart) readlink current >>starts ;; show) wc -l <starts ;; esac",
    },
}
"""How the programs behave that a recipe calls, where all goes well."""
TOLD = {
    "argo-cd": (
        f"argocd app set shop-production --revision {COMMIT} --kustomize-image shop={IMAGE}",
        "argocd app sync shop-production --timeout 300",
        "argocd app wait shop-production --operation --sync --health --timeout 300",
        "argocd app get shop-production --output json",
    ),
    "compose-ssh": (
        "docker compose --env-file image.env.new --file compose.yaml.new pull --quiet web",
        "docker compose up --detach --no-build --remove-orphans --wait --wait-timeout 180",
        "docker compose ps --quiet web",
        "docker inspect --format {{.Config.Image}} 1f2e",
    ),
    "fly": (f"flyctl deploy --config fly.toml --image {IMAGE} --strategy rolling --wait-timeout 5m --yes",),
    "helm": (
        "helm history shop --namespace shop --output json",
        (
            "helm upgrade shop ./chart --install --namespace shop --values ./chart/values-production.yaml"
            f" --set-string image={IMAGE} --wait --timeout 5m --history-max 20"
        ),
    ),
    "kamal": (
        f"docker buildx imagetools inspect ghcr.io/acme/shop:{COMMIT} --format {{{{.Manifest.Digest}}}}",
        f"kamal deploy --skip-push --version {COMMIT} --destination production",
    ),
    "kubectl": (
        "kubectl apply --kustomize k8s/release",
        "kubectl rollout status deployment/shop --namespace shop --timeout 5m",
    ),
    "kubectl-canary": (
        "kubectl apply --kustomize k8s/release",
        "kubectl rollout status deployment/shop-canary --namespace shop --timeout 5m",
    ),
    "systemd": (
        "systemctl show --property=InvocationID --value shop",
        "sudo -n systemctl restart shop",
        "systemctl restart shop",
        "systemctl is-active --quiet shop",
        "systemctl show --property=InvocationID --value shop",
    ),
}
"""How a deployment calls them then, beside ssh."""
HARMLESS = ("helm history",)
"""Calls that may fail, because what comes after them fails for the same reason."""


def production(recipe: str) -> Environment:
    file = RECIPES / recipe / "release-tool.toml"
    return parse(file.read_text(), file.name).environments["production"]


class Machine:
    """Where a recipe's command runs, in a checkout and with the programs that it calls."""

    def __init__(self, recipe: str, directory: Path) -> None:
        self.recipe = recipe
        self.checkout = directory / "checkout"
        self.root = directory / "srv"
        self.image = IMAGE
        self._bin = directory / "bin"
        self._calls = directory / "calls"
        self._programs: dict[str, str] = dict(STAND_INS.get(recipe, {}))
        self._bin.mkdir(parents=True)
        self.root.mkdir()
        shutil.copytree(RECIPES / recipe, self.checkout)

    @property
    def calls(self) -> list[str]:
        """How each program was called, in order."""
        return self._calls.read_text().splitlines() if self._calls.exists() else []

    def install(self, program: str, body: str) -> None:
        """Have a program behave otherwise."""
        self._programs[program] = body

    def deploy(  # noqa: PLR0913 - each of these is a thing that a test decides
        self,
        kind: Kind = "deploy",
        told: Mapping[str, str] | None = None,
        *,
        commit: str = COMMIT,
        references: Mapping[str, str] | None = None,
        target: str = "",
        fail_at: int = 0,
    ) -> CommandResult:
        """Run the recipe's command, in the environment that a deployment gives it; nothing secret may be seen."""
        self._calls.unlink(missing_ok=True)
        for program, body in self._programs.items():
            script = self._bin / program
            script.write_text(STAND_IN.format(calls=self._calls, fail_at=fail_at, body=body))
            script.chmod(0o755)
        environment = production(self.recipe)
        secrets = {name: f"secret-{name}" for name in environment.pass_env}
        ours = {"HOME": os.environ["HOME"], "PATH": f"{self._bin}:{os.environ['PATH']}"} | secrets
        ours |= {"DEPLOY_ROOT": str(self.root), **(told or {})}
        passed = passed_on([*environment.pass_env, *(name for name in SETTINGS if name in ours)], ours)
        named = target or (environment.targets[0].name if environment.targets else "production")
        delivery = CommandInput(
            version="1.3.0",
            commit=commit,
            tag="v1.3.0",
            environment="production",
            target=named,
            target_url=environment.targets[0].url if environment.targets else environment.url,
            kind=kind,
            references={"web": self.image} if references is None else references,
        )
        ran = run(
            environment.command,
            directory=self.checkout,
            environment=surroundings(delivery, passed, ours),
            timeout=60,
            mask=Masker(),
        )
        assert [secret for secret in secrets.values() if secret in ran.evidence or secret in str(self.calls)] == []
        return ran


class Checkouts(Machine):
    """A machine whose checkout is a repository with commits."""

    def commit(self, text: str) -> str:
        """Make a commit whose program says something."""
        (self.checkout / "bin").mkdir(exist_ok=True)
        (self.checkout / "bin" / "serve").write_text(text)
        self._git("init", "--quiet")
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", text)
        return self._git("rev-parse", "HEAD")

    @property
    def live(self) -> Path:
        """The directory that the link leads to."""
        return (self.root / "current").resolve(strict=True)

    @property
    def releases(self) -> set[str]:
        """The releases that are there."""
        return {path.name for path in (self.root / "releases").iterdir()}

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.checkout, check=True, capture_output=True, text=True)
        return done.stdout.strip()


@pytest.fixture
def machines(tmp_path: Path) -> Callable[[str], Machine]:
    """New machines, one for each call."""
    numbers = itertools.count()
    return lambda recipe: Machine(recipe, tmp_path / str(next(numbers)))


@pytest.fixture
def checkouts(tmp_path: Path) -> Checkouts:
    return Checkouts("systemd", tmp_path)


def prepared(machine: Machine) -> str:
    """The commit to deploy there."""
    if machine.recipe != "systemd":
        return COMMIT
    repository = Checkouts("systemd", machine.checkout.parent / "repository")
    commit = repository.commit("serve")
    shutil.rmtree(machine.checkout)
    repository.checkout.rename(machine.checkout)
    return commit


# What every recipe has


def test_the_index_leads_to_every_recipe() -> None:
    index = (RECIPES / "README.md").read_text()

    assert len(NAMES) == 11
    assert [name for name in NAMES if f"]({name}/README.md)" not in index] == []


@pytest.mark.parametrize("recipe", NAMES)
def test_a_recipe_is_a_configuration_with_checks_that_prove_what_answers(recipe: str) -> None:
    file = RECIPES / recipe / "release-tool.toml"
    config = parse(file.read_text(), file.name)

    for environment in config.environments.values():
        assert environment.url or all(target.url for target in environment.targets)
        assert [problem for check in environment.checks for problem in unusable(check)] == []
        assert any(check.version_pointer for check in environment.checks)
        script = RECIPES / recipe / environment.command[0]
        assert os.access(script, os.X_OK)


@pytest.mark.parametrize("recipe", NAMES)
def test_the_page_of_a_recipe_names_every_variable_and_file_and_says_what_was_run(recipe: str) -> None:
    page = (RECIPES / recipe / "README.md").read_text()
    script = "".join(path.read_text() for path in (RECIPES / recipe).glob("*.sh"))
    files = [path.name for path in (RECIPES / recipe).iterdir() if path.is_file() and path.name != "README.md"]
    settings = [name for name in SETTINGS if f"${{{name}:-" in script]

    assert [name for name in (*production(recipe).pass_env, *files, *settings) if f"`{name}`" not in page] == []
    for part in ("## What you need", "## What proves the version", "## Rolling back", "## What was run"):
        assert f"\n{part}\n" in page


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_script_stops_at_the_first_failure_and_trusts_nobody(script: Path) -> None:
    text = script.read_text()

    assert text.startswith("#!/bin/sh\n#")
    assert "\nset -eu\n" in text
    assert re.findall(r"StrictHostKeyChecking=(?!yes)|\beval\b|set -x|--insecure|curl.* -k\b", text) == []
    subprocess.run(["sh", "-n", script], check=True)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_script_passes_shellcheck(script: Path) -> None:
    done = subprocess.run([SHELLCHECK, script], check=False, capture_output=True, text=True)

    assert done.stdout == ""


@pytest.mark.parametrize("recipe", [name for name in NAMES if name != "systemd"])
def test_a_commit_without_an_image_is_refused_before_anything_happens(
    machines: Callable[[str], Machine], recipe: str
) -> None:
    machine = machines(recipe)
    ran = machine.deploy(references={})

    assert not ran.succeeded
    assert "no image named web is recorded for this commit" in ran.evidence
    assert machine.calls == []


# Those that call programs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("recipe", STAND_INS)
def test_whichever_program_fails_the_deployment_fails(
    machines: Callable[[str], Machine], recipe: str, kind: Kind
) -> None:
    whole = machines(recipe)
    ran = whole.deploy(kind, commit=prepared(whole))
    assert ran.succeeded, ran.evidence

    for number, call in enumerate(whole.calls, start=1):
        machine = machines(recipe)
        ran = machine.deploy(kind, commit=prepared(machine), fail_at=number)
        assert ran.succeeded == call.startswith(HARMLESS), call
        if ran.succeeded:
            assert machine.calls[number:] == whole.calls[number:]


@pytest.mark.parametrize("recipe, calls", TOLD.items())
def test_each_program_is_told_exactly_this(
    machines: Callable[[str], Machine], recipe: str, calls: tuple[str, ...]
) -> None:
    machine = machines(recipe)
    assert machine.deploy(commit=prepared(machine)).succeeded

    assert tuple(call for call in machine.calls if not call.startswith("ssh ")) == calls


@pytest.mark.parametrize("recipe", STAND_INS)
def test_a_rollback_brings_the_same_image_by_the_same_commands_and_builds_nothing(
    machines: Callable[[str], Machine], recipe: str
) -> None:
    machine = machines(recipe)
    commit = prepared(machine)

    def brought(kind: Kind) -> list[str]:
        assert machine.deploy(kind, commit=commit).succeeded
        return [re.sub(r"\S+/tmp\.\w+/", "", call) for call in machine.calls if not call.startswith("kamal lock")]

    calls = brought("deploy")
    assert brought("rollback") == calls
    assert {word for call in calls for word in call.split()} & BUILDING == set()
    deployed = {
        "kamal": f"--version {COMMIT} ",
        "kubectl": "k8s/release",
        "kubectl-canary": "k8s/release",
        "systemd": commit,
    }
    assert any(deployed.get(recipe, IMAGE) in call for call in calls)


@pytest.mark.parametrize("recipe", ["compose-ssh", "systemd"])
def test_a_machine_is_known_before_it_is_spoken_to_and_the_key_does_not_stay(
    machines: Callable[[str], Machine], recipe: str
) -> None:
    machine = machines(recipe)
    machine.install("ssh", f'cat "${{10#*=}}"; stat -c %a "$2"; {LOCALLY}')
    told = {"SSH_KNOWN_HOSTS": "app.example.com ssh-ed25519 AAAA", "SSH_KEY": "k"}
    ran = machine.deploy("deploy", told, commit=prepared(machine))

    assert ran.evidence.count("app.example.com ssh-ed25519 AAAA\n600\n") == 2
    called = [call.split() for call in machine.calls if call.startswith("ssh ")]
    assert all("StrictHostKeyChecking=yes" in words and "BatchMode=yes" in words for words in called)
    assert not Path(called[0][2]).parent.exists()


@pytest.mark.parametrize("recipe", ["compose-ssh", "systemd"])
def test_nothing_that_the_other_machine_could_run_gets_into_its_command_line(
    machines: Callable[[str], Machine], recipe: str
) -> None:
    machine = machines(recipe)
    ran = machine.deploy("deploy", {"DEPLOY_ROOT": "/srv/shop'; touch owned; '"})

    assert not ran.succeeded
    assert "a character that is not allowed" in ran.evidence
    assert machine.calls == []


def test_compose_keeps_what_runs_until_the_new_image_is_there(machines: Callable[[str], Machine]) -> None:
    machine = machines("compose-ssh")
    assert machine.deploy().succeeded
    before = {path.name: path.read_text() for path in machine.root.iterdir()}
    assert before == {".env": f"IMAGE={IMAGE}\n", "compose.yaml": (machine.checkout / "compose.yaml").read_text()}

    (machine.checkout / "compose.yaml").write_text("services: {}\n")
    machine.image = f"ghcr.io/acme/shop@sha256:{'b' * 64}"
    machine.install("docker", 'case "$*" in *" pull "*) exit 1 ;; esac')

    assert not machine.deploy().succeeded
    assert {name: (machine.root / name).read_text() for name in before} == before
    assert [call for call in machine.calls if " up " in call] == []


def test_compose_that_goes_on_running_another_image_is_a_failure(machines: Callable[[str], Machine]) -> None:
    machine = machines("compose-ssh")
    machine.install("docker", """case "$*" in *"ps --quiet"*) echo 1f2e ;; inspect*) echo shop:old ;; esac""")
    ran = machine.deploy()

    assert not ran.succeeded
    assert f"shop:old is running instead of {IMAGE}" in ran.evidence


def test_systemd_starts_the_files_of_the_commit_by_way_of_the_link(checkouts: Checkouts) -> None:
    first, second = checkouts.commit("one"), checkouts.commit("two")

    roads: list[tuple[Kind, str, str]] = [
        ("deploy", first, "one"),
        ("deploy", second, "two"),
        ("rollback", first, "one"),
    ]
    for kind, commit, text in roads:
        assert checkouts.deploy(kind, commit=commit).succeeded
        assert checkouts.live == checkouts.root / "releases" / commit
        assert (checkouts.live / "bin" / "serve").read_text() == text
        assert (checkouts.live / "REVISION").read_text() == f"{commit}\n"

    assert (checkouts.root / "starts").read_text() == "".join(f"releases/{name}\n" for name in (first, second, first))


def test_systemd_takes_up_where_a_deployment_was_killed(checkouts: Checkouts) -> None:
    commit = checkouts.commit("one")
    half = checkouts.root / "releases" / f"{commit}.new"
    half.mkdir(parents=True)
    (half / "left").touch()
    (checkouts.root / "current.new").symlink_to("releases/elsewhere")

    assert checkouts.deploy(commit=commit).succeeded
    assert checkouts.live.name == commit
    assert not (checkouts.live / "left").exists()


def test_systemd_keeps_five_releases_and_a_rollback_brings_back_one_that_is_gone(checkouts: Checkouts) -> None:
    commits = [checkouts.commit(str(number)) for number in range(7)]
    for commit in commits:
        assert checkouts.deploy(commit=commit).succeeded
    assert checkouts.releases == set(commits[2:])

    assert checkouts.deploy("rollback", commit=commits[0]).succeeded
    assert (checkouts.live / "bin" / "serve").read_text() == "0"
    assert checkouts.releases == {commits[0], *commits[3:]}


def test_systemd_keeps_what_ran_last_and_not_what_was_brought_last(checkouts: Checkouts) -> None:
    commits = [checkouts.commit(str(number)) for number in range(6)]
    for commit in (*commits[:5], commits[0], commits[5]):
        assert checkouts.deploy(commit=commit).succeeded

    assert checkouts.releases == set(commits) - {commits[1]}


def test_systemd_that_leaves_the_old_process_running_is_a_failure(checkouts: Checkouts) -> None:
    checkouts.install("systemctl", "[ $1 != show ] || echo 4b1d")
    ran = checkouts.deploy(commit=checkouts.commit("one"))

    assert not ran.succeeded
    assert "the process of shop is still the old one" in ran.evidence


def test_kamal_does_not_deploy_a_tag_that_was_moved(machines: Callable[[str], Machine]) -> None:
    machine = machines("kamal")
    machine.install("docker", "echo sha256:b")
    ran = machine.deploy()

    assert not ran.succeeded
    assert f"ghcr.io/acme/shop:{COMMIT} is sha256:b by now, and {DIGEST} was recorded" in ran.evidence
    assert [call for call in machine.calls if call.startswith("kamal")] == []


def test_kamal_says_that_the_image_of_a_rollback_is_gone(machines: Callable[[str], Machine]) -> None:
    machine = machines("kamal")
    machine.install("docker", "exit 1")
    ran = machine.deploy("rollback")

    assert not ran.succeeded
    assert f"there is no image ghcr.io/acme/shop:{COMMIT}" in ran.evidence


@pytest.mark.parametrize(
    "kind, message, released",
    [
        ("rollback", "Automatic deploy lock", True),
        ("rollback", "Maintenance until noon", False),
        ("deploy", "Automatic deploy lock", False),
    ],
)
def test_kamal_takes_the_lock_of_a_dead_deployment_for_a_rollback_and_nobody_elses(
    machines: Callable[[str], Machine], kind: Kind, message: str, released: bool
) -> None:
    machine = machines("kamal")
    machine.install(
        "kamal", f"[ $1-$2 != lock-status ] || printf 'Locked by: ada\\nVersion: 1\\nMessage: {message}\\n'"
    )

    assert machine.deploy(kind).succeeded
    assert ("kamal lock release --destination production" in machine.calls) == released


def test_helm_is_brought_out_of_an_upgrade_that_was_killed(machines: Callable[[str], Machine]) -> None:
    machine = machines("helm")
    revisions = '[{"revision": 3, "status": "deployed"}, {"revision": 4, "status": "pending-upgrade"}]'
    machine.install("helm", f"[ $1 != history ] || printf '%s' '{revisions}'")

    assert machine.deploy().succeeded
    assert [call.split()[1:4] for call in machine.calls] == [
        ["history", "shop", "--namespace"],
        ["rollback", "shop", "3"],
        ["upgrade", "shop", "./chart"],
    ]


def test_helm_that_was_never_installed_to_the_end_needs_a_person(machines: Callable[[str], Machine]) -> None:
    machine = machines("helm")
    machine.install("helm", """[ $1 != history ] || printf '[{"revision": 1, "status": "pending-install"}]'""")
    ran = machine.deploy()

    assert not ran.succeeded
    assert "run `helm uninstall shop`, and again" in ran.evidence
    assert len(machine.calls) == 1


@pytest.mark.parametrize("recipe", ["kubectl", "kubectl-canary"])
def test_kubectl_tells_why_before_a_rollback_takes_the_pods_away(
    machines: Callable[[str], Machine], recipe: str
) -> None:
    machine = machines(recipe)
    machine.install("kubectl", 'case $1 in rollout) exit 1 ;; get) echo "$2 of shop" ;; esac')
    ran = machine.deploy()

    assert not ran.succeeded
    assert ran.evidence == "pods of shop\nevents of shop\n"


def test_a_canary_is_brought_alone_and_the_service_of_the_users_with_the_last_track(
    machines: Callable[[str], Machine],
) -> None:
    machine = machines("kubectl-canary")
    machine.install("kubectl", "[ $1 != apply ] || cat $3/kustomization.yaml")
    canary, stable = (machine.deploy(target=target.name) for target in production("kubectl-canary").targets)

    assert "  - ../production/canary\n" in canary.evidence
    assert "service.yaml" not in canary.evidence
    assert "  - ../production/stable\n" in stable.evidence
    assert machine.calls == [
        "kubectl apply --kustomize k8s/release",
        "kubectl rollout status deployment/shop-stable --namespace shop --timeout 5m",
        "kubectl apply --kustomize k8s/production/users",
    ]


def test_where_the_service_of_the_users_can_not_be_applied_the_deployment_fails(
    machines: Callable[[str], Machine],
) -> None:
    assert not machines("kubectl-canary").deploy(target="stable", fail_at=3).succeeded


@pytest.mark.parametrize("recipe", ["kubectl", "kubectl-canary"])
@pytest.mark.parametrize("image", [IMAGE, f"ghcr.io:443/acme/shop:1.3.0@{DIGEST}"])
def test_the_manifests_that_kubectl_applies_have_the_image_by_its_digest(
    machines: Callable[[str], Machine], recipe: str, image: str
) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed, so nobody rendered the manifests of its recipe")
    machine = machines(recipe)
    machine.image = image
    machine.install("kubectl", f"[ $1 != apply ] || exec {kubectl} kustomize $3")
    ran = machine.deploy()

    assert ran.succeeded
    assert f"image: {image.replace(':1.3.0', '')}\n" in ran.evidence


def test_argo_cd_at_another_commit_is_a_failure(machines: Callable[[str], Machine]) -> None:
    machine = machines("argo-cd")
    machine.install("argocd", """[ $2 != get ] || printf '{"status": {"sync": {"revision": "other"}}}'""")
    ran = machine.deploy()

    assert not ran.succeeded
    assert f"shop-production is at other, not at {COMMIT}" in ran.evidence


# Those that speak HTTP


class Platform:
    """A platform that is asked for a deployment and then for how it went, as its recipe does it."""

    def __init__(self, recipe: str, server: HTTPServer, machine: Machine) -> None:
        self.server = server
        self.machine = machine
        self.statuses: Iterator[str | int] = iter(())
        self.start: dict[str, object] | int = 200
        self._answers: dict[str, Callable[[], Response]] = {
            "GET /v1/services/srv-1/deploys/dep-1": lambda: self._status(lambda status: {"status": status}),
            "GET /api/v1/deployments/dep-1": lambda: self._status(lambda status: {"status": status}),
            "GET /apps/shop/releases": lambda: self._status(lambda status: [{"version": 7, "status": status}]),
            "GET /deploy/srv-1": lambda: self._started({"deploy": {"id": "dep-1"}}),
            "POST /api/v1/deploy": lambda: self._started({"deployments": [{"deployment_uuid": "dep-1"}]}),
            "PATCH /apps/shop/formation": lambda: self._started({}),
            "PATCH /api/v1/applications/app-1": lambda: _json({}),
            MANIFEST: lambda: _json({"config": {"digest": "sha256:c0"}}),
        }
        server.expect_request(re.compile(".*")).respond_with_handler(self._answer)
        machine.install("curl", f'exec {shutil.which("curl")} "$@"')
        url = server.url_for("")
        self.told = {
            "coolify": {"COOLIFY_URL": url, "COOLIFY_APP": "app-1"},
            "heroku": {"HEROKU_API": url, "HEROKU_REGISTRY": url},
            "render": {
                "RENDER_API": f"{url}/v1",
                "RENDER_DEPLOY_HOOK_URL": f"{url}/deploy/srv-1?key=secret-RENDER_DEPLOY_HOOK_URL",
            },
        }[recipe]
        if recipe == "heroku":
            machine.image = f"registry.heroku.com/shop/web@{DIGEST}"

    def deploy(self, kind: Kind = "deploy", **told: str) -> CommandResult:
        """Run the recipe without waiting between two questions."""
        return self.machine.deploy(kind, {**self.told, "POLL_SECONDS": "0", **told})

    def answer(self, request: str, body: object, status: int = 200) -> None:
        """Have it answer a request otherwise."""
        self._answers[request] = lambda: _json(body, status)

    @property
    def requests(self) -> list[str]:
        """What was asked."""
        return [f"{request.method} {request.full_path.rstrip('?')}" for request, _ in self.server.log]

    def _answer(self, request: Request) -> Response:
        return self._answers.get(f"{request.method} {request.path}", lambda: Response(status=404))()

    def _started(self, answer: dict[str, object]) -> Response:
        if isinstance(self.start, int):
            return _json(answer, self.start)
        return _json(self.start)

    def _status(self, body: Callable[[str], object]) -> Response:
        status = next(self.statuses)
        return Response(status=status) if isinstance(status, int) else _json(body(status))


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value), status=status, content_type="application/json")


WORDS = {
    "coolify": ("in_progress", "finished", ("failed", "cancelled-by-user")),
    "heroku": ("pending", "succeeded", ("failed", "expired")),
    "render": ("update_in_progress", "live", ("update_failed", "pre_deploy_failed", "canceled", "deactivated")),
}
"""What each platform calls what is under way, what went well, and what did not."""
STARTS = {"coolify": "POST /api/v1/deploy?uuid=app-1", "heroku": "PATCH /apps/shop/formation", "render": "GET /deploy/"}


@pytest.fixture(params=WORDS)
def platform(request: pytest.FixtureRequest, httpserver: HTTPServer, machines: Callable[[str], Machine]) -> Platform:
    return Platform(request.param, httpserver, machines(request.param))


def started(platform: Platform) -> int:
    """How often a deployment was asked for."""
    return sum(line.startswith(STARTS[platform.machine.recipe]) for line in platform.requests)


@pytest.mark.parametrize("kind", KINDS)
def test_a_platform_is_asked_until_the_deployment_went_well(platform: Platform, kind: Kind) -> None:
    under_way, well, _ = WORDS[platform.machine.recipe]
    platform.statuses = iter([under_way, under_way, well])
    ran = platform.deploy(kind)

    assert ran.succeeded, ran.evidence
    assert ran.evidence.count(under_way) == 1
    assert next(platform.statuses, None) is None
    assert started(platform) == 1


@pytest.mark.parametrize("number", range(4))
def test_a_deployment_that_failed_on_the_platform_fails_here(platform: Platform, number: int) -> None:
    under_way, _, badly = WORDS[platform.machine.recipe]
    status = badly[number % len(badly)]
    platform.statuses = iter([under_way, status])
    ran = platform.deploy()

    assert not ran.succeeded
    assert ran.evidence.splitlines()[-1].endswith(status)


def test_a_platform_that_does_not_finish_is_given_up_in_time(platform: Platform) -> None:
    under_way, *_ = WORDS[platform.machine.recipe]
    platform.statuses = itertools.repeat(under_way)
    ran = platform.deploy(DEPLOY_SECONDS="0")

    assert not ran.succeeded
    assert "did not finish" in ran.evidence
    assert ran.evidence.endswith(f"in time; its last word was: {under_way}\n")


def test_a_question_that_gets_no_answer_is_asked_again(platform: Platform) -> None:
    _, well, _ = WORDS[platform.machine.recipe]
    platform.statuses = iter([502, well])

    assert platform.deploy().succeeded


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_a_platform_that_refuses_is_not_asked_for_a_second_deployment(platform: Platform, status: int) -> None:
    platform.start = status
    ran = platform.deploy()

    assert not ran.succeeded
    assert f"error: {status}" in ran.evidence
    assert started(platform) == 1


@pytest.mark.parametrize("recipe", ["coolify", "render"])
def test_a_platform_that_does_not_tell_what_it_started_is_a_failure(
    httpserver: HTTPServer, machines: Callable[[str], Machine], recipe: str
) -> None:
    platform = Platform(recipe, httpserver, machines(recipe))
    platform.start = {"deployments": [{"message": "already queued"}]}
    ran = platform.deploy()

    assert not ran.succeeded
    assert "did not tell which deployment it started" in ran.evidence


@pytest.mark.parametrize(
    "recipe, request_, body, status, said",
    [
        ("coolify", "PATCH /api/v1/applications/app-1", {}, 403, f"Coolify did not take {IMAGE}"),
        ("heroku", MANIFEST, {}, 404, f"the registry does not have registry.heroku.com/shop/web@{DIGEST}"),
        ("heroku", MANIFEST, {"manifests": []}, 200, "is no image of a single platform"),
    ],
)
def test_an_image_that_the_platform_can_not_take_starts_nothing(  # noqa: PLR0913, PLR0917 - a table of cases
    httpserver: HTTPServer,
    machines: Callable[[str], Machine],
    recipe: str,
    request_: str,
    body: object,
    status: int,
    said: str,
) -> None:
    platform = Platform(recipe, httpserver, machines(recipe))
    platform.answer(request_, body, status)
    ran = platform.deploy()

    assert not ran.succeeded
    assert said in ran.evidence
    assert started(platform) == 0


def test_render_is_told_the_image_by_its_digest(httpserver: HTTPServer, machines: Callable[[str], Machine]) -> None:
    platform = Platform("render", httpserver, machines("render"))
    platform.statuses = iter(["live"])
    platform.deploy()
    hook, status = (request for request, _ in httpserver.log)

    assert hook.args.to_dict() == {"key": "secret-RENDER_DEPLOY_HOOK_URL", "imgURL": IMAGE}
    assert status.headers["Authorization"] == "Bearer secret-RENDER_API_KEY"


def test_coolify_is_told_the_image_by_its_digest(httpserver: HTTPServer, machines: Callable[[str], Machine]) -> None:
    platform = Platform("coolify", httpserver, machines("coolify"))
    platform.statuses = iter(["finished"])
    platform.deploy()
    change, *others = (request for request, _ in httpserver.log)

    assert change.json == {
        "docker_registry_image_name": "ghcr.io/acme/shop",
        "docker_registry_image_tag": f"sha256-{'a' * 64}",
    }
    assert {request.headers["Authorization"] for request in (change, *others)} == {"Bearer secret-COOLIFY_TOKEN"}


def test_heroku_is_told_the_image_by_what_the_manifest_of_its_digest_says(
    httpserver: HTTPServer, machines: Callable[[str], Machine]
) -> None:
    platform = Platform("heroku", httpserver, machines("heroku"))
    platform.statuses = iter(["succeeded"])
    platform.deploy()
    manifest, change, releases = (request for request, _ in httpserver.log)

    assert manifest.authorization is not None
    assert manifest.authorization.password == "secret-HEROKU_API_KEY"
    assert change.json == {"updates": [{"type": "web", "docker_image": "sha256:c0"}]}
    assert change.headers["Accept"] == "application/vnd.heroku+json; version=3.docker-releases"
    assert releases.headers["Range"] == "version ..; max=1, order=desc"
