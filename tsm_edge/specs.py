"""What a model is, as data: shared by both halves, written into every bundle's manifest.

All specs are frozen dataclasses of plain values, so that msgspec can write and check them as JSON.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "ONNX_METADATA_KEY",
    "Count",
    "FlowMethod",
    "FlowSpec",
    "Modality",
    "ModelSpec",
    "Positive",
    "PreprocessSpec",
    "ShiftMode",
    "SmoothingSpec",
    "StateSpec",
]

# Key of an exported ONNX model's metadata; its value is the ModelSpec as JSON.
ONNX_METADATA_KEY = "tsm_edge.model_spec"

# Channel statistics of ImageNet in RGB order, as every published TSM model is trained with.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

FLOAT32_BYTES = 4

# Checked where JSON is read: a manifest from elsewhere must not ask for a picture of no pixels.
Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

# Pictures, or the motion between them.
Modality = Literal["rgb", "flow"]

# "offline" shifts in both directions along a whole clip, "online" takes from the past alone, "none" sees every frame
# by itself: what the shift is worth is measured against it.
ShiftMode = Literal["offline", "online", "none"]


# What reports say of weights that learned with another shift than the stream's.
_SHIFT_NOTES: dict[ShiftMode, str] = {
    "offline": "weights trained for whole clips",
    "online": "",
    "none": "weights trained without shift",
}


# Dense Inverse Search, arXiv:1603.03590; TV-L1, doi:10.1007/978-3-540-74936-3_22, which needs opencv-contrib-python.
FlowMethod = Literal["dis", "tvl1"]


@dataclass(frozen=True, kw_only=True)
class FlowSpec:
    """Optical flow as a network's input, in the place of pictures.

    In the place of frame t the network sees the flow from each of the frames t to t + num_fields - 1 to the next:
    x, y, x, y and on, in pixels, clipped to +- bound_px, mapped to 0 to 255 (no motion: 128) and rounded. Pictures of
    flow are resized and cropped as others are, their values left alone, and each becomes `(value / 255 - mean) / std`.

    Attributes:
        num_fields: Fields that are stacked; each has two channels.
        bound_px: Longest motion that is told apart, along x or y, in pixels from frame to frame.
        method: How it is computed, in frames whose short side is at most `resize_short_side`.
        mean: Of every channel.
        std: Of every channel.

    Source: Wang et al., Temporal Segment Networks, arXiv:1608.00859, and the settings that TSM was published with.
    """

    num_fields: Annotated[int, msgspec.Meta(ge=1, le=16)] = 5
    bound_px: PositiveFloat = 20.0
    method: FlowMethod = "dis"
    mean: float = 0.5
    std: PositiveFloat = 0.226


@dataclass(frozen=True, kw_only=True)
class PreprocessSpec:
    """From a decoded picture to the network's input.

    The picture's short side is resized to `resize_short_side` (bilinear, aspect ratio kept but for `max_squeeze`), the
    middle `crop_size` x `crop_size` pixels are cut out, channels are put in RGB order, and each becomes
    `(value / 255 - mean) / std`.

    Pictures that are wider than high are squeezed along their width, into a square at most and `max_squeeze` times at
    most: with 4 / 3 a camera of that aspect ratio is seen whole, and 16 / 9 loses a quarter of its width instead of
    nearly half. Where hands move, what is cut off matters more than shapes do. Upright pictures are never squeezed.

    Where `flow` is given, the network sees optical flow instead, and `mean` and `std` of pictures do not matter.
    """

    resize_short_side: Positive = 256
    crop_size: Positive = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = IMAGENET_STD
    flow: FlowSpec | None = None
    max_squeeze: Annotated[float, msgspec.Meta(ge=1, le=4)] = 1.0

    def resized_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the resized picture, of which the middle is cut out; rounded down."""
        short_side = self.resize_short_side
        if height >= width:
            return short_side * height // width, short_side
        return short_side, max(short_side, int(short_side * width / (height * self.max_squeeze)))

    @property
    def modality(self) -> Modality:
        """What the network sees."""
        return "rgb" if self.flow is None else "flow"

    @property
    def num_channels(self) -> int:
        """Channels of the network's input."""
        return 3 if self.flow is None else 2 * self.flow.num_fields


