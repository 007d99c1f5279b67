"""`tsm-edge`: the group of all commands, and the one place where errors become one line and an exit code."""

import signal
import sys
import threading
import traceback
from typing import NoReturn

import click

from tsm_edge import __version__
from tsm_edge.cli import bench, env, export, run, targets, verify
from tsm_edge.errors import TsmEdgeError, UsageError

__all__ = ["main"]

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


@click.group(
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
for command in (bench.command, env.command, export.command, run.command, targets.command, verify.command):
    cli.add_command(command)


def _note_verbose(context: click.Context, _: click.Parameter, verbose: bool) -> None:
    context.find_root().obj["verbose"] |= verbose


# Known to every command, for it is typed after a failure, at the end of the line.
for command in (cli, *cli.commands.values()):
    command.params.append(
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_note_verbose,
            help="Show the traceback of an error.",
        )
    )


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 failure, 2 wrong usage."""
    options = {"verbose": False}
    if threading.current_thread() is threading.main_thread():
        # A service that is stopped, or a shell that is closed, must clean up as after Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        result = cli.main(arguments, prog_name="tsm-edge", standalone_mode=False, obj=options)
    except click.ClickException as error:
        _fail(_one_line(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; nothing was half written", EXIT_INTERRUPTED)
    except TsmEdgeError as error:
        if options["verbose"]:
            traceback.print_exc()
        _fail(str(error), EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE)
    except BrokenPipeError:
        sys.stderr.close()  # `tsm-edge targets | head` is no error
        sys.exit(EXIT_FAILURE)
    sys.exit(result if isinstance(result, int) else 0)


def _one_line(error: click.ClickException) -> str:
    """Click's message and where to read on, instead of its four lines."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "tsm-edge"
    return f"{error.format_message().rstrip('.')}; see `{command} --help`"


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"tsm-edge: {' '.join(message.split())}", err=True)
    sys.exit(code)
