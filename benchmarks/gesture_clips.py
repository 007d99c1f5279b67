"""How many made gesture clips does a model read right, and what of that does the temporal shift give?

    python benchmarks/gesture_clips.py [MODEL] [--clips N] [--segments T] [--unshifted FILE] [--offline FILE]

Clips come from the world `held-out`, which nothing is trained on. The same clips go through the online clip model, the
same weights with the shift taken out, the streaming model frame by frame from an empty state, and the compiled library.
Taking the shift out of weights that learned with it shows that they use it; what it is worth is the difference to a
network that was trained without (--unshifted) and to one trained with the bi-directional shift (--offline): see
docs/default-model-recipe.md. A clip is some 3 s long: 8 frames of it are the published protocol, 16 are what streams
show.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import numpy.typing as npt
import torch
from gesture_provenance import made_data, network, provenance, record_path, weights_file
from gesture_record import ClipsRecord, ClipsView, Network
from record_files import write_record
from result_files import announce
from torch import Tensor

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.errors import UsageError
from tsm_edge.export import compile_bundle, load_checkpoint
from tsm_edge.export.data.gestures import (
    CORE_LABELS,
    DIRECTED_PAIRS,
    GESTURE_LABELS,
    WORLDS,
    GestureGenerator,
)
from tsm_edge.export.data.loading import normalised
from tsm_edge.export.evaluation.clip_evaluation import summarise
from tsm_edge.export.fold import inference_copy
from tsm_edge.export.models.clip_model import ClipModel
from tsm_edge.export.training.memory import give_back_freed_memory, keep_freed_memory
from tsm_edge.runtime import Session
from tsm_edge.targets import host_target

NUM_SEGMENTS = 8

Logits = npt.NDArray[np.float32]


@click.command()
@click.argument("model", default="default")
@click.option("--clips", type=click.IntRange(16), default=1408, show_default=True, help="Labels in turn.")
@click.option(
    "--unshifted", type=click.Path(path_type=Path, exists=True), help="Weights that learned without shift."
)
@click.option(
    "--offline", type=click.Path(path_type=Path, exists=True), help="Weights of the bi-directional shift."
)
@click.option("--world", type=click.Choice(sorted(WORLDS)), default="held-out", show_default=True)
@click.option("--seed", type=int, default=1001, show_default=True, help="Of the clips.")
@click.option(
    "--segments", type=click.IntRange(2), default=NUM_SEGMENTS, show_default=True, help="Frames of a clip."
)
@click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True)
@click.option("--json", "output", type=click.Path(path_type=Path), help="Default: named by the conditions.")
def main(
    model: str, clips: int, unshifted: Path | None, offline: Path | None, world: str, seed: int, segments: int,
    batch_size: int, output: Path | None,
) -> None:  # fmt: skip
    """Read made clips with MODEL, a checkpoint of made gestures; by default the one that is shipped."""
    others = {"trained without shift": unshifted, "bi-directional": offline}
    given = {name: path for name, path in others.items() if path is not None}
    record = measure(weights_file(model), given, clips, world, seed, batch_size, segments)
    length = "" if segments == NUM_SEGMENTS else f"-{segments}frames"
    path = output or record_path("shift" if given else "clips", record.views[0].network, world, length)
    write_record(record, path)
    for view in record.views:
        core = "" if view.core is None else f"{view.core:.1%} of the core gestures, "
        announce(f"{view.name}: {core}{view.all_pairs:.1%} within pairs")
    announce(f"wrote {path}")


def measure(
    weights: Path,
    others: dict[str, Path],
    num_clips: int,
    world: str,
    seed: int,
    batch_size: int,
    num_segments: int,
) -> ClipsRecord:
    """Make the clips and look at them in every way.

    Raises:
        UsageError: Weights of other classes than the made gestures, or of networks for other frames.
        CheckpointError, CompileError: As their sources say.
    """
    began = provenance(__file__)
    keep_freed_memory()
    model = gesture_model(weights)
    views = Views(model, {name: gesture_model(path) for name, path in others.items()})
    with TemporaryDirectory() as folder:
        announce("compiling")
        target = host_target()
        compile_bundle(model, target, Path(folder) / "bundle")
        with Session.load(Path(folder) / "bundle") as session:
            generator = GestureGenerator(
                world, seed=seed, num_frames=num_segments, size=model.spec.preprocess.crop_size
            )
            views.run(generator, session, num_clips, batch_size)
    networks = {"online": network(weights, model.spec)}
    networks |= {name: network(path, views.others[name].spec) for name, path in others.items()}
    online, compiled = views.logits("online"), views.logits("compiled")
    evaluation = summarise(
        online, views.truth, model.spec.labels, models=(model.spec.name,), protocol="made clips",
        num_segments=(num_segments,),
    )  # fmt: skip
    return ClipsRecord(
        **began,
        data=made_data(world, seed),
        num_clips=num_clips,
        num_segments=num_segments,
        classes=evaluation.classes,
        views=tuple(
            score(name, networks.get(name, networks["online"]), views.truth, views.logits(name))
            for name in views.names
        ),
        target=target.name,
        largest_difference=float(np.abs(compiled - online).max() / np.abs(online).max()),
        other_answers=int((compiled.argmax(1) != online.argmax(1)).sum()),
    )


class Views:
    """One network in four ways, and others beside it; keeps the mean logits of every clip.

    Attributes:
        others: Networks that learned with another shift, by name.
        truth: Class of every clip, an index into the network's labels, (clips,).
    """

    def __init__(self, model: ClipModel, others: dict[str, ClipModel]) -> None:
        self.truth: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self.others = others
        self._spec = model.spec
        self._model = inference_copy(model)
        self._others = {name: inference_copy(other) for name, other in others.items()}
        for name, other in others.items():
            if (other.spec.labels, other.spec.preprocess) != (model.spec.labels, model.spec.preprocess):
                raise UsageError(
                    f"weights {name}: train them with the labels and frames of {model.spec.name}"
                )
        self._pairs = [model.spec.labels.index(label) for pair in known_pairs(model) for label in pair]
        self._logits: dict[str, list[Logits]] = {}

    @property
    def names(self) -> list[str]:
        """Of the views, the online one first."""
        return list(self._logits)

    def logits(self, name: str) -> Logits:
        """Mean logits of all clips, (clips, classes); NaN where a view was not shown a clip."""
        return np.concatenate(self._logits[name])

    @torch.inference_mode()
    def run(self, generator: GestureGenerator, session: Session, num_clips: int, batch_size: int) -> None:
        """Show `num_clips` clips, the labels that the network knows in turn."""
        known = [GESTURE_LABELS.index(label) for label in self._spec.labels]
        truths = []
        for start in range(0, num_clips, batch_size):
            truth = np.arange(start, min(start + batch_size, num_clips)) % len(known)
            made = generator.clips(start, len(truth), torch.tensor([known[i] for i in truth])).clips
            self._look(normalised(made.permute(0, 1, 3, 4, 2), self._spec.preprocess), truth, session)
            truths.append(truth)
            if start // 256 != (start - batch_size) // 256:
                announce(f"{start} of {num_clips} clips")
                give_back_freed_memory()
        self.truth = np.concatenate(truths)

    def _look(self, clips: Tensor, truth: npt.NDArray[np.int64], session: Session) -> None:
        paired = torch.from_numpy(np.isin(truth, self._pairs))
        unshifted = torch.full((len(truth), self._spec.num_classes), torch.nan)
        if paired.any():
            unshifted[paired] = self._model.with_mode("none")(clips[paired]).mean(1)
        seen = {
            "online": self._model(clips).mean(1),
            "frame by frame": self._streamed(clips),
            "compiled": torch.from_numpy(np.stack([self._compiled(clip, session) for clip in clips])),
            "shift taken out": unshifted,
            **{name: other(clips).mean(1) for name, other in self._others.items()},
        }
        for name, logits in seen.items():
            self._logits.setdefault(name, []).append(logits.numpy())

    def _streamed(self, clips: Tensor) -> Tensor:
        """The streaming model on all clips side by side, each from an empty state."""
        streaming = self._model.streaming()
        state = [buffer.expand(len(clips), -1, -1, -1) for buffer in streaming.initial_state()]
        total = torch.zeros(len(clips), self._spec.num_classes)
        for frames in clips.unbind(1):
            logits, *state = streaming(frames, *state)
            total += logits
        return total / clips.shape[1]

    @staticmethod
    def _compiled(clip: Tensor, session: Session) -> Logits:
        stream = session.open_stream()
        frames: Iterator[Tensor] = iter(clip)
        rows = [stream.step_tensor(frame[None].contiguous().numpy()).logits for frame in frames]
        stream.close()
        mean: Logits = np.stack(rows).mean(0, dtype=np.float32)
        return mean


def gesture_model(path: Path) -> ClipModel:
    """The clip model of a checkpoint.

    Raises:
        UsageError: It knows other classes than the made gestures, or not all of the core ones.
    """
    model = load_checkpoint(path)
    labels = model.spec.labels
    if not set(CORE_LABELS) <= set(labels) <= set(GESTURE_LABELS):
        raise UsageError(
            f"{path} knows {len(labels)} other classes; give weights that learned the made gestures"
        )
    return model


def known_pairs(model: ClipModel) -> list[tuple[str, str]]:
    """The directed pairs; all are core gestures."""
    return [pair for pair in DIRECTED_PAIRS if set(pair) <= set(model.spec.labels)]


def score(name: str, of: Network, truth: npt.NDArray[np.int64], logits: Logits) -> ClipsView:
    """Shares of right answers; rows of NaN were not shown.

    Args:
        name: Of the view.
        of: The network.
        truth: (clips,), indices into the network's labels.
        logits: (clips, classes).
    """
    labels = of.labels
    core = [labels.index(label) for label in CORE_LABELS]
    is_core = np.isin(truth, core)
    right = logits.argmax(1) == truth
    among = np.array(core)[logits[:, core].argmax(1)] == truth
    shown_all = not np.isnan(logits).any()
    pairs, all_right = {}, []
    for first, second in DIRECTED_PAIRS:
        a, b = labels.index(first), labels.index(second)
        chosen = (truth == a) | (truth == b)
        in_pair = np.where(logits[chosen, a] > logits[chosen, b], a, b) == truth[chosen]
        pairs[f"{first} / {second}"] = float(in_pair.mean())
        all_right.append(in_pair)
    return ClipsView(
        name=name,
        network=of,
        core=float(right[is_core].mean()) if shown_all else None,
        core_among_core=float(among[is_core].mean()) if shown_all else None,
        everything=float(right.mean()) if shown_all else None,
        pairs=pairs,
        all_pairs=float(np.concatenate(all_right).mean()),
    )


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/gesture_clips.py")
