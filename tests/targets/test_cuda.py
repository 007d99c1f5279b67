import pytest

from tsm_edge.errors import UsageError
from tsm_edge.targets import TARGETS, cuda_target, get_target, host_target, parse_target
from tsm_edge.targets.cuda import ARCHITECTURES, DEFAULT_ARCH


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_architecture_is_a_target_of_this_machine(arch):
    target = cuda_target(arch)
    assert target.gpu is not None
    assert target.gpu.arch == arch
    assert target.gpu.ptx_version == ARCHITECTURES[arch]
    assert (target.triple, target.cpu, target.threads) == (
        host_target().triple,
        host_target().cpu,
        host_target().threads,
    )
    assert get_target(target.name) == parse_target("cuda", arch) == target


def test_kernels_are_laid_out_for_a_gpu_of_that_size():
    sizes = {arch: gpu.multiprocessors for arch in ARCHITECTURES if (gpu := cuda_target(arch).gpu)}
    assert sizes["sm_53"] == sizes["sm_72"] == 1
    assert sizes["sm_75"] == 40
    assert sizes["sm_80"] == sizes["sm_86"] == 108
    assert sizes["sm_90"] == 132


def test_plain_name_is_the_common_architecture():
    assert get_target("cuda") == parse_target("cuda") == cuda_target(DEFAULT_ARCH)


@pytest.mark.parametrize("arch", ["", "sm_35", "75", "compute_75", "sm_75a", "sm_121"])
def test_unknown_architecture_lists_the_known_ones(arch):
    with pytest.raises(UsageError, match="unknown GPU architecture") as caught:
        parse_target("cuda", arch)
    assert ", ".join(ARCHITECTURES) in str(caught.value)


@pytest.mark.parametrize("name", ["host", "jetson-nano", '{"kind":"llvm"}'])
def test_architecture_goes_with_cuda_alone(name):
    with pytest.raises(UsageError, match="goes with --target cuda"):
        parse_target(name, "sm_75")


def test_boards_with_a_gpu_have_a_twin_without():
    with_gpu = [target for target in TARGETS.values() if target.gpu]
    assert {target.name for target in with_gpu} == {"jetson-nano", "jetson-orin-nano"}
    for target in with_gpu:
        twin = TARGETS[f"{target.name}-cpu"]
        assert (twin.cpu, twin.features, twin.gpu) == (target.cpu, target.features, None)
