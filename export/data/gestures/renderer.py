"""Made gesture clips: everything put together, batched over clips."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional

from tsm_edge.errors import UsageError
from tsm_edge.export.data.gestures.camera import choose_cameras, noise_bank, photograph
from tsm_edge.export.data.gestures.choreography import choreograph
from tsm_edge.export.data.gestures.footage import Footage
from tsm_edge.export.data.gestures.hand_layer import MOST_INSTANTS, HandLayer, choose_hands
from tsm_edge.export.data.gestures.hand_shape import hand_shape
from tsm_edge.export.data.gestures.labels import GESTURE_LABELS, OTHER
from tsm_edge.export.data.gestures.motion import HandStates, Motion
from tsm_edge.export.data.gestures.movement import Body
from tsm_edge.export.data.gestures.people import Person, choose_lighting, choose_people
from tsm_edge.export.data.gestures.pictures import Pictures, load_pictures
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.data.gestures.rotations import matrices
from tsm_edge.export.data.gestures.scene import paint_scenes
from tsm_edge.export.data.gestures.view import View, choose_views
from tsm_edge.export.data.gestures.world import World, get_world

__all__ = ["DenseLabels", "GestureBatch", "GestureEvent", "GestureGenerator", "GestureStream"]


@dataclass(frozen=True)
class DenseLabels:
    """What the gesturing hand does in every frame, for heads that are used in training only.

    Attributes:
        centre: Middle of the hand in the picture, 0 to 1 from left to right and from top to bottom, (N, T, 2).
        presence: 1 where that middle is in the picture, (N, T).
        length: Apparent hand length, of the picture's height, (N, T).
        palm: Where the palm looks, unit vectors, x right, y up, z to the camera, (N, T, 3).
        fingers: Where the fingers point, (N, T, 3).
        flexion: Mean bend of the four fingers, 0 straight to 1 in a fist, (N, T).
        velocity: Of the centre, picture sizes a second, (N, T, 2).
        phase: 0 no hand, 1 preparation, 2 the stroke or a sign that is up, 3 what follows, (N, T), int64.
        times: Of the frames, seconds from the clip's start, (N, T).
        side: 1 for a right hand, -1 for a left one, (N,).
    """

    centre: Tensor
    presence: Tensor
    length: Tensor
    palm: Tensor
    fingers: Tensor
    flexion: Tensor
    velocity: Tensor
    phase: Tensor
    times: Tensor
    side: Tensor


@dataclass(frozen=True)
class GestureBatch:
    """Clips and what they show.

    Attributes:
        clips: RGB, (N, T, 3, S, S), uint8.
        labels: Indices into MADE_LABELS, (N,), int64.
        dense: Of every frame.
    """

    clips: Tensor
    labels: Tensor
    dense: DenseLabels

    def rows(self, start: int, end: int) -> "GestureBatch":
        """Some of the clips."""
        dense = {f.name: getattr(self.dense, f.name)[start:end] for f in fields(DenseLabels)}
        return GestureBatch(self.clips[start:end], self.labels[start:end], DenseLabels(**dense))


@dataclass(frozen=True)
class GestureEvent:
    """One gesture of a stream: its index into GESTURE_LABELS, and when its stroke begins and ends, seconds.

    A sign begins when the hand is up.
    """

    label: int
    start: float
    end: float


@dataclass(frozen=True)
class GestureStream:
    """A long recording.

    Attributes:
        frames: RGB, (T, 3, S, S), uint8.
        fps: Frames a second.
        events: What was made, in order.
    """

    frames: Tensor
    fps: float
    events: tuple[GestureEvent, ...]


_CPU_CHUNK = 8  # clips drawn at once
# A GPU's memory at most: 10.4 GiB were taken for 1,024 clips of 8 frames at 112 pixels.
_BYTES_A_DRAWN_PIXEL, _BYTES_A_PIXEL = 82, 27
_STREAM_FRAMES = 64  # drawn at once
_STREAM_NUMBERS, _RATE_NUMBERS = 1000, 500  # streams of random numbers, beside the worlds' own


class GestureGenerator:
    """An endless, numbered supply of made clips: clip `i` of a seed and world is always the same.

    Args:
        world: Name of one of WORLDS, or a World.
        seed: Any integer.
        num_frames: Frames a clip, T.
        size: Pixels of the square frames, S; a multiple of 16.
        fps: Frames a second, drawn between two numbers for every clip. The default spreads 8 frames over some 3 s, as
            segment sampling does; (12, 12) gives consecutive frames of a usual webcam.
        device: Where to draw: "cpu", "cuda".
        chunk: Clips drawn at once; the default suits caches on a CPU, and a third of a GPU's free memory.
        pictures: Photographs and videos; by default those of the packages that are installed.
        footage: Videos in which nobody makes a gesture, seen in the place of some rooms and people.

    Raises:
        UsageError: A number is out of range, or the world has no such name.
    """

    def __init__(
        self,
        world: str | World = "train",
        *,
        seed: int = 0,
        num_frames: int = 8,
        size: int = 112,
        fps: tuple[float, float] | None = None,
        device: str | torch.device = "cpu",
        chunk: int | None = None,
        pictures: Pictures | None = None,
        footage: Footage | None = None,
    ) -> None:
        if size % 16 or not 32 <= size <= 512:
            raise UsageError(
                f"pictures of {size} pixels cannot be made; give a multiple of 16 from 32 to 512"
            )
        if num_frames < 1:
            raise UsageError(f"a clip of {num_frames} frames cannot be made; give at least 1")
        self.world = get_world(world) if isinstance(world, str) else world
        self.seed, self.num_frames, self.size = seed, num_frames, size
        self.fps = fps or (num_frames / 3.6, num_frames / 2.2)
        self.device = torch.device(device)
        # Webcam recordings of gestures are some 100 pixels high: larger pictures are drawn so and enlarged.
        self._canvas = size if size <= 128 else (size // 2 + 15) // 16 * 16
        self.chunk = chunk or self._fitting_chunk()
        shape = hand_shape(round(2.1 / self._canvas, 4)).to(self.device)
        self._layer = HandLayer(shape, self._canvas)
        self._pictures = (pictures or load_pictures()).chosen(self.world.photo_parity).to(self.device)
        self._footage = footage.to(self.device) if footage else None
        self._noise = noise_bank(self._canvas, self.device)

    def clips(self, start: int, count: int, labels: Tensor | None = None) -> GestureBatch:
        """Clips number `start` to `start + count - 1`.

        Args:
            start: Number of the first, from 0.
            count: How many, at least 1.
            labels: What they show, indices into MADE_LABELS, (count,); by default each clip's own label, all of
                GESTURE_LABELS alike often.
        """
        return self.numbered(torch.arange(start, start + count), labels)

    def numbered(self, numbers: Tensor, labels: Tensor | None = None) -> GestureBatch:
        """Clips with any numbers.

        Args:
            numbers: From 0, (N,), int64, at least one.
            labels: As of `clips`.
        """
        numbers = numbers.to(self.device)
        parts = [
            self._draw(numbers[i : i + self.chunk], None if labels is None else labels[i : i + self.chunk])
            for i in range(0, len(numbers), self.chunk)
        ]
        dense = DenseLabels(
            **{
                f.name: torch.cat([getattr(part.dense, f.name) for part in parts])
                for f in fields(DenseLabels)
            }
        )
        return GestureBatch(torch.cat([p.clips for p in parts]), torch.cat([p.labels for p in parts]), dense)

    def describe(self, start: int, count: int, labels: Tensor | None = None) -> tuple[Tensor, DenseLabels]:
        """Labels and dense labels of clips alone, without drawing them; arguments as of `clips`."""
        numbers = torch.arange(start, start + count, device=self.device)
        plan = self._plan(numbers, labels)
        return plan.labels, plan.dense

    def _fitting_chunk(self) -> int:
        """Clips that are drawn at once."""
        if self.device.type == "cpu":
            return _CPU_CHUNK
        free, _ = torch.cuda.mem_get_info(self.device)
        a_frame = _BYTES_A_DRAWN_PIXEL * self._canvas**2 + _BYTES_A_PIXEL * self.size**2
        # What splat looks through at once: torch.nonzero counts in 32 bits on a GPU.
        spots = MOST_INSTANTS * (self._canvas + 2) ** 2
        frames = min(free // 3 // a_frame, (2**31 - 1) // spots)
        return max(_CPU_CHUNK, int(frames) // self.num_frames)

    @torch.no_grad()
    def _plan(self, numbers: Tensor, labels: Tensor | None) -> "_Plan":
        world = self.world
        r = ClipRandom(self.seed, numbers, stream=world.room_seed)
        own = (r.unit() * len(GESTURE_LABELS)).long()
        labels = own if labels is None else labels.to(self.device, torch.int64)
        rate = self._rate(numbers)
        shift = r.unit()
        steps = torch.arange(self.num_frames, device=self.device)
        times = (steps + shift[:, None]) / rate[:, None]
        view, person = choose_views(r, world), choose_people(r, world)
        body = _body(r, world, view, person.x, person.y, person.head)
        motion = choreograph(
            r, body, labels, self.num_frames / rate, world.loose, world.at_face, world.leaves
        )
        dense = _dense(motion, motion.at(times), body, view, person.x, times)
        return _Plan(r, labels, times, view, person, body, motion, dense)

    def stream(
        self, number: int, labels: Sequence[int], pauses: tuple[float, float] = (0.6, 3.0)
    ) -> GestureStream:
        """One person who makes gestures one after another, with the hand down between them.

        Frames come at the generator's frame rate; `num_frames` plays no part. Each gesture is made in its own way.

        Args:
            number: Of the stream; another number is another person in another room.
            labels: What is shown, indices into GESTURE_LABELS, in this order.
            pauses: Shortest and longest pause in front of each, and after the last, seconds.

        Raises:
            UsageError: No labels are given.
        """
        if not len(labels):
            raise UsageError("a stream without gestures cannot be made; give at least one label")
        numbers = torch.tensor([number], device=self.device)
        plan = self._plan(numbers, torch.tensor([labels[0]], device=self.device))
        motion, strokes, duration = self._sequence(numbers, plan, labels, pauses)
        rate = float(self._rate(numbers))
        count = max(1, int(duration * rate))
        frames = []
        for start in range(0, count, _STREAM_FRAMES):
            steps = torch.arange(start, min(start + _STREAM_FRAMES, count), device=self.device)
            again = self._plan(
                numbers, plan.labels
            )  # the same numbers for every piece: the same room and person
            frames.append(self._render(replace(again, motion=motion, times=(steps / rate)[None]))[0])
        events = tuple(
            GestureEvent(label, *(float(t) for t in stroke))
            for label, stroke in zip(labels, strokes, strict=True)
        )
        return GestureStream(torch.cat(frames), rate, events)

    @torch.no_grad()
    def _sequence(
        self, numbers: Tensor, plan: "_Plan", labels: Sequence[int], pauses: tuple[float, float]
    ) -> tuple[Motion, list[Tensor], float]:
        """All movements as one, the strokes' beginnings and ends, and how long everything takes."""
        motions, strokes = [], []
        at = torch.zeros(1, device=self.device)
        for place, label in enumerate(labels):
            r = ClipRandom(self.seed, numbers, stream=_STREAM_NUMBERS + place)
            at = at + r.uniform(*pauses)
            shown = torch.tensor([label], device=self.device)
            part = choreograph(r, plan.body, shown, at + 1, self.world.loose, self.world.at_face)
            part = part.delayed(at - part.times[:, 0])
            at = part.times[:, -1]
            strokes.append(torch.stack((part.told[0, 0], part.stroke[0, 1])))
            motions.append(part)
        # "No gesture" without a hand is a pause.
        seen = [motion for motion in motions if bool(motion.shown)] or motions[:1]
        names = ("times", "keys", "sharpness")
        joined = {name: torch.cat([getattr(motion, name) for motion in seen], dim=1) for name in names}
        whole = replace(seen[0], **joined)
        return whole, strokes, float(at) + sum(pauses) / 2

    def _rate(self, numbers: Tensor) -> Tensor:
        """Frames a second of each clip."""
        return ClipRandom(self.seed, numbers, stream=_RATE_NUMBERS + self.world.room_seed).log_uniform(
            *self.fps
        )

    @torch.no_grad()
    def _draw(self, numbers: Tensor, labels: Tensor | None) -> GestureBatch:
        plan = self._plan(numbers, labels)
        return GestureBatch(self._render(plan), plan.labels, plan.dense)

    @torch.no_grad()
    def _render(self, plan: "_Plan") -> Tensor:
        """Clips (N, T, 3, S, S), uint8."""
        r, view, person, times, labels = plan.random, plan.view, plan.person, plan.times, plan.labels
        light = choose_lighting(r)
        hands = choose_hands(r, self.world, person, light)
        leaving = ~plan.motion.shown & (labels == GESTURE_LABELS.index(OTHER))
        hands = replace(hands, second=hands.second & ~leaving)
        scene = paint_scenes(
            r, self.world, view, person, light, labels, leaving, times, self._canvas, self._pictures, self._footage
        )  # fmt: skip
        frames = self._layer.over(r, scene, hands, plan.motion, plan.body, view, person, times, labels)
        pictures = photograph(frames, choose_cameras(r, self.world, times), self._noise)
        if self._canvas != self.size:
            pictures = functional.interpolate(pictures, size=self.size, mode="bilinear", align_corners=False)
        return pictures.add_(0.5).to(torch.uint8).view(*times.shape, 3, self.size, self.size)


