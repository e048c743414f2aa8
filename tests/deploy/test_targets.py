"""One environment after the other, one target after the other, and what the command of each is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from inline_snapshot import snapshot

from github_sandbox import Fault
from release_tool.deploy.environment import SilentProgress
from release_tool.deploy.halts.commands import halt
from release_tool.deploy.halts.model import HaltOrder
from release_tool.deploy.ledger.phase import Phase
from release_tool.errors import UsageError
from release_tool.history.facts import Request
from release_tool.history.references import ImageReference
from release_tool.release.make import ReleaseContents, release
from tests.production import COMMAND, QUICK, production
from tests.service import bad

if TYPE_CHECKING:
    from pathlib import Path

    from github_sandbox import Sandbox
    from tests.production import Production
    from tests.shop import Entry

TARGETS = QUICK.replace(
    'bake = "10s"',
    'bake = "10s"\ntargets = [{{ name = "web-1", url = "{url}/web-1" }}, {{ name = "web-2", url = "{url}/web-2" }}]',
)
TO_TARGETS = (
    COMMAND.replace("'{file}'", "'{file}'-$RELEASE_TARGET") + "echo $RELEASE_KIND $RELEASE_TARGET >> '{file}'\n"
)
WEB_2_IS_BROKEN = TO_TARGETS + 'case "$RELEASE_TARGET $RELEASE_VERSION" in "web-2 1.3.0") exit 3 ;; esac\n'


def staging(settings: str = "automatic = true\nafter = []") -> str:
    """A configuration with `staging` before `production`, each with an application of its own."""
    one = QUICK.replace('url = "{url}"', 'url = "{url}/ENV"').replace("automatic = true", "SETTINGS")
    names = ("staging", "production")
    texts = [one.replace("production", name).replace("ENV", name) for name in names]
    return texts[0].replace("SETTINGS", "automatic = true") + texts[1].replace("SETTINGS", settings)


TO_ENVIRONMENT = COMMAND.replace("'{file}'", "'{file}'-$RELEASE_ENVIRONMENT")


def commands(here: Production) -> list[str]:
    """What was run for which target, in order."""
    return here.service.file.read_text().splitlines()


def proven_on_both(here: Production) -> None:
    here.was_proven("1.2.4")
    for name in ("web-1", "web-2"):
        here.service.file.with_name(f"deployed-{name}").write_text("1.2.4")
    here.service.file.write_text("")


# Targets


def test_targets_are_deployed_and_verified_one_after_the_other(tmp_path: Path) -> None:
    with production(tmp_path, configuration=TARGETS, command=TO_TARGETS) as here:
        assert here.deploy("1.3.0").outcome == "healthy"
        assert [str(step.phase) for step in here.ledger()[0].steps] == snapshot(
            [
                "waiting: for its turn",
                "changing: web-1",
                "verifying: web-1",
                "baking: the new version answers",
                "changing: web-2",
                "verifying: web-2",
                "baking: the new version answers",
                "healthy: the new version answered well for 10s",
            ]
        )


def test_a_first_target_that_is_not_healthy_is_rolled_back_and_the_others_are_not_touched(tmp_path: Path) -> None:
    with production(tmp_path, configuration=TARGETS, command=TO_TARGETS, behave=bad("1.3.0")) as here:
        proven_on_both(here)
        assert here.deploy("1.3.0").outcome == "rolled_back"
        assert commands(here) == ["deploy web-1", "rollback web-1"]


def test_a_second_target_that_fails_takes_the_first_one_back_with_it(tmp_path: Path) -> None:
    with production(tmp_path, configuration=TARGETS, command=WEB_2_IS_BROKEN) as here:
        proven_on_both(here)
        done = here.deploy("1.3.0")
        assert (done.outcome, done.reason) == ("rolled_back", "the command for web-2 ended with code 3")
        assert commands(here) == ["deploy web-1", "deploy web-2", "rollback web-1", "rollback web-2"]
        assert here.service.deployed("web-1") == here.service.deployed("web-2") == "1.2.4"


def test_a_first_target_that_falls_ill_while_the_second_is_verified_fails_the_deployment(tmp_path: Path) -> None:
    fails = TO_TARGETS + "case \"$RELEASE_TARGET\" in web-2) printf broken > '{file}'-web-1 ;; esac\n"
    with production(tmp_path, configuration=TARGETS, command=fails) as here:
        done = here.deploy("1.3.0")
        assert done.outcome == "unhealthy"
        assert "`web-1` `health`: another version still answered" in done.reason


def test_a_halt_between_two_targets_rolls_back_what_was_touched(tmp_path: Path) -> None:
    class Halts(SilentProgress):
        def line(self, text: str) -> None:
            if text == "deploying 1.3.0 to web-1":
                halt(here.shop.project(), HaltOrder(environment="production", by="bob", reason="stop"))

    with production(tmp_path, configuration=TARGETS, command=TO_TARGETS) as here:
        proven_on_both(here)
        here.progress = Halts()
        done = here.deploy("1.3.0")
        assert (done.outcome, done.rolled_back_to) == ("rolled_back", "1.2.4")
        assert done.reason.startswith("halted by bob: stop (#")
        assert commands(here) == ["deploy web-1", "rollback web-1"]
        assert here.service.deployed("web-2") == "1.2.4"


def test_a_halt_after_the_only_target_was_changed_does_not_undo_it(tmp_path: Path) -> None:
    class Halts(SilentProgress):
        def line(self, text: str) -> None:
            assert text == "deploying 1.3.0 to production"
            halt(here.shop.project(), HaltOrder(by="bob", reason="stop"))

    with production(tmp_path, configuration=QUICK) as here:
        here.progress = Halts()
        assert here.deploy("1.3.0").outcome == "healthy"


# Environments


def test_an_automatic_deployment_follows_the_environment_before_it(tmp_path: Path) -> None:
    with production(tmp_path, configuration=staging(), command=TO_ENVIRONMENT) as here:
        here.deploy("1.2.4", at="staging")
        here.deploy("1.2.4")
        held = here.deploy_automatically("1.3.0")
        assert (held.outcome, held.reason) == (
            "held",
            "1.3.0 is not healthy in staging, which comes before production",
        )
        assert here.deploy_automatically("1.3.0", at="staging").outcome == "healthy"
        assert here.deploy_automatically("1.3.0").outcome == "healthy"


def test_a_person_deploys_where_nothing_insists_on_an_order(tmp_path: Path) -> None:
    with production(tmp_path, configuration=staging(), command=TO_ENVIRONMENT) as here:
        assert here.deploy("1.3.0").outcome == "healthy"


def test_after_insists_on_the_same_commit_whoever_asks_and_can_not_be_overruled(tmp_path: Path) -> None:
    with production(tmp_path, configuration=staging('after = ["staging"]'), command=TO_ENVIRONMENT) as here:
        here.deploy("1.2.4", at="staging")
        refused = here.deploy("1.3.0", overrides="halt older quarantine no-way-back irreversible", reason="now")
        assert (refused.outcome, refused.ways_out) == ("refused", ())
        assert refused.reason == "1.3.0 is not healthy in staging, which comes before production"
        assert here.deploy("1.2.4").outcome == "healthy"


def test_reconciling_carries_the_newest_release_through_the_environments_in_their_order(tmp_path: Path) -> None:
    with production(tmp_path, configuration=staging(), command=TO_ENVIRONMENT) as here:
        here.deploy("1.2.3", at="staging")
        here.deploy("1.2.3")
        done = here.reconcile("staging", "production")
        assert [(one.environment, one.version, one.outcome) for one in done] == [
            ("staging", "1.3.0", "healthy"),
            ("production", "1.3.0", "healthy"),
        ]
        assert here.reconcile("staging", "production") == ()


def test_what_fails_in_the_first_environment_never_reaches_the_second(tmp_path: Path) -> None:
    with production(tmp_path, configuration=staging(), command=TO_ENVIRONMENT, behave=bad("1.3.0")) as here:
        here.deploy("1.2.3", at="staging")
        here.deploy("1.2.3")
        done = here.reconcile("staging", "production")
        assert [(one.environment, one.outcome) for one in done] == [("staging", "rolled_back"), ("production", "held")]
        assert here.service.deployed("production") == "1.2.3"


# What the command is told


def test_the_command_is_told_all_about_what_it_brings_and_nothing_of_ours(tmp_path: Path) -> None:
    command = "#!/bin/sh\nset -eu\nenv | sort > '{file}-env'\nprintf '%s' \"$RELEASE_VERSION\" > '{file}'\n"
    passing = QUICK.replace('bake = "10s"', 'bake = "10s"\npass-env = ["SSH_KEY"]')
    with production(tmp_path, configuration=passing, command=command) as here:
        here.built("v1.3.0", "web-app", "ghcr.io/acme/shop@sha256:" + "0" * 64)
        here.deploy("1.3.0", SSH_KEY="secret", OTHER="unseen")
        told = dict(line.split("=", 1) for line in (tmp_path / "deployed-env").read_text().splitlines())
        assert {name: value for name, value in told.items() if name.startswith("RELEASE_")} == {
            "RELEASE_COMMIT": here.commit("v1.3.0"),
            "RELEASE_ENVIRONMENT": "production",
            "RELEASE_KIND": "deploy",
            "RELEASE_REF_WEB_APP": "ghcr.io/acme/shop@sha256:" + "0" * 64,
            "RELEASE_TAG": "v1.3.0",
            "RELEASE_TARGET": "production",
            "RELEASE_TARGET_URL": here.service.url,
            "RELEASE_VERSION": "1.3.0",
        }
        assert told["SSH_KEY"] == "secret"
        assert told.keys() - {"PWD", "SHLVL", "_", "OLDPWD"} == {
            "HOME",
            "PATH",
            "SSH_KEY",
            *(name for name in told if name.startswith("RELEASE_")),
        }


def test_the_command_is_told_what_the_release_was_built_with_without_a_build_of_its_own(tmp_path: Path) -> None:
    command = "#!/bin/sh\nset -eu\nprintf '%s' \"$RELEASE_VERSION\" > '{file}'\necho $RELEASE_REF_WEB > '{file}-refs'\n"
    change: Entry = {"pull": 5, "title": "fix: mend it", "files": {"a.py": "1"}}
    with production(tmp_path, change, configuration=QUICK, command=command) as here:
        image = "ghcr.io/acme/shop@sha256:" + "1" * 64
        references = (ImageReference("web", image),)
        made = release(here.shop.project(), Request(), ReleaseContents(references=references))
        assert here.deploy(str(made.plan.version)).outcome == "healthy"
        assert (tmp_path / "deployed-refs").read_text() == f"{image}\n"


def test_a_rollback_brings_the_references_that_were_proven_whatever_their_commit_says_by_now(tmp_path: Path) -> None:
    command = (
        "#!/bin/sh\nset -eu\nprintf '%s' \"$RELEASE_VERSION\" > '{file}'\necho $RELEASE_REF_WEB >> '{file}-refs'\n"
    )
    first, second, third = (f"shop@sha256:{digit * 64}" for digit in "123")
    with production(tmp_path, configuration=QUICK, command=command, behave=bad("1.3.0")) as here:
        here.built("v1.2.4", "web", first)
        here.built("v1.3.0", "web", second)
        here.deploy("1.2.4")
        here.built("v1.2.4", "web", third)
        assert here.deploy("1.3.0").outcome == "rolled_back"
        assert (tmp_path / "deployed-refs").read_text().split() == [first, second, first]
        assert [one.payload.references for one in here.ledger()] == [{"web": ref} for ref in (first, second, first)]


def test_the_command_runs_in_a_clean_checkout_of_the_commit_that_is_brought(tmp_path: Path) -> None:
    command = "#!/bin/sh\nset -eu\ncat step.txt > '{file}'\ngit status --porcelain --ignored >> '{file}-dirt'\n"
    with production(tmp_path, configuration=QUICK, command=command) as here:
        (here.shop.clone / "left.txt").write_text("lies about in the checkout")
        (here.shop.clone / "step.txt").write_text("changed by hand")
        assert here.deploy("1.2.4").outcome == "healthy", "it tells the version that step.txt holds in that commit"
        assert (tmp_path / "deployed-dirt").read_text() == ""


def test_a_rollback_may_have_a_command_of_its_own(tmp_path: Path) -> None:
    own = QUICK.replace('bake = "10s"', 'bake = "10s"\nrollback-command = ["./back.sh", "now"]')
    back = (
        "#!/bin/sh\nset -eu\nprintf '%s' \"$RELEASE_VERSION\" > '{file}'\necho \"$1 $RELEASE_KIND\" > '{file}-back'\n"
    )
    files = {"back.sh": back.replace("{file}", str(tmp_path / "deployed"))}
    with production(tmp_path, configuration=own, files=files, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.4")
        assert here.deploy("1.3.0").outcome == "rolled_back"
        assert (tmp_path / "deployed-back").read_text() == "now rollback\n"


# Commands that fail


def test_a_command_that_fails_is_rolled_back_without_a_single_sample(tmp_path: Path) -> None:
    fails = COMMAND + 'test "$RELEASE_VERSION" != 1.3.0\n'
    with production(tmp_path, configuration=QUICK, command=fails) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.reason) == ("rolled_back", "the command for production ended with code 1")


def test_a_command_that_takes_too_long_is_ended_and_rolled_back(tmp_path: Path) -> None:
    hangs = COMMAND + 'test "$RELEASE_VERSION" != 1.3.0 || sleep 60\n'
    hurried = QUICK.replace('bake = "10s"', 'bake = "10s"\ncommand-timeout = "1s"')
    with production(tmp_path, configuration=hurried, command=hangs) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.reason) == ("rolled_back", "the command for production was ended after 1 s")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("./missing.sh", id="that does not exist"),
        pytest.param("./README.md", id="that is no program"),
        pytest.param("no-such-program", id="that is nowhere in PATH"),
    ],
)
def test_nothing_is_said_to_have_changed_by_a_command(tmp_path: Path, command: str) -> None:
    with production(tmp_path, configuration=QUICK.replace("./deploy.sh", command)) as here:
        here.was_proven("1.2.4")
        with pytest.raises(UsageError) as wrong:
            here.deploy("1.3.0")
        assert command in wrong.value.message
        assert here.ledger()[-1].phase.word is Phase.NOT_DONE
        assert here.preview("1.2.4").outcome == "unchanged", "what was live still is"


def test_a_variable_that_the_command_needs_is_missed_before_anything_is_written(tmp_path: Path) -> None:
    passing = QUICK.replace('bake = "10s"', 'bake = "10s"\npass-env = ["SSH_KEY"]')
    with production(tmp_path, configuration=passing) as here:
        here.was_proven("1.2.3")
        here.was_proven("1.2.4")
        with pytest.raises(UsageError, match="`pass-env` names SSH_KEY, which is not set"):
            here.deploy("1.3.0")
        with pytest.raises(UsageError, match="`pass-env` names SSH_KEY, which is not set"):
            here.rollback()
        assert (len(here.ledger()), here.halts()) == (2, [])


def test_a_rollback_whose_command_is_missing_in_the_old_commit_is_an_incident(tmp_path: Path) -> None:
    own = QUICK.replace('bake = "10s"', 'bake = "10s"\nrollback-command = ["./back.sh"]')
    with production(tmp_path, configuration=own, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.4")
        done = here.deploy("1.3.0")
        assert (done.outcome, done.incident != "") == ("unhealthy", True)
        assert done.reason.startswith("the rollback to 1.2.4 could not begin, after this: `production`")
        assert [one.phase.word for one in here.ledger()][1:] == [Phase.FAILED, Phase.NOT_DONE]
        assert here.halts() == ["Deployments to production are halted after an incident"]


class Interrupted(SilentProgress):
    """Somebody who lets GitHub answer nonsense as soon as a rollback waits for its turn."""

    def __init__(self, box: Sandbox, times: int) -> None:
        self._box = box
        self._fault = Fault(path="/graphql", status=200, text='{"message": "hello"}', times=times)
        self._waited = 0

    def phase(self, text: str) -> None:
        self._waited += "waiting: " in text
        if self._waited == 2:
            self._waited += 1
            self._box.fault(self._fault)


@pytest.mark.parametrize("times", [1, 2])
def test_answers_that_can_not_be_read_end_no_rollback_before_it_began(tmp_path: Path, times: int) -> None:
    with production(tmp_path, configuration=QUICK, behave=bad("1.3.0")) as here:
        here.was_proven("1.2.4")
        here.progress = Interrupted(here.shop.box, times)

        assert here.deploy("1.3.0").rolled_back_to == "1.2.4"
        assert here.service.file.read_text() == "1.2.4"