@dataclass(frozen=True, kw_only=True)
class StateSpec:
    """The shift buffers that live between frames.

    Attributes:
        shapes: One (1, C // shift_div, H, W) per shifted block, float32, in the order of the network.
            Buffer i is the ONNX input `shift_buffer_i` and the output `next_shift_buffer_i`.
    """

    shapes: tuple[tuple[Positive, Positive, Positive, Positive], ...]

    @property
    def size_floats(self) -> int:
        """How many floats one stream keeps."""
        return sum(n * c * h * w for n, c, h, w in self.shapes)

    @property
    def size_bytes(self) -> int:
        """How many bytes one stream keeps."""
        return FLOAT32_BYTES * self.size_floats


@dataclass(frozen=True, kw_only=True)
class SmoothingSpec:
    """From logits of single frames to a label that does not flicker.

    Attributes:
        window: Logits of that many last frames are averaged, at most.
        window_s: Of frames that are not older than so many seconds; None sets no limit.
        hysteresis: A new label must win that many frames in a row before it is shown.
        hysteresis_s: And for so many seconds.
        threshold: A gesture starts only with that share of the probability, 0 to 1; needs a background.
        pause_s: After a gesture no other starts for so many seconds; needs a background.
        merge: Labels shown as another one: (label, shown as).
        ignore: Labels that are never shown; the label before stays.
        background: Labels that mean that nothing happens; they start and end no event.
    """

    window: Positive = 12
    window_s: PositiveFloat | None = None
    hysteresis: Positive = 2
    hysteresis_s: Seconds = 0.0
    threshold: Share = 0.0
    pause_s: Seconds = 0.0
    merge: tuple[tuple[str, str], ...] = ()
    ignore: tuple[str, ...] = ()
    background: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One trained network, as everything after the checkpoint needs to know it.

    Attributes:
        name: Short name used in folder names, such as "mobilenetv2-jester".
        architecture: "mobilenetv2", "resnet18", "resnet50" or "resnet101".
        width_mult: Width multiplier of MobileNetV2; 1.0 for ResNets.
        num_classes: Length of the logits.
        shift_div: One channel in `shift_div` is taken from the previous frame.
        labels: One name per class.
        trained: False for seeded random weights, which recognise nothing and say so everywhere.
        state: The shift buffers of the streaming view.
        trained_shift: The shift the weights learned with. Streaming is always online; weights that learned
            otherwise lose accuracy there until they are trained on.
        num_segments: Frames of a clip, one of each equal part, that it reads best; what `eval` shows it.
        max_fps: Frames a second that it reads at most. Its memory is some frames long, and a camera that takes
            twice as many would show it half as much of the past: a stream that is told when frames were taken
            leaves out those between. None reads all.
        interleave: How many memories, each a set of shift buffers, a stream fills in turn with `max_fps` frames a
            second each, where the camera takes so many: twice the memory, twice the frames to average.
    """

    name: str
    architecture: str
    num_classes: Positive
    labels: tuple[str, ...]
    trained: bool
    state: StateSpec
    width_mult: PositiveFloat = 1.0
    shift_div: Positive = 8
    trained_shift: ShiftMode = "online"
    preprocess: PreprocessSpec = PreprocessSpec()
    smoothing: SmoothingSpec = SmoothingSpec()
    num_segments: Positive = 8
    max_fps: PositiveFloat | None = None
    interleave: Positive = 1

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """Shape of the network's input frame, (1, C, H, W)."""
        size = self.preprocess.crop_size
        return (1, self.preprocess.num_channels, size, size)

    @property
    def weights_note(self) -> str:
        """What every report and overlay says about the weights; empty for those trained for streaming."""
        if not self.trained:
            return "untrained weights"
        return _SHIFT_NOTES[self.trained_shift]
