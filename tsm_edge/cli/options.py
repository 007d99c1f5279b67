"""Options that several commands share."""

import click

__all__ = ["device_option"]

device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="What the compiled engine computes on; auto takes the bundle's GPU where it works.",
)
