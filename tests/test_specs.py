import math
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.specs import ModelSpec, PreprocessSpec, SmoothingSpec, StateSpec

sizes = st.integers(1, 512)
shapes = st.lists(st.tuples(st.just(1), sizes, sizes, sizes), max_size=16).map(tuple)


@given(shapes=shapes)
def test_state_size_counts_every_float_of_every_buffer(shapes):
    state = StateSpec(shapes=shapes)
    assert state.size_floats == sum(math.prod(shape) for shape in shapes)
    assert state.size_bytes == 4 * state.size_floats


@given(shapes=shapes, trained=st.booleans(), window=sizes, crop=sizes)
def test_specs_survive_json(spec, shapes, trained, window, crop):
    changed = replace(
        spec,
        trained=trained,
        state=StateSpec(shapes=shapes),
        preprocess=PreprocessSpec(crop_size=crop),
        smoothing=SmoothingSpec(window=window, merge=(("a", "b"),), ignore=("c",)),
    )
    assert msgspec.json.decode(msgspec.json.encode(changed), type=ModelSpec) == changed


def test_input_shape_follows_the_crop(spec):
    assert replace(spec, preprocess=PreprocessSpec(crop_size=96)).input_shape == (1, 3, 96, 96)


def test_untrained_weights_say_so(spec):
    assert spec.weights_note == "untrained weights"
    assert replace(spec, trained=True).weights_note == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [("num_classes", 0), ("shift_div", 0), ("width_mult", 0.0), ("state", {"shapes": [[1, 0, 2, 2]]})],
)
def test_json_with_impossible_sizes_is_refused(spec, field, value):
    fields = msgspec.to_builtins(spec) | {field: value}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, type=ModelSpec)
