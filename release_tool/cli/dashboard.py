"""The command that writes the dashboard: a static site."""

from __future__ import annotations

from pathlib import Path

import click

from release_tool.cli.session import current_session
from release_tool.text.humanize import count


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def dashboard(directory: Path, as_json: bool) -> None:
    """Write the dashboard into the folder DIR: pages to look at, and the same facts for programs.

    Open DIR/index.html in a browser, or serve the folder with any web server.

    \b
    Example:
      release-tool dashboard build/dashboard
    """
    from release_tool.status.dashboard.site import write

    session = current_session()
    files = write(session.project(), directory)
    index = directory / "index.html"
    if as_json:
        session.document({"directory": str(directory), "index": str(index), "files": list(files)})
    else:
        session.show(f"wrote the dashboard, {count(len(files), 'file')}: open {index}")
    session.actions.write_outputs({"index": str(index), "files": str(len(files))})
    session.actions.write_summary(f"Wrote the dashboard, {count(len(files), 'file')}.")
