import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsm_edge.export.data.gestures.random_numbers import ClipRandom


@settings(max_examples=25, deadline=None)
@given(st.integers(-(2**40), 2**40), st.lists(st.integers(0, 2**40), min_size=1, max_size=6))
def test_a_clip_draws_the_same_in_any_company(seed, clips):
    together = ClipRandom(seed, torch.tensor(clips))
    drawn = torch.cat((together.unit(3), together.normal(1.0, 2)), dim=1)
    for row, clip in enumerate(clips):
        alone = ClipRandom(seed, torch.tensor([clip]))
        assert torch.equal(torch.cat((alone.unit(3), alone.normal(1.0, 2)), dim=1)[0], drawn[row])


def test_numbers_are_uniform_and_unrelated():
    unit = ClipRandom(7, torch.arange(400)).unit(2000)  # more than are drawn at once
    assert unit.min() >= 0 and unit.max() < 1
    # 800,000 numbers: the mean's deviation is 3e-4, the correlation's of neighbours 1e-3; five of them.
    assert abs(unit.mean() - 0.5) < 2e-3
    assert abs(torch.corrcoef(torch.stack((unit[:, :-1].flatten(), unit[:, 1:].flatten())))[0, 1]) < 6e-3
    assert abs(torch.corrcoef(torch.stack((unit[:-1].flatten(), unit[1:].flatten())))[0, 1]) < 6e-3


def test_rows_go_on_where_the_whole_stands():
    whole = ClipRandom(1, torch.arange(5))
    whole.unit(4)
    part = whole.rows(torch.tensor([3, 1]))
    assert torch.equal(part.unit(2), whole.unit(2)[[3, 1]])


def test_streams_and_seeds_differ():
    clips = torch.arange(4)
    first = ClipRandom(1, clips).unit(8)
    assert not torch.isclose(first, ClipRandom(1, clips, stream=1).unit(8)).any()
    assert not torch.isclose(first, ClipRandom(2, clips).unit(8)).any()


def test_picks_follow_their_weights():
    picked = ClipRandom(0, torch.arange(2000)).pick((1, 0, 3), 4)
    shares = torch.bincount(picked.flatten(), minlength=3) / picked.numel()
    assert shares[1] == 0
    assert abs(shares[2] - 0.75) < 0.03  # five deviations of 8,000 draws


def test_numbers_apart_differ_and_leave_the_rest_alone():
    clips = torch.arange(5)
    plain, other = ClipRandom(3, clips), ClipRandom(3, clips)
    assert torch.equal(plain.unit(4), other.unit(4))
    apart = other.apart(1)
    assert torch.equal(apart.unit(7), ClipRandom(3, clips).apart(1).unit(7))  # whatever was drawn before
    assert not torch.equal(other.apart(2).unit(7), other.apart(1).unit(7))
    assert torch.equal(plain.unit(4), other.unit(4))
    assert torch.equal(other.rows(clips[2:]).apart(1).unit(7), other.apart(1).unit(7)[2:])
