"""`tsm-edge verify BUNDLE`: is it whole, and does it compute here what it should?"""

import click

from tsm_edge.cli.options import device_option

__all__ = ["command"]


@click.command("verify", short_help="Check a bundle and replay its golden stream.")
@click.argument("bundle", type=click.Path())
@click.option("--backend", default="tvm", show_default=True, help="tvm, onnxruntime or torch.")
@click.option("--threads", type=click.IntRange(min=1), help="Default: what the bundle was compiled for.")
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a line.")
def command(bundle: str, backend: str, threads: int | None, device: str, as_json: bool) -> None:
    """Check every file of BUNDLE, then replay its golden stream."""
    import msgspec

    from tsm_edge.runtime.verify import verify_bundle

    report = verify_bundle(bundle, backend=backend, threads=threads, device=device)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
        return
    note = f" ({report.weights_note})" if report.weights_note else ""
    click.echo(f"{report.bundle}: {report.model}{note}, {report.num_files} files intact")
    click.echo(
        f"golden stream of {report.num_frames} frames on {report.backend} ({report.device}), twice: largest difference "
        f"{report.max_relative_error:.1e} of the largest logit, accepted {report.tolerance:.0e}"
    )
