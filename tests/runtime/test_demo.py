import cv2
import numpy as np
import pytest
from web_camera import web_camera

from tsm_edge.runtime.capture.video_file import VideoFile
from tsm_edge.runtime.demo import run_demo

WHITE = 255


@pytest.fixture
def one_sided(tmp_path):
    """Pictures that differ from their mirror images."""
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    picture[:, :32] = 0
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    return f"{tmp_path}/*.png", picture


def logits_of(tiny_path, source, **options):
    logits = []
    run_demo(
        tiny_path,
        source,
        backend="onnxruntime",
        headless=True,
        on_prediction=lambda prediction: logits.append(prediction.logits),
        **options,
    )
    return np.stack(logits)


def test_flip_changes_the_record_and_not_what_the_network_sees(tiny_path, session, one_sided, tmp_path):
    source, picture = one_sided
    plain = logits_of(tiny_path, source)
    np.testing.assert_array_equal(logits_of(tiny_path, source, flip=True, record=tmp_path / "out.mp4"), plain)
    assert np.abs(session.open_stream().step(picture[:, ::-1]).logits - plain[0]).max() > 0.01
    with VideoFile(tmp_path / "out.mp4") as recorded:
        shown = recorded.read().image[:480]
    assert shown[:, :300].mean() > 50 > 20 > shown[:, 340:].mean()


def test_lost_camera_starts_the_stream_anew(tiny_path):
    predictions = []
    with web_camera(WHITE) as address:
        summary = run_demo(
            tiny_path,
            address,
            backend="onnxruntime",
            headless=True,
            max_frames=20,
            on_prediction=predictions.append,
        )
    kinds = [event.kind for prediction in predictions for event in prediction.events]
    assert kinds[:3] == ["started", "ended", "started"]
    restart = next(
        i
        for i, prediction in enumerate(predictions)
        if any(event.kind == "ended" for event in prediction.events)
    )
    np.testing.assert_array_equal(predictions[restart].logits, predictions[0].logits)
    assert not np.array_equal(predictions[restart - 1].logits, predictions[0].logits)
    assert summary.frames == 20
