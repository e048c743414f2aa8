"""Print what the commands cost, as ratios to plain scripts that do no more than they must; asserts nothing."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import load, peers, workflows
from benchmarks.clones import Shape, branch, environment_in, grow, grown, tag
from benchmarks.measure import Bench
from github_sandbox import Sandbox

if TYPE_CHECKING:
    from benchmarks.measure import Cost

_TOOL = str(Path(sys.executable).with_name("release-tool"))
_FLOOR = str(Path(__file__).with_name("floor.py"))
_COMMITS = (1_000, 10_000, 100_000)
_UNRELEASED = (10, 1_000)
_TAGS = (10, 10_000)
_BRANCHES = 500
_PULLS = (1, 100, 250)


def main() -> None:
    """Measure all of it, in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="release-tool-bench-") as temporary:
        directory = Path(temporary)
        environment = environment_in(directory)
        _print_start(Bench(directory, environment, rounds=21))
        _print_plan(directory, environment)
        _print_branches(directory, environment)
        _print_requests(directory, environment)
        _print_load(directory, environment)
        _print_peers(directory, environment)
    workflows.show()


def _print_start(bench: Bench) -> None:
    print("Start, against `python -c 'import click'` (target: ratio ≤ 1.3)\n")
    print(f"{'':24}{'ours':>10}{'floor':>10}{'ratio':>8}")
    for option in ("--version", "--help"):
        ours, floor = bench.compare([_TOOL, option], [sys.executable, "-c", "import click"])
        print(f"release-tool {option:11}{_ms(ours):>10}{_ms(floor):>10}{_ratio(ours, floor):>8}", flush=True)


def _print_plan(directory: Path, environment: dict[str, str]) -> None:
    print("\nPlan without a token, against the same `git log` and one pattern (target: ratio ≤ 3, memory < 100 MB),")
    print("and against a floor that reads all tags too\n")
    columns = f"{'commits':>8}{'unreleased':>12}{'tags':>8}{'ours':>9}{'floor':>9}{'ratio':>7}"
    print(f"{columns}{'with tags':>11}{'ratio':>7}{'memory':>9}")
    for commits in _COMMITS:
        clone = grown(directory, commits)
        for unreleased, tags in product(_UNRELEASED, _TAGS):
            shape = Shape(commits + 1, unreleased, tags)
            tag(clone, shape)
            _print_shape(Bench(clone, environment, rounds=9), shape)


def _print_shape(bench: Bench, shape: Shape) -> None:
    floor = [sys.executable, _FLOOR, shape.base]
    ours, least, reading = bench.compare([_TOOL, "plan"], floor, [*floor, "--tags"])
    columns = f"{shape.commits - 1:>8,}{shape.unreleased:>12,}{shape.tags:>8,}{_ms(ours):>9}"
    columns += f"{_ms(least):>9}{_ratio(ours, least):>7}{_ms(reading):>11}{_ratio(ours, reading):>7}"
    print(f"{columns}{f'{ours.peak / 1e6:.0f} MB':>9}", flush=True)


def _print_branches(directory: Path, environment: dict[str, str]) -> None:
    """Compare one clone with itself, before and after it gets many branches."""
    print(f"\nPlan with {_BRANCHES} branches, against the same clone with one (target: ratio ≤ 1.2)\n")
    alone, many = directory / "alone", directory / "many"
    for clone, others in ((alone, 1), (many, _BRANCHES)):
        clone.mkdir()
        grow(clone, 10_001)
        tag(clone, Shape(10_001, 10, 10))
        branch(clone, others)
    one, all_of_them = (Bench(clone, environment, rounds=9).compare([_TOOL, "plan"])[0] for clone in (alone, many))
    print(f"{_ms(one):>10}{_ms(all_of_them):>10}{_ratio(all_of_them, one):>8}", flush=True)


def _ms(cost: Cost) -> str:
    return f"{cost.seconds * 1000:.0f} ms"


def _ratio(ours: Cost, floor: Cost) -> str:
    return f"{ours.seconds / floor.seconds:.2f}"


def _print_requests(directory: Path, environment: dict[str, str]) -> None:
    print("\nRequests to GitHub's API for a release without assets (target: ≤ 9, and 1 for each 100 pull requests)\n")
    print(f"{'pull requests':>14}{'requests':>10}{'at most':>10}")
    for pulls in _PULLS:
        at_most = 9 + -(-pulls // 100)
        print(
            f"{pulls:>14}{_requests(directory / f'sandbox-{pulls}', pulls, environment):>10}{at_most:>10}", flush=True
        )


def _print_load(directory: Path, environment: dict[str, str]) -> None:
    print("\n(targets: at most 200 MB; processor time at most twice that of the half, but for what starting costs)\n")
    for line in load.table(directory, environment):
        print(line, flush=True)


def _print_peers(directory: Path, environment: dict[str, str]) -> None:
    print("\nPlan beside the peers: processor time, as ratios in one run (targets: docs/performance.md)\n")
    others = peers.installed(directory / "peers")
    for line in peers.table([*peers.measured(directory, environment, others, sys.argv[1:], rounds=5)]):
        print(line, flush=True)


def _requests(directory: Path, pulls: int, environment: dict[str, str]) -> int:
    """Release that many merged pull requests on the stand-in for GitHub, and count what its API is asked."""
    merged = [
        {"pull": number, "title": f"Change {number}", "labels": ["fix"], "author": "ada", "files": {"f": str(number)}}
        for number in range(1, pulls + 1)
    ]
    with Sandbox.start({"repository": "acme/shop", "history": [{"tag": "v1.0.0"}, *merged]}, directory) as box:
        clone = directory / "clone"
        subprocess.run(["git", "clone", "--quiet", box.clone_url, str(clone)], check=True, env=environment)
        box.forget_requests()
        named = {
            "GITHUB_API_URL": box.api_url,
            "GITHUB_GRAPHQL_URL": box.graphql_url,
            "GITHUB_SERVER_URL": box.api_url,
            "GITHUB_REPOSITORY": box.repository,
            "GITHUB_TOKEN": box.token,
        }
        subprocess.run([_TOOL, "release"], cwd=clone, check=True, env=environment | named, capture_output=True)
        return sum(1 for request in box.requests if f"/{box.repository}.git/" not in request.path)


if __name__ == "__main__":
    main()
