"""The rehearsal: a copy of a real repository lives through its next release, with the very commands that do it."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from github_sandbox.box import Sandbox
from github_sandbox.repository import environment as plain_environment
from github_sandbox.snapshot import Snapshot, borrow
from release_tool.demo.command_needs import lacks
from release_tool.deploy.command import run as run_command
from release_tool.errors import BugError, NeedsPersonError, RefusedError, RemoteError, UsageError
from release_tool.text.documents import UNREADABLE
from release_tool.text.masking import masker, url_secrets
from release_tool.text.typed import word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

    from release_tool.demo.command_needs import Lack
    from release_tool.setup.build_steps import BuildSteps

Outcome = Literal["goes", "nothing", "skipped", "refused", "needs-person"]
"""How a stage ended; `skipped` was not rehearsed, because an earlier one did not succeed."""

_STOPS = frozenset({"refused", "needs-person"})
"""The endings after which no later stage can be rehearsed."""
_MOST_ROUNDS = 10
"""How many releases are made at most: what is half-done comes before what is next."""
_FOREIGN = ("ACTIONS_", "GH_", "GIT_", "GITHUB_", "RELEASE_TOOL_", "RUNNER_")
"""Prefixes of the variables that would point the commands at the real GitHub, or give them its tokens."""
_BUILDS_WITH = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "CARGO_HOME", "RUSTUP_HOME", "GOPATH", "GOROOT"),
    *("GOCACHE", "GOFLAGS", "GOPROXY", "JAVA_HOME", "NVM_DIR", "PYENV_ROOT", "PIP_INDEX_URL"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
"""The variables of ours that a build is given: where tools lie, and nothing that is secret."""
_LONGEST_BUILD = 30 * 60.0
"""Seconds; a job that builds gets as many."""
_IDENTITY = ("-c", "user.name=build", "-c", "user.email=")
_NO_DIGEST = "sha256:" + "0" * 64
_HASH = re.compile(r"\b([0-9a-f]{10})[0-9a-f]{30}\b")
_PLACEHOLDER = "placeholder.txt"
_NOTES = "release-notes.template"


class Audience(Protocol):
    """Shows the rehearsal to a person; what is shown may hold what people wrote. A quiet one shows nothing."""

    quiet: bool

    def tell(self, text: str) -> None:
        """Say what comes next."""

    def command(self, line: str) -> None:
        """Show a command as a person would type it."""

    def result(self, text: str) -> None:
        """Show what came out of it."""

    def progress(self, line: str) -> None:
        """Show what is being done."""


class RehearsalStage(msgspec.Struct, frozen=True, kw_only=True):
    """One stage: how it ended and why, what a person would have to do, and the document of its last command."""

    stage: str
    outcome: Outcome
    reason: str
    todo: str = ""
    document: msgspec.Raw = msgspec.Raw(b"null")


class _Failure(msgspec.Struct, frozen=True):
    """An error as `--json` tells it."""

    message: str
    during: str = ""
    already: str = ""
    todo: str = ""


class _Told(msgspec.Struct, frozen=True):
    """The fields that are read from the commands' documents; each has some of them."""

    action: str = ""
    reason: str = ""
    sha: str | None = None
    tag: str | None = None
    previous: str | None = None
    state: str = ""
    pull: int | None = None
    url: str = ""
    conflicts: list[str] = []
    outcome: str = ""
    version: str | None = None
    overrides: list[str] = []
    error: _Failure | None = None


class _Answer(msgspec.Struct, frozen=True):
    """The result of a command: its exit code, the fields that are read, and the whole document."""

    code: int
    told: _Told
    document: msgspec.Raw

    def act(self, stage: str, outcome: Outcome, reason: str = "", todo: str = "") -> RehearsalStage:
        """The stage that ends with it; an error is reported in the command's own words."""
        failure = self.told.error
        if failure is None:
            reason = reason or self.told.reason
            return RehearsalStage(stage=stage, outcome=outcome, reason=reason, todo=todo, document=self.document)
        outcome = "needs-person" if self.code == NeedsPersonError.exit_code else "refused"
        return RehearsalStage(
            stage=stage, outcome=outcome, reason=failure.message, todo=failure.todo, document=self.document
        )


