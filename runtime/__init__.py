"""The device half: load a bundle, step streams of frames, show what they mean. Needs neither torch nor TVM.

Numpy alone suffices for `Stream.step_tensor` on a compiled bundle; OpenCV is loaded where frames are decoded,
resized or shown.
"""

from tsm_edge.runtime.events import Event
from tsm_edge.runtime.prediction import Prediction
from tsm_edge.runtime.session import Session
from tsm_edge.runtime.stream import Stream
from tsm_edge.runtime.stream_state import StreamState

__all__ = ["Event", "Prediction", "Session", "Stream", "StreamState"]