@dataclass(frozen=True)
class _Plan:
    """Who does what in some clips, before anything is drawn."""

    random: ClipRandom
    labels: Tensor
    times: Tensor
    view: View
    person: Person
    body: Body
    motion: Motion
    dense: DenseLabels


def _body(r: ClipRandom, world: World, view: View, x: Tensor, y: Tensor, head: Tensor) -> Body:
    side = torch.where(r.chance(world.left_handed), -1.0, 1.0)
    # A hand is 2.4 times half a head's width, and nearer to the camera than the head is.
    length = (head * r.uniform(2.4, 4.1)).clamp(*world.hand_length)
    # People keep to the frame that they see; what is cut out of it afterwards they do not know of.
    left = torch.maximum(-view.aspect / 2, view.left - 0.04)
    right = torch.minimum(view.aspect / 2, view.left + view.width + 0.04)
    own = torch.where(side > 0, x - left, right - x)
    other = torch.where(side > 0, right - x, x - left)
    place = torch.minimum(r.uniform(0.0, 0.5), own - 0.3 * length)
    low = torch.maximum(r.uniform(0.55, 0.95), length * 0.88)
    return Body(side, length, place, low, torch.stack((own, other), dim=1), torch.stack((y, head), dim=1))


def _dense(
    motion: Motion, states: HandStates, body: Body, view: View, x: Tensor, times: Tensor
) -> DenseLabels:
    side = body.side[:, None]

    def centres(at: HandStates) -> Tensor:
        fingers = matrices(at.turn)[..., 1]
        across = x[:, None] - side * at.place[..., 0] + 0.5 * side * fingers[..., 0] * at.length
        down = at.place[..., 1] - 0.5 * fingers[..., 1] * at.length
        return view.to_unit(torch.stack((across, down), dim=-1))

    step = 1 / 48
    velocity = (centres(motion.at(times + step)) - centres(motion.at(times - step))) / (2 * step)
    centre = centres(states)
    present = ((centre > 0) & (centre < 1)).all(-1) & motion.shown[:, None]
    mirror = torch.stack((body.side, torch.ones_like(body.side), torch.ones_like(body.side)), dim=1)[:, None]
    axes = matrices(states.turn)
    start, end = motion.told[:, :1], motion.told[:, 1:]
    phase = 1 + (times >= start).long() + (times >= end).long()
    return DenseLabels(
        centre=centre,
        presence=present.float(),
        length=states.length / view.height[:, None],
        palm=axes[..., 2] * mirror,
        fingers=axes[..., 1] * mirror,
        flexion=states.pose[..., :4].mean(-1),
        velocity=velocity * motion.shown[:, None, None],
        phase=phase * motion.shown[:, None],
        times=times,
        side=body.side,
    )
