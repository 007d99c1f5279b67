"""One set of weights, three views: offline clip, online clip, streaming.

    ClipModel(mode="offline")   (N, T, C, H, W) -> (N, T, num_classes)     bi-directional shift
    ClipModel(mode="online")    (N, T, C, H, W) -> (N, T, num_classes)     uni-directional shift
    ClipModel(mode="none")      (N, T, C, H, W) -> (N, T, num_classes)     no shift, for comparison
    StreamingModel              (1, 3, H, W), buffers -> (1, num_classes), next buffers

Row t of the online view is what the streaming view answers to frame t. Networks that see optical flow (C = 10) have
clip views alone.
"""

import torch
from torch import Tensor, nn

from tsm_edge.errors import UsageError
from tsm_edge.export.models.backbone import Backbone
from tsm_edge.export.models.temporal_shift import BufferedShift, clip_shift
from tsm_edge.specs import ModelSpec, ShiftMode

__all__ = ["ClipModel", "StreamingModel"]


class ClipModel(nn.Module):
    """The network over whole clips.

    Attributes:
        backbone: The weights, shared by all views of this model.
        spec: What everything after the checkpoint needs to know.
        mode: The shift of this view.
    """

    def __init__(self, backbone: Backbone, spec: ModelSpec, mode: ShiftMode | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.spec = spec
        self.mode: ShiftMode = mode or spec.trained_shift
        self.training = backbone.training

    def forward(self, clips: Tensor) -> Tensor:
        """Logits of every frame; their mean over T is the published clip score.

        Args:
            clips: Normalised clips, (N, T, C, H, W), float32; C is 3 for RGB, 10 for optical flow.

        Returns:
            (N, T, num_classes), float32.
        """
        num_segments = clips.shape[1]
        shift = clip_shift(self.mode, num_segments, self.spec.shift_div)
        logits: Tensor = self.backbone(clips.flatten(0, 1), shift)
        return torch.unflatten(logits, 0, (-1, num_segments))  # (N*T, classes) -> (N, T, classes)

    def with_mode(self, mode: ShiftMode) -> "ClipModel":
        """The view with the other shift, on the same weights."""
        return ClipModel(self.backbone, self.spec, mode)

    def streaming(self) -> "StreamingModel":
        """The one-frame view on the same weights: online, whatever the mode of this view is.

        Raises:
            UsageError: The network sees optical flow, which single frames do not have.
        """
        return StreamingModel(self.backbone, self.spec)


class StreamingModel(nn.Module):
    """The network over one frame and the shift buffers that the frame before left.

    Attributes:
        backbone: The weights, shared by all views of this model.
        spec: What everything after the checkpoint needs to know.

    Raises:
        UsageError: The network sees optical flow, which single frames do not have.
    """

    def __init__(self, backbone: Backbone, spec: ModelSpec) -> None:
        super().__init__()
        if spec.preprocess.flow is not None:
            raise UsageError(
                f"{spec.name} sees optical flow, of whole clips: it cannot stream, be exported or compiled; "
                "take a network on RGB for that, and `tsm-edge eval RGB FLOW DATA` for both together"
            )
        self.backbone = backbone
        self.spec = spec
        self.training = backbone.training

    def forward(self, frame: Tensor, *shift_buffers: Tensor) -> tuple[Tensor, ...]:
        """Logits of one frame, and the state for the next.

        Args:
            frame: Normalised RGB, (1, 3, H, W), float32.
            shift_buffers: One per shifted block, shaped as `spec.state` says, float32.

        Returns:
            Logits (1, num_classes), then the next shift buffers, shaped like those given.

        Raises:
            StateError: A buffer does not have the shape that the spec tells.
        """
        shift = BufferedShift(shift_buffers)
        logits: Tensor = self.backbone(frame, shift)
        return (logits, *shift.next_shift_buffers)

    def initial_state(self) -> tuple[Tensor, ...]:
        """Zero shift buffers, as before the first frame."""
        device = self.backbone.classifier.weight.device
        return tuple(torch.zeros(shape, device=device) for shape in self.spec.state.shapes)
