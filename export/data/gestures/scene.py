"""All but the gesturing hand: the room behind, people in it, things that are moved about."""

import torch
from torch import Tensor
from torch.nn import functional

from tsm_edge.export.data.gestures.colours import common_colour
from tsm_edge.export.data.gestures.footage import Footage
from tsm_edge.export.data.gestures.labels import GESTURE_LABELS
from tsm_edge.export.data.gestures.people import Lighting, Person, choose_people, paint_people
from tsm_edge.export.data.gestures.pictures import Pictures
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.data.gestures.rooms import paint_rooms
from tsm_edge.export.data.gestures.textures import fading, inside
from tsm_edge.export.data.gestures.view import View
from tsm_edge.export.data.gestures.world import World

__all__ = ["paint_scenes"]

_MARGIN = 0.14  # of the picture, painted around it so that nothing ends when the camera or a body moves
_TEXTURE_NUMBERS = 1  # apart from the scene's own, which are the same with and without textures
_FOOTAGE_NUMBERS, _WALK_NUMBERS = 3, 4  # the same
_THING_LABELS = tuple(GESTURE_LABELS.index(name) for name in ("No gesture", "Doing other things"))


def paint_scenes(
    r: ClipRandom,
    world: World,
    view: View,
    person: Person,
    light: Lighting,
    labels: Tensor,
    leaving: Tensor,
    times: Tensor,
    size: int,
    pictures: Pictures,
    footage: Footage | None = None,
) -> Tensor:
    """Frames without the gesturing hand, (N, T, 3, size, size), linear light; who is `leaving`, (N,), bool, walks."""
    shift = _camera_drift(r, world, times)
    base = _base_grid(size, times.device)
    room_light = r.log_uniform(0.35, 1.6)
    rooms = paint_rooms(r, world, size * 11 // 16, view.width / view.height) * (
        room_light[:, None, None, None] * light.tint[:, :, None, None]
    )
    rooms = _with_photos(r, world, rooms, pictures)
    frames = _sampled(rooms, base[None, None] + shift[:, :, None, None])
    frames = _with_videos(r, world, frames, times, pictures)
    frames = _with_passers_by(r, world, view, light, frames, times, base, shift)

    x, y = view.grid(round(0.75 * size * (1 + 2 * _MARGIN)), _MARGIN)
    layer, relief = paint_people(r, person, light, x, y)
    layer = _textured(r.apart(_TEXTURE_NUMBERS), world, layer, pictures)
    seated = r.chance(0.985)[:, None, None, None].to(layer.dtype)
    moved = base[None, None] + shift[:, :, None, None] + _sway(r, world, view, person, relief, times, size)
    if leaving.any():
        moved = moved + _walked(r.apart(_WALK_NUMBERS), view, leaving, times)
        layer[leaving] = _ended(layer[leaving])
    frames = _over(frames, _sampled(layer * seated, moved))
    frames = _filmed(r.apart(_FOOTAGE_NUMBERS), world, frames, times, footage)
    lit = 1 + functional.interpolate(
        r.uniform(-0.35, 0.35, 1, 2, 2), size=size, mode="bilinear", align_corners=True
    )
    frames = frames * lit[:, None]
    return _with_things(r, world, view, frames, labels, times)


def _base_grid(size: int, device: torch.device) -> Tensor:
    """Where pixels look into a picture with margins, (size, size, 2), in grid_sample's coordinates."""
    steps = ((torch.arange(size, device=device) + 0.5) / size * 2 - 1) / (1 + 2 * _MARGIN)
    return torch.stack((steps[None].expand(size, size), steps[:, None].expand(size, size)), dim=-1)


def _sampled(picture: Tensor, grid: Tensor) -> Tensor:
    """Pictures (N, C, H, W) seen through grids (N, T, S, S, 2): (N, T, C, S, S)."""
    t = grid.shape[1]
    seen = functional.grid_sample(
        picture, grid.flatten(1, 2), mode="bilinear", padding_mode="border", align_corners=False
    )
    return torch.unflatten(seen, 2, (t, -1)).transpose(1, 2)


def _over(frames: Tensor, layer: Tensor) -> Tensor:
    return torch.addcmul(layer[:, :, :3], frames, 1 - layer[:, :, 3:])


