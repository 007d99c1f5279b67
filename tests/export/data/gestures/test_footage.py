import cv2
import numpy as np
import pytest
import torch

from tsm_edge.errors import UsageError
from tsm_edge.export.data.gestures.footage import Footage, load_footage
from tsm_edge.export.data.gestures.random_numbers import ClipRandom


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


def test_half_of_what_is_seen_is_squeezed():
    """Red says the column and green the row, so that their ranges say how much of a video a picture shows."""
    rows, columns = torch.meshgrid(torch.arange(144), torch.arange(192), indexing="ij")
    frame = torch.stack((columns, rows, torch.zeros_like(rows))).to(torch.uint8)
    footage = Footage(frame[None], torch.tensor([0, 1]))
    seen = footage.seen(ClipRandom(0, torch.arange(400)), torch.zeros(400, 1), 32)[:, 0]
    across = (seen[:, 0, 16, -1] - seen[:, 0, 16, 0]).abs()
    down = seen[:, 1, -1, 16] - seen[:, 1, 0, 16]
    squeezed = across / down
    assert squeezed.min() > 0.98 and 1.25 < squeezed.max() < 1.36
    assert 0.4 < (squeezed < 1.01).float().mean() < 0.6


def test_a_folder_without_footage_is_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"has no videos and photographs that OpenCV reads"):
        load_footage(tmp_path)
