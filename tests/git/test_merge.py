"""Merges without a working tree, held against what `git merge` does in one."""

from __future__ import annotations

import re
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from release_tool.errors import NeedsPersonError, UsageError
from release_tool.git.merge import Conflict, commit_tree, merge, with_kept
from release_tool.git.repository import Git
from tests import examples
from tests.git.repo import Repo

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

LINES = "".join(f"line {number}\n" for number in range(1, 9))


def nothing(_: str) -> bool:
    return False


def everything(_: str) -> bool:
    return True


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "repo")


@pytest.fixture
def git(repo: Repo) -> Git:
    return Git(repo.directory)


class Sides:
    """A repository with two sides that went apart: `cloud` is checked out, and `main` is merged into it."""

    def __init__(self, repo: Repo, base: Change, cloud: Change, main: Change) -> None:
        self.repo = repo
        self._commit(base)
        repo.git("switch", "--quiet", "--create", "cloud")
        self._commit(cloud)
        repo.git("switch", "--quiet", "main")
        self._commit(main)
        repo.git("switch", "--quiet", "cloud")

    def _commit(self, change: Change) -> None:
        for path, content in change.items():
            target = self.repo.directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                target.unlink()
            else:
                target.write_bytes(content.encode() if isinstance(content, str) else content)
        self.repo.commit()

    def read(self, tree: str, path: str) -> str:
        return self.repo.git("show", f"{tree}:{path}")


Change = dict[str, str | bytes | None]


# What a merge comes to


def test_both_sides_are_in_the_tree_and_nothing_of_the_clone_is_touched(repo: Repo, git: Git) -> None:
    sides = Sides(repo, {"a": LINES, "b": "1\n"}, {"a": LINES.replace("line 1", "ONE")}, {"c/d": "new\n", "b": None})
    (repo.directory / "a").write_text("being edited")
    (repo.directory / "staged").write_text("x")
    repo.git("add", "staged")

    def looks() -> list[str]:
        return [repo.git(*words.split()) for words in ("status --porcelain", "show-ref --head", "ls-files --stage")]

    before, index = looks(), (repo.directory / ".git" / "index").read_bytes()
    found = merge(git, "cloud", "main", nothing)

    assert found.conflicts == ()
    assert repo.git("ls-tree", "-r", "--name-only", found.tree).split() == ["a", "c/d"]
    assert sides.read(found.tree, "a").startswith("ONE\nline 2")
    assert looks() == before
    assert (repo.directory / ".git" / "index").read_bytes() == index


def test_a_bare_clone_and_a_worktree_merge_the_same(repo: Repo, tmp_path: Path) -> None:
    Sides(repo, {"a": "1\n"}, {"b": "2\n"}, {"c": "3\n"})
    bare = repo.clone(tmp_path / "bare.git", "--bare")
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"), "main")

    trees = {
        merge(Git(place), "cloud", "main", nothing).tree
        for place in (repo.directory, bare.directory, tmp_path / "tree")
    }

    assert len(trees) == 1
    assert not (bare.directory / "index").exists()


def test_a_shallow_clone_is_completed_before_it_merges(repo: Repo, tmp_path: Path) -> None:
    Sides(repo, {"a": LINES}, {"b": "2\n"}, {"c": "3\n"})
    for number in range(3):
        repo.commit(file=str(number))
    clone = repo.clone(tmp_path / "clone", "--depth=1", "--no-single-branch")

    found = merge(Git(clone.directory), "origin/cloud", "origin/main", nothing)

    assert clone.git("ls-tree", "--name-only", found.tree).split() == ["a", "b", "c", "file"]


