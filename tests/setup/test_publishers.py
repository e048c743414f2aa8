"""What releases in somebody's workflow is found by what runs, and switched off without touching anything else."""

from __future__ import annotations

import pytest
import yaml  # type: ignore[import-untyped] # its types are a package of their own, for one function

from release_tool.setup import publishers

HEAD = "on: push\njobs:\n  ship: # ours\n    runs-on: x\n    steps:\n"
BEFORE = "      - uses: actions/checkout@v6\n"
AFTER = "      - run: echo done\n"


def kinds(workflow: str) -> list[str]:
    return [place.what for place in publishers.places(workflow)]


@pytest.mark.parametrize(
    "step",
    [
        "- run: npx semantic-release",
        "- name: Release # now\n        run: npx semantic-release\n        env: {A: b}",
        "- # why\n        run: |\n          npm ci\n          npx semantic-release",
        '- {name: "a, b", run: npx semantic-release}',
        "- if: github.ref == 'refs/heads/main'\n        run: npx semantic-release",
        "- run: npx semantic-release\n        if: ${{ always() }} # because",
        "- if: >-\n          github.ref == 'x'\n          && always()\n        run: npx semantic-release",
        "- {if: always(), run: npx semantic-release}",
        "- {run: npx semantic-release, if: always()}",
        '-   run: npx semantic-release --dry-run "$DRY"',
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_step_is_switched_off_and_all_else_means_what_it_meant(step: str, newline: str) -> None:
    workflow = f"{HEAD}{BEFORE}      {step}\n{AFTER}".replace("\n", newline)
    off = publishers.switched_off(workflow, {"semantic-release"})
    wanted = yaml.safe_load(workflow)
    wanted["jobs"]["ship"]["steps"][1]["if"] = False
    assert yaml.safe_load(off) == wanted
    assert kinds(off) == []
    assert off.startswith((HEAD + BEFORE).replace("\n", newline))
    assert off.endswith(AFTER.replace("\n", newline))
    assert off.count("\n") == off.count(newline)
    assert publishers.switched_off(off, {"semantic-release"}) == off


def test_a_job_that_calls_a_workflow_that_releases_is_switched_off_as_a_whole() -> None:
    workflow = "jobs:\n  r:\n    uses: acme/x/.github/workflows/release-please.yml@v1\n  t:\n    steps: []\n"
    off = yaml.safe_load(publishers.switched_off(workflow, {"release-please"}))
    assert off["jobs"]["r"]["if"] is False
    assert "if" not in off["jobs"]["t"]


def test_only_what_is_named_is_switched_off() -> None:
    workflow = f"{HEAD}      - run: flyctl deploy\n      - run: gh release create v1\n"
    assert kinds(publishers.switched_off(workflow, {"GitHub releases"})) == ["Fly"]
    assert [publishers.deploys(what) for what in ("Fly", "GitHub releases")] == [True, False]


@pytest.mark.parametrize(
    "step",
    [
        "- name: Check what semantic-release would do\n        run: make check",
        "- run: npx semantic-release --dry-run",
        "- run: git tag --merged main",
        "- run: |\n          # git tag v1 is made elsewhere\n          make",
        "- if: false\n        run: npx semantic-release",
        "- run: goreleaser build --snapshot",
    ],
)
def test_what_only_speaks_of_releasing_or_is_off_is_not_taken_for_it(step: str) -> None:
    assert kinds(f"{HEAD}      {step}\n") == []


@pytest.mark.parametrize("workflow", ["jobs: [", "jobs: x", "- run: gh release create v1", "", "jobs: {a: 1}"])
def test_what_is_no_workflow_is_left_alone(workflow: str) -> None:
    assert kinds(workflow) == []
    assert publishers.switched_off(workflow, {"GitHub releases"}) == workflow
    assert not publishers.by_hand(workflow)


@pytest.mark.parametrize(
    "on, by_hand",
    [
        ("workflow_dispatch", True),
        ("[workflow_dispatch]", True),
        ("{workflow_dispatch: {inputs: {}}}", True),
        ("[push, workflow_dispatch]", False),
        ("workflow_call", False),
    ],
)
def test_whether_only_a_person_starts_it_is_told(on: str, by_hand: bool) -> None:
    assert publishers.by_hand(f"on: {on}\n") is by_hand
    assert publishers.by_hand(f'"on": {on}\n') is by_hand
