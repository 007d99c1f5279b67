"""From linear light to what a cheap webcam delivers: blur, exposure, tone, noise, chroma at half size, blocks.

The blocks are those of a codec that quantises 8 x 8 cosine transforms (JPEG, ITU-T T.81, and MPEG's intra blocks).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tsm_edge.export.data.gestures.colours import GREY
from tsm_edge.export.data.gestures.random_numbers import ClipRandom
from tsm_edge.export.data.gestures.textures import halved
from tsm_edge.export.data.gestures.world import World

__all__ = ["Camera", "choose_cameras", "noise_bank", "photograph"]

_BANK = 48  # pictures of noise; a frame takes one of them
_BLOCK = 8


@dataclass(frozen=True)
class Camera:
    """Cameras of N clips; (N,) unless said.

    Attributes:
        gain: Exposure of every frame, (N, T).
        balance: White balance, (N, 3).
        contrast: About middle grey, after the tone curve.
        saturation: Of colours; 0 is grey.
        lift: Added to black.
        noise: Deviation, full scale, of luma.
        softness: Share of the resolution that is left.
        step: Of the quantiser, full scale; 0 leaves the clip as it is.
        picture: Which noise every frame takes, (N, T), int64.
    """

    gain: Tensor
    balance: Tensor
    contrast: Tensor
    saturation: Tensor
    lift: Tensor
    noise: Tensor
    softness: Tensor
    step: Tensor
    picture: Tensor


def choose_cameras(r: ClipRandom, world: World, times: Tensor) -> Camera:
    """A camera for every clip; `times` of its frames, (N, T) seconds."""
    dark, bright = world.odd_exposure
    kind = r.pick((1 - dark - bright, dark, bright))
    gains = torch.stack(
        (r.log_uniform(*world.exposure), r.log_uniform(0.08, 0.45), r.log_uniform(1.6, 4.0)), dim=1
    )
    gain = gains.gather(1, kind[:, None])[:, 0]
    # Automatic exposure hunts, mains light flickers.
    hunting = r.normal(0.07) * r.chance(0.4)
    flicker = r.normal(0.02) * r.chance(0.3)
    over_time = hunting[:, None] * torch.sin(times * r.uniform(0.5, 3.0, 1) + r.uniform(0, 6.3, 1))
    over_time = over_time + flicker[:, None] * torch.sin(times * 37.0)
    noise = r.log_uniform(*world.noise) * torch.where(kind == 1, r.uniform(1.0, 2.2), torch.ones_like(gain))
    warm = r.normal(0.1)
    balance = torch.stack((1 + warm, 1 + r.normal(0.03), 1 - warm), dim=1)
    grey = r.chance(0.04)
    return Camera(
        gain=gain[:, None] * (1 + over_time),
        balance=balance,
        contrast=r.uniform(0.8, 1.25),
        saturation=torch.where(grey, torch.zeros_like(gain), r.uniform(*world.saturation)),
        lift=r.uniform(-0.04, 0.06),
        noise=noise,
        softness=r.uniform(*world.softness),
        # Codecs keep the little contrast of dark pictures.
        step=torch.where(r.chance(world.compression), r.log_uniform(0.02, 0.2), torch.zeros_like(gain))
        * gain.clamp(max=1).sqrt(),
        picture=(r.unit(times.shape[1]) * _BANK).long(),
    )


def noise_bank(size: int, device: torch.device) -> Tensor:
    """Pictures of noise, deviation 1, (48, 1, size, size); the same on every device."""
    generator = torch.Generator().manual_seed(20260417)
    fine = torch.randn(_BANK, 1, size, size, generator=generator)
    # Sensors' noise is demosaicked and partly removed: it has some extent.
    near = 0.7 * fine + 0.4 * torch.roll(fine, 1, 2) + 0.4 * torch.roll(fine, 1, 3)
    return near.to(device)


def photograph(light: Tensor, camera: Camera, bank: Tensor) -> Tensor:
    """What the cameras deliver.

    Args:
        light: Linear RGB, (N, T, 3, S, S), 1 is white in a usual exposure.
        camera: Cameras of these clips.
        bank: Of noise_bank(S).

    Returns:
        (N * T, 3, S, S), 0 to 255, float, not yet rounded.
    """
    n, t, _, size, _ = light.shape
    gain = (camera.gain[:, :, None] * camera.balance[:, None]).reshape(n * t, 3, 1, 1)
    frames = light.flatten(0, 1) * gain

    def each(values: Tensor) -> Tensor:
        return values.repeat_interleave(t)[:, None, None, None]

    # A tone curve with a shoulder: square root for gamma, then highlights run against white.
    frames.clamp_(0, 1.6).sqrt_()
    frames.mul_((frames * frames).mul_(-0.1).add_(1.08))
    frames.mul_(each(camera.contrast)).add_(each(0.5 + camera.lift - 0.5 * camera.contrast))
    luma, chroma = _split(frames, each(camera.saturation))
    luma = _soften(luma, each(camera.softness))
    noise = bank[camera.picture.flatten()] * each(camera.noise)
    luma = luma.add_(noise)
    half = _BLOCK * 2
    if size % half == 0:
        luma = _quantised(luma, camera.step, t)
        chroma = _quantised(chroma, camera.step * 1.6, t)
    chroma = functional.interpolate(chroma, size=size, mode="bilinear", align_corners=False)
    return _join(luma, chroma)


def _soften(luma: Tensor, softness: Tensor) -> Tensor:
    """Blend with the half-size picture as far as the resolution is lower."""
    wide = functional.interpolate(halved(luma), scale_factor=2, mode="bilinear", align_corners=False)
    return torch.lerp(luma, wide, ((1 - softness) * 1.7).clamp(0, 1))


def _split(frames: Tensor, saturation: Tensor) -> tuple[Tensor, Tensor]:
    """Luma (B, 1, S, S) and chroma at half size, (B, 2, S / 2, S / 2): blue and red less luma."""
    red, green, blue = frames[:, :1], frames[:, 1:2], frames[:, 2:]
    luma = (red * GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])
    small = halved(luma)
    chroma = torch.cat((halved(blue) - small, halved(red) - small), dim=1)
    return luma, chroma.mul_(saturation)


def _join(luma: Tensor, chroma: Tensor) -> Tensor:
    out = luma.new_empty(len(luma), 3, *luma.shape[2:])
    red, green, blue = out[:, :1], out[:, 1:2], out[:, 2:]
    torch.add(luma, chroma[:, 1:], out=red)
    torch.add(luma, chroma[:, :1], out=blue)
    torch.mul(luma, 1 / GREY[1], out=green)
    green.sub_(red, alpha=GREY[0] / GREY[1]).sub_(blue, alpha=GREY[2] / GREY[1])
    return out.clamp_(0, 1).mul_(255)


def _cosines(size: int, like: Tensor) -> Tensor:
    """Block-diagonal matrix (size, size) that transforms runs of eight pixels."""
    k = torch.arange(_BLOCK, dtype=torch.float64)
    block = torch.cos(math.pi / _BLOCK * (k[None] + 0.5) * k[:, None]) * math.sqrt(2 / _BLOCK)
    block[0] /= math.sqrt(2)
    return torch.kron(torch.eye(size // _BLOCK, dtype=torch.float64), block).to(like)


def _quantised(plane: Tensor, step: Tensor, num_frames: int) -> Tensor:
    rows = torch.nonzero((step > 0).repeat_interleave(num_frames))[:, 0]
    if not len(rows):
        return plane
    size = plane.shape[-1]
    transform = _cosines(size, plane)
    frequency = torch.arange(_BLOCK, device=plane.device, dtype=plane.dtype).repeat(size // _BLOCK)
    coarser = 1 + 0.55 * (frequency[:, None] + frequency[None])  # codecs spend less on fine detail
    steps = step.repeat_interleave(num_frames)[rows][:, None, None, None] * coarser
    coefficients = transform @ plane[rows] @ transform.T
    coefficients = torch.round(coefficients / steps) * steps
    return plane.index_copy(0, rows, transform.T @ coefficients @ transform)