def test_the_attributes_of_our_side_say_how_a_file_is_merged_whatever_is_checked_out(
    repo: Repo, git: Git, tmp_path: Path
) -> None:
    attributes: Change = {".gitattributes": "*.bin -merge\n", "docs/.gitattributes": "changes.md merge=union\n"}
    base: Change = {"docs/changes.md": "# Changes\n", "docs/x.bin": LINES}
    ours: Change = {"docs/changes.md": "# Changes\nours\n", "docs/x.bin": f"0\n{LINES}"}
    theirs: Change = {"docs/changes.md": "# Changes\ntheirs\n", "docs/x.bin": f"{LINES}9\n"}
    sides = Sides(repo, attributes | base, ours, theirs)
    repo.git("switch", "--quiet", "--orphan", "other")
    bare = Git(repo.clone(tmp_path / "bare.git", "--bare").directory)

    found = [merge(git, "cloud", "main", nothing), merge(bare, "cloud", "main", nothing)]

    assert found[0] == found[1]
    assert [(conflict.path, conflict.kind) for conflict in found[0].conflicts] == [("docs/x.bin", "content")]
    assert sides.read(found[0].tree, "docs/changes.md") == "# Changes\nours\ntheirs"


def test_what_a_user_configured_changes_no_merge(repo: Repo, git: Git) -> None:
    Sides(repo, {"a": LINES}, {"a": LINES.replace("line 8", "EIGHT")}, {"b": LINES, "a": None})
    plain = merge(git, "cloud", "main", nothing)

    for setting in ("merge.renames=false", "diff.renames=false", "merge.conflictStyle=diff3", "core.splitIndex=true"):
        repo.git("config", *setting.split("="))

    assert merge(git, "cloud", "main", nothing) == plain
    assert plain.conflicts == ()


def test_sides_without_a_common_history_need_a_person(repo: Repo, git: Git) -> None:
    repo.commit(a="1")
    repo.git("switch", "--quiet", "--orphan", "other")
    repo.commit(b="1")

    with pytest.raises(NeedsPersonError, match="no history in common"):
        merge(git, "main", "other", nothing)


def test_an_old_git_is_told_to_be_too_old(
    repo: Repo, git: Git, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repo.commit()
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.37.9\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent), prepend=":")

    with pytest.raises(UsageError, match=r"needs git 2\.38 or newer, and this is 2\.37\.9"):
        merge(git, "main", "main", nothing)


# Conflicts


def test_each_conflict_shows_what_both_sides_have(repo: Repo, git: Git) -> None:
    base: Change = {
        "text": LINES,
        "gone": "1\n",
        "image": b"\0\1",
        "old": "1\n2\n3\n4\n",
        "both": "b\n",
        "big": b"1" * 2**20,
    }
    ours: Change = {
        "text": LINES.replace("line 2", "two").replace("line 7", "seven"),
        "gone": "2\n",
        "image": b"\0\2",
        "old": None,
        "big": b"2" * (2**20 + 1),
        "new": "ours\n" * 30,
        "wide": "x" * 300,
        "läuft\t": "1",
    }
    theirs: Change = {
        "text": LINES.replace("line 2", "zwei").replace("line 7", "sieben"),
        "gone": None,
        "image": b"\0\3\4",
        "renamed": "1\n2\n3\nfour\n",
        "old": None,
        "big": b"3" * 2**20,
        "new": "theirs\n",
        "wide": "y",
        "läuft\t": "2",
    }
    Sides(repo, base, ours, theirs)

    found = merge(git, "cloud", "main", nothing)

    shown = {one.path: (one.kind, one.ours_text, one.theirs_text) for one in found.conflicts}
    ours_new, theirs_new = shown.pop("new")[1:]
    assert (ours_new, theirs_new) == ("ours\n" * 20 + "… 10 more lines", "theirs")
    assert shown.pop("wide")[1] == "x" * 200 + "…"
    assert shown.pop("big") == ("content", "(too large to show)", "3" * 200 + "…")
    assert shown == snapshot(
        {
            "gone": ("modify/delete", "2", "(deleted)"),
            "image": ("content", "(binary, 2 bytes)", "(binary, 3 bytes)"),
            "läuft\t": ("add/add", "1", "2"),
            "renamed": ("rename/delete", "(deleted)", "1\n2\n3\nfour"),
            "text": ("content", "two\n…\nseven", "zwei\n…\nsieben"),
        }
    )


