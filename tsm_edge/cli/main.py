"""`tsm-edge`: the group of all commands."""

from typing import NoReturn

import click

from tsm_edge import __version__
from tsm_edge.cli import (
    bench,
    bundle,
    env,
    export,
    fetch,
    models,
    push,
    record,
    run,
    targets,
    train,
    tune,
    verify,
)
from tsm_edge.cli import compile as compile_command
from tsm_edge.cli import eval as eval_command
from tsm_edge.cli.exits import add_verbose_option, run_and_exit

__all__ = ["main"]


class _InOrder(click.Group):
    """Lists its commands in the order in which they were added, not in the alphabet's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_InOrder,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="tsm-edge")
@click.pass_context
def cli(context: click.Context) -> None:
    """Online video understanding on small devices: export, compile with TVM, run, measure."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


# Command modules import click alone at their top; the halves, and with them torch, TVM and OpenCV, when run.
# The order is the road's: from a checkpoint to a measurement.
ROAD = (
    *(targets, models, fetch, record, train, export, tune, compile_command),
    *(verify, eval_command, bundle, push, run, bench, env),
)
for module in ROAD:
    cli.add_command(module.command)

for command in (cli, *cli.commands.values(), *bundle.command.commands.values()):
    add_verbose_option(command)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 failure, 2 wrong usage."""
    run_and_exit(cli, arguments, "tsm-edge")
