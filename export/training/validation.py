"""How many clips that nobody trains on are recognised, one middle frame of each segment."""

import torch
from torch.utils.data import DataLoader

from tsm_edge.export.data.loading import normalised
from tsm_edge.export.fold import inference_copy
from tsm_edge.export.models.clip_model import ClipModel

__all__ = ["accuracy"]


def accuracy(model: ClipModel, batches: "DataLoader[tuple[torch.Tensor, torch.Tensor]]") -> float | None:
    """Part of the clips whose class scores best, 0 to 1; None without clips."""
    model = inference_copy(model)
    device = model.backbone.classifier.weight.device
    right = total = 0
    with torch.inference_mode():
        for clips, labels in batches:
            scores = model(normalised(clips.to(device), model.spec.preprocess)).mean(1)
            right += int((scores.argmax(1).cpu() == labels).sum())
            total += len(labels)
    return right / total if total else None