def test_links_and_submodules_are_shown_as_what_they_are(repo: Repo, git: Git) -> None:
    def put(mode: str, sha: str, path: str) -> None:
        repo.git("update-index", "--add", "--cacheinfo", f"{mode},{sha},{path}")

    def commit() -> None:
        repo.git("commit", "--quiet", "-m", "Change")

    for branch, module, target in (("main", "1" * 40, b"a"), ("cloud", "2" * 40, b"b"), ("main", "3" * 40, b"c")):
        if branch == "cloud":
            repo.git("branch", "cloud")
        repo.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        put("160000", module, "module")
        put("120000", repo.git("hash-object", "-w", "--stdin", stdin=target), "link")
        commit()

    found = merge(git, "cloud", "main", nothing)

    assert found.conflicts == snapshot(
        (
            Conflict(path="link", kind="content", ours_text="(link to b)", theirs_text="(link to c)"),
            Conflict(
                path="module",
                kind="submodule",
                ours_text="(submodule at 2222222222)",
                theirs_text="(submodule at 3333333333)",
            ),
        )
    )


# Keeping ours


def kept_in_deploy(path: str) -> bool:
    return path.startswith("deploy/")


def test_what_is_kept_stays_byte_for_byte_whatever_the_other_side_did_to_it(repo: Repo, git: Git) -> None:
    base: Change = {
        "deploy/a": LINES,
        "deploy/gone": "1\n",
        "deploy/theirs": "1\n",
        "deploy/moved": LINES,
        "src": "1\n",
    }
    ours: Change = {"deploy/a": LINES.replace("line 1", "ours"), "deploy/gone": None, "deploy/own": "o"}
    theirs: Change = {
        "deploy/a": LINES.replace("line 8", "theirs"),
        "deploy/gone": "2\n",
        "deploy/theirs": None,
        "deploy/moved": None,
        "deploy/renamed": LINES,
        "deploy/new": "n",
        "src": "2\n",
    }
    sides = Sides(repo, base, ours, theirs)

    found = merge(git, "cloud", "main", kept_in_deploy)

    assert found.conflicts == ()
    assert repo.git("rev-parse", f"{found.tree}:deploy") == repo.git("rev-parse", "cloud:deploy")
    assert sides.read(found.tree, "src") == "2"


def test_the_mode_of_a_kept_file_stays_and_so_do_links_and_submodules(repo: Repo, git: Git) -> None:
    repo.commit(run="#!/bin/sh\n", link="a", module="m", other="1\n")
    repo.git("branch", "cloud")
    repo.git("update-index", "--chmod=+x", "run")
    repo.git("update-index", "--cacheinfo", f"120000,{repo.git('hash-object', '-w', '--stdin', stdin=b'b')},link")
    repo.git("update-index", "--cacheinfo", f"160000,{'1' * 40},module")
    repo.git("commit", "--quiet", "-m", "Change")

    found = merge(git, "cloud", "main", lambda path: path != "other")

    assert (found.tree, found.conflicts) == (repo.git("rev-parse", "cloud^{tree}"), ())


def test_a_kept_file_that_the_other_side_renamed_stays_and_takes_nothing_with_it(repo: Repo, git: Git) -> None:
    ours, theirs = LINES.replace("line 4", "ours"), LINES.replace("line 5", "theirs")
    sides = Sides(repo, {"deploy/a": LINES}, {"deploy/a": ours}, {"deploy/a": None, "src/a": theirs})

    found = merge(git, "cloud", "main", kept_in_deploy)

    assert found.conflicts == ()
    assert sides.read(found.tree, "deploy/a") == ours.strip()
    assert sides.read(found.tree, "src/a") == theirs.strip()


def test_what_we_changed_and_the_other_side_moved_to_a_kept_path_is_a_conflict_and_not_lost(
    repo: Repo, git: Git
) -> None:
    ours: Change = {"src/a": LINES.replace("line 4", "ours")}
    Sides(repo, {"src/a": LINES}, ours, {"src/a": None, "deploy/a": LINES})

    found = merge(git, "cloud", "main", kept_in_deploy)

    assert [(one.path, one.kind, one.theirs_text) for one in found.conflicts] == [
        ("src/a", "modify/delete", "(deleted)")
    ]


