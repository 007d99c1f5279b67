"""Hands with their exposure, skin and sleeves, laid over scenes."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional

from tsm_edge.export.data.gestures.choreography import choreograph
from tsm_edge.export.data.gestures.colours import cloth_colour
from tsm_edge.export.data.gestures.hand_pose import HandSizes, bone_maps
from tsm_edge.export.data.gestures.hand_shape import HandShape
from tsm_edge.export.data.gestures.labels import GESTURE_LABELS
from tsm_edge.export.data.gestures.motion import HandStates, Motion
from tsm_edge.export.data.gestures.movement import Body
from tsm_edge.export.data.gestures.people import Lighting, Person
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.data.gestures.rotations import matrices
from tsm_edge.export.data.gestures.splat import Lights, Placement, Skin, splat
from tsm_edge.export.data.gestures.view import View
from tsm_edge.export.data.gestures.world import World

__all__ = ["MOST_INSTANTS", "HandLayer", "Hands", "choose_hands"]

MOST_INSTANTS = 6  # of one exposure
_PIXELS_AN_INSTANT = 2.2  # how far a hand may jump between two
_ELBOW_NUMBERS = 6  # apart, so that hands stay the same where elbows hang


@dataclass(frozen=True)
class Hands:
    """Hands of N clips, each (N,) unless said.

    Attributes:
        sizes: Proportions.
        skin: Linear, (N, 3).
        palm: Colour of the palm, (N, 3).
        cloth: Of the sleeve, (N, 3).
        sleeve: Where it begins, hand lengths from the wrist to the shoulder.
        watch: Colour of a band on the wrist, (N, 3), negative for none.
        texture: Directions (N, 3, 3) and phases (N, 3, 1) of the skin's waves, side by side, (N, 3, 4).
        key: Light, (N, 3), x right, y up, z to the camera.
        fill: (N, 3).
        ambient: (N,).
        tint: (N, 3).
        shutter: Exposure, seconds.
        distance: Of the camera, hand lengths.
        shadow: How dark the hand's shadow on what is behind it is.
        second: True where the other hand is in the picture as well, bool.
        elbow: How far the elbow is lifted, from 0, where it hangs, to 1, beside the hand.
    """

    sizes: HandSizes
    skin: Tensor
    palm: Tensor
    cloth: Tensor
    sleeve: Tensor
    watch: Tensor
    texture: Tensor
    key: Tensor
    fill: Tensor
    ambient: Tensor
    tint: Tensor
    shutter: Tensor
    distance: Tensor
    shadow: Tensor
    second: Tensor
    elbow: Tensor


def choose_hands(r: ClipRandom, world: World, person: Person, light: Lighting) -> Hands:
    """The gesturing hand's looks: the person's skin and cloth, under nearly the same light."""
    lengths = (1 + r.normal(0.05, 5)) * (1 + r.normal(0.04, 1))
    skin = person.skin * r.log_uniform(0.85, 1.15)[:, None]
    pale = skin.new_tensor((0.72, 0.43, 0.33))
    dark = (1 - skin.mean(1, keepdim=True) / 0.45).clamp(0, 1)
    palm = torch.lerp(skin, pale * r.log_uniform(0.75, 1.1)[:, None], 0.1 + 0.28 * dark)
    long = r.chance(world.long_sleeves)
    sleeve = torch.where(
        long, r.uniform(0.02, 0.35), torch.where(r.chance(0.3), r.uniform(0.5, 1.2), r.uniform(1.35, 3.0))
    )
    watch = torch.where(r.chance(0.12)[:, None], cloth_colour(r, 0.8), torch.full_like(skin, -1.0))
    nearer = r.log_uniform(0.75, 1.35)[:, None]
    waves = torch.cat((r.normal(14.0, 3, 3), r.uniform(0, 6.3, 3, 1)), dim=-1)
    return Hands(
        sizes=HandSizes(lengths, 1 + r.normal(0.07)),
        skin=skin,
        palm=palm,
        cloth=person.cloth,
        sleeve=sleeve,
        watch=watch,
        texture=waves,
        key=light.key * nearer,
        fill=light.fill,
        ambient=light.ambient * r.log_uniform(0.85, 1.2),
        tint=light.tint,
        shutter=r.log_uniform(*world.shutter),
        distance=r.log_uniform(2.2, 7.0),
        shadow=r.uniform(0.0, 0.3),
        second=r.chance(world.second_hand),
        elbow=_lifted(r.apart(_ELBOW_NUMBERS), world),
    )


def _lifted(r: ClipRandom, world: World) -> Tensor:
    """How far elbows are lifted, (N,)."""
    return torch.where(r.chance(world.raised_elbow), r.uniform(0.3, 1.0), torch.zeros_like(r.unit()))


class HandLayer:
    """Draws hands into pictures of one size.

    Args:
        shape: The resting hand, on the device that draws.
        size: Pixels of the picture.
    """

    def __init__(self, shape: HandShape, size: int) -> None:
        self.shape, self.size = shape, size

    def over(
        self,
        r: ClipRandom,
        frames: Tensor,
        hands: Hands,
        motion: Motion,
        body: Body,
        view: View,
        person: Person,
        times: Tensor,
        labels: Tensor,
    ) -> Tensor:
        """Lay hands over `frames`, (N, T, 3, S, S), linear: the other hand first, then the gesturing one."""
        albedo = self._albedo(hands)
        rows = torch.nonzero(hands.second)[:, 0]
        other = r.rows(rows)
        if len(rows):
            frames = self._second(other, frames, hands, albedo, body, view, person, times, labels, rows)
        everyone = torch.arange(len(times), device=times.device)
        return self._laid(frames, hands, albedo, motion, body, view, person, times, everyone)

    def _second(
        self, r: ClipRandom, frames: Tensor, hands: Hands, albedo: Tensor, body: Body, view: View, person: Person,
        times: Tensor, labels: Tensor, rows: Tensor,
    ) -> Tensor:  # fmt: skip
        """The other hand rests, or does anything too where no gesture is made."""
        own = body.rows(rows)
        mirrored = Body(
            -own.side, own.length * r.uniform(0.85, 1.0), own.x, own.y, own.reach.flip(1), own.head
        )
        anything = GESTURE_LABELS.index("Doing other things")
        acts = torch.where(labels[rows] == anything, anything, torch.zeros_like(rows))
        motion = choreograph(r, mirrored, acts, times[rows, -1])
        motion = replace(motion, shown=torch.ones_like(motion.shown))
        whole = Body(*(getattr(body, name).clone() for name in Body.__dataclass_fields__))
        for name in Body.__dataclass_fields__:
            getattr(whole, name)[rows] = getattr(mirrored, name)
        return self._laid(frames, hands, albedo, motion, whole, view, person, times, rows)

    def _laid(
        self,
        frames: Tensor,
        hands: Hands,
        albedo: Tensor,
        motion: Motion,
        body: Body,
        view: View,
        person: Person,
        times: Tensor,
        rows: Tensor,
    ) -> Tensor:
        """Draw motions of some clips, `rows`, into all clips' frames."""
        n, t = times.shape
        frame, clip_of, at, share, jitter = self._instants(hands, motion, body, view, times, rows)
        if not len(frame):
            return frames
        clip = rows[clip_of]
        state = _picked(motion, clip_of, at)
        place = self._placed(state, hands, body, view, person, clip, frame, share, jitter)
        shoulder = _shoulder(state, hands, body, person, clip)
        maps = bone_maps(state.pose, state.turn, shoulder, hands.sizes.rows(clip), hands.elbow[clip])
        mirror = torch.stack((body.side, torch.ones_like(body.side), torch.ones_like(body.side)), dim=1)
        lights = Lights((hands.key * mirror)[clip], (hands.fill * mirror)[clip], hands.ambient[clip])
        # Only the frames that show something are drawn and laid over.
        shown, frame_of = torch.unique(frame, return_inverse=True)
        place = Placement(
            place.wrist, place.length, place.centre, place.distance, place.side, frame_of, share
        )
        layer = splat(self.shape, maps, place, lights, Skin(albedo, clip), len(shown), self.size)
        flat = frames.flatten(0, 1)
        behind = flat[shown] * self._shadow(layer[:, 3:], hands.shadow[shown // t])
        flat.index_copy_(0, shown, torch.addcmul(layer[:, :3], behind, 1 - layer[:, 3:]))
        return torch.unflatten(flat, 0, (n, t))

    def _instants(
        self, hands: Hands, motion: Motion, body: Body, view: View, times: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """When hands are drawn: frame, row of `rows`, seconds, share of the exposure, offset (M, 2) below a pixel."""
        t = times.shape[1]
        own = times[rows]
        shutter = hands.shutter[rows, None]
        early, late = motion.at(own - shutter / 2), motion.at(own + shutter / 2)
        scale = self.size / view.height[rows, None]
        far = [(state.place + _tip(state)) for state in (early, late)]
        moved = torch.maximum((far[1] - far[0]).norm(dim=-1), (late.place - early.place).norm(dim=-1)) * scale
        count = (moved / _PIXELS_AN_INSTANT).ceil().clamp(2, MOST_INSTANTS).long()
        highest = torch.minimum(early.place[..., 1], late.place[..., 1]) - 1.1 * early.length
        bottom = (view.top + view.height)[rows, None]
        count = count * ((highest < bottom) & motion.shown[:, None])
        flat = count.flatten()
        which = torch.repeat_interleave(torch.arange(len(flat), device=times.device), flat)
        before = torch.cumsum(flat, 0) - flat
        part = (torch.arange(len(which), device=times.device) - before[which] + 0.5) / flat[which]
        row, step = which // t, which % t
        at = own[row, step] + (part - 0.5) * shutter[row, 0]
        # Golden steps spread offsets evenly however many there are.
        order = torch.arange(len(which), device=times.device) - before[which]
        jitter = torch.stack(((order * 0.618).frac(), (order * 0.7549 + 0.3).frac()), dim=1) - 0.5
        return rows[row] * t + step, row, at, 1.0 / flat[which], jitter

    def _placed(
        self,
        state: HandStates,
        hands: Hands,
        body: Body,
        view: View,
        person: Person,
        clip: Tensor,
        frame: Tensor,
        share: Tensor,
        jitter: Tensor,
    ) -> Placement:
        size = float(self.size)
        x = person.x[clip] - body.side[clip] * state.place[:, 0]
        left, top, width, height = view.left[clip], view.top[clip], view.width[clip], view.height[clip]
        wrist = torch.stack(((x - left) / width, (state.place[:, 1] - top) / height), dim=1) * size + jitter
        length = torch.stack((state.length / width, state.length / height), dim=1) * size
        centre = torch.stack((-left / width, (0.5 - top) / height), dim=1) * size
        return Placement(wrist, length, centre, hands.distance[clip], body.side[clip], frame, share)

    def _shadow(self, cover: Tensor, depth: Tensor) -> Tensor:
        """What hands leave of the light behind them, (M, 1, S, S)."""
        coarse = functional.avg_pool2d(cover, 8)
        wide = functional.avg_pool2d(coarse, 3, stride=1, padding=1)
        wide = functional.interpolate(wide, size=self.size, mode="bilinear", align_corners=False)
        return 1 - depth[:, None, None, None] * wide

    def _albedo(self, hands: Hands) -> Tensor:
        """Colour of every point, (N, P, 3)."""
        shape = self.shape
        waves = torch.sin(
            shape.points @ hands.texture[:, :, :3].transpose(1, 2) + hands.texture[:, None, :, 3]
        ).mean(-1)
        tone = torch.lerp(hands.skin[:, None], hands.palm[:, None], shape.palm_side[:, None])
        blood = shape.redness[:, None] * shape.points.new_tensor((0.05, -0.12, -0.1)) + 1
        tone = tone * blood * (1 - 0.3 * shape.creases)[:, None] * (1 + 0.07 * waves)[..., None]
        tone = torch.lerp(tone, tone * 1.1 + 0.05, shape.nails[:, None])
        cloth = hands.cloth[:, None] * (1 + 0.16 * waves + 0.03 * torch.sin(shape.sleeve * 31))[..., None]
        on_sleeve = (shape.sleeve > hands.sleeve[:, None])[..., None]
        band = ((shape.sleeve > 0.1) & (shape.sleeve < 0.2)) & (hands.watch[:, :1] >= 0)
        tone = torch.where(band[..., None], hands.watch[:, None], tone)
        tone = torch.where(on_sleeve, cloth, tone)
        return tone.clamp(min=0.002) * hands.tint[:, None]


def _tip(state: HandStates) -> Tensor:
    fingers = matrices(state.turn)[..., 1]
    return torch.stack((-fingers[..., 0], -fingers[..., 1]), dim=-1) * state.length[..., None]


def _picked(motion: Motion, rows: Tensor, at: Tensor) -> HandStates:
    """States at one instant each of some rows."""
    part = Motion(**{field.name: getattr(motion, field.name)[rows] for field in fields(Motion)})
    state = part.at(at[:, None])
    return HandStates(state.place[:, 0], state.length[:, 0], state.turn[:, 0], state.pose[:, 0])


def _shoulder(state: HandStates, hands: Hands, body: Body, person: Person, clip: Tensor) -> Tensor:
    """The shoulder relative to the wrist, hand lengths, (M, 3): where it is seen, some way behind the hand."""
    behind = -1.25
    shrink = 1 - behind / hands.distance[clip]
    across = person.x[clip] - body.side[clip] * person.shoulders[clip] * person.head[clip] * 0.82
    down = person.y[clip] + 2.1 * person.head[clip]
    wrist_x = person.x[clip] - body.side[clip] * state.place[:, 0]
    x = body.side[clip] * (across * shrink - wrist_x) / state.length
    y = -((down - 0.5) * shrink - (state.place[:, 1] - 0.5)) / state.length
    return torch.stack((x, y, torch.full_like(x, behind)), dim=1)
