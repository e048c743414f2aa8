"""Measure the house itself: `python benchmarks/house.py [CHECKOUT]` prints its figures, of an older checkout too.

One successful deployment to one target is followed through the code, as a user types it, on the stand-in.
"""

from __future__ import annotations

import ast
import contextlib
import http.server
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import grimp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

PACKAGE = "release_tool"
_STAND_IN = ("sandbox", "github_sandbox")
_MAIN = "import sys; from release_tool.cli import main; main(sys.argv[1:])"
_CONFIGURATION = """
[environments.production]
command = ["./deploy.sh"]
bake = "1s"
checks = [{{ url = "{url}", version-pointer = "/version", interval = "500ms" }}]
"""
_DEPLOY = '#!/bin/sh\nprintf \'{"version": "%s"}\' "$RELEASE_VERSION" > \'{file}\'\n'


def main() -> None:
    """Print every figure of a checkout, of this one where none is named."""
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve()
    sources = [path for path in checkout.glob(f"{PACKAGE}/**/*.py") if not _is_stand_in(path.relative_to(checkout))]
    folders = Counter(path.parent for path in sources if path.stem != "__init__")
    folder, most = folders.most_common(1)[0]
    names = Counter(name for path in sources for name in _public_classes(path))
    bodies = sorted(length for path in sources for length in _bodies(path))
    print(f"modules in the fullest folder   {most} ({folder.relative_to(checkout)})")
    print(f"lines                           {sum(len(path.read_text().splitlines()) for path in sources)}")
    print(f"public class names used twice   {sum(times > 1 for times in names.values())}")
    middle, most_of_them = statistics.median(bodies), bodies[len(bodies) * 9 // 10]
    print(f"function bodies                 median {middle:.0f}, p90 {most_of_them}, longest {bodies[-1]}")
    graph = _imports(checkout)
    circles = sum(module in graph.find_upstream_modules(module) for module in graph.modules)
    print(f"modules in a circle of imports  {circles}")
    with tempfile.TemporaryDirectory(prefix="release-tool-house-") as temporary:
        calls, processes = _deployment(checkout, Path(temporary))
    climbs = sum(caller in graph.find_upstream_modules(callee) for (caller, _), (callee, _) in calls)
    doors = {(caller, callee) for (caller, _), (callee, _) in calls}
    print(f"calls that change module        {len(calls)} through {len(doors)} doors, {climbs} against the imports")
    print(f"processes of a deployment       {processes}")


def _is_stand_in(path: Path) -> bool:
    return path.parts[1] in _STAND_IN


def _public_classes(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def _bodies(path: Path) -> Iterator[int]:
    """The lines of each function without its head and its docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def _imports(checkout: Path) -> grimp.ImportGraph:
    sys.path.insert(0, str(checkout))
    return grimp.build_graph(PACKAGE, cache_dir=None)


Function = tuple[str, str]


def _deployment(checkout: Path, directory: Path) -> tuple[set[tuple[Function, Function]], int]:
    """Deploy on the stand-in: the calls from one module to another, and how many processes the tool started."""
    (directory / "version").write_text('{"version": "none"}')
    with _application(directory / "version") as url, _stand_in(checkout, directory, url) as (environment, clone):
        _release_tool(checkout, clone, environment, "deploy", "1.0.0", "-e", "production", "--here")
        traces, trace = directory / "traces", directory / "calls.json"
        traces.mkdir()
        environment |= {"RELEASE_TOOL_CALLS": str(trace), "GIT_TRACE2_EVENT": str(traces)}
        _release_tool(checkout, clone, environment, "deploy", "1.1.0", "-e", "production", "--here")
        calls = {((a, b), (c, d)) for a, b, c, d in json.loads(trace.read_text())}
        return calls, len(list(traces.iterdir()))


@contextlib.contextmanager
def _application(file: Path) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(file.read_bytes())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextlib.contextmanager
def _stand_in(checkout: Path, directory: Path, url: str) -> Iterator[tuple[dict[str, str], Path]]:
    scenario = directory / "scenario.json"
    files = {
        "release-tool.toml": _CONFIGURATION.format(url=url),
        "deploy.sh": _DEPLOY.replace("{file}", str(directory / "version")),
    }
    change = {"pull": 1, "title": "feat: more", "files": {"more": "1"}}
    scenario.write_text(json.dumps({"files": files, "history": [{"tag": "v1.0.0"}, change, {"tag": "v1.1.0"}]}))
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "GIT_"))}
    ours["PYTHONPATH"] = str(checkout)
    command = [sys.executable, "-c", _MAIN, "sandbox", "up", str(scenario), "--dir", str(directory / "state")]
    with subprocess.Popen(command, env=ours, cwd=directory, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout  # noqa: S101 - it is a pipe
            told: dict[str, str] = json.loads(process.stdout.readline())
            clone = directory / "clone"
            subprocess.run(["git", "clone", "--quiet", told["clone_url"], clone], check=True)
            yield (
                ours
                | {
                    "GITHUB_API_URL": told["api_url"],
                    "GITHUB_GRAPHQL_URL": told["graphql_url"],
                    "GITHUB_SERVER_URL": told["api_url"],
                    "GITHUB_REPOSITORY": told["repository"],
                    "GITHUB_TOKEN": told["token"],
                },
                clone,
            )
        finally:
            process.terminate()


def _release_tool(checkout: Path, clone: Path, environment: Mapping[str, str], *args: str) -> None:
    code = f"{Path(__file__).read_text()}\n_traced()\n" if "RELEASE_TOOL_CALLS" in environment else _MAIN
    done = subprocess.run(
        [sys.executable, "-c", code, *args], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(args)} ended with {done.returncode} in {checkout}:\n{done.stderr}")


def _traced() -> None:
    """Run the command line, and write down each call from one module of the tool to another, once."""
    found: set[tuple[str, str, str, str]] = set()

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        if event != "call" or frame.f_code.co_name.startswith("<"):
            return
        caller = frame.f_back
        while caller and not str(caller.f_globals.get("__name__")).startswith(f"{PACKAGE}."):
            caller = caller.f_back
        names = [
            (str(one.f_globals.get("__name__")), one.f_code.co_qualname) for one in (caller, frame) if one is not None
        ]
        for (module, function), (other, called) in pairwise(names):
            if other.startswith(f"{PACKAGE}.") and module != other:
                found.add((module, function, other, called))

    threading.setprofile(watch)
    sys.setprofile(watch)
    from release_tool.cli import main as command_line

    try:
        command_line(sys.argv[1:])
    finally:
        sys.setprofile(None)
        Path(os.environ["RELEASE_TOOL_CALLS"]).write_text(json.dumps(sorted(found)))


if __name__ == "__main__" and "RELEASE_TOOL_CALLS" not in os.environ:
    main()
