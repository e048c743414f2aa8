"""Pull requests and commits become changes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.config.model import USUAL_TYPES, Config, Labels
from release_tool.history.changes import (
    BumpRule,
    ChangeKind,
    RevertProof,
    assess,
    landings,
    merged_title,
    proposals,
    pull_number,
    rebase_suspects,
    rebased,
)
from release_tool.history.titles import conventional, has_breaking_footer, near_miss, nearly_breaking
from release_tool.model.commits import Author, Commit, PullRequest, author_of
from release_tool.model.version import Bump
from tests.builders import commit, pull, push

if TYPE_CHECKING:
    from release_tool.history.changes import Change, Landing

CONFIG = Config()


def assessed(landing: Landing, config: Config = CONFIG) -> Change:
    (change,) = assess([landing], config, "acme/shop", [])
    return change


@pytest.mark.parametrize(
    "landing, bump, kind, rule",
    [
        (pull(1, "Drop it", "breaking"), Bump.MAJOR, ChangeKind.BREAKING, BumpRule.LABEL),
        (pull(1, "Add it", "feature"), Bump.MINOR, ChangeKind.FEATURE, BumpRule.LABEL),
        (pull(1, "Mend it", "bug"), Bump.PATCH, ChangeKind.FIX, BumpRule.LABEL),
        (pull(1, "Tell it", "documentation"), Bump.NONE, ChangeKind.OTHER, BumpRule.LABEL),
        (pull(1, "fix: tell it", "dependencies"), Bump.NONE, ChangeKind.OTHER, BumpRule.LABEL),
        (pull(1, "Hush", "no-release"), Bump.NONE, ChangeKind.OTHER, BumpRule.LABEL),
        (pull(1, "Both", "bug", "Feature"), Bump.MINOR, ChangeKind.FEATURE, BumpRule.LABEL),
        (pull(1, "feat: add it", "bug"), Bump.PATCH, ChangeKind.FIX, BumpRule.LABEL),
        (pull(1, "feat: add it", "question"), Bump.MINOR, ChangeKind.FEATURE, BumpRule.TITLE),
        (pull(1, "fix(api): mend it"), Bump.PATCH, ChangeKind.FIX, BumpRule.TITLE),
        (pull(1, "feat(api)!: drop it"), Bump.MAJOR, ChangeKind.BREAKING, BumpRule.TITLE),
        (pull(1, "docs: tell it"), Bump.NONE, ChangeKind.OTHER, BumpRule.TITLE),
        (pull(1, "perf: speed it"), Bump.PATCH, ChangeKind.OTHER, BumpRule.TITLE),
        (pull(1, "chore!: drop it"), Bump.MAJOR, ChangeKind.BREAKING, BumpRule.TITLE),
        (pull(1, "Feat: add it"), Bump.MINOR, ChangeKind.FEATURE, BumpRule.TITLE),
        (pull(1, "Add: it"), Bump.PATCH, ChangeKind.OTHER, BumpRule.POLICY),
        (pull(1, "fr: ajoute"), Bump.PATCH, ChangeKind.OTHER, BumpRule.POLICY),
        (push("Typo: it is"), Bump.PATCH, ChangeKind.OTHER, BumpRule.POLICY),
        (push("ci: run it"), Bump.NONE, ChangeKind.OTHER, BumpRule.TITLE),
        (pull(1, "Add it"), Bump.PATCH, ChangeKind.OTHER, BumpRule.POLICY),
        (push("feat: add it"), Bump.MINOR, ChangeKind.FEATURE, BumpRule.TITLE),
        (push("Add it"), Bump.PATCH, ChangeKind.OTHER, BumpRule.POLICY),
    ],
)
def test_the_labels_decide_then_the_title_then_the_policy(
    landing: Landing, bump: Bump, kind: ChangeKind, rule: BumpRule
) -> None:
    change = assessed(landing)
    assert (change.bump, change.kind, change.rule) == (bump, kind, rule)


@pytest.mark.parametrize("text", ["BREAKING CHANGE: all of it", "feat!: x", "This is a feature", "major"])
def test_prose_in_the_body_of_a_pull_request_never_changes_the_bump(text: str) -> None:
    assert assessed(pull(1, "Tidy up", body=text)).bump is Bump.PATCH


@pytest.mark.parametrize("text", ["This is a BREAKING CHANGE: no", "feat!: x", "This is a feature", "major"])
def test_prose_in_a_message_never_changes_the_bump(text: str) -> None:
    assert assessed(push(f"Tidy up\n\n{text}")).bump is Bump.PATCH


@pytest.mark.parametrize(
    "body",
    [
        "BREAKING CHANGE: the old format is gone",
        "BREAKING-CHANGE: the old format is gone",
        "More about it.\n\nBREAKING CHANGE: the old format\nis gone\n\nCloses #12",
        "Reviewed-by: Ada\nBREAKING CHANGE: it is gone\nRefs #12",
        "Reviewed-by: Ada, and\n  Bob\nBREAKING CHANGE: it is gone",
        "* feat: one\n\nBREAKING CHANGE: it is gone\n\n* fix: two",
    ],
)
def test_a_breaking_change_in_the_footers_of_a_commit_is_major(body: str) -> None:
    for landing in (
        push(f"fix: mend it\n\n{body}"),
        push(f"Mend it\r\n\r\n{body}".replace("\n", "\r\n")),
        pull(1, "fix: mend it", message=f"fix: mend it (#1)\n\n{body}"),
    ):
        change = assessed(landing)
        assert (change.bump, change.kind, change.rule) == (Bump.MAJOR, ChangeKind.BREAKING, BumpRule.TITLE)
        assert change.reason == "footer 'BREAKING CHANGE:'"


@pytest.mark.parametrize(
    "body, near",
    [
        ("Some prose\nBREAKING CHANGE: within a paragraph", "BREAKING CHANGE: within a paragraph"),
        ("Breaking change: not in capitals", "Breaking change: not in capitals"),
        ("BREAKING CHANGES: two of them", "BREAKING CHANGES: two of them"),
        ("BREAKING CHANGE it is", "BREAKING CHANGE it is"),
        ("**BREAKING:** it is", "**BREAKING:** it is"),
        ("BREAKING CHANGE: none", ""),
        ("BREAKING CHANGE: N/A", ""),
        ("## Breaking changes\n\nNone", ""),
        ("```\n\nBREAKING CHANGE: an example\n```", ""),
        ("It breaks nothing", ""),
    ],
)
def test_what_is_nearly_a_breaking_footer_is_told_and_counts_for_nothing(body: str, near: str) -> None:
    message = f"fix: mend it\n\n{body}"
    assert not has_breaking_footer(message)
    assert nearly_breaking(message) == near
    change = assessed(push(message))
    assert change.bump is Bump.PATCH
    assert ("is not a footer 'BREAKING CHANGE: …'" in change.reason) == bool(near)


def test_a_label_wins_over_a_footer_and_the_plan_says_so() -> None:
    change = assessed(pull(1, "Mend it", "bug", message="Mend it (#1)\n\nBREAKING CHANGE: it is gone"))
    assert change.bump is Bump.PATCH
    assert change.reason == "label 'bug'; a label takes precedence over its footer 'BREAKING CHANGE:'"


def test_types_can_be_mapped_to_other_bumps_and_types_of_ones_own_added() -> None:
    config = Config(types={"docs": "patch", "deps": "minor", "feat": "none"})
    levels = [assessed(push(f"{name}: it"), config).bump for name in ("docs", "deps", "feat", "fix")]
    assert levels == [Bump.PATCH, Bump.MINOR, Bump.NONE, Bump.PATCH]


def test_a_type_that_nobody_knows_is_none_but_with_an_exclamation_mark_it_breaks_and_the_plan_says_so() -> None:
    assert assessed(push("api: drop it")).reason == "pushed directly, and `direct-push` is 'patch'"
    change = assessed(push("api!: drop it"))
    assert (change.bump, change.reason) == (Bump.MAJOR, "title 'api!:', though `api` is not one of the types")
    assert assessed(push("feat!: drop it")).reason == "title 'feat!:'"


@pytest.mark.parametrize(
    "title, meant",
    [
        ("feature: search", "`feature` is not a known type: did you mean `feat`?"),
        ("Bugfix(api): mend", "`bugfix` is not a known type: did you mean `fix`?"),
        ("chroe: tidy", "`chroe` is not a known type: did you mean `chore`?"),
        ("feat:search", "it looks like `feat:`, but does not have its form: `feat: …`"),
        ("feat (api)!: search", "it looks like `feat!:`, but does not have its form: `feat!: …`"),
        ("[fix] totals", "it looks like `fix:`, but does not have its form: `fix: …`"),
        ("✨ feat: search", "it looks like `feat:`, but does not have its form: `feat: …`"),
        ("feat - search", "it looks like `feat:`, but does not have its form: `feat: …`"),
        ("feat: search", ""),
        ("api!: drop it", ""),
        ("Typo: it is", ""),
        ("fr: ajoute", ""),
        ("builder: mend it", ""),
        ("fix-up of totals", ""),
        ("Fix totals", ""),
        ("Test the shop", ""),
    ],
)
def test_a_title_that_is_nearly_conventional_is_told(title: str, meant: str) -> None:
    assert near_miss(title, USUAL_TYPES) == meant
    assert assessed(pull(1, title)).reason.endswith(meant)


def test_a_commit_that_breaks_something_inside_a_pull_request_of_another_title_is_told() -> None:
    inner = commit("feat!: drop it")
    landing = msgspec.structs.replace(pull(1, "fix: the whole"), brought=(inner,))
    change = assessed(landing)
    assert change.bump is Bump.PATCH
    assert change.reason.endswith(
        f"title 'feat!:' of {inner.sha[:10]} is ignored, since the pull request's own title takes precedence"
    )


def test_a_rebased_commit_that_quotes_another_pull_request_does_not_give_its_title() -> None:
    landing = pull(2, "docs: the stack", message="feat: inner (#1)")
    assert assessed(landing).bump is Bump.NONE


def test_a_title_edited_after_the_merge_does_not_change_the_bump_but_is_shown() -> None:
    landing = pull(1, "feat!: rewrite history", message="fix: mend it (#1)")
    change = assessed(landing)
    assert (change.bump, change.kind, change.title) == (Bump.PATCH, ChangeKind.FIX, "feat!: rewrite history")


def test_the_title_stands_in_the_body_of_a_merge_commit() -> None:
    merged = commit("Merge pull request #7 from ada/search\n\nfeat: add search\n\nMore.", parents=2)
    assert (pull_number(merged), merged_title(merged)) == (7, "feat: add search")


def test_a_merge_commit_without_a_title_takes_the_one_of_the_pull_request() -> None:
    landing = pull(1, "feat: add it", message="Merge pull request #1 from ada/it")
    assert assessed(landing).bump is Bump.MINOR


def test_direct_pushes_can_be_told_to_ask_for_no_release() -> None:
    config = Config(direct_push="none")
    assert assessed(push("Typo"), config).bump is Bump.NONE
    assert assessed(push("fix: typo"), config).bump is Bump.PATCH


def test_an_unlabelled_pull_request_that_should_have_been_refused_is_a_patch_and_says_so() -> None:
    change = assessed(pull(1, "Add it"), Config(unlabelled="fail"))
    assert change.bump is Bump.PATCH
    assert "should have refused" in change.reason


def test_a_hidden_change_keeps_its_bump() -> None:
    change = assessed(pull(1, "Add it", "feature", "Skip-Changelog"))
    assert (change.hidden, change.bump) == (True, Bump.MINOR)


def test_own_labels_replace_the_usual_ones() -> None:
    config = Config(labels=Labels(minor=("semver: minor",)))
    assert assessed(pull(1, "Add it", "semver: minor"), config).bump is Bump.MINOR
    assert assessed(pull(1, "Add it", "feature"), config).rule is BumpRule.POLICY


@given(st.text())
def test_any_text_may_be_a_title(text: str) -> None:
    assert assessed(pull(1, text)).bump in Bump
    conventional(text)


def test_without_github_the_messages_tell_which_commits_are_one_pull_request() -> None:
    commits = [
        commit("Second half (#2)"),
        commit("Typo"),
        commit("First half (#2)"),
        commit("Merge pull request #1 from ada/it\n\nAdd it", parents=2),
    ]
    found = landings(commits)
    assert [(landing.number, len(landing.commits)) for landing in found] == [(1, 1), (2, 2), (None, 1)]


@given(st.lists(st.sampled_from(["Add it (#1)", "Add it (#2)", "Typo", "Merge pull request #3 from a/b"])))
def test_every_commit_is_in_exactly_one_landing(messages: list[str]) -> None:
    commits = [commit(message) for message in messages]
    found = [landed.sha for landing in landings(commits) for landed in landing.commits]
    assert sorted(found) == sorted(made.sha for made in commits)


def test_a_number_in_a_message_is_not_believed_where_github_can_be_asked() -> None:
    landed = commit("Add it (#1)")
    (landing,) = landings([landed], {})
    assert landing.number is None


def line(*messages: str) -> list[Commit]:
    """Commits on top of each other, the newest first."""
    made: list[Commit] = []
    for message in messages:
        one = commit(message)
        made.insert(0, msgspec.structs.replace(one, parents=(made[0].sha,) if made else ()))
    return made


def owned(*owners: tuple[Commit, int]) -> dict[str, PullRequest]:
    return {at.sha: PullRequest(number=number, title=str(number)) for at, number in owners}


def test_what_lies_below_a_rebased_pull_request_is_its_own_by_the_commits_it_had() -> None:
    last, second, first, pushed = commits = line("Pushed", "One", "Two", "Inner (#1)")
    owners = owned((last, 3))
    assert rebase_suspects(commits, owners) == (3,)
    found = rebased(commits, owners, {3: ["One", "Two", "Inner (#1)"]})
    assert found.keys() == {last.sha, second.sha, first.sha}
    assert pushed.sha not in found


def test_what_lies_below_a_squash_is_nobodys() -> None:
    squashed, _ = commits = line("Two", "The whole (#3)")
    assert rebase_suspects(commits, owned((squashed, 3))) == (3,)
    assert rebased(commits, owned((squashed, 3)), {3: ["One", "Two"]}) == {}


def test_a_rebase_leaves_out_what_was_there_already() -> None:
    last, first, _ = commits = line("Pushed", "One", "Three")
    found = rebased(commits, owned((last, 3)), {3: ["One", "Two\n", "Three\n"]})
    assert found.keys() == {last.sha, first.sha}


def test_a_rebase_ends_where_another_pull_request_begins() -> None:
    last, other, _ = commits = line("One", "One", "Two")
    owners = owned((last, 3), (other, 2))
    assert rebase_suspects(commits, owners) == (2,)
    assert other.sha not in rebased(commits, owners, {3: ["One", "Two"]})


def test_without_github_a_number_is_doubted_in_a_commit_that_github_did_not_make() -> None:
    at = commit("Inner (#1)").committed_at
    squashed = msgspec.structs.replace(commit("Inner (#1)"), committer="noreply@github.com", authored_at=at)
    pushed = msgspec.structs.replace(squashed, committer="ada@example.com")
    copied = msgspec.structs.replace(squashed, authored_at=at - 60)
    landed = [landings([one])[0] for one in (squashed, pushed, copied)]
    doubts = ["may only mention #1" in assessed(landing).reason for landing in landed]
    assert doubts == [False, True, True]


def test_authors_and_co_authors_are_told_once_each() -> None:
    message = (
        "Add it (#1)\n\n"
        "Co-authored-by: Bob <17+bob@users.noreply.github.com>\n"
        "Co-Authored-By: Ada <ada@users.noreply.github.com>\n"
        "Co-authored-by: Eve Else <eve@example.com>\n"
    )
    change = assessed(pull(1, "Add it", message=message))
    assert [str(author) for author in change.authors] == ["ada", "bob", "Eve Else"]


def test_a_deleted_account_is_a_ghost() -> None:
    assert [str(author) for author in assessed(pull(1, "Add it", author=None)).authors] == ["ghost"]


def test_a_bot_is_known_by_its_login() -> None:
    assert author_of("renovate[bot]", "29139614+renovate[bot]@users.noreply.github.com").bot
    assert author_of("Ada", "ada@example.com") == Author("Ada", None, bot=False)


def proven(revert: Landing, original: Landing) -> RevertProof:
    return RevertProof(revert.sha, original.sha, f"#{original.number}")


def test_a_revert_in_the_same_range_cancels_both() -> None:
    added, reverted = pull(1, "Add it", "feature"), pull(2, 'Revert "Add it"')
    one, other = assess([added, reverted], CONFIG, "acme/shop", [proven(reverted, added)])
    assert (one.bump, one.cancelled_by) == (Bump.NONE, 2)
    assert (other.bump, other.cancelled_by, other.rule) == (Bump.NONE, 1, BumpRule.REVERT)


def test_a_revert_of_a_revert_brings_the_first_change_back() -> None:
    added, reverted, again = pull(1, "Add it", "feature"), pull(2, 'Revert "Add it"'), pull(3, 'Reapply "Add it"')
    proofs = [proven(reverted, added), proven(again, reverted)]
    changes = assess([added, reverted, again], CONFIG, "acme/shop", proofs)
    assert [(change.bump, change.cancelled_by) for change in changes] == [
        (Bump.MINOR, None),
        (Bump.NONE, 3),
        (Bump.NONE, 2),
    ]


@given(st.integers(0, 12))
def test_a_chain_of_reverts_leaves_the_first_change_exactly_when_they_are_even(depth: int) -> None:
    chain = [pull(1, "Add it", "feature")]
    for number in range(depth):
        chain.append(pull(number + 2, f'Revert "{chain[-1].commits[-1].subject}"'))
    proofs = [proven(revert, original) for original, revert in itertools.pairwise(chain)]
    changes = assess(chain, CONFIG, "acme/shop", proofs)
    expected = Bump.MINOR if depth % 2 == 0 else Bump.NONE
    assert max(change.bump for change in changes) is expected


def test_something_added_again_after_its_revert_is_reverted_on_its_own() -> None:
    first, undo, second, undone = (
        pull(1, "Add it", "feature"),
        pull(2, 'Revert "Add it"'),
        pull(3, "Add it", "feature"),
        pull(4, 'Revert "Add it"'),
    )
    proofs = [proven(undo, first), proven(undone, first), proven(undone, second)]
    changes = assess([first, undo, second, undone], CONFIG, "acme/shop", proofs)
    assert [change.cancelled_by for change in changes] == [2, 1, 4, 3]


def test_a_revert_of_something_released_is_a_fix_that_names_it() -> None:
    reverted = pull(9, 'Revert "Add it"')
    proof = RevertProof(reverted.sha, "f" * 40, "#3", "v1.2.0")
    (change,) = assess([reverted], CONFIG, "acme/shop", [proof])
    assert (change.kind, change.bump, change.rule) == (ChangeKind.FIX, Bump.PATCH, BumpRule.REVERT)
    assert change.reason == "reverts #3, released in v1.2.0"


def test_a_revert_in_words_only_is_an_ordinary_change_and_says_why() -> None:
    added, words = pull(1, "Add it", "feature"), pull(2, 'Revert "Add it"')
    one, other = assess([added, words], CONFIG, "acme/shop", [])
    assert (one.bump, one.cancelled_by) == (Bump.MINOR, None)
    assert (other.bump, other.cancelled_by) == (Bump.PATCH, None)
    assert "but its patch does not prove it" in other.reason


def candidates(landed: list[Landing]) -> list[list[int | None]]:
    return [[meant.number for meant in proposal.candidates] for proposal in proposals(landed, "acme/shop")]


def hash_in_message(original: Landing) -> Landing:
    return push(f"Take it back\n\nThis reverts commit {original.sha}.")


def test_what_a_revert_means_is_found_by_title_number_or_hash() -> None:
    added = pull(1, "Add it")
    for revert in (
        pull(2, 'Revert "Add it"'),
        pull(2, 'Revert "Add it (#1)"'),
        pull(2, "revert: Add it"),
        pull(2, "Take it back", body="Reverts acme/shop#1"),
        pull(2, "Take it back", body="Thanks\n\nReverts #1"),
        hash_in_message(added),
    ):
        assert candidates([added, pull(5, "Another"), revert]) == [[1]]


def test_a_number_of_another_repository_means_nothing_here() -> None:
    assert candidates([pull(1, "Add it"), pull(2, "Take it back", body="Reverts other/shop#1")]) == []


def test_commits_know_their_first_line() -> None:
    assert Commit("a", ("b", "c"), Author("Ada"), 0, " Title \n\nBody").subject == "Title"


@pytest.mark.parametrize(
    "trailer",
    [
        "Claude <noreply@anthropic.com>",
        "Copilot <223556219+Copilot@users.noreply.github.com>",
        "Cursor Agent <cursoragent@cursor.com>",
        "aider (a-model) <noreply@aider.chat>",
        "devin-ai-integration[bot] <158243242+devin-ai-integration[bot]@users.noreply.github.com>",
    ],
)
def test_an_assistant_that_helped_is_no_author(trailer: str) -> None:
    landing = pull(1, "Add it", message=f"Add it (#1)\n\nCo-authored-by: {trailer}")
    assert [str(author) for author in assessed(landing).authors] == ["ada"]


def test_a_person_with_a_login_and_a_mail_of_their_own_is_one_author() -> None:
    named = pull(1, "Add it", message="Add it (#1)\n\nCo-authored-by: Ada Lovelace <ada@example.com>")
    author = Author("Ada Lovelace", "ada")
    assert named.pull is not None
    known = msgspec.structs.replace(named, pull=msgspec.structs.replace(named.pull, author=author))
    assert assessed(known).authors == (author,)
    squashed = msgspec.structs.replace(named.commits[0], author=Author("Ada Lovelace"))  # by her own mail
    assert [str(one) for one in assessed(msgspec.structs.replace(named, commits=(squashed,))).authors] == ["ada"]
