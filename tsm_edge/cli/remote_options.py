"""The options that name another machine, shared by the commands that go there."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from tsm_edge.runtime.remote import Connection

__all__ = ["connect", "remote_options"]

Command = TypeVar("Command", bound=Callable[..., Any])


def remote_options(command: Command) -> Command:
    """Let `command` take --ssh and --adb."""
    command = click.option(
        "--adb",
        is_flag=False,
        flag_value="",
        metavar="[SERIAL]",
        help="A phone with USB debugging; SERIAL where several are plugged in. Give it after BUNDLE.",
    )(command)
    return click.option(
        "--ssh",
        metavar="USER@HOST[:DIR]",
        help="A machine behind ssh, or ssh://user@host:port/dir; DIR gets the bundle's folder.",
    )(command)


def connect(ssh: str | None, adb: str | None) -> "Connection":
    """The machine that the options name.

    Raises:
        UsageError: They name none, or two.
        MissingDependencyError, RemoteError: As `SshConnection` and `AdbConnection`.
    """
    from tsm_edge.errors import UsageError
    from tsm_edge.runtime.remote import AdbConnection, SshConnection

    if (ssh is None) == (adb is None):
        raise UsageError("give one of --ssh user@host and --adb [SERIAL]; see --help")
    if ssh is not None:
        return SshConnection(ssh)
    assert adb is not None
    return AdbConnection(adb)
