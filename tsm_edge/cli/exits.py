"""How every command ends: errors become one line and an exit code, here and nowhere else."""

import signal
import sys
import threading
import traceback
from typing import NoReturn

import click

from tsm_edge.errors import TsmEdgeError, UsageError

__all__ = ["EXIT_FAILURE", "EXIT_INTERRUPTED", "EXIT_USAGE", "add_verbose_option", "run_and_exit"]

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def run_and_exit(command: click.Command, arguments: list[str] | None, program: str) -> NoReturn:
    """Run `command` as `program` and exit: 0 done, 1 failure, 2 wrong usage, or what the command returns."""
    options = {"verbose": False}
    if threading.current_thread() is threading.main_thread():
        # A service that is stopped, or a shell that is closed, must clean up as after Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        result = command.main(arguments, prog_name=program, standalone_mode=False, obj=options)
    except click.ClickException as error:
        _fail(program, _one_line(error, program), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail(program, "interrupted; nothing was half written", EXIT_INTERRUPTED)
    except TsmEdgeError as error:
        if options["verbose"]:
            traceback.print_exc()
        _fail(program, str(error), EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE)
    except BrokenPipeError:
        sys.stderr.close()  # `tsm-edge targets | head` is no error
        sys.exit(EXIT_FAILURE)
    sys.exit(result if isinstance(result, int) else 0)


def add_verbose_option(command: click.Command) -> None:
    """Let `command` take -v; it is typed after a failure, at the end of the line."""
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


def _note_verbose(context: click.Context, _: click.Parameter, verbose: bool) -> None:
    options = context.find_root().ensure_object(dict)
    options["verbose"] = options.get("verbose", False) or verbose


def _one_line(error: click.ClickException, program: str) -> str:
    """Click's message and where to read on, instead of its four lines."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else program
    return f"{error.format_message().rstrip('.')}; see `{command} --help`"


def _fail(program: str, message: str, code: int) -> NoReturn:
    click.echo(f"{program}: {' '.join(message.split())}", err=True)
    sys.exit(code)