def _camera_drift(r: ClipRandom, world: World, times: Tensor) -> Tensor:
    """(N, T, 2), half pictures."""
    moves = r.chance(world.drift)[:, None, None]
    pan = r.normal(0.03, 2)[:, None] * times[..., None]
    hand_held = r.normal(0.018, 2)[:, None] * torch.sin(
        times[..., None] * r.uniform(1.5, 7, 2)[:, None] + r.uniform(0, 6.3, 2)[:, None]
    )
    knock = r.chance(0.1)[:, None, None] * r.normal(0.05, 2)[:, None] * torch.sin(times[..., None] * 11)
    return ((pan + hand_held + knock * torch.exp(-times[..., None])) * moves).clamp(-0.15, 0.15)


def _sway(
    r: ClipRandom, world: World, view: View, person: Person, relief: Tensor, times: Tensor, size: int
) -> Tensor:
    """How much further to look for a person's pixel, (N, T, size, size, 2): body, head, its turning, the mouth."""
    x, y = view.grid(size)
    head = (person.head[:, None, None], person.y[:, None, None], person.x[:, None, None])
    u, v = (x - head[2]) / head[0], (y - head[1]) / head[0]
    loose = torch.sigmoid((1.6 - v) * 3)  # the head moves more than the shoulders
    near = functional.interpolate(relief[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    amount = r.uniform(*world.body_sway) * torch.where(r.chance(0.12), 3.0, 1.0)

    def wave(scale: float) -> Tensor:
        speed, start = r.uniform(0.6, 3.2, 1), r.uniform(0, 6.3, 1)
        return (scale * amount)[:, None] * torch.sin(times * speed + start)

    turning = r.normal(1.0) * r.chance(0.35)
    body_x, body_y = wave(1.0), wave(0.4)
    head_x, head_y, spin = wave(1.0), wave(0.6), wave(1.2) * turning[:, None]
    mouth = (r.chance(0.35) * r.uniform(0.1, 0.9) * person.head * 0.09)[:, None] * torch.sin(
        times * r.uniform(6, 17, 1)
    ).abs()
    jaw = fading((u / 0.5).square() + ((v - 0.85) / 0.3).square())

    def spread(signal: Tensor) -> Tensor:
        return signal[:, :, None, None]

    dx = (
        spread(body_x) + loose[:, None] * spread(head_x) + (near.clamp(min=0) * loose)[:, None] * spread(spin)
    )
    dy = spread(body_y) + loose[:, None] * spread(head_y) - jaw[:, None] * spread(mouth)
    scale = 2 / (1 + 2 * _MARGIN)
    return torch.stack(
        (dx * (scale / view.width)[:, None, None, None], dy * (scale / view.height)[:, None, None, None]),
        dim=-1,
    )


def _walked(r: ClipRandom, view: View, leaving: Tensor, times: Tensor) -> Tensor:
    """How much further to look for who walks out of the picture, or into it, and rises, (N, T, 1, 1, 2)."""
    since = times - times[:, -1:] * r.uniform(-0.2, 0.8, 1)
    gone = (r.log_uniform(0.25, 1.6, 1) * torch.where(r.chance(0.65, 1), since, -since)).clamp(0, 3)
    across = gone * torch.where(r.chance(0.5, 1), 1.0, -1.0)
    up = gone.clamp(max=1) * r.uniform(-0.1, 0.5, 1)
    scale = 2 / (1 + 2 * _MARGIN) * leaving[:, None]
    step = torch.stack((across * scale / view.width[:, None], up * scale / view.height[:, None]), dim=-1)
    return step[:, :, None, None]


def _ended(layer: Tensor) -> Tensor:
    """Pictures (N, 4, S, S) with nothing at the sides, which grid_sample continues beyond the margin."""
    layer[..., :1] = layer[..., -1:] = 0
    return layer


def _with_photos(r: ClipRandom, world: World, rooms: Tensor, pictures: Pictures) -> Tensor:
    chosen, which = r.chance(world.photos), r.unit()
    zoom, place, flip, gain = (
        r.uniform(0.35, 1.0),
        r.uniform(-1, 1, 2),
        r.chance(0.5),
        r.log_uniform(0.4, 1.6),
    )
    rows = torch.nonzero(chosen)[:, 0]
    if not len(rows) or not len(pictures.photos):
        return rooms
    photos = pictures.photos[(which[rows] * len(pictures.photos)).long()]
    flip = torch.where(flip[rows], -1.0, 1.0)
    seen = _part_of(photos, zoom[rows], place[rows], flip, rooms.shape[-1])
    return rooms.index_copy_(0, rows, seen * gain[rows, None, None, None])


def _textured(r: ClipRandom, world: World, layer: Tensor, pictures: Pictures) -> Tensor:
    """People (N, 4, S, S), some with a photograph's tones on them: a made face is smoother than any that is real.

    A network that only saw smooth faces took real ones near the camera for thumbs.
    """
    rows = torch.nonzero(r.chance(world.textured))[:, 0]
    own = r.rows(rows)
    if not len(rows) or not len(pictures.photos):
        return layer
    photos = pictures.photos[(own.unit() * len(pictures.photos)).long()]
    zoom, place, upright = own.log_uniform(0.12, 0.6), own.uniform(-1, 1, 2), torch.ones(len(rows))
    tones = _part_of(photos, zoom, place, upright.to(layer.device), layer.shape[-1])
    grey = tones.mean(1, keepdim=True).expand_as(tones)
    tones = torch.where(own.chance(0.6)[:, None, None, None], grey, tones)
    tones = (tones / tones.mean((1, 2, 3), keepdim=True).clamp(min=0.01)).clamp(max=3)
    seen = torch.lerp(torch.ones_like(tones), tones, own.uniform(0.15, 0.8)[:, None, None, None])
    covered = layer[rows]
    return layer.index_copy(0, rows, torch.cat((covered[:, :3] * seen, covered[:, 3:]), dim=1))


def _part_of(pictures: Tensor, zoom: Tensor, place: Tensor, flip: Tensor, size: int) -> Tensor:
    """Square parts of pictures (N, 3, H, W), uint8: `zoom` (N,) of them about `place` (N, 2); linear light."""
    linear = pictures.float().div(255).pow(2.2)
    steps = (torch.arange(size, device=pictures.device) + 0.5) / size * 2 - 1
    zoom, flip = zoom[:, None], flip[:, None]
    gx = steps * zoom * flip + place[:, :1] * (1 - zoom)
    gy = steps * zoom + place[:, 1:] * (1 - zoom)
    grid = torch.stack((gx[:, None].expand(-1, size, -1), gy[:, :, None].expand(-1, -1, size)), dim=-1)
    return functional.grid_sample(
        linear, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _with_videos(r: ClipRandom, world: World, frames: Tensor, times: Tensor, pictures: Pictures) -> Tensor:
    chosen, which, begin = r.chance(world.videos), r.unit(), r.unit()
    zoom, place, flip, gain = r.uniform(0.5, 1.0), r.uniform(-1, 1, 2), r.chance(0.5), r.log_uniform(0.5, 1.5)
    rows = torch.nonzero(chosen)[:, 0]
    count = len(pictures.video_starts) - 1
    if not len(rows) or not count:
        return frames
    video = (which[rows] * count).long()
    first, length = (
        pictures.video_starts[video],
        pictures.video_starts[video + 1] - pictures.video_starts[video],
    )
    # To and fro, so that no video ends.
    turn = (2 * length - 2)[:, None]
    at = ((begin[rows] * length)[:, None] + times[rows] * 12).long() % turn
    number = first[:, None] + torch.minimum(at, turn - at)
    t = frames.shape[1]
    flip = torch.where(flip[rows], -1.0, 1.0).repeat_interleave(t)
    zoom, place = zoom[rows].repeat_interleave(t), place[rows].repeat_interleave(t, 0)
    seen = _part_of(pictures.videos[number.flatten()], zoom, place, flip, frames.shape[-1])
    return frames.index_copy_(0, rows, torch.unflatten(seen, 0, (-1, t)) * gain[rows, None, None, None, None])


def _filmed(r: ClipRandom, world: World, frames: Tensor, times: Tensor, footage: Footage | None) -> Tensor:
    """Some frames become footage, in linear light: a person as a camera sees one, behind a made hand."""
    rows = torch.nonzero(r.chance(world.filmed))[:, 0]
    if footage is None or not len(rows):
        return frames
    seen = footage.seen(r.rows(rows), times[rows], frames.shape[-1])
    return frames.index_copy_(0, rows, seen.div(255).pow(2.2))


def _with_passers_by(
    r: ClipRandom,
    world: World,
    view: View,
    light: Lighting,
    frames: Tensor,
    times: Tensor,
    base: Tensor,
    shift: Tensor,
) -> Tensor:
    """Somebody smaller behind, who stands, sits or crosses the picture."""
    rows = torch.nonzero(r.chance(world.passer_by))[:, 0]
    speed, start = r.normal(0.25) * r.chance(0.6), r.uniform(-0.6, 0.6)
    own = r.rows(rows)
    if not len(rows):
        return frames
    other = choose_people(own, world)
    scale = own.uniform(0.4, 0.85)
    other = Person(
        0 * other.x,
        other.y * 0.8 + 0.1,
        other.head * scale,
        other.shoulders,
        other.skin,
        other.hair,
        other.cloth,
        other.trim,
    )
    size = frames.shape[-1]
    part = View(*(getattr(view, name)[rows] for name in View.__dataclass_fields__))
    x, y = part.grid(size, _MARGIN)
    lamp = Lighting(light.key[rows], light.fill[rows], light.ambient[rows], light.tint[rows])
    layer, _ = paint_people(own, other, lamp, x, y)
    layer = _ended(layer)
    layer = layer * own.log_uniform(0.5, 1.2)[:, None, None, None]
    layer[:, 3:] = layer[:, 3:].clamp(0, 1).gt(0).to(layer.dtype) * layer[:, 3:].clamp(0, 1)
    move = (
        -(start[rows, None] + speed[rows, None] * times[rows]) * 2 / part.width[:, None] / (1 + 2 * _MARGIN)
    )
    grid = base[None, None] + shift[rows][:, :, None, None]
    grid = grid + torch.stack((move, torch.zeros_like(move)), dim=-1)[:, :, None, None]
    return frames.index_copy_(0, rows, _over(frames[rows], _sampled(layer, grid)))


def _with_things(
    r: ClipRandom, world: World, view: View, frames: Tensor, labels: Tensor, times: Tensor
) -> Tensor:
    """A phone, cup, sheet or the like that is moved in front of the body."""
    idle = torch.zeros_like(labels, dtype=torch.bool)
    for label in _THING_LABELS:
        idle |= labels == label
    rows = torch.nonzero(r.chance(world.object_held) & idle)[:, 0]
    own = r.rows(rows)
    if not len(rows):
        return frames
    x, y = (
        axis[:, None]
        for axis in View(*(getattr(view, name)[rows] for name in View.__dataclass_fields__)).grid(
            frames.shape[-1]
        )
    )
    lone = (slice(None), None, None, None)

    def path(scale: float, middle: float, high: float) -> Tensor:
        wave = torch.sin(times[rows] * own.uniform(0.4, 3.5, 1) + own.uniform(0, 6.3, 1))
        return (own.uniform(middle - high, middle + high, 1) + own.uniform(0, scale, 1) * wave)[
            :, :, None, None
        ]

    dx, dy = x - path(0.35, 0.0, 0.4), y - path(0.3, 0.8, 0.3)
    angle = path(0.8, 0.0, 0.8)
    u, v = dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin()
    wide, high = own.uniform(0.03, 0.16)[lone], own.uniform(0.05, 0.2)[lone]
    power = torch.where(own.chance(0.7), 8.0, 2.0)[lone]
    far = ((u / wide).abs().clamp(max=3).pow(power) + (v / high).abs().clamp(max=3).pow(power)).pow(
        1 / power
    ) - 1
    mask = inside(far * wide, 0.02)[:, :, None]
    tone = common_colour(own, world.muted, 0.02, 0.8)[:, None, :, None, None]
    tone = tone * (1 + 0.25 * u / wide + 0.15 * torch.sin(v / high * own.uniform(2, 14)[lone]))[
        :, :, None
    ].clamp(0.3, 1.7)
    return frames.index_copy_(0, rows, torch.lerp(frames[rows], tone, mask))
