import pytest

from tsm_edge.export.models import build_backbone, make_spec


# As counted by their authors' successors for ImageNet's 1000 classes.
@pytest.mark.parametrize(("depth", "num_parameters"), [(18, 11_689_512), (50, 25_557_032), (101, 44_549_160)])
def test_number_of_parameters_is_the_published_one(depth, num_parameters):
    backbone = build_backbone(f"resnet{depth}", num_classes=1000)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == num_parameters


def test_every_block_of_a_shallow_network_is_shifted():
    backbone = build_backbone("resnet50", num_classes=2)
    expected = [
        f"layer{i}.{j}.conv1" for i, blocks in ((1, 3), (2, 4), (3, 6), (4, 3)) for j in range(blocks)
    ]
    assert backbone.shifted_convs == tuple(expected)


def test_every_second_block_of_a_deep_network_is_shifted():
    backbone = build_backbone("resnet101", num_classes=2)
    counts = ((1, (0, 2)), (2, (0, 2)), (3, range(0, 23, 2)), (4, (0, 2)))
    assert backbone.shifted_convs == tuple(f"layer{i}.{j}.conv1" for i, blocks in counts for j in blocks)


def test_a_bottleneck_strides_on_its_3x3_convolution():
    block = build_backbone("resnet50", num_classes=2).layer2[0]
    assert (block.conv1.stride, block.conv2.stride) == ((1, 1), (2, 2))


def test_state_follows_the_inputs_of_the_blocks():
    spec = make_spec(name="r18", architecture="resnet18", labels=("a", "b"), trained=True)
    assert spec.state.shapes == (
        (1, 8, 56, 56),
        (1, 8, 56, 56),
        (1, 8, 56, 56),
        (1, 16, 28, 28),
        (1, 16, 28, 28),
        (1, 32, 14, 14),
        (1, 32, 14, 14),
        (1, 64, 7, 7),
    )
