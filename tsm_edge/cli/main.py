"""`tsm-edge`: the group of all commands, and the one place where errors become one line and an exit code."""

import sys

import click

from tsm_edge import __version__
from tsm_edge.cli import targets
from tsm_edge.errors import TsmEdgeError, UsageError

__all__ = ["main"]

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tsm-edge")
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of an error.")
def cli(verbose: bool) -> None:
    """Online video understanding on small devices: export, compile with TVM, run, measure."""


# Command modules import click alone at their top; the halves, and with them torch, tvm and OpenCV, only when run.
for command in (targets.command,):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failure, 2 wrong usage."""
    arguments = sys.argv[1:] if arguments is None else arguments
    verbose = any(argument in ("-v", "--verbose") for argument in arguments[:1])
    try:
        result = cli.main(arguments, prog_name="tsm-edge", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; nothing was half written", EXIT_INTERRUPTED)
    except TsmEdgeError as error:
        if verbose:
            raise
        _fail(str(error), EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE)
    except BrokenPipeError:
        sys.stderr.close()  # `tsm-edge targets | head` is no error
        sys.exit(EXIT_FAILURE)
    sys.exit(result if isinstance(result, int) else 0)


def _fail(message: str, code: int) -> None:
    click.echo(f"tsm-edge: {' '.join(message.split())}", err=True)
    sys.exit(code)