def test_what_is_kept_leaves_the_other_conflicts_and_loses_nothing(repo: Repo, git: Git) -> None:
    base: Change = {"deploy": "1\n", "src": "1\n"}
    Sides(repo, base, {"deploy": "2\n", "src": "2\n"}, {"deploy": None, "src": "3\n"})
    repo.git("switch", "--quiet", "main")
    (repo.directory / "deploy").mkdir()
    (repo.directory / "deploy" / "precious").write_text("x")
    repo.commit()

    found = merge(git, "cloud", "main", lambda path: path == "deploy")  # which a folder of theirs stands in the way of

    assert [(one.path, one.kind) for one in found.conflicts] == [("src", "content"), ("deploy", "file/directory")]
    assert [one.path for one in merge(git, "cloud", "main", lambda path: path.startswith("deploy")).conflicts] == [
        "src"
    ]


def test_a_file_where_we_keep_a_folder_is_a_conflict(repo: Repo, git: Git) -> None:
    Sides(repo, {"deploy/a": "1\n"}, {"deploy/a": "2\n"}, {"deploy/a": None})
    repo.git("switch", "--quiet", "main")
    repo.commit(deploy="a file\n")

    (found,) = merge(git, "cloud", "main", kept_in_deploy).conflicts

    assert (found.path, found.kind, found.theirs_text) == ("deploy", "file/directory", "a file")


def test_a_side_that_the_other_contains_is_merged_without_what_is_kept(repo: Repo, git: Git) -> None:
    sides = Sides(repo, {"deploy/a": "1\n", "src": "1\n"}, {}, {"deploy/a": "2\n", "deploy/b": "1\n", "src": "2\n"})
    repo.git("branch", "--force", "older", "main~1")

    found = merge(git, "older", "main", kept_in_deploy)

    assert repo.git("ls-tree", "-r", "--name-only", found.tree).split() == ["deploy/a", "src"]
    assert (sides.read(found.tree, "deploy/a"), sides.read(found.tree, "src")) == ("1", "2")


def test_one_side_gets_what_the_other_keeps_where_a_person_is_to_go_on(repo: Repo, git: Git) -> None:
    sides = Sides(repo, {"deploy/a": "1\n", "src": "1\n"}, {"deploy/a": "2\n"}, {"deploy/b": "1\n", "src": "2\n"})

    tree = with_kept(git, "main", "cloud", kept_in_deploy)

    assert tree is not None
    assert repo.git("ls-tree", "-r", "--name-only", tree).split() == ["deploy/a", "src"]
    assert (sides.read(tree, "deploy/a"), sides.read(tree, "src")) == ("2", "2")
    assert with_kept(git, "main", "cloud", nothing) == repo.git("rev-parse", "main^{tree}")


def test_it_gets_nothing_where_a_folder_stands_for_what_is_kept(repo: Repo, git: Git) -> None:
    Sides(repo, {"a": "1\n"}, {"deploy": "2\n"}, {"deploy/b": "1\n"})

    assert with_kept(git, "main", "cloud", lambda path: path == "deploy") is None


# The commit


def test_the_same_commit_has_the_same_hash_whatever_the_user_configured(repo: Repo, git: Git) -> None:
    first, second = repo.commit(a="1"), repo.commit(a="2")
    made: Callable[[], str] = lambda: commit_tree(  # noqa: E731 - made twice below
        git, f"{second}^{{tree}}", [first, second], "Käse\n\n#1 \n", name="Bot", email="bot@example.com", date=86400
    )
    sha = made()

    for key, value in {"commit.gpgSign": "true", "i18n.commitEncoding": "latin1", "user.name": "Eve"}.items():
        repo.git("config", key, value)

    assert made() == sha
    assert repo.git("cat-file", "commit", sha) == snapshot("""\
tree 99c3996b1b036c09346ff2b0e7000473f935d4f5
parent 07fcf4d08afd7dfc61e60016a8deba0ced96d533
parent 7cda8b8b9a47be639c77d16a670f3352e6da1833
author Bot <bot@example.com> 86400 +0000
committer Bot <bot@example.com> 86400 +0000

Käse

#1\
""")


# The law


class Node(NamedTuple):
    """What stands at a path."""

    mode: str
    content: str


World = dict[str, Node]
Edit = tuple[str, ...]

PATHS = ("a", "d", "d/a", "d/b", "f/a", "module", "link")
START: World = {
    path: Node("100644", "".join(f"{path} {number}\n" for number in range(8))) for path in ("a", "d/a", "d/b", "f/a")
} | {"module": Node("160000", "1" * 40), "link": Node("120000", "a")}

