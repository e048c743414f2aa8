"""The command of a deployment: run with exactly the variables that it should have, read, and ended in time."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import msgspec

from release_tool.deploy.transcript import Transcript
from release_tool.errors import UsageError
from release_tool.text.typed import word
from release_tool.text.visible import visible_block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from release_tool.text.masking import Masker

_ENDING_US = (signal.SIGINT, signal.SIGTERM)
_GRACE = 5.0
"""Seconds between asking a group of processes to end and ending it."""
_LAST_WORDS = 0.5
"""Seconds that we listen on for after a program ended: what it left running may hold its output open for ever."""
_CHUNK = 64 * 1024
_SHOWN = 1024 * 1024
"""Bytes of output that are shown as they come; of what follows only the end is."""
_END = 64 * 1024
_LONGEST_LINE = 4096
_CUT = " … (the line goes on)"
_NO_LETTER = re.compile(r"[^A-Z0-9]")
_TOO_MUCH = "… it says more than is shown here; its last lines follow when it has ended …"
_WATCH = r"""
grace=$1
read -r groups || for one in /proc/[0-9]*; do
    [ "$one/fd/1" -ef "/proc/$$/fd/1" ] && [ "$one" != "/proc/$$" ] && read -r stat < "$one/stat" &&
        set -- ${stat##*) } && groups="$groups $3"
done
read -r left || {
    left=/dev/null
    for group in $groups; do kill -s TERM -- "-$group"; done
    [ -z "$groups" ] || sleep "$grace"
    for group in $groups; do kill -s KILL -- "-$group"; done
}
cat <&1 >>"$left" &
"""
"""The script of a watcher. It starts before the group, and reads the group's number and then that all is well.

Its input ends without these lines when this process dies: then it ends the group. If that happens before it has the
number, the group is every process that writes to the pipe; without `/proc` the group is not found in that moment.

Its standard output is the pipe that the group writes to, from which `cat` reads on for as long as any process holds it:
a process that writes to a pipe without a reader is killed.
"""


class CommandInput(msgspec.Struct, frozen=True, kw_only=True):
    """What a command is to bring where; `references` are names with their `REF@DIGEST`."""

    version: str
    commit: str
    tag: str
    environment: str
    target: str
    target_url: str
    kind: Literal["deploy", "rollback"] = "deploy"
    references: Mapping[str, str] = {}

    @property
    def variables(self) -> dict[str, str]:
        """The variables with which it is passed; raises UsageError for references that would share one."""
        told = {
            "RELEASE_VERSION": self.version,
            "RELEASE_COMMIT": self.commit,
            "RELEASE_TAG": self.tag,
            "RELEASE_ENVIRONMENT": self.environment,
            "RELEASE_TARGET": self.target,
            "RELEASE_TARGET_URL": self.target_url,
            "RELEASE_KIND": self.kind,
        }
        for name, reference in self.references.items():
            variable = f"RELEASE_REF_{_NO_LETTER.sub('_', name.upper())}"
            if variable in told:
                raise UsageError(f"two references would be {variable}", todo=f"give {name} another name")
            told[variable] = reference
        return told


class CommandResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended; a negative code is the number of the signal that ended it.

    `evidence` is what it said, without secrets: the beginning and the end of it where it said much.
    `left` is the file that what it left running writes to from then on, None where it left nothing.
    """

    code: int
    seconds: float
    timed_out: bool
    evidence: str
    left: Path | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself, and well."""
        return self.code == 0 and not self.timed_out

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.timed_out:
            return f"was ended after {self.seconds:.0f} s"
        return f"ended with code {self.code}" if self.code >= 0 else f"was ended by signal {-self.code}"


def passed_on(names: Iterable[str], ours: Mapping[str, str], gate: str = "ENVIRONMENT") -> dict[str, str]:
    """The variables of ours that `pass-env` names; raises UsageError for one that isn't set.

    In a workflow a secret that is missing is an empty variable, so an empty one counts as not set; `gate` is the
    environment of GitHub's in which it is to be set.
    """
    passed = {}
    for name in names:
        if not ours.get(name):
            raise UsageError(
                f"`pass-env` names {name}, which is not set, or empty",
                already="nothing was touched",
                todo=f"set {name} where the tool runs; for a workflow: `gh secret set {name} --env {word(gate)}`",
            )
        passed[name] = ours[name]
    return passed


def surroundings(delivery: CommandInput, passed: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a command: of ours `PATH`, `HOME` and what is passed on, and what it is to do."""
    basics = {name: ours[name] for name in ("PATH", "HOME") if name in ours}
    return {**basics, **passed, **delivery.variables}


class CommandGroup:
    """Commands that run side by side in threads, and are ended together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[_Group] = []
        self._over = False

    def add(self, group: _Group) -> None:
        """Add a program that was started; it is ended at once where the others were ended already."""
        with self._lock:
            self._running.append(group)
            over = self._over
        if over:
            group.end()

    def end(self) -> None:
        """End them all, and whatever is added from now on."""
        with self._lock:
            self._over, running = True, tuple(self._running)
        for group in running:
            group.end()


def run(  # noqa: PLR0913 - each of these is a thing that a caller decides
    argv: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    timeout: float,
    mask: Masker,
    show: Callable[[str], None] = lambda _: None,
    grace: float = _GRACE,
    keeps: bool = True,
    among: CommandGroup | None = None,
) -> CommandResult:
    """Run a program to its end, showing each line without secrets and control characters as it comes.

    A program with a slash in its name is looked for in the directory, any other on the environment's `PATH`.
    It has a process group of its own, which is ended (SIGTERM, then SIGKILL after `grace` seconds) when it takes
    longer than `timeout` seconds, when this function is left by an exception, and when we die.
    What it leaves running when it ends in time stays, and writes to a file from then on where this `keeps` it.
    `among` others that run side by side in threads, it is ended with them.
    Raises UsageError when it can't be started.
    """
    heard = _Heard(mask, show)
    began = time.monotonic()
    with _group(argv, directory, environment, grace) as group:
        if among:
            among.add(group)
        for chunk in group.output(began + timeout):
            heard.add(chunk)
        heard.end()
        code = group.program.wait()
        seconds = time.monotonic() - began
        if keeps and group.leaves:
            group.left = _file_for_what_is_left()
    if group.left:
        heard.tell(f"… processes that still run write to {group.left} …")
    return CommandResult(
        code=code, seconds=seconds, timed_out=group.late, evidence=heard.transcript.text, left=group.left
    )


def said_since(left: Path, mask: Masker) -> str:
    """The beginning and the end of what was said by what a command left running, without secrets."""
    heard = _Heard(mask, lambda _: None)
    with contextlib.suppress(OSError), left.open("rb") as file:
        while chunk := file.read(_CHUNK):
            heard.add(chunk)
    heard.end()
    return heard.transcript.text


def last_line(said: str) -> str:
    """The last line of what a program said, behind a colon, where it said anything."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f": {lines[-1]}" if lines else ""


def insist_found(argv: Sequence[str], directory: Path, environment: Mapping[str, str]) -> None:
    """Raise UsageError where `run` would not find the program, before anything is said to have begun."""
    _found(argv, directory, environment)


# The program


def _found(argv: Sequence[str], directory: Path, environment: Mapping[str, str]) -> list[str]:
    """The argv with the whole path of its program, which a relative one has in the directory."""
    program, *arguments = argv
    if "/" not in program:
        path = shutil.which(program, path=environment.get("PATH", os.defpath))
        if path is None:
            raise UsageError(f"{program} is not on the PATH", todo=f"install {program}, or name it with its path")
        return [path, *arguments]
    file = directory / program
    if not file.is_file():
        raise UsageError(f"there is no file {program}", todo="correct `command`, or add the file to the commit")
    if not os.access(file, os.X_OK):
        raise UsageError(
            f"{program} is not executable", todo=f"run `git update-index --chmod=+x {word(program)}`, and commit"
        )
    return [str(file), *arguments]


class _Group:
    """A program, what it started, and its output; `over` can be read to its end when the program has ended."""

    def __init__(self, program: subprocess.Popen[bytes], said: int, over: int, grace: float) -> None:
        self.program = program
        self._said = said
        self._over = over
        self.late = False
        self._grace = grace
        self.leaves = False
        self.left: Path | None = None

    def output(self, limit: float) -> Iterator[bytes]:
        """What the group says until it has ended, which is made sure of once the monotonic clock reaches `limit`."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._said, selectors.EVENT_READ)
            selector.register(self._over, selectors.EVENT_READ)
            next_steps = self._next_steps()
            self.leaves = True
            while selector.get_map():
                for key, _ in selector.select(max(limit - time.monotonic(), 0)):
                    chunk = os.read(key.fd, _CHUNK)
                    if chunk:
                        yield chunk
                        continue
                    selector.unregister(key.fd)
                    self.leaves = self.leaves and key.fd != self._said
                    if key.fd == self._over and not self.late:
                        limit, next_steps = time.monotonic() + _LAST_WORDS, iter(())
                if time.monotonic() >= limit:
                    wait = next(next_steps, None)
                    if wait is None:
                        break
                    limit = time.monotonic() + wait
        if self.late:
            self.signal(signal.SIGKILL)

    def end(self) -> None:
        """End the group now, which may still print something; an interrupt meanwhile kills it at once."""
        try:
            self.signal(signal.SIGTERM)
            self._wait_a_moment()
        finally:
            self.signal(signal.SIGKILL)
        self._wait_a_moment()

    def _wait_a_moment(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.program.wait(self._grace)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, where a process of it is left."""
        with contextlib.suppress(
            ProcessLookupError, PermissionError
        ):  # macOS raises the latter for processes that have ended
            os.killpg(self.program.pid, number)

    def _next_steps(self) -> Iterator[float]:
        """What is done each time that the limit is reached, and how many seconds that gets."""
        self.late = True
        self.signal(signal.SIGTERM)
        yield self._grace
        self.signal(signal.SIGKILL)
        yield _LAST_WORDS


@contextlib.contextmanager
def _group(argv: Sequence[str], directory: Path, environment: Mapping[str, str], grace: float) -> Iterator[_Group]:
    with _signals_deferred() as deliver, _pipe() as (said, saying), _watched(said, grace) as watcher:
        with saying:
            program = started(argv, directory, environment, stdout=saying)
        watcher.watch(program.pid)
        with _ending(program) as over:
            group = _Group(program, said, over, grace)
            try:
                deliver()
                yield group
            except BaseException:
                group.end()
                watcher.dismiss(None)
                raise
            watcher.dismiss(group.left)


def started(
    argv: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    *,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.STDOUT,
) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own, without input; raises UsageError when it can't be started."""
    argv = _found(argv, directory, environment)
    try:
        return subprocess.Popen(  # noqa: S603 - an argv of the configuration, and no shell
            argv,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    except OSError as error:
        raise UsageError(f"{argv[0]} can't be started: {error.strerror}", todo="correct `command`") from error


@contextlib.contextmanager
def _signals_deferred() -> Iterator[Callable[[], None]]:
    """Keep the signals that end us until the given function is called, so that no program is started and unwatched.

    What is started meanwhile gets them all the same, as its handlers are its own; only a main thread gets signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    came: list[int] = []
    handlers = {number: signal.signal(number, lambda got, _: came.append(got)) for number in _ENDING_US}

    def deliver() -> None:
        while handlers:
            number, handler = handlers.popitem()
            signal.signal(number, handler or signal.SIG_DFL)
        while came:
            signal.raise_signal(came.pop(0))

    try:
        yield deliver
    finally:
        deliver()


class _Watcher:
    """A process that ends a group when we die, and when a second signal interrupts its end, unless it is dismissed.

    Without a shell there is no watcher.
    """

    def __init__(self, shell: subprocess.Popen[bytes] | None) -> None:
        self.watches = False
        self._shell = shell

    def watch(self, group: int) -> None:
        self.watches = True
        self._tell(str(group))

    def dismiss(self, left: Path | None) -> None:
        """End it, with the file that processes which stay write to, or None."""
        self._tell(left or os.devnull)
        if self._shell:
            self._shell.communicate()

    def _tell(self, line: str | Path) -> None:
        if self._shell and self._shell.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._shell.stdin.write(os.fsencode(line) + b"\n")
                self._shell.stdin.flush()


@contextlib.contextmanager
def _watched(said: int, grace: float) -> Iterator[_Watcher]:
    try:
        shell = subprocess.Popen(  # noqa: S603 - the same words each time, and a number
            ["/bin/sh", "-c", _WATCH, "release-tool", f"{grace:g}"],
            env={"PATH": os.environ.get("PATH", os.defpath)},  # a runner ends what has more of its variables than that
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        yield _Watcher(None)
        return
    watcher = _Watcher(shell)
    try:
        yield watcher
    finally:
        if shell.stdin:
            shell.stdin.close()
        if not watcher.watches:  # nothing could be started, so it ends at once
            shell.wait()


def _file_for_what_is_left() -> Path | None:
    """A file that outlives us, None where there can be none."""
    try:
        handle, path = tempfile.mkstemp(prefix="release-tool-", suffix=".log")
    except OSError:
        return None
    os.close(handle)
    return Path(path)


@contextlib.contextmanager
def _ending(program: subprocess.Popen[bytes]) -> Iterator[int]:
    """Something to read from that is at its end when the program is; a thread waits for that."""
    reading, writing = os.pipe()

    def wait() -> None:
        program.wait()
        os.close(writing)

    threading.Thread(target=wait, daemon=True).start()
    try:
        yield reading
    finally:
        os.close(reading)


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[int, IO[bytes]]]:
    """Where to read what is said, and what to write it to."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as said, os.fdopen(writing, "wb") as saying:
        yield said.fileno(), saying


# What it says


class _Heard:
    """What a program says, as a terminal would leave it, fit to be shown to anybody; very long lines are cut.

    Masking takes its time, so once there is too much to be shown only the end is kept, as it came.
    """

    def __init__(self, mask: Masker, show: Callable[[str], None]) -> None:
        self.transcript = Transcript()
        self._mask = mask
        self._show = show
        self._keep = _LONGEST_LINE + 4 * mask.longest  # bytes of a letter in UTF-8, at most
        self._room = _SHOWN
        self._rest = bytearray()
        self._only_end = False
        self._gap = False
        self._left_out = 0

    def add(self, chunk: bytes) -> None:
        """Take what was said next."""
        if self._room > 0:
            self._room -= len(chunk)
            self._take(chunk)
            return
        if not self._only_end:
            line, self._only_end, chunk = _parted(chunk)
            self._take(line)
            if self._only_end:
                self.tell(_TOO_MUCH)
        self._rest += chunk
        if len(self._rest) > 2 * _END:
            self._forget(len(self._rest) - _END)

    def end(self) -> None:
        """Nothing more will be said."""
        if self._gap:
            self._forget(self._rest.find(b"\n") + 1 or len(self._rest))  # it may begin within a secret
            self.transcript.leave_out(max(self._left_out, 1))
        rest, self._rest = bytes(self._rest), bytearray()
        self._take(rest)
        if self._rest:
            self._line(bytes(self._rest))

    def tell(self, line: str) -> None:
        """Show a line; an output that was closed stops no deployment."""
        with contextlib.suppress(OSError):
            self._show(line)

    def _take(self, chunk: bytes) -> None:
        *ended, unended = chunk.split(b"\n")
        for piece in ended:
            self._line(bytes(self._rest + piece[: self._keep + 1]))
            self._rest.clear()
        self._rest = (self._rest + unended)[: self._keep + 1]

    def _forget(self, size: int) -> None:
        self._gap = True
        self._left_out += self._rest.count(b"\n", 0, size)
        del self._rest[:size]

    def _line(self, raw: bytes) -> None:
        line = _shown(raw[: self._keep + 1], self._keep, self._mask)
        self.transcript.add(line)
        self.tell(line)


def _parted(chunk: bytes) -> tuple[bytes, bool, bytes]:
    """The end of a line with its newline, whether it is there, and what comes after it."""
    line, newline, rest = chunk.partition(b"\n")
    return line + newline, bool(newline), rest


def _shown(line: bytes, keep: int, mask: Masker) -> str:
    text = line[:keep].decode(errors="replace").rstrip("\r").rpartition("\r")[2]
    safe_text = mask(visible_block(text))
    if len(line) > keep:
        # A secret may stand across the cut: what is left of it is at most this long, and could not be recognised.
        safe_text = safe_text[: max(len(safe_text) - mask.longest, 0)]
    elif len(safe_text) <= _LONGEST_LINE:
        return safe_text
    return safe_text[:_LONGEST_LINE] + _CUT
