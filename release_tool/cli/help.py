"""The command that shows the help of another: help."""

from __future__ import annotations

import click

from release_tool.cli import Suggesting


@click.command("help")
@click.argument("command", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help(ctx: click.Context, command: tuple[str, ...]) -> None:  # noqa: A001  # the name of the command
    """Show the help of a command, as its `--help` does, or the list of them all.

    \b
    Examples:
      release-tool help
      release-tool help plan
      release-tool help notify test
    """
    above = ctx.find_root()
    for name in command:
        above = _below(above, name)
    click.echo(above.get_help())


def _below(above: click.Context, name: str) -> click.Context:
    """A command of a group; raises click.UsageError where the group has none of that name."""
    group = above.command
    if not isinstance(group, Suggesting):
        raise click.UsageError(f"`{above.command_path}` has no commands of its own", above)
    found = group.get_command(above, name)
    if found is None:
        raise group.unknown(above, name)
    return click.Context(found, info_name=name, parent=above)
