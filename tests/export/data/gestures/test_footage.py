import cv2
import numpy as np
import pytest

from tsm_edge.errors import UsageError
from tsm_edge.export.data.gestures.footage import load_footage


def test_footage_is_videos_at_twelve_frames_a_second_and_photographs(tmp_path):
    (tmp_path / "desk").mkdir()
    cv2.imwrite(str(tmp_path / "a.png"), np.full((300, 500, 3), 90, np.uint8))
    video = cv2.VideoWriter(str(tmp_path / "desk" / "b.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 24, (200, 150))
    for tone in range(48):
        video.write(np.full((150, 200, 3), 2 * tone, np.uint8))
    video.release()
    (tmp_path / "c.mp4").write_bytes(b"no video")
    footage = load_footage(tmp_path)
    assert footage.starts.tolist() == [0, 1, 25]
    assert footage.frames.shape == (25, 3, 144, 192)
    tones = footage.frames.float().mean((1, 2, 3))
    assert tones[0] == 90 and (tones[2:] > tones[1:-1]).all()


def test_a_folder_without_footage_is_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"has no videos and photographs that OpenCV reads"):
        load_footage(tmp_path)
