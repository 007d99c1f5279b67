"""The one file that every bundle carries: as the package in everything they share, and at home on old boards."""

import ast
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tiny_bundle import tiny_spec

from tsm_edge.bundle import LIBRARY, LITE, WEIGHTS, Bundle
from tsm_edge.export.lite import lite_source, tsm_edge_lite
from tsm_edge.manifest import manifest_fields
from tsm_edge.runtime import Session, Stream, StreamState
from tsm_edge.runtime.json_lines import prediction_record
from tsm_edge.runtime.pacing import Pacing
from tsm_edge.runtime.preprocess import Preprocessor
from tsm_edge.runtime.smoothing import Smoother

ROOT = Path(__file__).parents[3]
# `make old-python` puts it there where it finds a Python 3.6: with the numpy that Ubuntu 18.04 has for it.
OLD_PYTHON = ROOT / "build" / "old-python" / "bin" / "python"
INTERPRETERS = [
    pytest.param(sys.executable, id="this python"),
    pytest.param(
        str(OLD_PYTHON),
        id="python 3.6",
        marks=pytest.mark.skipif(not OLD_PYTHON.exists(), reason="no Python 3.6 here; try `make old-python`"),
    ),
]


@pytest.fixture
def lite(compiled_path):
    with tsm_edge_lite.Session.load(compiled_path) as session:
        yield session


@pytest.fixture
def full(compiled_path):
    with Session.load(compiled_path) as session:
        yield session


@pytest.fixture
def tensors(lite):
    _, height, width, _ = Bundle.open(lite.path).golden_frames.shape
    rng = np.random.default_rng(4)
    # A slow drift, so that labels stay for some frames and gestures start and end.
    drift = np.cumsum(rng.normal(0, 0.3, (60, 1, 3, height, width)), axis=0)
    return drift.astype(np.float32)


def pictures(count, *sizes):
    rng = np.random.default_rng(5)
    return [rng.integers(0, 256, (*sizes[i % len(sizes)], 3), np.uint8) for i in range(count)]


def plain(events):
    return [(event.kind, event.label, event.frame, event.timestamp_s) for event in events]


def test_the_bundle_carries_it(compiled_path):
    assert (compiled_path / LITE).read_bytes() == lite_source().read_bytes()
    assert LITE in Bundle.open(compiled_path).manifest.files


@pytest.mark.parametrize("smoothing", [True, False])
def test_tensors_are_predicted_as_by_the_package(lite, full, tensors, smoothing):
    heard, expected = [], []
    stream = lite.open_stream(smoothing=smoothing, on_event=heard.append)
    reference = full.open_stream(smoothing=smoothing, on_event=expected.append)
    for i, tensor in enumerate(tensors):
        ours = stream.step_tensor(tensor, timestamp_s=i / 25)
        theirs = reference.step_tensor(tensor, timestamp_s=i / 25)
        assert_array_equal(ours.logits, theirs.logits)
        for name in ("frame", "timestamp_s", "top", "smoothed_label", "label", "score"):
            assert getattr(ours, name) == getattr(theirs, name)
        assert plain(ours.events) == plain(theirs.events)
    assert plain(stream.reset()) == plain(reference.reset())
    assert plain(heard) == plain(expected)
    assert heard


def test_pictures_of_the_right_size_give_the_package_s_bits(lite, full):
    """Nothing is resampled then, so that nothing can round differently."""
    short = full.spec.preprocess.resize_short_side
    stream, reference = lite.open_stream(), full.open_stream()
    for picture in pictures(6, (short, short), (short, 2 * short), (2 * short, short)):
        assert_array_equal(stream.step(picture).logits, reference.step(picture).logits)


def test_pictures_of_any_size_are_resized_within_one_grey_level(lite, full):
    level = 1 / 255 / min(full.spec.preprocess.std)
    stream, reference = lite.open_stream(), Preprocessor(full.spec.preprocess)
    for picture in pictures(12, (48, 64), (480, 640), (99, 31)):
        stream.step(picture)
        np.testing.assert_allclose(stream._input, reference(picture), rtol=0, atol=1.001 * level)


