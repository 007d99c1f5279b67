"""`tsm-edge push BUNDLE`: to a board or phone."""

from pathlib import Path

import click

from tsm_edge.cli.remote_options import connect, remote_options

__all__ = ["command"]


@click.command("push", short_help="Copy a bundle to a board or phone.")
@click.argument("bundle", type=click.Path(path_type=Path))
@remote_options
def command(bundle: Path, ssh: str | None, adb: str | None) -> None:
    """Copy what differs of BUNDLE to a board (--ssh) or phone (--adb), and compare every checksum there.

    It goes into DIR, by default ~/tsm-edge, on phones /data/local/tmp/tsm-edge. A copy that was cut off is never
    taken for a bundle; what was there stays until the new one is whole.
    """
    from tsm_edge.bundle import Bundle
    from tsm_edge.runtime.remote import push_bundle

    opened = Bundle.open(bundle)
    with connect(ssh, adb) as connection:
        report = push_bundle(opened, connection, lambda text: click.echo(f"{text} ...", err=True))
    how = report.compared_with or "size alone: no sha256sum there"
    size = f"{report.sent_bytes / (1 << 20):.1f} MiB"
    click.echo(f"{report.machine}:{report.path}")
    click.echo(f"{len(report.sent)} files copied ({size}), {report.unchanged} unchanged, compared by {how}")
