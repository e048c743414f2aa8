"""The command that looks at everything: status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from release_tool.cli.session import current_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_tool.stages.status import CloudStatus, Status


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def status(as_json: bool) -> None:
    """Show the newest release, what waits for the next one, and how far the hosted branch is behind.

    \b
    Example:
      release-tool status
    """
    from release_tool.stages.status import status as look

    session = current_session()
    found = look(session.project())
    if as_json:
        session.document(msgspec.to_builtins(found))
    else:
        session.show("\n".join(_lines(found)))


def _lines(found: Status) -> Iterator[str]:
    yield f"released    {found.released or 'nothing yet'}"
    waiting = "1 change" if found.unreleased == 1 else f"{found.unreleased} changes"
    if found.unreleased:
        yield f"unreleased  {waiting} on `{found.branch}`: see `release-tool plan`"
    for tag in found.half_done:
        yield f"half-done   {tag}: finish it with `release-tool release`"
    if found.cloud is not None:
        yield f"{found.cloud.branch:<10}  {_cloud(found.cloud)}"


def _cloud(cloud: CloudStatus) -> str:
    if cloud.head is None:
        return "does not exist yet: `release-tool sync` makes it"
    if not cloud.behind:
        return f"{cloud.name}, up to date"
    return f"{cloud.name}, behind by {', '.join(cloud.behind)}: carry on with `release-tool sync`"