def test_a_slice_of_a_picture_is_what_a_copy_of_it_is(lite):
    picture = pictures(1, (120, 200))[0]
    for part in (
        picture[10:70, 20:100],
        picture[::-1],
        picture[:, ::-1],
        picture[:, :, ::-1],
        picture[::2, ::2],
    ):
        one, two = lite.open_stream(), lite.open_stream()
        assert_array_equal(one.step(part).logits, two.step(part.copy()).logits)


RULES_IN_SECONDS = {"window": 9, "window_s": 0.4, "hysteresis_s": 0.15, "threshold": 0.3, "pause_s": 0.5}


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.booleans(), st.sampled_from([{}, RULES_IN_SECONDS]))
def test_smoothing_is_the_package_s(seed, length, enabled, rules):
    spec = tiny_spec(smoothing=replace(tiny_spec().smoothing, **rules))
    fields = json.loads(json.dumps(json_fields(spec)))
    ours, theirs = tsm_edge_lite._Smoother(fields, enabled), Smoother(spec, enabled=enabled)
    state, expected = ours.initial_state(), theirs.initial_state()
    rng = np.random.default_rng(seed)
    for logits in rng.normal(scale=2, size=(length, spec.num_classes)).astype(np.float32):
        elapsed_s = float(rng.uniform(0, 0.3))
        state, expected = ours.advance(state, logits, elapsed_s), theirs.advance(expected, logits, elapsed_s)
        for name in ("shown", "candidate", "wins", "candidate_s", "quiet_s"):
            assert getattr(state, name) == getattr(expected, name)
        assert ours.label(state) == theirs.label(expected)
        assert ours.gesture(state) == theirs.gesture(expected)


def in_two_memories(lite, full):
    """A stream of each, of the same model read at five frames a second by two memories."""
    lite.spec.update(max_fps=5.0, interleave=2)
    return lite.open_stream(), Stream(full.backend.open_stream, replace(full.spec, max_fps=5.0, interleave=2))


def test_memories_take_turns_as_in_the_package(lite, full, tensors, tmp_path):
    ours, theirs = in_two_memories(lite, full)
    for i, tensor in enumerate(tensors):
        if i == 31:
            ours.state().save(tmp_path / "state.npz")
            theirs.load_state(StreamState.load(tmp_path / "state.npz"))
            ours.load_state(tsm_edge_lite.StreamState.load(tmp_path / "state.npz"))
        found = ours.step_tensor(tensor, timestamp_s=i / 24)
        expected = theirs.step_tensor(tensor, timestamp_s=i / 24)
        assert bool(found.latency_ms) == bool(expected.latency_ms)
        assert_array_equal(found.logits, expected.logits)
    with pytest.raises(tsm_edge_lite.StateError):
        ours.load_state(ours.state()._replace(shift_buffers=ours.state().shift_buffers[::2]))
    ours.reset()
    theirs.reset()
    for i, tensor in enumerate(tensors[:6]):
        found = ours.step_tensor(tensor, timestamp_s=i / 12)
        assert_array_equal(found.logits, theirs.step_tensor(tensor, timestamp_s=i / 12).logits)


@given(
    st.lists(st.one_of(st.none(), st.just(float("inf")), st.floats(-0.2, 0.4)), max_size=40),
    st.integers(1, 3),
    st.sampled_from([None, 5.0, 12.0]),
)
def test_pacing_is_the_package_s(gaps, interleave, max_fps):
    spec = replace(tiny_spec(), max_fps=max_fps, interleave=interleave)
    ours, theirs, time_s = tsm_edge_lite._Pacing(json_fields(spec)), Pacing(spec), 0.0
    for gap in gaps:
        time_s += gap if gap is not None and np.isfinite(gap) else 0.0
        now_s = time_s if gap is not None and np.isfinite(gap) else gap
        memory = theirs.turn(now_s)
        assert ours.turn(now_s) == memory
        if memory is not None:
            ours.read(memory, now_s)
            theirs.read(memory, now_s)
        assert ours.order() == theirs.order()


def json_fields(spec):
    import msgspec

    return msgspec.to_builtins(spec)