paths = st.sampled_from(PATHS)
edits: SearchStrategy[Edit] = st.one_of(
    st.tuples(st.just("edit"), paths, st.sampled_from("07"), st.sampled_from("xy")),
    st.tuples(st.just("move"), paths, paths),
    st.tuples(st.just("move folder"), st.sampled_from(["d", "f"]), st.sampled_from(["d", "f", "g", "d/e"])),
    st.tuples(st.just("delete"), paths),
    st.tuples(st.just("chmod"), paths),
    st.tuples(st.just("link"), paths, st.sampled_from("ab")),
    st.tuples(st.just("module"), paths, st.sampled_from("123")),
)
lines_of_history = st.lists(st.lists(edits, min_size=2, max_size=5), min_size=1, max_size=2)


def edited(world: World, edit: Edit) -> World:  # noqa: PLR0911 - one for each kind of edit
    """The world after an edit; one that makes no sense there does nothing."""
    match edit:
        case ("edit", path, line, text) if path in world and world[path].mode.startswith("100"):
            content = re.sub(rf"(?m)^(.*) {line}$", rf"\1 {line} {text}", world[path].content)
            return put(world, path, Node(world[path].mode, content))
        case ("move", old, new) if old in world:
            return put({path: node for path, node in world.items() if path != old}, new, world[old])
        case ("move folder", old, new):
            moved = [path for path in world if path.startswith(f"{old}/") and not new.startswith(f"{old}/")]
            after = {path: node for path, node in world.items() if path not in moved}
            for path in moved:
                after = put(after, new + path.removeprefix(old), world[path])
            return after
        case ("delete", path):
            return {other: node for other, node in world.items() if other != path}
        case ("chmod", path) if path in world and world[path].mode.startswith("100"):
            return put(world, path, Node("100755", world[path].content))
        case ("link", path, target):
            return put(world, path, Node("120000", target))
        case ("module", path, letter):
            return put(world, path, Node("160000", letter * 40))
        case _:
            return world


def put(world: World, path: str, node: Node) -> World:
    """The world with something at a path, and nothing that could not stand beside it."""
    beside = {
        other: there
        for other, there in world.items()
        if other != path and not other.startswith(f"{path}/") and not path.startswith(f"{other}/")
    }
    return beside | {path: node}


def written(history: list[tuple[str, list[int], World]]) -> bytes:
    """Commits for `git fast-import`: each with the branch it is on, the marks of its parents and its files."""
    out = []
    for mark, (branch, parents, world) in enumerate(history, 1):
        out.append(f"commit refs/heads/{branch}\nmark :{mark}\ncommitter A <a@b> {mark} +0000\ndata 1\nx\n")
        out += [f"{word} :{parent}\n" for word, parent in zip(("from", "merge"), parents, strict=False)]
        out.append("deleteall\n")
        for path, (mode, content) in world.items():
            inline = mode != "160000"
            out.append(f"M {mode} {'inline' if inline else content} {path}\n")
            out.append(f"data {len(content)}\n{content}\n" if inline else "")
    return "".join(out).encode()


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, list[int], World]]:
    """A beginning, and two branches that went on from there, and may have merged each other on the way."""
    history: list[tuple[str, list[int], World]] = [("cloud", [], START), ("main", [1], START)]
    tips = {"cloud": (1, START), "main": (2, START)}

    def go_on(branch: str, changes: list[list[Edit]]) -> None:
        for change in changes:
            parent, world = tips[branch]
            for edit in change:
                world = edited(world, edit)
            history.append((branch, [parent], world))
            tips[branch] = (len(history), world)

    for branch in tips:
        go_on(branch, draw(lines_of_history))
    if draw(st.booleans()):
        before = dict(tips)
        for one, other in (("cloud", "main"), ("main", "cloud")):
            history.append((one, [before[one][0], before[other][0]], before[one][1]))
            tips[one] = (len(history), before[one][1])
        for branch in tips:
            go_on(branch, draw(lines_of_history))
    return history


class Truth(NamedTuple):
    """What `git merge` left in a working tree: its exit code, what is merged and what is not, by path and stage."""

    code: int
    said: str
    tree: str | None
    merged: dict[str, str]
    stages: dict[str, dict[str, str]]


