"""The default model's training: made clips without end, a clip model with dense heads, a moving average.

loss = CE(mean of the frames' logits) + 0.3 CE(each frame after half the stroke) + w dense heads + b background
       + 0.5 negatives

The background's is for clips of consecutive frames, as streams show them: before the stroke, or before a sign is up,
and a second after its end no gesture may be likelier than the background, for that would be an event too early or
another one too late. Negatives are footage of people who make no gesture.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tsm_edge.errors import TrainingError
from tsm_edge.export.data.gestures import NOTHING, OTHER, GestureBatch, gesture_classes
from tsm_edge.export.data.gestures.footage import Footage
from tsm_edge.export.data.gestures.pictures import Pictures
from tsm_edge.export.data.loading import normalised
from tsm_edge.export.models.backbone import Backbone
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.export.models.mobilenet_v2 import MobileNetV2
from tsm_edge.export.training.frozen_norms import FrozenNorms
from tsm_edge.export.training.gestures.clip_supply import ClipSupply, made_too_often
from tsm_edge.export.training.gestures.dense_heads import DenseHeads
from tsm_edge.export.training.gestures.losses import background_loss, late_frames_loss
from tsm_edge.export.training.gestures.negatives import NegativeSupply, negative_loss
from tsm_edge.export.training.gestures.plan import Plan
from tsm_edge.export.training.moving_average import MovingAverage
from tsm_edge.export.training.schedule import cosine_factor

__all__ = ["GestureTraining", "Progress"]


_CLOCK_STEPS = 10_000  # of the learning rate's course, where it falls with the clock
_BACKGROUND = (NOTHING, OTHER)
_NEGATIVE_WEIGHT = 0.5


@dataclass(frozen=True)
class Progress:
    """What a report tells: averages since the last one; seconds and speed of this call alone."""

    step: int
    clips: int
    seconds: float
    clips_per_s: float
    loss: float
    accuracy: float
    centre_error: float


class GestureTraining:
    """A clip model that learns from made clips.

    Args:
        model: The network, on `device`; its classes are some of GESTURE_LABELS. Clips of other gestures are
            "Doing other things" to it.
        plan: The settings.
        device: Where clips are made and the network learns.
        pictures: Packaged photographs and videos, where another machine found them.
        world: Where clips are made.
        footage: Videos in which nobody makes a gesture.
    """

    def __init__(
        self,
        model: ClipModel,
        plan: Plan,
        device: torch.device,
        pictures: Pictures | None = None,
        world: str = "train",
        footage: Footage | None = None,
    ) -> None:
        self._classes = gesture_classes(model.spec.labels).to(device)
        self._background = torch.tensor(
            [number for number, label in enumerate(model.spec.labels) if label in _BACKGROUND], device=device
        )
        self._prior = made_too_often(self._classes, model.spec.num_classes)
        self._supply = ClipSupply(plan, device, pictures, world, self._classes, footage)
        self._negatives = NegativeSupply(footage, plan, device) if footage else None
        self._bfloat16 = plan.bfloat16 or device.type == "cuda"
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.plan, self.device, self.step, self.seconds = plan, device, 0, 0.0
        self._frozen = _front(model.backbone, plan.frozen_layers).requires_grad_(False)
        self.heads = DenseHeads(model.backbone.classifier.in_features, plan.seed).to(device)
        self.average = MovingAverage(model.backbone, plan.ema_decay)
        self._features: list[Tensor] = []
        frozen_norms = FrozenNorms(self.model) if plan.freeze_norms else None
        self._network: Callable[[Tensor], Tensor] = frozen_norms or self.model
        learns = frozen_norms.folded if frozen_norms else self.model
        learns.backbone.classifier.register_forward_pre_hook(
            lambda _, inputs: self._features.append(inputs[0])
        )
        self._optimizer = self._make_optimizer()
        self._rates = [float(group["lr"]) for group in self._optimizer.param_groups]

    def run(self, report: Callable[[Progress], None], every: int = 50, until: float | None = None) -> bool:
        """Learn until the plan's end, or until `time.monotonic()` is past `until`; True at the plan's end."""
        begin, first, sums = time.monotonic(), self.step, torch.zeros(3, device=self.device)
        since, before = 0, self.seconds
        while self.share < 1:
            sums += self._learn(self._supply.batch(self.step))
            self.step += 1
            self.seconds = before + time.monotonic() - begin
            since += 1
            if self.step % every == 0 or self.share >= 1:
                loss, accuracy, error = (sums / since).tolist()
                if not loss < float("inf"):
                    raise TrainingError(
                        f"the loss became {loss} before step {self.step}; give a smaller --lr"
                    )
                seconds = time.monotonic() - begin
                rate = (self.step - first) * self.plan.batch_size / max(seconds, 1e-3)
                clips = self.step * self.plan.batch_size
                report(Progress(self.step, clips, seconds, rate, loss, accuracy, error))
                sums.zero_()
                since = 0
            if until is not None and time.monotonic() > until:
                return self.share >= 1
        return True

    @property
    def share(self) -> float:
        """How much of the run is over, 0 to 1: by its steps, or by the clock where the plan says so."""
        if self.plan.lr_minutes is None:
            return min(1.0, self.step / self.plan.steps)
        return min(1.0, self.seconds / (60 * self.plan.lr_minutes))

    def state_dict(self) -> dict[str, Any]:
        """All that changes, and the plan."""
        return {
            "plan": asdict(self.plan),
            "step": self.step,
            "seconds": self.seconds,
            "backbone": self.model.backbone.state_dict(),
            "heads": self.heads.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            TrainingError: It was a run with another plan.
        """
        begun = asdict(Plan()) | state["plan"]  # a run of an earlier version lacks settings that came later
        changed = [name for name, value in asdict(self.plan).items() if begun[name] != value]
        if changed:
            raise TrainingError(
                f"the run was begun with another {changed[0]}; give the same or delete its checkpoint"
            )
        self.step, self.seconds = state["step"], state.get("seconds", 0.0)
        self.model.backbone.load_state_dict(state["backbone"])
        self.heads.load_state_dict(state["heads"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])

    def averaged(self) -> dict[str, Tensor]:
        """The weights to keep."""
        return self.average.tensors

    def _learn(self, batch: GestureBatch) -> Tensor:
        """One step; loss, accuracy and the centres' error, (3,)."""
        self.model.train()
        self._frozen.eval()
        plan = self.plan
        progress, factor = self.share, self._rate_factor()
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        labels = self._classes[batch.labels]
        seen, features = self._answers(self._with_negatives(batch))
        seen = seen + self._prior
        logits, unasked = seen[: len(labels)], seen[len(labels) :]
        features = features[: len(labels)]
        clip_loss = functional.cross_entropy(logits.mean(1), labels, label_smoothing=plan.label_smoothing)
        frame_loss = late_frames_loss(logits, labels, batch.dense)
        dense_loss = self.heads.loss(features, batch.dense)
        weight = plan.dense_weight * (1 - 0.8 * progress)
        loss = clip_loss + plan.frame_weight * frame_loss + weight * dense_loss
        if plan.background_weight > 0:
            loss = loss + plan.background_weight * background_loss(
                logits, labels, self._background, batch.dense
            )
        if len(unasked):
            loss = loss + _NEGATIVE_WEIGHT * negative_loss(unasked, self._background)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self._optimizer.step()
        self.average.update(self.model.backbone)
        right = (logits.detach().mean(1).argmax(1) == labels).float().mean()
        return torch.stack((loss.detach(), right, self.heads.centre_error(features.detach(), batch.dense)))

    def _rate_factor(self) -> float:
        """What the largest learning rates are multiplied with in this step."""
        by_clock = self.plan.lr_minutes is not None
        steps = _CLOCK_STEPS if by_clock else self.plan.steps
        step = int(self.share * steps) if by_clock else self.step
        return cosine_factor(step, steps, max(1, round(self.plan.warmup * steps)) if steps > 1 else 0)

    def _with_negatives(self, batch: GestureBatch) -> Tensor:
        """The step's clips, (N, T, 3, S, S), uint8, and behind them those of footage."""
        count = round(self.plan.negatives * len(batch.clips))
        if self._negatives is None or not count:
            return batch.clips
        first = self.step * self.plan.batch_size  # no two steps show the same
        shown = self._negatives.clips(first, batch.dense.times[:count], batch.clips.shape[-1])
        return torch.cat((batch.clips, shown))

    def _answers(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, T, classes) and the features in front of the classifier (N, T, features)."""
        frames = normalised(clips.permute(0, 1, 3, 4, 2), self.model.spec.preprocess)
        if frames.shape[-1] < self.plan.size:
            frames = _enlarged(frames, self.plan.size)
        self._features.clear()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bfloat16):
            logits = self._network(frames)
        return logits.float(), self._features.pop().float().view(*logits.shape[:2], -1)

    def _make_optimizer(self) -> torch.optim.Optimizer:
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in self._named_parameters():
            if not parameter.requires_grad:
                continue
            fast = name.startswith(("classifier.", "linear."))
            key = (
                self.plan.head_lr_scale if fast else 1.0,
                self.plan.weight_decay if parameter.ndim > 1 else 0.0,
            )
            groups.setdefault(key, []).append(parameter)
        settings: list[dict[str, Any]] = [
            {"params": parameters, "lr": self.plan.lr * scale, "weight_decay": decay}
            for (scale, decay), parameters in groups.items()
        ]
        return torch.optim.AdamW(settings)

    def _named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        yield from self.model.backbone.named_parameters()
        yield from self.heads.named_parameters()


def _front(backbone: Backbone, num_layers: int) -> nn.Sequential:
    if not isinstance(backbone, MobileNetV2):
        raise TrainingError("gestures are learned by a MobileNetV2; give --init one, or leave it out")
    return nn.Sequential(*list(backbone.features)[:num_layers])


def _enlarged(frames: Tensor, size: int) -> Tensor:
    clips = functional.interpolate(frames.flatten(0, 1), size=(size, size), mode="bilinear")
    return clips.view(*frames.shape[:3], size, size)
