from __future__ import annotations

import base64
import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release_tool.errors import BugError, RemoteError, UsageError
from release_tool.git.repository import Git, RawChange, TagRef, parse_remote
from release_tool.model.commits import Author
from release_tool.system.patience import Patience
from tests.clock import FakeClock
from tests.git.repo import Repo

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

Files = dict[str, str | bytes]

NOWHERE = "f" * 40


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "repo")


@pytest.fixture
def git(repo: Repo) -> Git:
    return Git(repo.directory)


# Where it is found


def test_a_repository_is_found_from_a_subdirectory(repo: Repo) -> None:
    head = repo.commit()
    below = repo.directory / "a" / "b"
    below.mkdir(parents=True)

    git = Git.find(below)

    assert git.root == repo.directory
    assert git.head() == head


def test_a_bare_repository_a_worktree_and_a_detached_head_are_repositories_too(repo: Repo, tmp_path: Path) -> None:
    head = repo.commit()
    bare = Git.find(repo.clone(tmp_path / "bare.git", "--bare").directory)
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    tree = Git.find(tmp_path / "tree")

    assert (bare.root, bare.head(), bare.current_branch()) == (tmp_path / "bare.git", head, "main")
    assert (tree.root, tree.head(), tree.current_branch()) == (tmp_path / "tree", head, None)


def test_where_there_is_no_repository_the_user_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a git repository") as failure:
        Git.find(tmp_path)
    assert "inside a clone" in failure.value.todo


