"""What a rehearsal is played with: a plain document of the repository as it is, read and never written to."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import TYPE_CHECKING

import msgspec

from release_tool.config.model import Duration
from release_tool.deploy.environment import environment_named
from release_tool.errors import UsageError
from release_tool.git.push import Branches
from release_tool.history.look import (
    branch_snapshot,
    changes_between,
    is_released,
    local_snapshot,
    main_branch,
    pulls_between,
)
from release_tool.model.tag_names import read_names
from release_tool.model.tags import TagState
from release_tool.release.notes.edit import contributors, newcomers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from release_tool.git.repository import TagRef
    from release_tool.github.api import Release
    from release_tool.history.look import RepositorySnapshot
    from release_tool.model.commits import PullRequest
    from release_tool.project import Project

Document = dict[str, object]
"""Something as JSON has it."""

_OURS = "release-tool/"
"""How the branches of candidates and conflicts begin."""
_NO_NAME = re.compile(r"[^\w.-]+", re.ASCII)
_DURING = "reading the repository for the rehearsal"
_NOTHING = "nothing was rehearsed, and nothing was written"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Original:
    """The repository as it was found: its refs, what is released, and the pull requests that may matter."""

    project: Project
    seen: RepositorySnapshot
    branches: Mapping[str, str]
    tags: Mapping[str, TagRef]

    @property
    def online(self) -> bool:
        return not self.seen.unseen

    @property
    def hosted(self) -> str:
        return self.project.config.sync.branch if self.project.config.sync else ""

    @property
    def released(self) -> str | None:
        """The newest release on the branch; None where there is none."""
        tags = [tag.commit for tag in self.seen.tags if tag.stable and tag.state is TagState.RELEASED]
        place = self.project.git.first_reachable(tags, self.seen.head)
        return None if place is None else tags[place]


def read_original(project: Project, objects: Path) -> Document:
    """Tell all that a rehearsal has to know of a repository: from GitHub where there is a token, else from git alone.

    The repository is only read; what GitHub has and the clone has not is fetched into the directory `objects`.
    Raises UsageError for a clone that lacks history or files, and for a configuration that could deploy nothing.
    """
    _insist_on_whole(project)
    for name in project.config.environments:
        environment_named(project, name, ours=os.environ)
    git = project.git.borrowed(objects)
    project = msgspec.structs.replace(project, git=git, branches=Branches(git))
    online = project.github is not None and bool(project.repository)
    original = _on_github(project) if online else _in_clone(project)
    return {
        "repository": _name(project),
        "server": project.web_url.removesuffix(f"/{project.repository}") or "https://github.com",
        "source": "github" if original.online else "git",
        "unseen": list(original.seen.unseen),
        "branch": original.seen.branch,
        "hosted": original.hosted,
        "folder": str(project.git.root),
        "objects": str(objects),
        "branches": dict(original.branches),
        "tags": {name: ref.object for name, ref in original.tags.items()},
        "pulls": list(_pulls(original)),
        "releases": list(_releases(original)),
        "contributors": sorted(_contributors(original)),
        "configuration": _configuration(project),
        "template": _template(project),
        "now": int(project.clock.now().timestamp()),
    }


# Where it is read from


def _insist_on_whole(project: Project) -> None:
    project.git.head()
    if project.git.is_shallow():
        lacks, todo = "shallow: it lacks the beginning of the history", "run `git fetch --unshallow` first"
    elif project.git.is_partial():
        lacks, todo = "partial: it lacks files", "rehearse in a clone that was made without `--filter`"
    else:
        return
    raise UsageError(f"this clone is {lacks}", during=_DURING, already=_NOTHING, todo=todo)


def _on_github(project: Project) -> _Original:
    """The branches, tags and releases as GitHub has them now."""
    main = main_branch(project)
    project.say(f"reading {project.repository} from GitHub")
    tips = _wanted(project, project.branches.tips())
    for tip in tips.values():
        project.git.fetch_commit(tip)
    seen = branch_snapshot(project, main)
    if seen is None:
        raise _no_branch(main, "on GitHub")
    return _Original(project=project, seen=seen, branches=tips, tags=_fetched(project, project.git.remote_tags()))


def _in_clone(project: Project) -> _Original:
    """The same as the clone has it: nothing is asked of anybody."""
    main = main_branch(project)
    project.say("reading the clone; without a token nothing is asked of GitHub")
    tips = _wanted(project, project.git.branches())
    if main not in tips:
        raise _no_branch(main, "in this clone")
    return _Original(
        project=project, seen=local_snapshot(project, main, tips[main]), branches=tips, tags=project.git.tags()
    )


def _wanted(project: Project, tips: Mapping[str, str]) -> dict[str, str]:
    """The branches that the stages look at: those that are released, the hosted one, and our own."""
    hosted = project.config.sync.branch if project.config.sync else None
    return {
        name: tip
        for name, tip in tips.items()
        if is_released(project, name) or name == hosted or name.startswith(_OURS)
    }


def _fetched(project: Project, tags: Mapping[str, TagRef]) -> dict[str, TagRef]:
    """The tags of the remote, those of versions fetched; of the others what happens to be here."""
    missing = set(tags) - _here(project, tags)
    project.git.fetch_tags([tag.name for tag in read_names((name, tags[name].commit) for name in missing)])
    return {name: tags[name] for name in _here(project, tags)}


def _here(project: Project, tags: Mapping[str, TagRef]) -> set[str]:
    commits = project.git.present([ref.commit for ref in tags.values()])
    messages = project.git.tag_messages([ref.object for ref in tags.values() if ref.annotated])
    return {
        name for name, ref in tags.items() if ref.commit in commits and (not ref.annotated or ref.object in messages)
    }


def _no_branch(name: str, where: str) -> UsageError:
    return UsageError(
        f"there is no branch `{name}` {where}",
        during=_DURING,
        already=_NOTHING,
        todo="name the branch that is released in the configuration, as `branch`",
    )


def _name(project: Project) -> str:
    """The repository as `owner/name`, made up of its folder where no remote tells."""
    owner, _, name = (project.repository or f"local/{project.git.root.name}").partition("/")
    return "/".join(_NO_NAME.sub("-", part) or "-" for part in (owner, name))


# What is in the document


def _pulls(original: _Original) -> Iterator[Document]:
    """The pull requests that are not released, or not in the hosted branch."""
    owners: dict[str, PullRequest] = {}
    for base in _bases(original):
        owners |= pulls_between(original.project, original.seen, base, original.seen.head)
    landed: dict[int, list[str]] = {}
    for sha, pull in owners.items():
        landed.setdefault(pull.number, []).append(sha)
    pulls = {pull.number: pull for pull in owners.values()}
    merged_by = original.project.remote.issues.who_merged(pulls) if original.online and pulls else {}
    dates = original.project.git.commit_dates(owners)
    for number, pull in sorted(pulls.items()):
        shas = sorted(landed[number], key=lambda sha: (dates[sha], sha == pull.merge_commit))
        yield {
            "number": number,
            "title": pull.title,
            "body": pull.body,
            "labels": list(pull.labels),
            "author": pull.author.login or pull.author.name if pull.author else None,
            "bot": bool(pull.author and pull.author.bot),
            "merge_commit": pull.merge_commit,
            "landed": shas,
            "merged_by": merged_by.get(number),
            "merged_at": dates[shas[-1]],
        }


def _bases(original: _Original) -> Iterator[str]:
    """Where the changes begin that the next release and the next sync will tell of; none for a first release."""
    if original.released:
        yield original.released
    if original.hosted in original.branches:
        yield original.branches[original.hosted]


def _releases(original: _Original) -> Iterable[Document]:
    if original.online:
        return map(_release, original.seen.releases)
    tags = [tag for tag in original.seen.tags if original.project.git.has_commit(tag.commit)]
    dates = original.project.git.commit_dates([tag.commit for tag in tags])
    return (
        {
            "tag": tag.name,
            "name": tag.name,
            "prerelease": not tag.stable,
            "created_at": dates[tag.commit],
            "published_at": dates[tag.commit],
        }
        for tag in tags
    )


def _release(release: Release) -> Document:
    return {
        "tag": release.tag,
        "name": release.name,
        "body": release.body,
        "draft": release.draft,
        "prerelease": release.prerelease,
        "immutable": release.immutable,
        "author": release.author.login if release.author else None,
        "created_at": _seconds(release.created_at),
        "published_at": _seconds(release.published_at),
    }


def _seconds(time: datetime | None) -> int | None:
    return int(time.timestamp()) if time else None


def _contributors(original: _Original) -> frozenset[str]:
    """Those authors of what is not released that have contributed before, so that none is welcomed twice."""
    if original.released is None:
        return frozenset()
    changes = changes_between(original.project, original.seen, original.released, original.seen.head)
    new = newcomers(original.project, changes) if original.online else frozenset()
    return contributors(changes) - new


def _configuration(project: Project) -> Document:
    """The whole configuration with its defaults, as TOML can have it."""
    plain = msgspec.to_builtins(project.config, enc_hook=_written)
    return {key: value for key, value in plain.items() if value is not None}


def _written(value: object) -> str:
    if isinstance(value, Duration):
        return f"{round(value.total_seconds() * 1000)}ms"
    raise NotImplementedError(type(value))


def _template(project: Project) -> str | None:
    path = project.git.root / project.config.notes_template
    try:
        return path.read_text(encoding="utf-8") if project.config.notes_template else None
    except (OSError, UnicodeDecodeError):
        return None  # the rehearsed release says what is wrong with it
