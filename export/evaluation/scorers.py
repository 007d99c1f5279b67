"""What is evaluated: something that gives a clip's frames a score for each class."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tsm_edge.export.data.loading import normalised
from tsm_edge.export.fold import inference_copy
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.specs import ModelSpec

__all__ = ["ModelScorer", "Scorer", "StreamScorer"]

Float32Array = npt.NDArray[np.float32]


class Scorer(Protocol):
    """One network, whatever runs it.

    Attributes:
        name: What reports call it.
        spec: What it is.
        takes_any_size: Whether frames may have another size than the network was made for.
    """

    name: str
    spec: ModelSpec
    takes_any_size: bool

    def scores(self, views: Tensor) -> Float32Array:
        """Logits (num_classes,) of views (V, T, S, S, C) uint8 of one clip: the mean over views and frames."""
        ...


class ModelScorer:
    """A clip model in PyTorch, with the shift that it was trained with."""

    takes_any_size = True

    def __init__(self, model: ClipModel, name: str, device: torch.device) -> None:
        self.name = name
        self.spec = model.spec
        self._model = inference_copy(model).to(device)
        self._device = device

    def scores(self, views: Tensor) -> Float32Array:
        """See `Scorer`."""
        with torch.inference_mode():
            logits = self._model(normalised(views.to(self._device), self.spec.preprocess))
        mean: Float32Array = logits.float().mean((0, 1)).cpu().numpy()
        return mean


class StreamScorer:
    """A bundle or an ONNX file: each view is streamed frame by frame from an empty state.

    Args:
        open_stream: Gives a stream of the runtime, known here by its shape alone: `step_tensor`, `reset`, `close`.
        spec: What the network is.
        name: What reports call it.
    """

    takes_any_size = False

    def __init__(self, open_stream: Callable[[], Any], spec: ModelSpec, name: str) -> None:
        self.name = name
        self.spec = spec
        self._stream = open_stream()

    def scores(self, views: Tensor) -> Float32Array:
        """See `Scorer`."""
        logits = []
        for clip in normalised(views, self.spec.preprocess):
            self._stream.reset()
            logits += [self._stream.step_tensor(frame[None].contiguous().numpy()).logits for frame in clip]
        mean: Float32Array = np.stack(logits).mean(axis=0, dtype=np.float32)
        return mean
