"""What the workflows cost is counted from the very files, and stands in the documents."""

from __future__ import annotations

from pathlib import Path

from benchmarks.workflows import cost, idle, kinds

PAGE = (Path(__file__).parents[2] / "docs/adopting.md").read_text()
INSTALL = 10.0


def test_a_merge_and_a_quiet_month_cost_what_the_page_says() -> None:
    for kind in kinds():
        found = cost(kind, INSTALL)
        row = f"| {kind.name} | {found.in_a_row} | {found.jobs} | {found.minutes} | {idle(kind, INSTALL):,} |"
        assert row in PAGE, row


def test_it_costs_no_more_than_was_promised() -> None:
    by_name = {kind.name: kind for kind in kinds()}
    library, road = (cost(by_name[name], INSTALL) for name in ("a library", "the whole road"))
    assert library.in_a_row == 3
    assert road.in_a_row == 6
    assert road.jobs <= 10
    assert idle(by_name["a library"], INSTALL) == 0
    assert idle(by_name["the whole road"], INSTALL) <= 60
