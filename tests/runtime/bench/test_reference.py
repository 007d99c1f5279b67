import importlib.util

import numpy as np

from tsm_edge.runtime.bench import reference
from tsm_edge.runtime.bench.frames import noise_frames
from tsm_edge.runtime.bench.reference import reference_run


def test_onnx_runtime_answers_the_benchmarks_own_frames(tiny):
    frames = noise_frames(tiny.manifest.model)
    run = reference_run(tiny, frames, 1)
    assert run.name == "onnxruntime"
    assert run.logits.shape == (len(run.frames), tiny.manifest.model.num_classes)
    np.testing.assert_array_equal(run.frames[0], next(noise_frames(tiny.manifest.model)))


def test_golden_stream_stands_in_where_onnx_runtime_is_missing(tiny, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(reference, "find_spec", lambda name: None if name == "onnxruntime" else found(name))
    run = reference_run(tiny, noise_frames(tiny.manifest.model), 1)
    assert run.name.startswith("golden stream")
    assert len(run.frames) == len(run.logits) == len(tiny.golden_frames)
    np.testing.assert_array_equal(run.logits, tiny.golden_logits)
