"""Timing single kernels: the peak loop, the network without shift, and the record of a small real bundle."""

import numpy as np
import pytest

from tsm_edge.bundle import Bundle
from tsm_edge.errors import OutputError, VerificationError
from tsm_edge.export.layers import Convolution, SaveShift
from tsm_edge.runtime.backends.compiled import open_backend
from tsm_edge.runtime.bench.frames import noise_frames
from tsm_edge.targets import host_target


@pytest.fixture(scope="module")
def bundle(compiled_path):
    return Bundle.open(compiled_path)


@pytest.fixture(scope="module")
def unshifted(bundle, scripts_on_the_path, tmp_path_factory):
    import unshifted

    return unshifted.unshifted_bundle(bundle, tmp_path_factory.mktemp("unshifted") / "bundle")


@pytest.fixture
def streams(bundle, unshifted):
    """One of the network without shift, one of the online network."""
    backends = [open_backend(each, 1) for each in (unshifted, bundle)]
    opened = [backend.open_stream() for backend in backends]
    yield opened
    for closing in (*opened, *backends):
        closing.close()


@pytest.fixture(scope="module")
def record(bundle, scripts_on_the_path):
    import kernels

    return kernels.measure(bundle, 3)


def test_peak_loop_computes_what_it_says(scripts_on_the_path, tmp_path):
    from fma_peak import FmaPeak

    peak = FmaPeak(host_target(), tmp_path)
    assert peak.gflop_per_s() > 0
    # acc <- acc / 2 + 1, many times.
    np.testing.assert_array_equal(peak.results, np.full(peak.results.size, 2, np.float32))


def test_shift_is_gone_and_nothing_else(bundle, unshifted):
    rules = [record.rule for record in bundle.manifest.kernels if record.rule != "save-shift"]
    assert [record.rule for record in unshifted.manifest.kernels] == rules
    assert not any("shift" in record.name for record in unshifted.manifest.kernels)
    assert sum(each.flop for each in unshifted.manifest.kernels) == sum(
        each.flop for each in bundle.manifest.kernels
    )


def test_layers_keep_all_but_their_shift(bundle):
    from unshifted import without_shift

    from tsm_edge.bundle import ONNX_MODEL
    from tsm_edge.export.fusion import fuse_layers
    from tsm_edge.export.relax_graph import read_graph
    from tsm_edge.export.relax_import import import_relax

    network = fuse_layers(read_graph(import_relax(bundle.file(ONNX_MODEL))))
    layers = without_shift(network).layers
    kept = [layer for layer in network.layers if not isinstance(layer, SaveShift)]
    assert [type(layer) for layer in layers] == [type(layer) for layer in kept]
    assert any(isinstance(layer, Convolution) and layer.shift for layer in kept)
    assert not any(isinstance(layer, Convolution) and layer.shift for layer in layers)


def test_still_picture_gives_the_same_with_and_without_shift(bundle, streams):
    import unshifted

    frame = next(noise_frames(bundle.manifest.model))
    unshifted.check_against_online(*streams, frame, len(bundle.manifest.model.state.shapes))


def test_moving_picture_is_told_from_a_still_one(bundle, streams):
    import unshifted

    frame = next(noise_frames(bundle.manifest.model))
    with pytest.raises(VerificationError, match="network without shift differs"):
        unshifted.check_against_online(*streams, frame, 0)


def test_every_kernel_has_its_speed(record, bundle):
    assert [kernel.name for kernel in record.kernels] == [each.name for each in bundle.manifest.kernels]
    for kernel in record.kernels:
        assert kernel.gflop_per_s == pytest.approx(kernel.flop / kernel.p50_ms / 1e6)
        assert kernel.share_of_peak == pytest.approx(record.floor_ms(kernel) / kernel.p50_ms)
    assert len(record.online.samples_ms) == len(record.unshifted.samples_ms) == 3


def test_record_is_read_as_it_was_written(record, tmp_path):
    import kernels_record
    import record_files

    record_files.write_record(record, tmp_path / "kernels.json")
    assert kernels_record.read_kernels(tmp_path / "kernels.json") == record
    (tmp_path / "kernels.json").write_text("{}")
    with pytest.raises(OutputError, match="no record of kernels"):
        kernels_record.read_kernels(tmp_path / "kernels.json")


def test_table_sums_by_rule(record):
    import markdown_tables

    table = markdown_tables.kernels_table([record])
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")][2:]
    rules = list(dict.fromkeys(kernel.rule for kernel in record.kernels))
    assert [row[0].strip() for row in rows] == [*rules, "all"]
    assert sum(int(row[1]) for row in rows[:-1]) == int(rows[-1][1]) == len(record.kernels)
    assert float(rows[-1][2]) == pytest.approx(sum(kernel.p50_ms for kernel in record.kernels), abs=5e-4)
    assert f"An online step takes {record.shift_ratio:.3f} of the time" in table
