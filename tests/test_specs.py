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


def test_sizes_round_down_as_torchvision_does():
    assert PreprocessSpec().resized_size(100, 176) == (256, 450)
    assert PreprocessSpec().resized_size(640, 480) == (341, 256)


@pytest.mark.parametrize(
    ("max_squeeze", "size", "resized"),
    [
        (1.78, (100, 176), (224, 224)),  # seen whole
        (1.78, (480, 640), (224, 224)),
        (1.78, (100, 356), (224, 448)),  # the middle half of it is
        (4 / 3, (480, 640), (224, 224)),
        (4 / 3, (720, 1280), (224, 298)),
        (4, (640, 480), (298, 224)),  # upright
    ],
)
def test_wide_pictures_are_squeezed_into_a_square_at_most(max_squeeze, size, resized):
    spec = PreprocessSpec(resize_short_side=224, max_squeeze=max_squeeze)
    assert spec.resized_size(*size) == resized


@given(height=sizes, width=sizes, side=sizes)
def test_without_squeezing_the_aspect_ratio_is_kept_in_whole_numbers(height, width, side):
    found = PreprocessSpec(resize_short_side=side).resized_size(height, width)
    assert found == (side * height // min(height, width), side * width // min(height, width))


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
