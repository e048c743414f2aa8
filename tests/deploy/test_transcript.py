from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from release_tool.deploy.transcript import Transcript


def transcript(lines: list[str], first: int, last: int) -> str:
    kept = Transcript(first=first, last=last)
    for line in lines:
        kept.add(line)
    return kept.text


def test_of_a_long_output_the_beginning_and_the_end_are_kept() -> None:
    said = transcript([str(number) for number in range(10)], first=4, last=6)

    assert said == "0\n1\n… lines left out here: 5 …\n7\n8\n9\n"


def test_a_short_output_is_kept_whole() -> None:
    assert transcript(["a", "", "b"], first=3, last=2) == "a\n\nb\n"
    assert transcript([], first=3, last=2) == ""


@given(st.lists(st.text(alphabet="ab", max_size=5)), st.integers(0, 20), st.integers(0, 20))
def test_evidence_never_grows_beyond_its_bounds_and_tells_how_much_is_missing(
    lines: list[str], first: int, last: int
) -> None:
    kept = transcript(lines, first, last).splitlines()
    gaps = [line for line in kept if line.startswith("…")]
    shown = [line for line in kept if not line.startswith("…")]

    assert sum(len(line) + 1 for line in shown) <= first + last
    missing = int(gaps[0].split()[-2]) if gaps else 0
    assert len(shown) + missing == len(lines)
    start = kept.index(gaps[0]) if gaps else len(kept)
    assert shown[:start] == lines[:start]
    assert shown[start:] == lines[len(lines) - len(shown) + start :]