def really_merged(repo: Repo) -> Truth:
    """Merge `main` into `cloud` in the working tree."""
    repo.git("checkout", "--quiet", "--force", "cloud")
    theirs = repo.git("rev-parse", "main")
    code, said = repo.attempt("merge", "--no-commit", "--no-ff", theirs)
    merged: dict[str, str] = {}
    stages: dict[str, dict[str, str]] = {}
    for line in repo.git("ls-files", "--stage").splitlines():
        fields, _, path = line.partition("\t")
        mode, sha, stage = fields.split()
        if stage == "0":
            merged[path] = f"{mode} {sha}"
        else:
            stages.setdefault(re.sub(rf"(~(HEAD|{theirs})(_\d+)?)+$", "", path), {})[stage] = f"{mode} {sha}"
    tree = None if code else repo.git("write-tree")
    return Truth(code, said, tree, merged, stages)


def listed(repo: Repo, tree: str) -> dict[str, str]:
    lines = (line.partition("\t") for line in repo.git("ls-tree", "-r", tree).splitlines())
    return {path: " ".join(fields.split()[::2]) for fields, _, path in lines}


@settings(max_examples=examples.number(40))
@given(histories())
def test_a_merge_is_what_git_merge_makes_of_the_same_commits(history: list[tuple[str, list[int], World]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        repo = Repo.create(Path(directory) / "repo")
        repo.git("fast-import", "--quiet", stdin=written(history))
        git = Git(repo.directory)
        truth = really_merged(repo)
        if truth.code == -signal.SIGABRT:  # git itself is wrong about a few rare histories
            with pytest.raises(NeedsPersonError, match="git can't merge"):
                merge(git, "cloud", "main", nothing)
            return
        found = merge(git, "cloud", "main", nothing)
        for kind in {conflict.kind for conflict in found.conflicts} or {"clean"}:
            event(kind)

        assert truth.code in {0, 1}, truth.said
        conflicts = {conflict.path for conflict in found.conflicts}
        assert bool(conflicts) == bool(truth.code)
        told_only = conflicts - truth.stages.keys()  # a path that git names a conflict for, and then lists as merged
        assert conflicts >= truth.stages.keys()
        assert all(re.search(rf"CONFLICT .*\b{path}\b", truth.said) for path in told_only)
        if truth.tree:
            assert found.tree == truth.tree


KEEPS: dict[str, Callable[[str], bool]] = {
    "everything": everything,
    "a folder": lambda path: path.startswith("d/"),
    "a file": lambda path: path == "a",
    "links": lambda path: path in {"link", "f/a"},
}


@settings(max_examples=examples.number(40))
@given(histories(), st.sampled_from(sorted(KEEPS)))
def test_what_is_kept_stays_and_the_rest_is_what_git_merge_makes_of_the_same_history_without_it(
    history: list[tuple[str, list[int], World]], what: str
) -> None:
    keep = KEEPS[what]
    bare = [
        (branch, parents, {p: node for p, node in world.items() if not keep(p)}) for branch, parents, world in history
    ]
    with tempfile.TemporaryDirectory() as directory:
        repo, other = Repo.create(Path(directory) / "repo"), Repo.create(Path(directory) / "without")
        repo.git("fast-import", "--quiet", stdin=written(history))
        other.git("fast-import", "--quiet", stdin=written(bare))
        truth = really_merged(other)
        if truth.code == -signal.SIGABRT:
            return
        found = merge(Git(repo.directory), "cloud", "main", keep)

        kept = {path: node for path, node in listed(repo, "cloud").items() if keep(path)}
        clashes = {one.path for one in found.conflicts}
        event("clean" if not clashes else "conflicts")
        assert bool(clashes) >= bool(truth.code)
        assert clashes >= truth.stages.keys()
        if truth.tree:
            rest = listed(other, truth.tree)
            beside = [
                (one, two)
                for one in kept
                for two in rest
                if f"{one}/".startswith(f"{two}/") or two.startswith(f"{one}/")
            ]
            assert bool(clashes) == bool(beside)
            assert clashes or listed(repo, found.tree) == rest | kept
