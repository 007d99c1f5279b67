"""How well a model reads made clips that it did not learn from."""

from dataclasses import dataclass

import torch

from tsm_edge.export.data.gestures import CORE_LABELS, DIRECTED_PAIRS, GESTURE_LABELS, GestureGenerator
from tsm_edge.export.data.loading import normalised
from tsm_edge.export.models.clip_model import ClipModel

__all__ = ["Scores", "score"]


@dataclass(frozen=True)
class Scores:
    """Shares of right answers, 0 to 1.

    Attributes:
        core: Of clips of the eleven core gestures, answers among these eleven.
        all: Of clips of the model's gestures, answers among all.
        pairs: Of clips of the directed pairs, answers among the two of a pair.
        recall: By label, answers among all.
    """

    core: float
    all: float
    pairs: float
    recall: dict[str, float]


@torch.no_grad()
def score(model: ClipModel, generator: GestureGenerator, count: int, batch_size: int = 32) -> Scores:
    """Score `count` clips, the model's labels in turn; the eleven core gestures must be its first."""
    names = model.spec.labels
    made = torch.tensor([GESTURE_LABELS.index(name) for name in names])
    model.eval()
    logits, labels = [], []
    for start in range(0, count, batch_size):
        wanted = torch.arange(start, min(start + batch_size, count)) % len(names)
        batch = generator.clips(start, len(wanted), made[wanted])
        frames = normalised(batch.clips.permute(0, 1, 3, 4, 2), model.spec.preprocess)
        logits.append(model(frames).float().mean(1).cpu())
        labels.append(wanted)
    given, true = torch.cat(logits), torch.cat(labels)
    right = given.argmax(1) == true
    core = true < len(CORE_LABELS)
    in_core = given[core, : len(CORE_LABELS)].argmax(1) == true[core]
    in_pair = []
    for pair in DIRECTED_PAIRS:
        first, second = (names.index(name) for name in pair)
        for mine, other in ((first, second), (second, first)):
            in_pair.append(given[true == mine, mine] > given[true == mine, other])
    recall = {name: float(right[true == i].float().mean()) for i, name in enumerate(names)}
    core_share, all_share, pair_share = (
        float(part.float().mean()) for part in (in_core, right, torch.cat(in_pair))
    )
    return Scores(core_share, all_share, pair_share, recall)
