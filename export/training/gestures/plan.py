"""The settings of a run of the default model's training."""

from dataclasses import dataclass

__all__ = ["Plan"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run's settings; a run that goes on must have the same.

    Attributes:
        clips: How many are seen in all.
        batch_size: Clips a step.
        size: Pixels of a frame.
        lr: The backbone's largest learning rate; the classifier and the heads learn faster.
        lr_minutes: The run takes so many minutes of learning and the learning rate falls with the clock, however many
            clips are seen by then; None goes by `clips`. Two such runs differ, for no two are as fast.
        head_lr_scale: That many times.
        weight_decay: AdamW's, of weights that are no norms and biases.
        warmup: Share of the steps in which the learning rate rises.
        dense_weight: Of the dense heads' loss at the beginning; it falls to a fifth.
        frame_weight: Of the single frames' loss.
        background_weight: Of the background's loss, b.
        label_smoothing: As in cross entropy.
        ema_decay: Of the average that is kept.
        frozen_layers: That many layers in front, of `backbone.features`, stay as they began, norms included.
        freeze_norms: Batch norms keep the statistics that they came with: for weights that have learned already; on a
            processor a step then takes two thirds of the time.
        bfloat16: Activations in 16 bits on a processor, too, as always on a GPU: faster where it has such instructions
            (AVX512_BF16).
        coarse_share: Share of steps whose clips are made at 112 pixels, or half the size of small frames, and enlarged.
        stream_share: Share of steps with 16 consecutive frames at 3 to 8 a second, as streams show them, for half the
            clips; other steps have 8 frames over some 3 s.
        photometry: Share of clips in other colours and tones than cameras give, see `randomise_photometry`.
        negatives: Clips of footage a step, over those that are made, where there is footage.
        seed: Of clips and weights.
    """

    clips: int = 1_000_000
    batch_size: int = 64
    size: int = 112
    lr: float = 8e-4
    lr_minutes: float | None = None
    head_lr_scale: float = 6.0
    weight_decay: float = 0.02
    warmup: float = 0.02
    dense_weight: float = 1.0
    frame_weight: float = 0.3
    background_weight: float = 0.0
    label_smoothing: float = 0.05
    ema_decay: float = 0.9995
    frozen_layers: int = 0
    freeze_norms: bool = False
    bfloat16: bool = False
    coarse_share: float = 0.0
    stream_share: float = 0.35
    photometry: float = 0.0
    negatives: float = 0.125
    seed: int = 0

    @property
    def steps(self) -> int:
        """Steps of the run."""
        return max(1, self.clips // self.batch_size)
