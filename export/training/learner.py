"""The weights that learn, and one step of theirs: forward, loss, backward, clip, step, average."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from tsm_edge.errors import TrainingError
from tsm_edge.export.data.loading import normalised
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.export.training.frozen_norms import FrozenNorms
from tsm_edge.export.training.moving_average import MovingAverage
from tsm_edge.export.training.options import TrainingOptions
from tsm_edge.export.training.processes import Process
from tsm_edge.export.training.schedule import cosine_factor

__all__ = ["Learner"]

_MOMENTUM = 0.9


class Learner:
    """A clip model with all that changes while it learns.

    Args:
        model: Its weights are those that learn.
        options: Of the run.
        process: This one.
        num_steps: Of the whole run.
        freeze_norms: Batch norms keep their statistics.

    Attributes:
        model: The network, on the process's device.
        average: The weights that are kept.
    """

    def __init__(
        self,
        model: ClipModel,
        options: TrainingOptions,
        process: Process,
        num_steps: int,
        freeze_norms: bool = False,
    ) -> None:
        self.model = model.to(process.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = MovingAverage(model.backbone, options.ema_decay)
        self._options = options
        self._process = process
        self._num_steps = num_steps
        steps_an_epoch = num_steps / options.num_epochs
        self._warmup_steps = min(num_steps - 1, round(options.warmup_epochs * steps_an_epoch))
        self._step = 0
        self._optimizer = _optimizer(model, options)
        self._rates = [float(group["lr"]) for group in self._optimizer.param_groups]
        self._dtype = _dtype(options, process.device)
        self._scaler = torch.amp.GradScaler(process.device.type, enabled=self._dtype is torch.float16)
        self._freeze_norms = freeze_norms
        self._network: nn.Module = model
        runs = model
        if process.world_size > 1:
            self._network = DistributedDataParallel(model)
        elif freeze_norms:
            self._network = frozen = FrozenNorms(model)
            runs = frozen.folded
        runs.backbone.classifier.register_forward_pre_hook(self._drop_features)

    @property
    def lr(self) -> float:
        """The backbone's learning rate in the next step."""
        return self._rates[0] * cosine_factor(self._step, self._num_steps, self._warmup_steps)

    def step(self, clips: Tensor, labels: Tensor) -> tuple[float, int]:
        """Learn from clips (N, T, S, S, C) uint8; returns the mean loss and how many were right.

        Raises:
            TrainingError: The loss is no number any more.
        """
        self._network.train()
        if self._freeze_norms:
            for module in self.model.modules():
                module.train(module.training and not isinstance(module, nn.BatchNorm2d))
        factor = cosine_factor(self._step, self._num_steps, self._warmup_steps)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        scores, loss = self._scores_and_loss(clips, labels)
        value = float(loss.detach())
        if not value < float("inf"):
            raise TrainingError(f"the loss became {value} in step {self._step}; give a smaller --lr")
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(self._optimizer)
        nn.utils.clip_grad_norm_(self.model.parameters(), self._options.max_gradient_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.average.update(self.model.backbone)
        self._step += 1
        return value, int((scores.argmax(1) == labels.to(scores.device)).sum())

    def state_dict(self) -> dict[str, Any]:
        """All that changes, for a checkpoint."""
        return {
            "backbone": self.model.backbone.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "step": self._step,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.model.backbone.load_state_dict(state["backbone"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self._step = state["step"]

    def _scores_and_loss(self, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        device = self._process.device
        labels = labels.to(device, non_blocking=True)
        network_input = normalised(clips.to(device, non_blocking=True), self.model.spec.preprocess)
        autocast = torch.autocast(device.type, self._dtype) if self._dtype else nullcontext()
        with autocast:
            logits: Tensor = self._network(network_input)
        scores = logits.float().mean(1)  # (N, T, classes) -> (N, classes), the published consensus
        loss = functional.cross_entropy(scores, labels, label_smoothing=self._options.label_smoothing)
        return scores.detach(), loss

    def _drop_features(self, classifier: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        return functional.dropout(inputs[0], self._options.dropout, classifier.training)


def _optimizer(model: ClipModel, options: TrainingOptions) -> torch.optim.Optimizer:
    """Norms and biases do not decay; layers that begin anew for these clips learn faster."""
    fast: tuple[str, ...] = ("classifier.",)
    if model.spec.preprocess.flow is not None:
        fast += (f"{model.backbone.first_conv}.",)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.backbone.named_parameters():
        scale = options.head_lr_scale if name.startswith(fast) else 1.0
        decay = options.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((scale, decay), []).append(parameter)
    rate = options.learning_rate
    settings: list[dict[str, Any]] = [
        {"params": parameters, "lr": rate * scale, "weight_decay": decay}
        for (scale, decay), parameters in groups.items()
    ]
    if options.optimizer == "sgd":
        return torch.optim.SGD(settings, momentum=_MOMENTUM)
    return torch.optim.AdamW(settings)


def _dtype(options: TrainingOptions, device: torch.device) -> torch.dtype | None:
    """What autocast computes in; None leaves everything in float32."""
    if options.precision == "fp32" or (options.precision == "auto" and device.type == "cpu"):
        return None
    if options.precision == "fp16" or (options.precision == "auto" and not torch.cuda.is_bf16_supported()):
        return torch.float16
    return torch.bfloat16
