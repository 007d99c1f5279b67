import math

import torch

from tsm_edge.export.data.gestures.hand_pose import POSE_SIZE, HandSizes, bone_maps
from tsm_edge.export.data.gestures.hand_shape import BONES, FINGERS, FOREARM, PALM, THUMB, hand_shape
from tsm_edge.export.data.gestures.rotations import about_x, about_y, about_z, compose, matrices, slerp

SHOULDER = torch.tensor([[-0.8, -1.2, -1.5]])
HANGING = torch.zeros(1)


def posed_tips(bend: float, orientation: torch.Tensor) -> torch.Tensor:
    """Where the finger tips' ends are, (5, 3), hand lengths from the wrist."""
    pose = torch.zeros(1, POSE_SIZE)
    pose[:, :4], pose[:, 4] = bend, 1.0
    pose[:, 6], pose[:, 7] = 0.75, 0.15
    maps = bone_maps(pose, orientation[None], SHOULDER, HandSizes(torch.ones(1, 5), torch.ones(1)), HANGING)
    tips = []
    for chain in (*FINGERS, THUMB):
        bone = BONES[chain[-1]]
        end = torch.tensor(bone.start) + bone.length * torch.tensor(bone.direction)
        tips.append(maps.matrices[0, chain[-1]] @ end + maps.offsets[0, chain[-1]])
    return torch.stack(tips)


UPRIGHT = torch.tensor([1.0, 0.0, 0.0, 0.0])


def test_flat_hand_points_up_with_the_thumb_to_the_right():
    tips = posed_tips(0.0, UPRIGHT)
    assert (tips[:4, 1] > 0.75).all()
    assert 0.95 < tips[:4, 1].max() < 1.05  # the unit of length
    assert tips[4, 0] > tips[:4, 0].max()


def test_bent_fingers_end_in_the_palm():
    tips = posed_tips(1.0, UPRIGHT)
    assert (tips[:4, 1] < 0.6).all()
    assert (tips[:4, 2] > 0).all()  # on the palm's side


def test_pitch_of_a_quarter_points_at_the_camera():
    tips = posed_tips(0.0, about_x(torch.tensor(math.pi / 2)))
    assert (tips[:4, 2] > 0.75).all()


def test_yaw_of_a_quarter_turns_the_palm_to_the_right():
    palm = matrices(about_y(torch.tensor(math.pi / 2)))[:, 2]
    torch.testing.assert_close(palm, torch.tensor([1.0, 0.0, 0.0]), rtol=0, atol=1e-6)


def test_roll_is_counterclockwise():
    up = matrices(about_z(torch.tensor(0.3)))[:, 1]
    assert up[0] < 0


def test_forearm_ends_at_the_wrist_and_starts_at_the_elbow():
    pose = torch.zeros(1, POSE_SIZE)
    maps = bone_maps(pose, UPRIGHT[None], SHOULDER, HandSizes(torch.ones(1, 5), torch.ones(1)), HANGING)
    wrist = maps.offsets[0, FOREARM]  # where bones carry the resting wrist, which is 0
    assert wrist.norm() < 0.12  # the arm is stretched by a few per cent at most
    torch.testing.assert_close(maps.offsets[0, PALM], torch.zeros(3), rtol=0, atol=1e-6)


def elbow_at(orientation: torch.Tensor, lift: float) -> torch.Tensor:
    """The elbow, (3,), hand lengths from the wrist."""
    sizes = HandSizes(torch.ones(1, 5), torch.ones(1))
    maps = bone_maps(torch.zeros(1, POSE_SIZE), orientation[None], SHOULDER, sizes, torch.full((1,), lift))
    return maps.matrices[0, FOREARM] @ torch.tensor(BONES[FOREARM].start) + maps.offsets[0, FOREARM]


def test_lifted_elbow_is_farther_out_and_higher():
    fingers_to_the_middle = about_z(torch.tensor(-math.pi / 2))
    for orientation in (UPRIGHT, fingers_to_the_middle):
        hanging, half, lifted = (elbow_at(orientation, lift) for lift in (0.0, 0.5, 1.0))
        assert hanging[1] < half[1] < lifted[1]
    assert elbow_at(UPRIGHT, 1.0)[0] < elbow_at(UPRIGHT, 0.0)[0] - 0.2


def test_slerp_ends_where_it_should_and_stays_a_rotation():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.nn.functional.normalize(torch.randn(50, 4, generator=generator), dim=-1) for _ in range(2))
    for amount, expected in ((0.0, a), (1.0, b)):
        ends = slerp(a, b, torch.full((50,), amount))
        # The same rotation has two quaternions; float32 sines of small angles.
        torch.testing.assert_close((ends * expected).sum(-1).abs(), torch.ones(50), rtol=0, atol=1e-5)
    middle = matrices(slerp(a, b, torch.full((50,), 0.4)))
    torch.testing.assert_close(middle @ middle.mT, torch.eye(3).expand(50, 3, 3), rtol=0, atol=1e-5)


def test_compose_multiplies_matrices():
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.nn.functional.normalize(torch.randn(9, 4, generator=generator), dim=-1) for _ in range(2))
    torch.testing.assert_close(matrices(compose(a, b)), matrices(a) @ matrices(b), rtol=0, atol=1e-5)


def test_surface_is_even_and_outward():
    shape = hand_shape(0.03)
    torch.testing.assert_close(shape.normals.norm(dim=1), torch.ones(len(shape.points)), rtol=0, atol=1e-4)
    torch.testing.assert_close(shape.weights.sum(1), torch.ones(len(shape.points)), rtol=0, atol=1e-5)
    hand = shape.points[shape.sleeve < 0]
    near = torch.cdist(hand, hand).fill_diagonal_(1.0).amin(1)
    assert near.quantile(0.99) < 2 * shape.spacing  # no gaps
    assert len(shape.points) < 1 << 15  # what a key of the depth buffer has room for


def test_no_weight_is_too_small_for_fast_arithmetic():
    shape = hand_shape(0.03)
    for moved in (shape.weights, shape.moved_points, shape.moved_normals):
        assert moved[moved != 0].abs().min() > torch.finfo(torch.float32).tiny
