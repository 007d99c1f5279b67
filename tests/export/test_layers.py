from random_layers import convolution, dense

from tsm_edge.export.layers import Tensor


def test_tensor_counts_pixels_and_floats():
    tensor = Tensor("x", 3, 5, 7)
    assert (tensor.pixels, tensor.size) == (15, 105)


def test_layers_are_written_without_their_weights():
    for layer in (convolution(5, 5, 64, 64, kernel=3, padding=1, groups=4), dense(1280, 27)):
        text = repr(layer)
        assert "\n" not in text
        assert "array" not in text
        assert len(text) < 400
    assert "groups=4" in repr(convolution(5, 5, 64, 64, kernel=3, padding=1, groups=4))
