"""The branches of the remote: listed, pushed to and deleted, without a change to the clone's own refs."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

from release_tool.errors import NoAnswerError, PermissionDeniedError, RateLimitedError, RefusedError, RemoteError
from release_tool.git.program import safe, unreached, without_credentials
from release_tool.git.repository import branch_tips

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from release_tool.git.repository import Git
    from release_tool.system.process import Finished

_HEADS = "refs/heads/"
_FAILED, _CUT_OFF = 1, 128
_DURING = "git push"

_REMOTE = r"(?m)^remote: ?(?:error: ?)?(.*?) *$"
_WORKFLOW = r"refusing to allow .*? to create or update workflow `([^`]*)`"
_TAKEN = r"'refs/heads/([^']*)' exists; cannot create"
_OVERTAKEN = r"cannot lock ref|failed to update ref|already exists|fetch first|non-fast-forward|stale info"


class Pushed(enum.Enum):
    """How a push ended."""

    DONE = "done"
    UP_TO_DATE = "up to date"
    """The branch is there already: an attempt before this one did it."""
    MOVED = "moved"
    """The branch is not where it was thought to be, or would lose commits; nothing was done."""


class ProtectedError(RefusedError):
    """A rule of the repository keeps the token from moving a branch; `rule` is what GitHub said about it."""

    def __init__(self, branch: str, rule: str) -> None:
        super().__init__(
            f"a rule of the repository keeps this token from moving {branch}: {rule}",
            during=_DURING,
            already=f"{branch} is unchanged",
            todo="push with the token of a GitHub App that the rule lets through (in a repository of an organization),"
            " or with a deploy key that it lets through, or set `via` to `pull-request`",
        )
        self.rule = rule


class WorkflowsError(RefusedError):
    """The token may not push a workflow file that is on no branch yet; `path` names it."""

    def __init__(self, branch: str, path: str) -> None:
        super().__init__(
            f"this token may not push the workflow file {path} to {branch}, as no branch has this version of it yet",
            during=_DURING,
            already=f"{branch} is unchanged",
            todo="push with the token of a GitHub App that has `workflows: write`, or with a deploy key that may write",
        )
        self.path = path


class Branches:
    """The branches of a clone's remote; with a token they are reached by it, else as the clone reaches its remote.

    Names are those of branches: `cloud`, not `refs/heads/cloud`.
    """

    def __init__(self, git: Git, *, token: str | None = None) -> None:
        self._git = git
        self._program = git.program.with_token(token) if token else git.program

    def tips(self, prefix: str = "") -> dict[str, str]:
        """The commits of the remote's branches whose names begin so, by name, as they are now."""
        tips = branch_tips(self._program.refs(self._git.remote))
        return {name: sha for name, sha in tips.items() if name.startswith(prefix)}

    def push(self, commit: str, branch: str, *, expect: str | None, force: bool = False) -> Pushed:
        """Move a branch of the remote to a commit: forwards only, or with `force` from exactly `expect` to anywhere.

        The commit is told by its hash. Without `expect` there must be no such branch yet.
        Repeating a push that was done is UP_TO_DATE, and so is one without an answer that was done.
        Raises ProtectedError, WorkflowsError, PermissionDeniedError (no `contents: write`), and RemoteError where
        the remote does not answer, or not in time; what is then known of the branch is told.
        """
        spec = f"{safe(commit)}:{_HEADS}{branch}"
        if force or not expect:
            pushed = self._patiently(branch, commit, lambda: self._push_leased(branch, expect, spec))
        else:
            pushed = self._patiently(branch, commit, lambda: self._push(branch, spec=spec))
        if pushed is Pushed.MOVED and self.tips(branch).get(branch) == commit:
            return Pushed.UP_TO_DATE  # git repeats a request without an answer by itself, and meets its own push
        return pushed

    def delete(self, branch: str, *, expect: str) -> Pushed:
        """Delete a branch of the remote that is at `expect`; UP_TO_DATE where there is none. Raises as `push` does.

        One list that lacks what another one has told of proves nothing, so there has to be a second.
        """
        if branch in self.tips(branch) or branch in self.tips(branch):
            pushed = self._patiently(branch, None, lambda: self._push_leased(branch, expect, f":{_HEADS}{branch}"))
            if pushed is not Pushed.MOVED or branch in self.tips(branch):
                return pushed
        return Pushed.UP_TO_DATE

    def _patiently(self, branch: str, wanted: str | None, push: Callable[[], Pushed]) -> Pushed:
        """Push, again after a limit, and after silence where reading back tells that it was not done."""

        def once(_: int) -> Pushed:
            try:
                return push()
            except NoAnswerError as silence:
                if self._read_back(branch, silence) == wanted:
                    return Pushed.UP_TO_DATE
                silence.already = f"{branch} had not moved when it was read back"
                raise

        return self._program.patience.ask(once)

    def _read_back(self, branch: str, silence: NoAnswerError) -> str | None:
        """Where the branch is; raises what is no silence any more, as nothing may be repeated that isn't known."""
        try:
            return self.tips(branch).get(branch)
        except RemoteError:
            raise RemoteError(
                silence.message, during=silence.during, already=silence.already, todo=silence.todo
            ) from None

    def _push_leased(self, branch: str, expect: str | None, spec: str) -> Pushed:
        """Push where the branch is at `expect`; raises NoAnswerError where the push alone was told otherwise."""
        pushed = self._push(branch, _lease(branch, expect), spec=spec)
        if pushed is Pushed.MOVED and self.tips(branch).get(branch) == expect:
            raise NoAnswerError(f"the push was told that {branch} had moved, which is where it was", during=_DURING)
        return pushed

    def _push(self, branch: str, *options: str, spec: str) -> Pushed:
        """Push by URL, so that no branch here follows, and without what a person set up for pushes of their own."""
        plainly = ("--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no")
        done = self._program.run("push", *plainly, *options, self._url, spec, ok=(0, _FAILED, _CUT_OFF))
        return read_push(done, branch)

    @property
    def _url(self) -> str:
        done = self._program.run("remote", "get-url", "--push", self._git.remote, ok=(0, 2))
        return done.text.strip() if done.code == 0 else self._git.remote