def rehearse(
    original: Mapping[str, object], directory: Path, audience: Audience, build: BuildSteps, *, built: bool
) -> list[RehearsalStage]:
    """Play every stage on a copy of a repository, as `setup.rehearsal_input` describes it, and tell how each ended.

    Everything is written below the directory; a build is run only where it shall be `built`.
    Raises UsageError and RemoteError as the commands do.
    """
    snapshot = msgspec.convert(original, Snapshot)
    with Sandbox.adopt(snapshot, directory / "github") as box, _Service() as service:
        scene = _Scene(snapshot, str(original["folder"]), directory, box, service, audience)
        return list(_acts(scene, build, built=built))


def _acts(scene: _Scene, build: BuildSteps, *, built: bool) -> Iterator[RehearsalStage]:
    before = scene.deployed_head()
    released = _Released()
    for act in _release(scene, released, build, built=built):
        yield act
        if act.outcome in _STOPS:
            yield from _skipped(scene, "there is no release")
            return
    if scene.snapshot.hosted:
        act = _sync(scene)
        yield act
        if act.outcome in _STOPS:
            yield from _skipped(scene, f"the release does not reach `{scene.snapshot.hosted}`", synced=True)
            return
        wanted = scene.deployed_head() or ""
    else:
        wanted, before = released.tag, released.previous
    for name in scene.environments:
        yield _deployment(scene, name, wanted, before)


def _skipped(scene: _Scene, why: str, *, synced: bool = False) -> Iterator[RehearsalStage]:
    if scene.snapshot.hosted and not synced:
        yield RehearsalStage(stage="sync", outcome="skipped", reason=why)
    for name in scene.environments:
        yield RehearsalStage(stage=name, outcome="skipped", reason=why)


class _Released(msgspec.Struct):
    """The newest release and the one before it, as the rehearsal goes on."""

    tag: str = ""
    previous: str | None = None


def _release(scene: _Scene, released: _Released, build: BuildSteps, *, built: bool) -> Iterator[RehearsalStage]:
    """Plan and release until nothing is left; what is half-done is finished first."""
    scene.audience.tell("What would the next release be, and why?")
    planned = scene.ask("plan")
    scene.show("plan")
    released.tag = planned.told.previous or ""
    if planned.told.error:
        yield planned.act("plan", "refused")
        return
    if planned.told.action == "nothing":
        yield planned.act("plan", "nothing")
        yield RehearsalStage(stage="release", outcome="nothing", reason=planned.told.reason)
        return
    yield planned.act("plan", "goes", f"{planned.told.tag}: {planned.told.reason}")
    for _ in range(_MOST_ROUNDS):
        tag, previous = planned.told.tag or "", planned.told.previous
        scene.check_out(planned.told.sha or "")
        made = _build(scene, planned.told, build, built=built)
        yield made
        if made.outcome in _STOPS:
            return
        done = scene.ask("release", *scene.materials(made.outcome))
        yield done.act("release", "goes", f"{tag} is released")
        if done.code:
            return
        released.tag, released.previous = tag, previous
        scene.show("notes", tag)
        if planned.told.action == "release":
            return
        scene.check_out(scene.snapshot.branches[scene.snapshot.branch])
        planned = scene.ask("plan")
        if planned.told.action == "nothing":
            return


