import torch
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.export.data.gestures.textures import fading


@given(st.lists(st.floats(-20, 1e6, width=32), min_size=1, max_size=9))
def test_fading_is_a_falling_exponential(distances):
    given_ = torch.tensor(distances)
    kept = given_.clone()
    torch.testing.assert_close(fading(given_), torch.exp(-given_), rtol=1e-6, atol=1e-30)
    assert torch.equal(given_, kept)
