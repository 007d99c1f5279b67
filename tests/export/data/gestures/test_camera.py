import torch

from tsm_edge.export.data.gestures.camera import Camera, noise_bank, photograph


def camera(n: int, t: int, **changes: torch.Tensor) -> Camera:
    plain = {
        "gain": torch.ones(n, t), "balance": torch.ones(n, 3), "contrast": torch.ones(n), "saturation": torch.ones(n),
        "lift": torch.zeros(n), "noise": torch.zeros(n), "softness": torch.ones(n), "step": torch.zeros(n),
        "picture": torch.zeros(n, t, dtype=torch.int64),
    }  # fmt: skip
    return Camera(**{**plain, **changes})


BANK = noise_bank(48, torch.device("cpu"))


def test_more_light_is_never_darker_and_white_clips():
    light = torch.linspace(0, 3, 9)[:, None, None, None, None].expand(9, 1, 3, 48, 48)
    levels = photograph(light, camera(9, 1), BANK).mean((1, 2, 3))
    assert (levels.diff() >= -1e-3).all()
    assert levels[0] == 0 and levels[-1] > 250


def test_grey_stays_grey():
    picture = photograph(torch.full((1, 1, 3, 48, 48), 0.3), camera(1, 1), BANK)
    assert (picture.amax(1) - picture.amin(1)).max() < 0.5


def test_noise_has_the_deviation_asked_for():
    light = torch.full((1, 6, 3, 48, 48), 0.25)
    taken = camera(1, 6, noise=torch.tensor([0.05]), picture=torch.arange(6)[None])
    picture = photograph(light, taken, BANK)
    assert 0.6 < picture.std(0).mean() / (0.05 * 255) < 1.4
    assert (picture[0] - picture[1]).abs().mean() > 5  # another picture for every frame


def test_blocks_lose_detail_and_keep_brightness():
    generator = torch.Generator().manual_seed(0)
    light = torch.rand(1, 1, 3, 48, 48, generator=generator) * 0.1 + 0.3
    fine, coarse = (photograph(light, camera(1, 1, step=torch.tensor([s])), BANK) for s in (0.0, 0.2))
    assert abs(fine.mean() - coarse.mean()) < 5
    assert coarse.std() < 0.6 * fine.std()