def _build(scene: _Scene, planned: _Told, build: BuildSteps, *, built: bool) -> RehearsalStage:
    """What would be released is built, where somebody asked for it; else it is said that nothing was."""
    if build.ships_nothing:
        scene.audience.tell("Released it would be like this: the tag and the notes alone.")
        return RehearsalStage(stage="build", outcome="nothing", reason=f"nothing is built ({build.source})")
    if not built:
        scene.audience.tell("Released it would be like this; a text stands in for what you build.")
        why = "nothing was built; `--build` runs it here"
        return RehearsalStage(stage="build", outcome="skipped", reason=why)
    scene.audience.tell(f"It is built from {build.source}, in a copy and without secrets.")
    failed = scene.build(planned, build)
    files = scene.built_files()
    if failed or not files:
        reason = failed or "the build left no file in `dist`, and a release would end there"
        todo = "correct the build, and rehearse again; what it needs besides has to be on this machine"
        return RehearsalStage(stage="build", outcome="refused", reason=reason, todo=todo)
    beside = f"; not run here: {', '.join(build.elsewhere)}" if build.elsewhere else ""
    return RehearsalStage(stage="build", outcome="goes", reason=f"made {', '.join(files)}{beside}")


def _sync(scene: _Scene) -> RehearsalStage:
    branch = scene.snapshot.hosted
    scene.audience.tell(f"The release is carried into `{branch}`.")
    made = scene.ask("sync", "--candidate")
    told = made.told
    if told.state == "conflict":
        scene.show_pull(told.pull)
        why = f"{told.reason}: {', '.join(told.conflicts)}"
        return made.act("sync", "needs-person", why, _resolving(branch, scene.snapshot.branch))
    if told.error:
        return made.act("sync", "refused")
    if told.state not in {"candidate", "tested"}:
        if head := scene.deployed_head():
            scene.ask("sync", "--tested", head)  # as it would be where it is deployed already
        return made.act("sync", "nothing")
    scene.audience.tell("Your tests would run on exactly this commit; here they pass.")
    scene.ask("sync", "--tested", told.sha or "")
    moved = scene.ask("sync", "--advance", told.sha or "")
    if moved.told.state == "pull-request":
        scene.merge(moved.told.pull)
        return moved.act("sync", "goes", f"{moved.told.reason}; here it is merged")
    return moved.act("sync", "goes")


def _resolving(hosted: str, branch: str) -> str:
    return (
        f"resolve it before it comes: `git switch {word(hosted)}`, `git merge {word(branch)}`, and push;"
        " or name files that always stay as they are in `keep-cloud`"
    )


def _deployment(scene: _Scene, name: str, wanted: str, before: str | None) -> RehearsalStage:
    """What runs now is written down, then the release is brought: by itself where the environment is automatic."""
    if not wanted:
        return RehearsalStage(stage=name, outcome="nothing", reason="nothing is released that could be deployed")
    scene.audience.tell(f"Simulated: {name}. The command does nothing, and a small service says what it is told.")
    if before:
        recorded = scene.deploy(name, before, "--record")
        if recorded.code:
            return recorded.act(name, "refused")
        if recorded.told.version and scene.commit(before) == scene.commit(wanted):
            return recorded.act(name, "nothing", f"{recorded.told.version} is deployed already")
    automatic = before and scene.environments[name].get("automatic")
    done = scene.deploy(name, wanted, "--automatic" if automatic else "--here")
    if done.told.outcome in {"healthy", "unchanged"}:
        return _as_far_as_seen(done, name, scene.lacks(name, wanted, done.told.version or wanted))
    overrides = " ".join(f"--override {word}" for word in done.told.overrides)
    todo = f"deploy it as a person, with `{overrides}` and a reason" if overrides else "remove what stands in the way"
    held = "held: " if done.told.outcome == "held" else ""
    return done.act(name, "refused", f"{held}{done.told.reason}", todo)


def _as_far_as_seen(done: _Answer, name: str, found: Sequence[Lack]) -> RehearsalStage:
    """A simulated deployment succeeds only where everything that its commands need is there."""
    if not found:
        return done.act(name, "goes", f"simulated: {done.told.version} would be deployed")
    outcome: Outcome = "refused" if any(lack.certain for lack in found) else "skipped"
    reason = "; ".join(lack.text for lack in found)
    return done.act(name, outcome, reason, "; ".join(lack.todo for lack in found))


