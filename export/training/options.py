"""How a run trains: everything that changes what is learned, and what does not."""

from dataclasses import dataclass
from typing import Literal

from tsm_edge.errors import UsageError
from tsm_edge.export.data.sampling import Sampling
from tsm_edge.specs import FlowMethod, FlowSpec, Modality, ShiftMode

__all__ = ["FEW_CLIPS", "Optimizer", "Precision", "TrainingOptions"]

Optimizer = Literal["adamw", "sgd"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]

# For clips in batches of 8; SGD's is the published 0.02 for 64, scaled with the batch and rounded up.
_LEARNING_RATES: dict[Optimizer, float] = {"adamw": 5e-4, "sgd": 5e-3}
# One view of a clip per epoch: a frozen backbone is run once for each.
_EPOCHS, _FROZEN_EPOCHS = 30, 4
FEW_CLIPS = 1000


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """The settings of a run.

    Attributes:
        epochs: Passes over the clips; None takes 30, or 4 for a frozen backbone.
        batch_size: Clips a step in each process.
        lr: The largest learning rate of the backbone; None takes the optimizer's own.
        head_lr_scale: The classifier learns that many times faster, as published; so does flow's first convolution.
        weight_decay: AdamW's own, or SGD's L2.
        warmup_epochs: The learning rate rises from zero for so long, then falls along a cosine.
        label_smoothing: How much of the target is spread over all classes, 0 to 1.
        ema_decay: Weights that are kept are this moving average of those that learn; 0 keeps the last ones.
        max_gradient_norm: Longer gradients are shortened to this, as published.
        dropout: Of the features in front of the classifier, as published.
        num_segments: Frames of a clip that the network sees at once.
        image_size: Height and width of a frame.
        sampling: Which frames, see `tsm_edge.export.data.sampling`.
        colour_jitter: See `tsm_edge.export.data.loading.Augmentation`.
        flip: Mirror clips at random; labels with a direction swap with their counterpart.
        offline: Train the bi-directional shift for whole clips, not the uni-directional one for streams.
        modality: What the network sees: "rgb", or "flow" for the second stream beside one on RGB; flow is offline.
        flow_method: What computes the flow, see `tsm_edge.specs.FlowSpec`.
        freeze_norms: Batch norms keep the statistics that they came with, see `frozen_norms`; None does so where a
            trained model on RGB learns from fewer than FEW_CLIPS: their own statistics would tell little.
        freeze_backbone: Train the classifier alone, on features that are computed once.
        validation_fraction: Part of every class that is put aside where the data set names no validation part.
        precision: Of the arithmetic; "auto" is bf16 or fp16 on a GPU, fp32 elsewhere.
        seed: Of everything random.
        workers: Processes that read clips; None chooses. They change nothing that is learned.
    """

    epochs: int | None = None
    batch_size: int = 8
    lr: float | None = None
    head_lr_scale: float = 5.0
    optimizer: Optimizer = "adamw"
    weight_decay: float = 5e-4
    warmup_epochs: float = 1.0
    label_smoothing: float = 0.1
    ema_decay: float = 0.998
    max_gradient_norm: float = 20.0
    dropout: float = 0.5
    num_segments: int = 8
    image_size: int = 224
    sampling: Sampling = "uniform"
    colour_jitter: float = 0.2
    flip: bool = False
    offline: bool = False
    modality: Modality = "rgb"
    flow_method: FlowMethod = "dis"
    freeze_norms: bool | None = None
    freeze_backbone: bool = False
    validation_fraction: float = 0.2
    precision: Precision = "auto"
    seed: int = 0
    workers: int | None = None

    def __post_init__(self) -> None:
        for name, lowest, highest in _RANGES:
            value = getattr(self, name)
            if value is not None and not lowest <= value <= highest:
                raise UsageError(f"{name.replace('_', ' ')} {value}: give {lowest:g} to {highest:g}")

    @property
    def num_epochs(self) -> int:
        """Passes over the clips."""
        return self.epochs or (_FROZEN_EPOCHS if self.freeze_backbone else _EPOCHS)

    @property
    def mode(self) -> ShiftMode:
        """The shift that the network learns with."""
        return "offline" if self.offline or self.modality == "flow" else "online"

    @property
    def flow(self) -> FlowSpec | None:
        """What a network on flow sees."""
        return FlowSpec(method=self.flow_method) if self.modality == "flow" else None

    @property
    def learning_rate(self) -> float:
        """The largest learning rate of the backbone."""
        return self.lr or _LEARNING_RATES[self.optimizer]


_RANGES = (
    ("epochs", 1, 10_000),
    ("batch_size", 1, 4096),
    ("lr", 1e-9, 100),
    ("label_smoothing", 0, 0.9),
    ("ema_decay", 0, 0.99999),
    ("dropout", 0, 0.95),
    ("num_segments", 1, 64),
    ("colour_jitter", 0, 0.9),
    ("validation_fraction", 0, 0.9),
    ("seed", 0, 2**31),
    ("workers", 0, 256),
)
