"""`tsm-edge bundle pack BUNDLE`: one file that installs itself."""

from pathlib import Path

import click

__all__ = ["command"]


@click.group("bundle", short_help="Pack a bundle for another machine.")
def command() -> None:
    """Work with a bundle as a whole."""


@command.command("pack", short_help="One .tar.gz with the bundle and an installer.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The archive; by default BUNDLE.tar.gz beside the bundle.",
)
def pack(bundle: Path, output: Path | None) -> None:
    """Pack BUNDLE and an installer into one archive, the same bytes every time.

    On the device: tar xzf NAME.tar.gz && sh NAME/install.sh
    """
    from tsm_edge.runtime.remote import pack_bundle

    archive = pack_bundle(bundle, output)
    name = bundle.resolve().name
    click.echo(f"{archive} ({archive.stat().st_size / (1 << 20):.1f} MiB)")
    click.echo(f"on the device: tar xzf {archive.name} && sh {name}/install.sh")