class _Scene:
    """The copy on a stand-in for GitHub, a clone of it, and the commands that are run there."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a scene is made of
        self, snapshot: Snapshot, folder: str, directory: Path, box: Sandbox, service: _Service, audience: Audience
    ) -> None:
        self.snapshot = snapshot
        self._folder = folder
        self.audience = audience
        self._box = box
        self._service = service
        self._clone = directory / "clone"
        self._built = directory / "build"
        self._scratch = directory / "tmp"
        self._file = directory / "release-tool.toml"
        self._scratch.mkdir()
        self._make_clone()
        configuration = _rehearsed(snapshot, service.url)
        self._file.write_text(toml(configuration), encoding="utf-8")
        self.environments = _tables(configuration, "environments")

    def _make_clone(self) -> None:
        """A clone without any files in it, which nothing needs but what is written here."""
        self._clone.mkdir()
        branch = self.snapshot.branch
        self._git("init", "--quiet", "--template=", f"--initial-branch={branch}")
        borrow(self.snapshot, self._clone / ".git" / "objects")
        self._git("remote", "add", "origin", self._box.clone_url)
        self._git("fetch", "--quiet", "--tags", "origin")
        self._git("update-ref", "HEAD", f"refs/remotes/origin/{branch}")
        self._git("symbolic-ref", "refs/remotes/origin/HEAD", f"refs/remotes/origin/{branch}")
        (self._clone / _PLACEHOLDER).write_text("What you build would be here.\n", encoding="utf-8")
        if self.snapshot.template is not None:
            (self._clone / _NOTES).write_text(self.snapshot.template, encoding="utf-8")

    def deployed_head(self) -> str | None:
        """The commit of the hosted branch, where there is one."""
        ref = self._box.github.repository.ref(f"refs/heads/{self.snapshot.hosted}")
        return ref.sha if ref else None

    def commit(self, name: str) -> str | None:
        """The commit of a tag or a hash."""
        return self._box.github.repository.resolve(name)

    def check_out(self, commit: str) -> None:
        """Stand on a commit, as the job does that builds it."""
        self._git("update-ref", "--no-deref", "HEAD", commit)

    def build(self, planned: _Told, build: BuildSteps) -> str:
        """Build a commit as the job does, under its tag and without secrets; tell why that failed, if it did."""
        tag, place = planned.tag or "", str(self._built)
        shutil.rmtree(place, ignore_errors=True)
        self._git("clone", "--quiet", "--shared", "--no-checkout", ".", place)
        self._git("-C", place, "checkout", "--quiet", "--detach", planned.sha or "")
        self._git("-C", place, *_IDENTITY, "tag", "--annotate", "--force", f"--message={tag}", tag)
        given = {name: os.environ[name] for name in _BUILDS_WITH if name in os.environ}
        given = {name: text for name, text in given.items() if not url_secrets(text)}
        told = {"RELEASE_TAG": tag, "RELEASE_VERSION": planned.version or "", "TMPDIR": str(self._scratch)}
        for step in build.steps:
            self.audience.command("; ".join(step.script.strip().splitlines()))
            ended = run_command(
                ["bash", "-e", "-c", step.script],
                directory=self._built / step.folder,
                environment=given | told | step.variables,
                timeout=_LONGEST_BUILD,
                mask=masker(frozenset()),
                show=self.audience.progress,
                keeps=False,
            )
            if not ended.succeeded:
                said = ended.evidence.strip().splitlines()
                return f"the build {ended.ending}" + (f": {said[-1].strip()}" if said else "")
        return ""

    def built_files(self) -> list[str]:
        """What the last build made, by its names."""
        return sorted(path.name for path in self._built.glob("dist/*"))

    def materials(self, built: Outcome) -> list[str]:
        """What is given to the release: what was built, a text in its place, or nothing where nothing is built."""
        if built == "goes":
            shutil.copytree(self._built / "dist", self._clone / "dist", dirs_exist_ok=True)
            return [f"dist/{name}" for name in self.built_files()]
        if built == "nothing":
            return []
        promised = msgspec.convert(_table(self.snapshot.configuration, "build").get("references", []), list[str])
        return [_PLACEHOLDER, *(f"--reference={name}=rehearsal/{name}@{_NO_DIGEST}" for name in promised)]

    def lacks(self, name: str, wanted: str, version: str) -> tuple[Lack, ...]:
        """What the commands of an environment lack to be run in a commit."""
        commit = self.commit(wanted) or ""

        def mode_of(path: str) -> str:
            return self._git("ls-tree", "--format=%(objectmode)", commit, "--", path)

        settings = _tables(self.snapshot.configuration, "environments")[name]
        return tuple(lacks(settings, version, Path(self._folder), mode_of))

    def merge(self, number: int | None) -> None:
        """Merge the pull request that moves the hosted branch, as a person does."""
        github = self._box.github
        pull = github.pull(number or 0)
        with github.store.lock:
            base = github.head(pull.base) or ""
            github.repository.move(f"refs/heads/{pull.base}", pull.head_sha, base)
            github.follow(None)

    def show_pull(self, number: int | None) -> None:
        """Show a pull request as GitHub would."""
        pull = self._box.github.pull(number or 0)
        lines = [line for line in (pull.body or "").splitlines() if not line.startswith("<!--")]
        self.audience.result(self._told(f"#{pull.number} {pull.title}\n\n{chr(10).join(lines).strip()}"))

    def deploy(self, name: str, version: str, *options: str) -> _Answer:
        """Simulate a deployment: the service tells the commit as soon as it is asked to."""
        self._service.commit = self.commit(version) or ""
        done = self.ask("deploy", version, "-e", name, *options)
        if not self.audience.quiet and done.told.outcome:
            self.audience.result(f"{name}: {done.told.version} {done.told.outcome}: {done.told.reason}")
        return done

    def show(self, *argv: str) -> None:
        """Run a command that only reads, and show what a person would see."""
        if self.audience.quiet:
            return
        done = subprocess.run(
            self._argv(*argv), cwd=self._clone, env=self._environment(), capture_output=True, text=True, check=False
        )
        self.audience.result(self._told(done.stdout))

    def ask(self, *argv: str) -> _Answer:
        """Run a command and read its document; a failure that no person has to decide about ends the rehearsal."""
        self.audience.command(_HASH.sub(r"\1", shlex.join(["release-tool", *argv])))
        with tempfile.TemporaryFile() as output:
            code = self._run(argv, output.fileno())
            output.seek(0)
            text = self._told(output.read().decode(errors="replace"))
        answer = _read(code, text)
        _insist(argv[0], answer)
        return answer

    def _run(self, argv: tuple[str, ...], output: int) -> int:
        """Run a command and show what it says meanwhile, but for what a simulated deployment says of itself."""
        with subprocess.Popen(
            [*self._argv(*argv), "--json"],
            cwd=self._clone,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as program:
            for line in program.stderr or ():
                if argv[0] != "deploy":
                    self.audience.progress(self._told(line.rstrip("\n")))
        return program.returncode

    def _argv(self, *argv: str) -> list[str]:
        return [sys.executable, "-m", "release_tool", "--config", str(self._file), *argv]

    def _told(self, text: str) -> str:
        """A text with the links that it would have."""
        return text.replace(self._box.api_url, self.snapshot.server)

    def _git(self, *argv: str) -> str:
        done = subprocess.run(
            ["git", *argv], cwd=self._clone, env=plain_environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RemoteError(f"git {argv[0]}: {done.stderr.strip()}", during="copying the repository")
        return done.stdout.strip()

    def _environment(self) -> Mapping[str, str]:
        """Our own variables without all that is secret, and the stand-in as GitHub."""
        secret = _secrets(self.snapshot.configuration)
        ours = {
            name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN) and name not in secret
        }
        return ours | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GITHUB_API_URL": self._box.api_url,
            "GITHUB_GRAPHQL_URL": self._box.graphql_url,
            "GITHUB_SERVER_URL": self._box.api_url,
            "GITHUB_REPOSITORY": self._box.repository,
            "GITHUB_TOKEN": self._box.token,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "TMPDIR": str(self._scratch),
        }


def _read(code: int, text: str) -> _Answer:
    try:
        return _Answer(code, msgspec.json.decode(text, type=_Told), msgspec.Raw(text.encode()))
    except UNREADABLE as error:
        raise BugError(f"the rehearsal stopped: a command ended with code {code} and said {text!r}") from error


def _insist(command: str, answer: _Answer) -> None:
    """End the rehearsal where a command failed for another reason than what it is about."""
    if answer.code in {0, RefusedError.exit_code, NeedsPersonError.exit_code}:
        return
    failure = answer.told.error or _Failure(message=f"it ended with code {answer.code}: {answer.told.reason}")
    kinds = {UsageError.exit_code: UsageError, RemoteError.exit_code: RemoteError}
    raise kinds.get(answer.code, BugError)(
        f"{command}: {failure.message}",
        during=failure.during or "the rehearsal",
        already="nothing outside the copy was written",
        todo=failure.todo,
    )


# What is simulated


class _Service:
    """Stands in for what runs in every environment: a server on loopback that tells a commit."""

    def __init__(self) -> None:
        self.commit = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Answer nothing any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = msgspec.json.encode({"commit": service.commit})
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the parent's name
                """Say nothing."""

        return Handler


def _rehearsed(snapshot: Snapshot, url: str) -> dict[str, object]:
    """The configuration with which nothing is sent anywhere: no channels, and environments that are simulated."""
    configuration = snapshot.configuration | {"branch": snapshot.branch, "channels": {}, "messages": {}}
    if snapshot.template is not None:
        configuration["notes-template"] = _NOTES
    environments = _tables(configuration, "environments")
    return configuration | {
        "environments": {name: settings | _simulated(settings, url) for name, settings in environments.items()}
    }


def _simulated(settings: dict[str, object], url: str) -> dict[str, object]:
    targets = msgspec.convert(settings.get("targets", []), list[dict[str, object]])
    check = {"name": "simulated", "url": "/", "version-pointer": "/commit", "interval": "200ms", "deadline": "30s"}
    return {
        "command": ["true"],
        "rollback-command": [],
        "pass-env": [],
        "url": url,
        "health": "",
        "bake": "1s",
        "targets": [target | {"url": url} for target in targets],
        "checks": [check],
    }


def _secrets(configuration: Mapping[str, object]) -> set[str]:
    """The variables whose values are handed to deploy commands and channels."""
    environments = _tables(configuration, "environments").values()
    named = [name for settings in environments for name in msgspec.convert(settings.get("pass-env", []), list[str])]
    return {*named, *(str(channel.get("url-env")) for channel in _tables(configuration, "channels").values())}


def _tables(configuration: Mapping[str, object], key: str) -> dict[str, dict[str, object]]:
    return msgspec.convert(configuration.get(key, {}), dict[str, dict[str, object]])


def _table(configuration: Mapping[str, object], key: str) -> dict[str, object]:
    return msgspec.convert(configuration.get(key, {}), dict[str, object])


def toml(table: Mapping[str, object]) -> str:
    """A table as TOML, which knows no null, each of its keys on one line."""
    return "".join(f"{_inline(key)} = {_inline(value)}\n" for key, value in table.items() if value is not None)


def _inline(value: object) -> str:
    if isinstance(value, dict):
        parts = (f"{_inline(key)} = {_inline(part)}" for key, part in value.items() if part is not None)
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")  # which JSON leaves as it is
