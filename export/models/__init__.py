"""The networks: backbones, the temporal shift, and the clip and streaming views that join them."""

from tsm_edge.export.models.clip_model import ClipModel, StreamingModel
from tsm_edge.export.models.registry import (
    MODELS,
    ModelEntry,
    build_backbone,
    build_model,
    make_spec,
)
from tsm_edge.export.models.temporal_shift import shift_offline, shift_online, shift_streaming

__all__ = [
    "MODELS",
    "ClipModel",
    "ModelEntry",
    "StreamingModel",
    "build_backbone",
    "build_model",
    "make_spec",
    "shift_offline",
    "shift_online",
    "shift_streaming",
]