def test_states_cross_both_ways(lite, full, tensors, tmp_path):
    ours, theirs = lite.open_stream(), full.open_stream()
    for tensor in tensors[:7]:
        ours.step_tensor(tensor)
    ours.state().save(tmp_path / "ours.npz")
    theirs.load_state(StreamState.load(tmp_path / "ours.npz"))
    for tensor in tensors[7:14]:
        theirs.step_tensor(tensor)
        ours.step_tensor(tensor)
    theirs.state().save(tmp_path / "theirs.npz")
    other = lite.open_stream()
    other.load_state(tsm_edge_lite.StreamState.load(tmp_path / "theirs.npz"))
    expected = ours.step_tensor(tensors[14])
    found = other.step_tensor(tensors[14])
    assert_array_equal(found.logits, expected.logits)
    assert (found.frame, found.smoothed_label) == (expected.frame, expected.smoothed_label)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ours.npz", "theirs.npz"]


def test_refused_states_leave_the_stream(lite, tensors, tmp_path):
    stream = lite.open_stream()
    stream.step_tensor(tensors[0])
    state = stream.state()
    broken = [
        state._replace(shift_buffers=state.shift_buffers[1:]),
        state._replace(shift_buffers=tuple(buffer.astype(np.float64) for buffer in state.shift_buffers)),
        state._replace(shift_buffers=tuple(buffer * np.nan for buffer in state.shift_buffers)),
        state._replace(frame=-1),
        state._replace(smoothing=state.smoothing._replace(shown=99)),
        state._replace(smoothing=state.smoothing._replace(candidate=-2)),
        state._replace(smoothing=state.smoothing._replace(quiet_s=float("nan"))),
        state._replace(smoothing=state.smoothing._replace(ages_s=np.zeros(5, np.float32))),
        "state",
    ]
    for other in broken:
        with pytest.raises(tsm_edge_lite.StateError):
            stream.load_state(other)
    assert_array_equal(stream.state().shift_buffers[0], state.shift_buffers[0])
    (tmp_path / "other.npz").write_bytes(b"PK")
    for name in ("other.npz", "none.npz"):
        with pytest.raises(tsm_edge_lite.StateError, match="is no saved stream state"):
            tsm_edge_lite.StreamState.load(tmp_path / name)
    with pytest.raises(tsm_edge_lite.TsmEdgeError, match="cannot write"):
        state.save(tmp_path / "no folder" / "state.npz")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("picture", "not a str"),
        (np.zeros((8, 8), np.uint8), "expected uint8"),
        (np.zeros((8, 8, 4), np.uint8), "expected uint8"),
        (np.zeros((8, 8, 3), np.float32), "frame is float32"),
        (np.zeros((0, 8, 3), np.uint8), "frame is uint8"),
        (np.zeros((1, 33, 3), np.uint8), "at most 32 times"),
    ],
    ids=lambda value: getattr(value, "shape", None) and str(value.shape),
)
def test_refused_frames_leave_the_stream(lite, frame, message):
    stream, other = lite.open_stream(), lite.open_stream()
    with pytest.raises(tsm_edge_lite.FrameError, match=message):
        stream.step(frame)
    picture = pictures(1, (40, 40))[0]
    assert_array_equal(stream.step(picture).logits, other.step(picture).logits)


@pytest.mark.parametrize("value", [np.nan, np.inf, 2e4])
def test_refused_tensors(lite, tensors, value):
    tensor = tensors[0].copy()
    tensor[0, 1, 2, 3] = value
    with pytest.raises(tsm_edge_lite.FrameError, match="NaN, infinity or values beyond"):
        lite.open_stream().step_tensor(tensor)
    with pytest.raises(tsm_edge_lite.FrameError, match="for pictures use step"):
        lite.open_stream().step_tensor(tensors[0][0])


def test_closing_ends_gestures_and_refuses_what_comes_after(lite, tensors):
    heard = []
    stream = lite.open_stream(smoothing=False, on_event=heard.append)
    while not heard:
        stream.step_tensor(tensors[len(heard)])
        tensors = tensors[1:]
    lite.close()
    lite.close()
    assert heard[-1].kind == "ended"
    for call in (stream.reset, stream.state, lambda: stream.step_tensor(tensors[0]), lite.open_stream):
        with pytest.raises(tsm_edge_lite.UsageError, match="is closed"):
            call()


