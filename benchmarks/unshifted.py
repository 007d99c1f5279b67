"""The same network without temporal shift, by the same kernel rules: what the shift costs is the difference.

Convolutions read their own input's first channels where they read the shift buffer, and nothing is saved. While one
frame repeats, the online network comes to the same answer: from then on every shift buffer holds what its block
would read by itself.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tsm_edge.bundle import GOLDEN_FRAMES, GOLDEN_LOGITS, LIBRARY, ONNX_MODEL, WEIGHTS, Bundle, record_files
from tsm_edge.errors import VerificationError
from tsm_edge.export.codegen import write_object
from tsm_edge.export.driver_source import plan_source
from tsm_edge.export.fusion import fuse_layers
from tsm_edge.export.layers import Convolution, Layer, Network, SaveShift
from tsm_edge.export.link import link_library
from tsm_edge.export.plan import plan_network
from tsm_edge.export.relax_graph import read_graph
from tsm_edge.export.relax_import import import_relax
from tsm_edge.manifest import write_manifest
from tsm_edge.runtime.backends.base import BackendStream, Float32Array
from tsm_edge.runtime.bench.agreement import TOLERANCE, largest_difference

__all__ = ["check_against_online", "unshifted_bundle", "without_shift"]


def unshifted_bundle(bundle: Bundle, folder: Path) -> Bundle:
    """A bundle in `folder` for the target of `bundle`, with its weights and without its shifts.

    Its golden stream is that of the online network, which it does not reproduce.

    Raises:
        CompileError: TVM or the linker refused.
    """
    manifest = bundle.manifest
    network = without_shift(fuse_layers(read_graph(import_relax(bundle.file(ONNX_MODEL)))))
    plan = plan_network(network, manifest.target)
    folder.mkdir(parents=True)
    with TemporaryDirectory() as work:
        source, kernels = Path(work) / "plan.c", Path(work) / "kernels.o"
        source.write_text(plan_source(plan, manifest.model, manifest.target, 1))
        write_object(plan.kernels, manifest.target, kernels)
        link_library(source, kernels, manifest.target, folder / LIBRARY)
    (folder / WEIGHTS).write_bytes(plan.weights)
    for name in (ONNX_MODEL, GOLDEN_FRAMES, GOLDEN_LOGITS):
        shutil.copyfile(bundle.file(name), folder / name)
    sizes = {"arena_bytes": plan.arena_bytes, "weight_bytes": len(plan.weights)}
    files = record_files(folder)
    write_manifest(replace(manifest, kernels=plan.records(), files=files, **sizes), folder)
    return Bundle.open(folder)


def without_shift(network: Network) -> Network:
    """`network` with every shift taken out."""
    layers: tuple[Layer, ...] = tuple(
        replace(layer, shift=None) if isinstance(layer, Convolution) else layer
        for layer in network.layers
        if not isinstance(layer, SaveShift)
    )
    return Network(network.frame, network.logits, layers)


def check_against_online(
    unshifted: BackendStream, online: BackendStream, frame: Float32Array, shifts: int
) -> None:
    """See that both give the same logits once `frame` was repeated as often as there are shifts.

    Raises:
        VerificationError: They differ.
    """
    online.reset()
    for _ in range(shifts):
        online.step(frame)
    expected = online.step(frame)
    online.reset()
    difference = largest_difference(unshifted.step(frame), expected)
    if not difference <= TOLERANCE:
        raise VerificationError(
            f"the network without shift differs from the online one on a still picture by {difference:.1e} of the "
            f"largest logit, {TOLERANCE:.0e} is accepted; nothing was timed"
        )
