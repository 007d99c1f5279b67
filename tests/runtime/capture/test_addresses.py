import cv2
import pytest
from tiny_video import grey_picture, write_video

from tsm_edge.errors import SourceError, UsageError
from tsm_edge.runtime.capture import as_camera, open_source
from tsm_edge.runtime.capture.camera import without_password
from tsm_edge.runtime.capture.live import LiveSource
from tsm_edge.runtime.capture.pictures import Pictures
from tsm_edge.runtime.capture.video_file import VideoFile


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "short.avi", [10, 20])


def test_paths_are_files_pictures_or_cameras(video, tmp_path):
    cv2.imwrite(str(tmp_path / "still.JPG"), grey_picture(1))
    for address, kind in (
        (str(video), VideoFile),
        (f"live+{video}", LiveSource),
        (f"{tmp_path}/*.JPG", Pictures),
        (f"{tmp_path}/still.JPG", Pictures),
    ):
        with open_source(address) as source:
            assert type(source) is kind
            assert source.read(5) is not None


def test_file_with_a_pattern_in_its_name_is_a_file(tmp_path):
    with open_source(str(write_video(tmp_path / "take[1].avi", [10]))) as source:
        assert type(source) is VideoFile


@pytest.mark.parametrize("address", ["gopher://host/x", "csi://front", "file:///video.mp4"])
def test_unknown_schemes_are_named(address):
    with pytest.raises(UsageError, match="accepted are 0, /dev/video0"):
        open_source(address)


@pytest.mark.parametrize("address", ["63", "/dev/video63"])
def test_absent_camera_is_said(address):
    with pytest.raises(SourceError, match="no camera at /dev/video63"):
        open_source(address)


def test_csi_needs_gstreamer_and_says_so():
    if cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        pytest.skip("this OpenCV has GStreamer")
    with pytest.raises(SourceError, match="OpenCV with GStreamer"):
        open_source("csi://0")


def test_silent_address_is_said_without_the_password():
    with pytest.raises(SourceError, match="no video at rtsp://127") as refused:
        open_source("rtsp://user:secret@127.0.0.1:9/stream")
    assert "secret" not in str(refused.value)


def test_passwords_are_left_out():
    assert without_password("rtsp://me:pass@host/a@b") == "rtsp://host/a@b"
    assert without_password("http://host/a") == "http://host/a"


def test_only_video_files_play_camera(video, tmp_path):
    cv2.imwrite(str(tmp_path / "still.png"), grey_picture(1))
    assert as_camera(str(video)) == f"live+{video}"
    for address in ("0", f"{tmp_path}/still.png", f"{tmp_path}/*.png", "rtsp://host/x", f"live+{video}"):
        assert as_camera(address) == address