def read_push(done: Finished, branch: str) -> Pushed:
    """Read what `git push --porcelain` of one branch came to, and raise what kept it from being done."""
    flag, why = next(_results(done.text), ("", ""))
    match flag:
        case " " | "+" | "-" | "*":
            return Pushed.DONE
        case "=":
            return Pushed.UP_TO_DATE
        case "!" if why.startswith("[rejected]"):
            return Pushed.MOVED
        case "!" if other := re.search(_TAKEN, f"{why}\n{done.stderr}"):
            raise RefusedError(
                f"{branch} can't be created beside the branch {other[1]}: one name begins with the other",
                during=_DURING,
                already=f"there is no branch {branch}",
                todo=f"rename or delete {other[1]}, then run the command again",
            )
        case "!" if why.startswith("[remote rejected]") and re.search(_OVERTAKEN, why):
            return Pushed.MOVED
        case "!" if why.startswith("[remote rejected]"):
            raise _refused(branch, why, done.stderr)
        case _:
            raise _unknown(branch, done.stderr)


def _results(text: str) -> Iterator[tuple[str, str]]:
    """The flag and the summary of each branch."""
    for line in text.splitlines():
        flag, _, rest = line.partition("\t")
        if len(flag) == 1 and "\t" in rest:
            yield flag, rest.partition("\t")[2]


def _refused(branch: str, why: str, said: str) -> RefusedError:
    """What the remote has against a push: in its own lines, else in the short form of the summary."""
    if workflow := re.search(_WORKFLOW, f"{said}\n{why}"):
        return WorkflowsError(branch, workflow[1])
    lines = [line for line in re.findall(_REMOTE, said) if line]
    return ProtectedError(branch, "; ".join(lines) or why.removeprefix("[remote rejected] ").strip("()"))


def _unknown(branch: str, said: str) -> RemoteError | PermissionDeniedError:
    """What to make of a push that did not end in a result: without a right, or for a limit, it did not even begin."""
    told = without_credentials(" ".join(line.strip() for line in said.splitlines() if line.strip()))
    failure = unreached(RemoteError(told or "git said nothing", during=_DURING))
    match failure:
        case PermissionDeniedError():
            return PermissionDeniedError(
                f"the remote refuses a push by this token or account: {told}",
                during=_DURING,
                already=f"{branch} is unchanged",
                todo="add `contents: write` to the permissions of the job, or push with a token that has it",
            )
        case RateLimitedError():
            failure.already = f"{branch} is unchanged"
            return failure
        case _:
            return NoAnswerError(
                f"the push to {branch} was not confirmed: {failure.message}",
                during=_DURING,
                already=f"it is not known whether {branch} was moved",
                todo="check the network, then run the command again",
            )


def _lease(branch: str, expect: str | None) -> str:
    """The option with which git writes only where the branch is as expected, and nothing is not there yet."""
    return f"--force-with-lease={_HEADS}{branch}:{expect or ''}"