def test_the_repository_of_a_hook_that_we_run_in_is_not_taken_for_ours(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit()
    monkeypatch.setenv("GIT_DIR", str(repo.directory / ".git"))

    with pytest.raises(UsageError, match="not a git repository"):
        Git.find(tmp_path)


# What a name names


def test_a_name_resolves_to_the_commit_behind_it(repo: Repo, git: Git) -> None:
    head = repo.commit()
    repo.tag("v1", "one")

    assert [git.resolve(name) for name in ("HEAD", "main", "v1", head, head[:8])] == [head] * 5


def test_a_name_of_nothing_or_of_no_commit_resolves_to_none(repo: Repo, git: Git) -> None:
    repo.commit(file="text")
    repo.git("tag", "on-a-file", "HEAD:file")

    assert [git.resolve(name) for name in ("v2", NOWHERE, "HEAD:file", "on-a-file", "a b")] == [None] * 5


@pytest.mark.parametrize("name", ["--all", "-n1", "^main", "", "main\nmain", "main\0"])
def test_a_name_that_git_would_take_for_something_else_is_refused(git: Git, name: str) -> None:
    with pytest.raises(UsageError, match="not a valid name of a commit"):
        git.resolve(name)


def test_a_repository_without_a_commit_is_told_so(git: Git) -> None:
    with pytest.raises(UsageError, match="no commit yet"):
        git.head()


# Branches and ancestry


def test_the_branch_is_the_branch_even_where_a_tag_has_its_name(repo: Repo, git: Git) -> None:
    repo.commit()
    repo.tag("main")

    assert git.current_branch() == "main"


def test_a_commit_is_on_the_branches_that_contain_it_here_or_on_the_remote(repo: Repo, tmp_path: Path) -> None:
    first = repo.commit()
    repo.git("branch", "1.x")
    repo.git("branch", "other")
    second = repo.commit()
    git = Git(repo.clone(tmp_path / "clone").directory)

    assert git.branches_containing(first, lambda name: name != "other") == {"main", "1.x"}
    assert git.branches_containing(second, lambda _: True) == {"main"}
    assert (git.has_branch("1.x"), git.has_branch("2.x"), git.default_branch()) == (True, False, "main")
    assert Git(repo.directory).default_branch() is None


def test_of_a_branch_here_and_at_the_remote_the_one_that_is_further_counts(repo: Repo, tmp_path: Path) -> None:
    first, ahead = repo.commit(), repo.commit()
    clone = repo.clone(tmp_path / "clone")
    assert Git(clone.directory).branches() == {"main": ahead}
    assert Git(clone.directory).branches() | {"main": clone.commit()} == Git(clone.directory).branches()
    clone.git("reset", "--quiet", "--hard", first)
    assert Git(clone.directory).branches() == {"main": ahead}
    clone.commit("Another way")
    assert Git(clone.directory).branches() == {"main": ahead}


def test_what_is_fetched_for_a_borrower_is_not_written_here(repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    clone = repo.clone(tmp_path / "clone")
    later = repo.commit()
    borrower = Git(clone.directory).borrowed(tmp_path / "objects")
    assert borrower.fetch_branch("main") == later
    assert borrower.has_commit(later)
    assert not Git(clone.directory).has_commit(later)


def test_a_missing_commit_is_an_error_and_not_a_no(repo: Repo, git: Git) -> None:
    first, second = repo.commit(), repo.commit()

    assert git.is_ancestor(first, second)
    assert not git.is_ancestor(second, first)
    with pytest.raises(RemoteError, match="Not a valid commit name"):
        git.is_ancestor(NOWHERE, second)


def test_what_is_here_are_commits_and_nothing_else(repo: Repo, git: Git) -> None:
    head = repo.commit(file="text")
    blob = repo.git("rev-parse", "HEAD:file")

    assert git.present([head, blob, NOWHERE]) == {head}
    assert (git.has_commit(head), git.has_commit(NOWHERE)) == (True, False)


# Tags


def test_tags_are_told_with_their_objects_and_commits(repo: Repo, git: Git) -> None:
    assert git.tags() == {}
    first = repo.commit()
    light = repo.tag("light")
    heavy = repo.tag("heavy", "a message")
    nested = repo.tag("nested/tag", "a tag of a tag", at="heavy")

    assert git.tags() == {
        "light": TagRef(object=light, commit=first),
        "heavy": TagRef(object=heavy, commit=first),
        "nested/tag": TagRef(object=nested, commit=first),
    }
    assert {name: tag.annotated for name, tag in git.tags().items()} == {
        "light": False,
        "heavy": True,
        "nested/tag": True,
    }


def test_a_remote_tells_its_tags_the_same_way(repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    git = Git(repo.clone(tmp_path / "clone").directory)
    repo.tag("v1")
    repo.tag("v2", "two")

    assert git.tags() == {}
    assert git.remote_tags() == Git(repo.directory).tags()


def test_a_remote_that_does_not_answer_is_an_error_and_not_a_repository_without_tags(repo: Repo) -> None:
    repo.git("remote", "add", "origin", "http://ada:secret@127.0.0.1:9/acme/shop.git")  # nobody listens there
    git = Git(repo.directory, patience=Patience(clock=FakeClock()))

    with pytest.raises(RemoteError) as failure:
        git.remote_tags()
    assert "127.0.0.1" in failure.value.message
    assert "secret" not in failure.value.message
    assert failure.value.during == "git ls-remote"


def test_tags_of_the_remote_are_fetched_as_objects_and_no_ref_is_written(repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    clone = repo.clone(tmp_path / "clone")
    git = Git(clone.directory)
    clone.git("config", "--add", "remote.origin.fetch", "+refs/tags/*:refs/tags/*")
    clone.git("config", "remote.origin.prune", "true")
    before = clone.git("show-ref")
    repo.git("branch", "later")
    repo.commit()
    tag = repo.tag("v1", "one")

    git.fetch_tags(["v1"])
    git.fetch_tags([])

    message = git.tag_message(tag)
    assert message is not None
    assert message.text == "one"
    assert clone.git("show-ref") == before
    assert not (clone.directory / ".git" / "FETCH_HEAD").exists()


def test_a_commit_is_in_the_tags_that_contain_it(repo: Repo, git: Git) -> None:
    first = repo.commit()
    repo.tag("v1")
    repo.commit()
    repo.tag("v2", "two")

    assert git.tags_containing(first) == {"v1", "v2"}
    assert git.tags_containing(repo.head()) == {"v2"}


def test_messages_of_annotated_tags_are_read_without_their_signature(repo: Repo, git: Git) -> None:
    repo.commit()
    repo.tag("light")
    repo.tag("heavy", "Title\n\nText\n\nKey: value")
    signed = repo.tag("signed", "Title\n\n-----BEGIN PGP SIGNATURE-----\nabc\n-----END PGP SIGNATURE-----")

    messages = git.tag_messages(["light", "heavy", "missing", signed])
    assert {tag: message.text for tag, message in messages.items()} == {
        "heavy": "Title\n\nText\n\nKey: value",
        signed: "Title",
    }
    assert git.tag_message("light") is None


# Which of many


def test_the_first_of_some_commits_that_is_contained_is_found_however_far_down_it_stands(repo: Repo, git: Git) -> None:
    base = repo.commit()
    inside = [repo.commit() for _ in range(4)]
    target = repo.head()
    repo.git("switch", "--quiet", "--create", "beside", base)
    beside = [repo.commit(f"beside {number}") for number in range(3)]

    assert git.first_reachable(inside, target) == 0
    assert git.first_reachable([beside[0], inside[3]], target) == 1
    assert git.first_reachable([*beside, NOWHERE, inside[0], inside[3], base], target) == 4
    assert git.first_reachable([*beside[:2], inside[3], inside[0]], target) == 2
    assert git.first_reachable([*beside, NOWHERE], target) is None
    assert git.first_reachable([*(NOWHERE[:-2] + f"{number:02x}" for number in range(90)), base], target) == 90
    assert git.within([beside[0], NOWHERE, inside[0], base], target) == {inside[0], base}
    assert git.first_reachable([], target) is None


# History


def test_the_log_follows_first_parents_and_leaves_out_what_the_base_contains(repo: Repo, git: Git) -> None:
    base = repo.commit()
    repo.git("switch", "--quiet", "--create", "topic")
    side = repo.commit("On the side", a="1")
    repo.git("switch", "--quiet", "main")
    direct = repo.commit("Direct", b="1")
    merge = repo.merge("topic", "Merge pull request #1 from acme/topic\n\nTitle")

    log = git.first_parent_log(base, merge)

    assert [commit.sha for commit in log] == [merge, direct]
    assert log[0].parents == (direct, side)
    assert log[0].message == "Merge pull request #1 from acme/topic\n\nTitle"
    assert log[0].author == Author(name="Ada", login="ada")
    assert len(git.first_parent_log(base, merge)) == 2
    assert [commit.sha for commit in git.first_parent_log(None, merge)] == [merge, direct, base]
    assert git.new_commits(base, merge) == [git.commit(merge), git.commit(side), git.commit(direct)]
    assert git.new_commits(base, base) == []
    assert git.history([merge, side], base).keys() == {merge, direct, side}
    assert git.history([side], None).keys() == {side, base}
    assert git.history([], base) == {}


@pytest.mark.parametrize(
    "setting",
    [
        "log.showSignature=true",
        "log.decorate=full",
        "color.ui=always",
        "core.pager=false",
        "format.pretty=oneline",
        "log.mailmap=true",
        "log.diffMerges=on",
        "i18n.logOutputEncoding=ISO-8859-1",
        "diff.external=false",
        "diff.noprefix=true",
        "log.showRoot=true",
        "notes.displayRef=*",
    ],
)
def test_no_configuration_of_a_user_changes_what_is_read(repo: Repo, git: Git, setting: str) -> None:
    first = repo.commit("Füße", file="1\n")
    (repo.directory / ".mailmap").write_text("Eve <eve@example.com> <1+ada@users.noreply.github.com>\n")
    repo.git("notes", "add", "-m", "a note")
    expected = (git.first_parent_log(None, first), git.patch_id(None, first), git.raw_changes(None, first))
    assert expected[0][0].message == "Füße"

    repo.git("config", *setting.split("=", 1))

    assert (git.first_parent_log(None, first), git.patch_id(None, first), git.raw_changes(None, first)) == expected


def test_bytes_that_are_no_text_are_replaced_and_endless_messages_are_cut(repo: Repo, git: Git) -> None:
    repo.commit("placeholder")
    tree = repo.git("rev-parse", "HEAD^{tree}")
    odd = b"tree %s\nauthor \xff <a@b> 1 +0000\ncommitter C <c@d> 1 +0000\n\nbad \xff\x80 bytes\n" % tree.encode()
    sha = repo.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=odd)
    long = repo.commit("x" * 1_000_000)

    commit = git.commit(sha)

    assert commit is not None
    assert (commit.author.name, commit.message) == ("\N{REPLACEMENT CHARACTER}", "bad \ufffd\ufffd bytes")
    assert 255 * 1024 < len(git.first_parent_log(sha, long)[0].message) <= 256 * 1024


def test_a_zero_byte_in_a_message_shifts_nothing(repo: Repo, git: Git) -> None:
    first = repo.commit("first")
    tree = repo.git("rev-parse", "HEAD^{tree}")
    odd = f"tree {tree}\nparent {first}\nauthor A <a@b> 1 +0000\ncommitter C <c@d> 1 +0000\n\nbefore\0after\n"
    sha = repo.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=odd.encode())

    assert [commit.sha for commit in git.first_parent_log(None, sha)] == [sha, first]


def test_a_commit_is_found_by_a_part_of_a_line_taken_literally(repo: Repo, git: Git) -> None:
    wanted = repo.commit("Add search (#1)")
    repo.commit("Add search .#1.")

    found = git.find_commit_by_message("(#1)", "main")

    assert found is not None
    assert found.sha == wanted
    assert git.find_commit_by_message("(#2)", "main") is None
    with pytest.raises(BugError):
        git.find_commit_by_message("one\nor the other", "main")
    assert git.commit("no-such-name") is None


# Reverts


def test_an_exact_revert_is_proven(repo: Repo, git: Git) -> None:
    base = repo.commit(file="one\n")
    change = repo.commit(file="two\n", image=b"\0\1")
    repo.git("revert", "--no-edit", change)

    assert git.same_change_reversed((base, change), (change, repo.head()))


def test_a_revert_of_the_first_commit_is_proven_too(repo: Repo, git: Git) -> None:
    first = repo.commit(file="one\n")
    repo.git("rm", "--quiet", "file")
    gone = repo.commit("Revert")

    assert git.raw_changes(None, first) == {change.reversed() for change in git.raw_changes(first, gone)}
    assert git.same_change_reversed((None, first), (first, gone))


def test_a_revert_among_other_changes_of_the_same_file_is_proven_by_its_lines(repo: Repo, git: Git) -> None:
    lines = [f"line {number}\n" for number in range(40)]
    base = repo.commit(file="".join(lines))
    lines[30] = "changed\n"
    change = repo.commit(file="".join(lines))
    above = repo.commit(file="".join(["new\n", *lines]))
    repo.git("revert", "--no-edit", change)

    assert git.same_change_reversed((base, change), (above, repo.head()))


@pytest.mark.parametrize(
    "done, undone",
    [
        ({"file": "two\n"}, {"file": "three\n"}),
        ({"file": "two\n"}, {"file": "one\n", "more": "text\n"}),
        ({"file": " one\n"}, {"file": "  one\n"}),
        ({"image": b"\0\1"}, {"image": b"\0\2"}),
        ({"file": "two\n", "image": b"\0\1"}, {"file": "one\n", "image": b"\0\2"}),
    ],
    ids=["other lines", "something more", "white space", "another binary", "half of it"],
)
def test_what_takes_a_change_back_in_words_only_is_not_proven(repo: Repo, git: Git, done: Files, undone: Files) -> None:
    base = repo.commit(file="one\n", image=b"\0\0")
    change = repo.commit("Change", **done)
    revert = repo.commit(f"This reverts commit {change}", **undone)

    assert not git.same_change_reversed((base, change), (change, revert))


def test_a_mode_that_is_not_changed_back_is_no_revert(repo: Repo, git: Git) -> None:
    base = repo.commit(file="one\n")
    (repo.directory / "file").chmod(0o755)
    change = repo.commit(file="two\n")
    revert = repo.commit(file="one\n")

    assert not git.same_change_reversed((base, change), (change, revert))
    (repo.directory / "file").chmod(0o644)
    assert git.same_change_reversed((base, change), (change, repo.commit()))


def test_nothing_is_the_revert_of_nothing(repo: Repo, git: Git) -> None:
    base, empty, again = repo.commit(), repo.commit(), repo.commit()

    assert git.patch_id(base, empty) is None
    assert not git.same_change_reversed((base, empty), (empty, again))


def test_paths_are_told_as_they_are(repo: Repo, git: Git) -> None:
    base = repo.commit()
    (repo.directory / 'ü "x"\t').write_text("1")
    change = repo.commit()

    assert git.raw_changes(base, change) == {
        RawChange('ü "x"\t'.encode(), "000000", "100644", "0" * 40, repo.git("hash-object", 'ü "x"\t'))
    }


def test_the_paths_between_two_commits_are_told_in_order_and_by_both_names_of_a_renamed_one(
    repo: Repo, git: Git
) -> None:
    base = repo.commit(b="1", a="1", same="1")
    (repo.directory / "b").rename(repo.directory / "ü")
    change = repo.commit(a="2")

    assert git.files_between(base, change) == ("a", "b", "ü")
    assert git.files_between(change, change) == ()


def test_commits_of_the_same_content_have_the_same_tree_and_dates_of_their_own(repo: Repo, git: Git) -> None:
    first, changed, back = repo.commit(a="1"), repo.commit(a="2"), repo.commit(a="1")

    assert git.tree_of(first) == git.tree_of(back) != git.tree_of(changed)
    dates = git.commit_dates([back, first])
    assert dates[back] - dates[first] == 2
    assert git.commit_dates([]) == {}
    with pytest.raises(RemoteError):
        git.commit_dates([NOWHERE])


def test_files_are_read_by_their_hashes_and_large_ones_are_left_alone(repo: Repo, git: Git) -> None:
    repo.commit(small=b"12\n", large=b"1234\n")
    small, large = (repo.git("rev-parse", f"HEAD:{name}") for name in ("small", "large"))

    assert git.small_blobs([small, large], 3) == {small: b"12\n"}
    assert git.small_blobs([], 3) == {}


# Shallow clones


@pytest.fixture
def long(repo: Repo) -> list[str]:
    return repo.commits(20_000)


def test_a_shallow_clone_is_deepened_until_there_is_enough_and_no_further(
    repo: Repo, long: list[str], tmp_path: Path
) -> None:
    clone = repo.clone(tmp_path / "clone", "--depth=1")
    git = Git(clone.directory)
    assert git.is_shallow()
    assert not git.has_commit(long[-2])

    git.deepen_until(lambda: git.has_commit(long[-100]))

    assert git.is_shallow()
    assert git.has_commit(long[-100])
    assert not git.has_commit(long[0])


def test_a_shallow_clone_is_completed_where_nothing_is_enough(repo: Repo, long: list[str], tmp_path: Path) -> None:
    clone = repo.clone(tmp_path / "clone", "--depth=1")
    git = Git(clone.directory)
    refs = clone.git("show-ref")

    git.deepen_until(lambda: False)

    assert not git.is_shallow()
    assert len(git.first_parent_log(None, "HEAD")) == len(long)
    assert clone.git("show-ref") == refs


def test_a_shallow_clone_with_commits_of_its_own_is_deepened_too(repo: Repo, long: list[str], tmp_path: Path) -> None:
    clone = repo.clone(tmp_path / "clone", "--depth=1")
    git = Git(clone.directory)
    clone.commit("mine")

    git.deepen(10)

    assert len(git.first_parent_log(None, "HEAD")) == 12
    git.unshallow()
    assert len(git.first_parent_log(None, "HEAD")) == len(long) + 1


def test_a_shallow_clone_without_a_remote_is_a_clear_error(repo: Repo, long: list[str], tmp_path: Path) -> None:
    assert long
    clone = repo.clone(tmp_path / "clone", "--depth=1")
    git = Git(clone.directory)
    clone.git("remote", "remove", "origin")

    with pytest.raises(RemoteError, match="this clone is shallow") as failure:
        git.deepen_until(lambda: False)
    assert "git fetch --unshallow" in failure.value.todo


def test_a_branch_is_told_and_fetched_as_the_remote_has_it_now(repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    git = Git(repo.clone(tmp_path / "clone").directory)
    newer = repo.commit()

    assert git.fetch_branch("main") == newer
    assert git.has_commit(newer)
    assert git.fetch_branch("ain") is None


# Remotes


@pytest.mark.parametrize(
    "url, expected",
    [
        ("https://github.com/acme/shop.git", ("github.com", "acme/shop")),
        ("https://github.com/acme/shop", ("github.com", "acme/shop")),
        ("https://github.com/acme/shop/", ("github.com", "acme/shop")),
        ("https://x:secret@github.com/acme/shop.git", ("github.com", "acme/shop")),
        ("https://GHE.example.com:8443/acme/shop.js.git", ("ghe.example.com:8443", "acme/shop.js")),
        ("ssh://git@ghe.example.com:2222/acme/shop.git", ("ghe.example.com", "acme/shop")),
        ("git@github.com:acme/shop.git", ("github.com", "acme/shop")),
        ("github.com:acme/shop", ("github.com", "acme/shop")),
        ("git@github.com:/acme/shop.git", ("github.com", "acme/shop")),
        ("/srv/git/shop.git", None),
        ("../shop", None),
        ("file:///srv/git/shop.git", None),
        ("https://gitlab.example.com/group/team/shop.git", None),
        ("https://github.com/shop", None),
        ("https:///acme/shop", None),
        ("", None),
    ],
)
def test_the_name_of_the_repository_is_read_from_every_form_of_url(url: str, expected: tuple[str, str] | None) -> None:
    assert parse_remote(url) == expected


def test_credentials_in_a_remote_are_never_shown(repo: Repo, git: Git) -> None:
    assert git.remote_url() is None
    assert parse_remote(git.remote_url() or "") is None
    repo.git("remote", "add", "origin", "https://ada:secret@github.com/acme/shop.git")

    assert git.remote_url() == "https://github.com/acme/shop.git"
    assert parse_remote(git.remote_url() or "") == ("github.com", "acme/shop")


# Tokens


def test_a_token_goes_to_its_server_instead_of_a_stored_one_and_into_no_argv(
    repo: Repo, httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = httpserver.url_for("").rstrip("/")
    httpserver.expect_request("/acme/shop.git/info/refs").respond_with_data("no", status=404)
    repo.git("remote", "add", "origin", f"{server}/acme/shop.git")
    repo.git("config", f"http.{server}/.extraheader", "AUTHORIZATION: basic stored")
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))  # tells the argv of every program that git starts
    git = Git(repo.directory, token="t0ken", server_url=f"{server}/")

    with pytest.raises(RemoteError, match="not found"):
        git.remote_tags()

    request, _ = httpserver.log[0]
    login = base64.b64encode(b"x-access-token:t0ken").decode()
    assert request.headers.get_all("Authorization") == [f"Basic {login}"]
    trace = (tmp_path / "trace").read_text()
    assert "remote-http" in trace
    assert "t0ken" not in trace + repr(git)
    assert login not in trace


def test_a_token_does_not_go_to_another_server(repo: Repo, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/acme/shop.git/info/refs").respond_with_data("no", status=404)
    repo.git("remote", "add", "origin", httpserver.url_for("/acme/shop.git"))

    with pytest.raises(RemoteError, match="not found"):
        Git(repo.directory, token="t0ken").remote_tags()

    assert "Authorization" not in httpserver.log[0][0].headers


# Objects are read by a program that stays


def readers(repo: Repo) -> list[int]:
    """The numbers of the git programs that are held open in a repository."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (place / "cwd").readlink() == repo.directory and b"cat-file" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
    return found


def test_what_is_made_while_it_is_read_is_found(repo: Repo, git: Git) -> None:
    first = repo.commit(a="1")
    assert git.present([first, NOWHERE]) == {first}
    second = repo.commit(a="2")
    assert (git.present([second]), git.head(), git.file("main", "a")) == ({second}, second, b"2")
    repo.git("gc", "--quiet")
    repo.git("tag", "v1", first)
    assert (git.resolve("v1"), git.file("v1", "a"), git.file("v1", "b")) == (first, b"1", None)


def test_more_history_is_seen_at_once_when_it_was_fetched(repo: Repo, tmp_path: Path) -> None:
    line = [repo.commit() for _ in range(5)]
    git = Git(repo.clone(tmp_path / "clone", "--depth=2").directory)
    assert git.resolve("HEAD~3") is None
    assert not git.present([line[1]])
    git.unshallow()
    assert git.resolve("HEAD~3") == line[1]
    assert git.is_ancestor(line[0], line[4])


def test_a_commit_that_was_not_contained_before_more_was_fetched_is_afterwards(repo: Repo, tmp_path: Path) -> None:
    line = [repo.commit() for _ in range(5)]
    repo.git("branch", "old", line[1])
    git = Git(repo.clone(tmp_path / "clone", "--depth=2", "--no-single-branch").directory)
    assert not git.is_ancestor(line[1], line[4])
    git.unshallow()
    assert git.is_ancestor(line[1], line[4])


def test_many_and_large_objects_are_read_whole(repo: Repo, git: Git) -> None:
    contents: Files = {f"file-{number}": bytes([number]) * 100_000 for number in range(40)}
    head = repo.commit("Many", **contents)
    shas = [repo.git("rev-parse", f"{head}:{name}") for name in contents]
    assert list(git.small_blobs(shas, 200_000).values()) == list(contents.values())


def test_a_reader_that_was_ended_from_outside_is_started_again(repo: Repo, git: Git) -> None:
    head = repo.commit()
    assert git.head() == head
    [reader] = readers(repo)
    os.kill(reader, signal.SIGKILL)
    assert git.head() == head


def test_no_reader_outlives_the_repository_that_it_reads(repo: Repo) -> None:
    git = Git(repo.directory)
    head = repo.commit()
    assert git.head() == head
    assert git.has_commit(head)
    assert git.resolve(head) == head
    assert git.file(head, "nothing") is None
    assert len(readers(repo)) == 1, "one is enough where nothing could be fetched"
    del git
    assert readers(repo) == []


def test_a_path_can_not_smuggle_a_second_question(repo: Repo, git: Git) -> None:
    repo.commit(a="1")
    with pytest.raises(UsageError):
        git.file("main", "a\nmain:a")
    assert git.file("main", "a b 1") is None
    assert git.file("main", "a") == b"1"


def test_where_objects_can_not_be_read_git_tells_why(tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="not a git repository") as failure:
        Git(tmp_path).resolve("main")
    assert (failure.value.exit_code, failure.value.during) == (4, "git cat-file")
