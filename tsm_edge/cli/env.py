"""`tsm-edge env`: what a bug report needs to say about the machine and the installation."""

import sys

import click

__all__ = ["command"]


@click.command("env", short_help="Show versions and device for a bug report.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def command(as_json: bool) -> None:
    """Show versions, device and what is installed, for a bug report."""
    import msgspec

    from tsm_edge.environment import installed_halves, package_versions
    from tsm_edge.runtime.device import recognise_device
    from tsm_edge.runtime.device_state import read_device_state

    device, halves = recognise_device(), installed_halves()
    versions = package_versions()
    if as_json:
        report = {
            "versions": versions,
            "device": device,
            "state": read_device_state(),
            "halves": halves,
            "executable": sys.executable,
        }
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        states = {f"[{half.name}]": half.sentence for half in halves}
        known = {key: value for key, value in msgspec.to_builtins(device).items() if value != ""}
        _show({**versions, **known, **states})


def _show(lines: dict[str, object]) -> None:
    width = max(map(len, lines))
    for key, value in lines.items():
        click.echo(f"{key:<{width}}  {value}")
