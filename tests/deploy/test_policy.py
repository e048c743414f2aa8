"""What is asked before anything is touched, and how the answer differs for an automatic run and a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from inline_snapshot import snapshot

from release_tool.config.model import Environment
from release_tool.deploy.ledger.model import DeploymentKind, Override
from release_tool.deploy.ledger.phase import Phase, PhaseRecord
from release_tool.deploy.policy import DeployFacts, DeployOutcome, may_deploy, next_steps, requirements
from tests.builders import sha
from tests.deploy.ledger.ledgers import FAILED, LEFT, PROVEN, deployment, rollback

if TYPE_CHECKING:
    from release_tool.deploy.ledger.model import Deployment

A = deployment(1, "a", *PROVEN)
B = deployment(2, "b", *PROVEN)


def facts(commit: str, *ledger: Deployment) -> DeployFacts:
    """A person's deployment to production, to which nothing objects but the ledger."""
    return DeployFacts(environment="production", ledger=ledger, commit=sha(commit), name=f"1.{commit}")


def ask(known: DeployFacts, *overrides: Override, **more: object) -> tuple[str, str]:
    decision = may_deploy(msgspec.structs.replace(known, overrides=frozenset(overrides), **more))
    return decision.outcome.value, decision.reason


def by_itself(known: DeployFacts, **more: object) -> tuple[str, str]:
    return ask(known, *Override, automatic=True, **more)


def test_something_newer_goes_by_itself_and_for_a_person() -> None:
    assert by_itself(facts("b", A)) == ("goes", "")
    assert ask(facts("b", A)) == ("goes", "")


def test_the_first_deployment_is_a_persons_and_needs_no_override() -> None:
    assert ask(facts("a")) == ("goes", "")
    assert by_itself(facts("a")) == (
        "held",
        "nothing was proven in production yet: its first deployment must be started by a person",
    )
    assert ask(facts("b", deployment(1, "a", *FAILED))) == ("goes", "")


def test_the_same_commit_again_is_unchanged_whatever_else_holds() -> None:
    assert by_itself(facts("a", A), halted="halted by ada")[0] == "unchanged"
    assert ask(facts("a", A), kind=DeploymentKind.ROLLBACK)[0] == "unchanged"


def test_nothing_is_unchanged_while_what_is_live_is_unknown() -> None:
    lost = deployment(2, "b", "changing: web", "unknown: lost")
    assert ask(facts("b", A, lost)) == ("goes", "")


KNOWN = facts("c", A, B)
QUARANTINED = facts("c", A, B, deployment(3, "c", *LEFT), rollback(4, "b", *PROVEN, leaves=3))
NO_WAY = facts("c", B)


@pytest.mark.parametrize(
    "known, more, automatic, override",
    [
        (KNOWN, {"halted": "halted by ada: slow (#12)"}, "held", Override.HALT),
        (KNOWN, {"frozen": "frozen until Mon 2026-11-23 08:00 Europe/Berlin"}, "held", Override.HALT),
        (KNOWN, {"older": True}, "superseded", Override.OLDER),
        (KNOWN, {"apart": True}, "held", Override.OLDER),
        (QUARANTINED, {}, "held", Override.QUARANTINE),
        (KNOWN, {"irreversible": "drop the old prices (#7)"}, "held", Override.IRREVERSIBLE),
        (NO_WAY, {"withdrawn": frozenset({sha("b")})}, "held", Override.NO_WAY_BACK),
        (NO_WAY, {"gone": frozenset({sha("b")})}, "held", Override.NO_WAY_BACK),
        (KNOWN, {"tested": False}, "held", None),
        (KNOWN, {"unmet": ("staging",)}, "held", None),
        (KNOWN, {"withdrawn": frozenset({sha("c")})}, "held", None),
        (KNOWN, {"gone": frozenset({sha("c")})}, "held", None),
    ],
    ids=[
        "halted",
        "frozen",
        "older",
        "apart",
        "quarantined",
        "irreversible",
        "way back withdrawn",
        "way back gone",
        "untested",
        "after",
        "withdrawn",
        "gone",
    ],
)
def test_a_no_holds_an_automatic_run_and_tells_a_person_the_override(
    known: DeployFacts, more: dict[str, object], automatic: str, override: Override | None
) -> None:
    refused = may_deploy(msgspec.structs.replace(known, **more))
    assert refused.outcome is DeployOutcome.REFUSED
    assert refused.ways_out == ((override,) if override else ())
    assert refused.phase == PhaseRecord(Phase.REFUSED, refused.reason)
    assert by_itself(known, **more) == (automatic, refused.reason)
    others = [other for other in Override if other is not override]
    assert ask(known, *others, **more)[0] == "refused"
    assert ask(known, *Override, **more)[0] == ("goes" if override else "refused")


def test_a_person_is_told_everything_at_once_and_an_automatic_run_what_comes_first() -> None:
    known = msgspec.structs.replace(QUARANTINED, halted="halted by ada", frozen="frozen until Mon", older=True)
    refused = may_deploy(known)
    assert refused.reason == snapshot(
        "deployments halted by ada; deployments frozen until Mon; "
        "1.c is older than 1.b, which is live; 1.c was rolled back (#4)"
    )
    assert refused.ways_out == (Override.HALT, Override.OLDER, Override.QUARANTINE)
    assert by_itself(known) == ("superseded", "1.c is older than 1.b, which is live")
    assert by_itself(known, older=False) == ("held", "deployments halted by ada")


