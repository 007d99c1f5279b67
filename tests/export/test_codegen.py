from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from random_layers import convolution, depthwise

from tsm_edge.errors import UnknownTargetError
from tsm_edge.export.codegen import check_processor, tvm_target, write_object
from tsm_edge.export.kernels.machine import machine_of
from tsm_edge.export.kernels.rules import lower_layer
from tsm_edge.targets import TARGETS, host_target

LAYERS = (convolution(4, 4, 8, 8), depthwise(4, 4, 8))


def kernels(target):
    return [lower_layer(layer, machine_of(target)).kernel for layer in LAYERS]


@pytest.mark.parametrize("name", TARGETS)
def test_tvm_gets_what_the_table_says(name):
    target = TARGETS[name]
    machine = tvm_target(target)
    assert str(machine.attrs["mtriple"]) == target.triple
    assert str(machine.attrs["mcpu"]) == target.cpu
    assert tuple(map(str, machine.attrs["mattr"])) == target.features


@pytest.mark.parametrize(("name", "machine"), [("jetson-nano", "EM_AARCH64"), ("x86-64-v2", "EM_X86_64")])
def test_object_holds_the_kernels_for_the_targets_processor(tmp_path, name, machine):
    target, path = TARGETS[name], tmp_path / "kernels.o"
    write_object(kernels(target), target, path)
    with path.open("rb") as file:
        elf = ELFFile(file)
        assert elf["e_machine"] == machine
        symbols = list(elf.get_section_by_name(".symtab").iter_symbols())
    functions = {symbol.name for symbol in symbols if symbol["st_info"]["type"] == "STT_FUNC"}
    assert functions >= {kernel.name for kernel in kernels(target)}
    undefined = {symbol.name for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF"} - {""}
    assert undefined <= {"memcpy", "memset"}, "kernels call nothing of a runtime"


def test_same_kernels_give_the_same_bytes(tmp_path):
    paths = [tmp_path / "one.o", tmp_path / "other.o"]
    for path in paths:
        write_object(kernels(host_target()), host_target(), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"cpu": "nonsense"}, "no processor 'nonsense' for aarch64-linux-gnu"),
        ({"cpu": "skylake"}, "such as apple-a9, cortex-a57"),
        ({"features": ("+neon", "+nonsense")}, "no feature '+nonsense' of cortex-a57"),
        ({"features": ("-nonsense",)}, "no feature '-nonsense' of cortex-a57"),
    ],
)
def test_processor_that_llvm_does_not_know_is_no_generic_one(capfd, fields, said):
    with pytest.raises(UnknownTargetError) as refused:
        check_processor(replace(TARGETS["jetson-nano"], **fields))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", ""), "the error says it all"


@pytest.mark.parametrize(
    "target",
    [host_target(), *TARGETS.values(), replace(TARGETS["jetson-nano"], features=("+dotprod",))],
    ids=lambda target: target.name,
)
def test_listed_processors_and_their_optional_features_are_known(target):
    check_processor(target)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk_is_an_error_and_not_the_end_of_the_process():
    with pytest.raises(OSError, match="No space left"):
        write_object(kernels(host_target()), host_target(), Path("/dev/full"))