@pytest.fixture
def copy(compiled_path, tmp_path):
    return shutil.copytree(compiled_path, tmp_path / "a copy")


def test_without_a_path_its_own_folder_is_loaded(copy):
    code = "from tsm_edge_lite import Session; s = Session.load(); print(s.path, s.threads, s.device)"
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=True)
    threads = Bundle.open(copy).manifest.threads
    assert done.stdout.strip() == f"{copy} {threads} cpu"


@pytest.mark.parametrize("name", [LIBRARY, WEIGHTS])
def test_altered_files_are_not_executed(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(tsm_edge_lite.BundleError, match=f"{name} was altered since"):
        tsm_edge_lite.Session.load(copy)


def change(path, **fields):
    manifest = json.loads((path / "manifest.json").read_text())
    for name, value in fields.items():
        manifest[name] = {**manifest[name], **value} if isinstance(value, dict) else value
    (path / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"abi_version": 1}, "accepted are"),
        ({"schema_version": 2}, "accepted are"),
        ({"target": {"triple": "riscv64-linux-gnu"}}, "needs riscv64"),
        ({"target": {"libc": "bionic"}}, "needs Android"),
        ({"model": {"labels": ["one"]}}, "do not belong together"),
        ({"files": {"../outside": {"size_bytes": 1, "sha256": ""}}}, "outside the bundle"),
        ({"files": {"gone": {"size_bytes": 1, "sha256": ""}}}, "gone is missing"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bundles_that_do_not_fit_are_one_line(copy, fields, message):
    change(copy, **fields)
    with pytest.raises(tsm_edge_lite.BundleError, match=message) as caught:
        tsm_edge_lite.Session.load(copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("machine", "fields", "cpuinfo", "missing"),
    [
        (
            "aarch64",
            {"features": ["+neon", "+dotprod"], "triple": "aarch64-linux-gnu"},
            "Features\t: fp asimd",
            "asimddp",
        ),
        (
            "x86_64",
            {"vector_bits": 512, "triple": "x86_64-linux-gnu"},
            "flags\t\t: sse4_2 avx2 fma",
            "avx512f, avx512vl",
        ),
    ],
)
def test_missing_instructions_are_named(lite, monkeypatch, tmp_path, machine, fields, cpuinfo, missing):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{cpuinfo}\n")
    monkeypatch.setattr(tsm_edge_lite, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(tsm_edge_lite.BundleMismatchError, match=f"needs {missing}$"):
        tsm_edge_lite._check_machine({**lite.manifest["target"], **fields})


def test_the_gpu_is_demanded_where_none_is(compiled_path):
    with pytest.raises(tsm_edge_lite.BundleError, match="cannot open"):
        tsm_edge_lite.Session.load(compiled_path, device="gpu")
    with pytest.raises(tsm_edge_lite.UsageError, match="choose one of auto, cpu, gpu"):
        tsm_edge_lite.Session.load(compiled_path, device="tpu")


@pytest.fixture
def run(compiled_path, tmp_path):
    """The file as a program, isolated, without OpenCV unless it is asked for."""
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "cv2.py").write_text("raise ImportError('blocked')\n")

    def run_(*arguments, python=sys.executable, code=0, stdin=b"", opencv=False):
        block = "" if opencv else f"sys.path.insert(0, {str(tmp_path / 'blocked')!r}); "
        start = f"import runpy, sys; {block}sys.argv[0] = {LITE!r}; "
        script = f"{start}runpy.run_path({str(compiled_path / LITE)!r}, run_name='__main__')"
        command = [python, "-I", "-c", script, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, input=stdin)
        assert done.returncode == code, done.stderr.decode()
        return done.stdout.decode(), done.stderr.decode()

    return run_


@pytest.mark.parametrize("python", INTERPRETERS)
def test_the_golden_stream_is_the_default(run, compiled_path, python):
    stdout, _ = run(python=python)
    first, second = stdout.splitlines()
    count = len(Bundle.open(compiled_path).manifest.files)
    assert first == f"mobilenetv2-0.5-jester (untrained weights): {count} files intact"
    assert second.startswith("golden stream of 8 frames on cpu")
    report = json.loads(run(compiled_path, "--json", "--threads", "1", python=python)[0])
    assert (report["threads"], report["num_frames"]) == (1, 8)
    assert 0 < report["max_relative_error"] <= 1e-5


@pytest.mark.parametrize("python", INTERPRETERS)
def test_raw_frames_are_predicted_without_opencv_as_the_package_does(run, full, tmp_path, python):
    short = full.spec.preprocess.resize_short_side
    frames = np.stack(pictures(5, (short, short)))
    frames.tofile(tmp_path / "frames.bgr")
    size = f"{short}x{short}"
    stdout, stderr = run("--source", f"raw:{size}:{tmp_path / 'frames.bgr'}", "--json", python=python)
    lines = [json.loads(line) for line in stdout.splitlines()]
    stream = full.open_stream()
    for index, (line, frame) in enumerate(zip(lines, frames, strict=True)):
        expected = prediction_record(stream.step(frame, timestamp_s=index / 25))
        assert set(line) == set(expected)
        assert [label for label, _ in line["top"]] == [label for label, _ in expected["top"]]
        for name in ("frame", "timestamp_s", "label", "smoothed_label"):
            assert line[name] == expected[name]
        # Another numpy's exponential may round otherwise.
        assert line["score"] == pytest.approx(expected["score"], rel=1e-5)
    assert "untrained weights" in stderr
    piped, _ = run("--source", f"raw:{size}:-", "--frames", "3", python=python, stdin=frames.tobytes())
    assert "frame 0 " in piped


def test_videos_and_folders_are_predicted_with_opencv(run, tmp_path):
    cv2 = pytest.importorskip("cv2")
    (tmp_path / "pictures").mkdir()
    for number, picture in enumerate(pictures(12, (40, 60))):
        cv2.imwrite(str(tmp_path / "pictures" / f"frame{number}.png"), picture)
    _, stderr = run("--source", tmp_path / "pictures", opencv=True)
    assert "12 frames in" in stderr
    _, stderr = run("--source", tmp_path / "pictures", code=1)
    assert "need OpenCV (blocked): sudo apt-get install python3-opencv" in stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 1, "nowhere is not a bundle"),
        (["--threads", "0"], 2, "0 threads; give 1 to 64"),
        (["--device", "tpu"], 2, "invalid choice"),
        (["--source", "none.mp4"], 1, "no video at none.mp4"),
        (["--source", "csi://0"], 1, "needs an OpenCV with GStreamer"),
        (["--source", "raw:8x8:none"], 1, "cannot read none: No such file"),
        (["--source", "{folder}"], 1, "no pictures in"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line(run, tmp_path, arguments, code, message):
    given = [argument.format(folder=tmp_path) for argument in arguments]
    _, stderr = run(*given, code=code, opencv=True)
    assert message in stderr.splitlines()[-1]
    assert "Traceback" not in stderr


def test_raw_frames_that_end_too_early(run):
    assert "ends within a frame" in run("--source", "raw:8x8:-", code=1, stdin=b"x" * 200)[1].splitlines()[-1]


def test_without_numpy_one_line_says_how_to_get_it(compiled_path):
    """-S hides the site-packages, and with them numpy."""
    done = subprocess.run([sys.executable, "-I", "-S", compiled_path / LITE], capture_output=True, text=True)
    assert done.returncode == 1
    assert "apt-get install python3-numpy" in done.stderr
    assert done.stderr.count("\n") == 1


def test_it_is_written_for_python_3_6():
    ast.parse(lite_source().read_text(), feature_version=(3, 6))
    options = ["--target=3.6-", "--violations", "--no-tips", "--eval-annotations"]
    command = [sys.executable, "-c", "from vermin import main; main()", *options]
    done = subprocess.run([*command, lite_source()], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_it_imports_nothing_but_the_standard_library_and_numpy():
    tree = ast.parse(lite_source().read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"numpy", "cv2"}


def test_the_manifest_has_what_is_read_of_it(manifest):
    fields = manifest_fields(manifest)
    assert {
        "schema_version",
        "abi_version",
        "model",
        "target",
        "threads",
        "files",
        "precision",
        "weights_note",
    } <= set(fields)