def test_where_one_no_is_final_no_override_is_offered() -> None:
    assert may_deploy(msgspec.structs.replace(KNOWN, halted="halted by ada", tested=False)).ways_out == ()


def test_the_ledger_is_told_of_the_overrides_that_were_needed_and_of_no_others() -> None:
    known = msgspec.structs.replace(KNOWN, halted="halted", frozen="frozen", overrides=frozenset(Override))
    assert may_deploy(known).overrides == (Override.HALT,)


def test_why_there_is_no_way_back_is_said_for_each_that_could_have_been() -> None:
    known = facts("d", A, B, deployment(3, "c", *FAILED))
    assert ask(known, withdrawn=frozenset({sha("a")}), gone=frozenset({sha("b")}))[1] == snapshot(
        "there is no rollback target; 1.c (#3) failed here (#3); "
        "1.b (#2) is in neither the deployed branch nor a release any more; 1.a (#1) was withdrawn"
    )


def test_a_hotfix_after_a_failed_release_goes() -> None:
    known = facts("d", A, deployment(2, "c", *LEFT), rollback(3, "a", *PROVEN, leaves=2))
    assert by_itself(known) == ("goes", "")


def test_a_rollback_is_stopped_by_no_halt_and_no_age_but_goes_only_to_what_was_proven() -> None:
    back = msgspec.structs.replace(facts("a", A, B), kind=DeploymentKind.ROLLBACK)
    assert ask(back, halted="halted", frozen="frozen", older=True, tested=False, unmet=("staging",)) == ("goes", "")
    assert ask(back, withdrawn=frozenset({sha("a")})) == ("refused", "1.a was withdrawn")
    assert ask(back, gone=frozenset({sha("a")})) == (
        "refused",
        "1.a is in neither the deployed branch nor a release any more",
    )
    assert ask(back, irreversible="drop prices") == ("refused", "drop prices can't be undone by a rollback")
    assert ask(back, Override.IRREVERSIBLE, irreversible="drop prices")[0] == "goes"
    never = msgspec.structs.replace(facts("c", A, B), kind=DeploymentKind.ROLLBACK)
    assert ask(never, *Override) == ("refused", "1.c was never proven in production")


def test_only_a_person_goes_back_to_what_is_quarantined() -> None:
    bad = (deployment(2, "b", *PROVEN), rollback(3, "a", *PROVEN, leaves=2, automatic=False))
    back = msgspec.structs.replace(facts("b", A, *bad), kind=DeploymentKind.ROLLBACK)
    assert ask(back)[0] == "goes"
    assert by_itself(back) == ("held", "1.b was rolled back (#3)")


def test_a_record_is_stopped_by_nothing() -> None:
    record = msgspec.structs.replace(QUARANTINED, kind=DeploymentKind.RECORD)
    assert ask(record, halted="halted", frozen="frozen", older=True, tested=False)[0] == "goes"
    assert ask(facts("a", A), kind=DeploymentKind.RECORD)[0] == "goes"


ENVIRONMENTS = {
    "staging": Environment(command=("deploy",), automatic=True),
    "lab": Environment(command=("deploy",)),
    "canary": Environment(command=("deploy",), automatic=True, after=("staging",)),
    "production": Environment(command=("deploy",), automatic=True, after=("lab",)),
}


def test_an_environment_comes_after_those_it_names_and_by_itself_after_the_automatic_one_before_it() -> None:
    assert requirements(ENVIRONMENTS, "staging", automatic=True) == ()
    assert requirements(ENVIRONMENTS, "canary", automatic=True) == ("staging",)
    assert requirements(ENVIRONMENTS, "production", automatic=True) == ("lab", "canary")
    assert requirements(ENVIRONMENTS, "production", automatic=False) == ("lab",)
    assert requirements(ENVIRONMENTS, "lab", automatic=False) == ()


def test_environments_follow_one_another_and_a_no_holds_those_that_come_after() -> None:
    first = msgspec.structs.replace(facts("b", A), automatic=True)
    second = msgspec.structs.replace(first, unmet=("staging",))
    third = msgspec.structs.replace(first, unmet=("production",))
    order = {"staging": first, "production": second, "mirror": third}
    assert [(step.environment, step.decision.outcome) for step in next_steps(order)] == [
        ("staging", DeployOutcome.GOES),
        ("production", DeployOutcome.GOES),
        ("mirror", DeployOutcome.GOES),
    ]
    order["production"] = msgspec.structs.replace(second, halted="halted by ada")
    assert [step.decision.outcome for step in next_steps(order)] == [
        DeployOutcome.GOES,
        DeployOutcome.HELD,
        DeployOutcome.HELD,
    ]
    order["staging"] = msgspec.structs.replace(first, ledger=(A, B))
    order["production"] = msgspec.structs.replace(first)
    assert [step.decision.outcome for step in next_steps(order)] == [
        DeployOutcome.UNCHANGED,
        DeployOutcome.GOES,
        DeployOutcome.GOES,
    ]
