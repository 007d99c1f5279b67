"""What the linker made: only what a device has is asked for, only the C interface is shown."""

import re
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from jvm import ANDROID
from random_layers import convolution

from tsm_edge.bundle import C_HEADER, LIBRARY, RUN_TOOL
from tsm_edge.errors import CompileError
from tsm_edge.export.codegen import write_object
from tsm_edge.export.kernels.machine import machine_of
from tsm_edge.export.kernels.rules import lower_layer
from tsm_edge.export.link import (
    BIONIC_LIBC,
    DRIVER_SOURCES,
    GPU_LIBC,
    GPU_SOURCES,
    MAX_PAGE_SIZE,
    NO_GPU_SOURCES,
    c_source,
    link_library,
)
from tsm_edge.targets import TARGETS, host_target

NAMES = ["host", *(name for name, target in TARGETS.items() if target.libc != "darwin")]
# glibc before 2.34 keeps threads in a library of their own.
GLIBC_LIBRARIES = {"libc.so.6", "libpthread.so.0", "ld-linux-aarch64.so.1", "ld-linux-x86-64.so.2"}
# What the C start files ask for if it is there.
GLIBC_START = {"__cxa_finalize", "__gmon_start__", "_ITM_deregisterTMCloneTable", "_ITM_registerTMCloneTable"}


class Library:
    """What the dynamic linker reads of a file."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            elf = ELFFile(file)
            self.machine = elf["e_machine"]
            self.segments = [segment.header for segment in elf.iter_segments()]
            dynamic = elf.get_section_by_name(".dynamic")
            self.tags = [(tag.entry.d_tag, tag) for tag in dynamic.iter_tags()] if dynamic else []
            self.needed = {tag.needed for name, tag in self.tags if name == "DT_NEEDED"}
            symbols = elf.get_section_by_name(".dynsym")
            named = [symbol for symbol in symbols.iter_symbols() if symbol.name] if symbols else []
            self.undefined = {s.name for s in named if s["st_shndx"] == "SHN_UNDEF"}
            self.shown = {s.name for s in named if s["st_shndx"] != "SHN_UNDEF"}
            self.versions = list(_versions(elf))
            self.sections = {section.name for section in elf.iter_sections()}

    def of_type(self, kind):
        return [segment for segment in self.segments if segment["p_type"] == kind]


def _versions(elf):
    section = elf.get_section_by_name(".gnu.version_r")
    for _, versions in section.iter_versions() if section else ():
        yield from (version.name for version in versions)


@pytest.fixture(params=NAMES)
def bundle(request, bundle_for):
    return bundle_for(request.param)


@pytest.fixture
def library(bundle):
    return Library(bundle.path / LIBRARY)


def java_names():
    """What the Kotlin sources that go with the library look for in it."""
    native = (ANDROID / "src" / "main" / "kotlin" / "dev" / "tsmedge" / "Native.kt").read_text()
    return {f"Java_dev_tsmedge_Native_{name}" for name in re.findall(r"external fun (\w+)\(", native)}


def test_library_shows_the_headers_functions_and_nothing_else(bundle, library):
    header = (bundle.path / C_HEADER).read_text()
    declared = set(re.findall(r"^TSM_API [^(]*\b(tsm_\w+)\(", header, re.MULTILINE))
    assert len(declared) == 21
    assert library.shown == declared | (java_names() if bundle.manifest.target.libc == "bionic" else set())


def test_library_asks_for_what_the_device_has(bundle, library):
    if bundle.manifest.target.libc == "bionic":
        assert library.needed == {"libc.so"}
        assert library.undefined <= set(BIONIC_LIBC)
        assert library.versions == []
        return
    has_gpu = bundle.manifest.target.gpu is not None
    assert library.needed <= GLIBC_LIBRARIES | ({"libdl.so.2"} if has_gpu else set())
    assert library.undefined <= {*BIONIC_LIBC, *GLIBC_START, *(GPU_LIBC if has_gpu else ())}
    assert has_gpu == ("dlopen" in library.undefined)
    numbers = [tuple(map(int, version.removeprefix("GLIBC_").split("."))) for version in library.versions]
    assert numbers
    assert max(numbers) <= (2, 17)


def test_library_can_be_loaded_anywhere_and_is_never_writable_code(bundle, library):
    machines = {"aarch64": "EM_AARCH64", "x86_64": "EM_X86_64"}
    assert library.machine == machines[bundle.manifest.target.architecture]
    assert "DT_TEXTREL" not in dict(library.tags)
    execute, write = 1, 2
    for segment in library.of_type("PT_LOAD"):
        assert segment["p_flags"] & (execute | write) != execute | write
        if bundle.manifest.target.libc == "bionic":
            assert segment["p_align"] >= MAX_PAGE_SIZE
            assert (segment["p_vaddr"] - segment["p_offset"]) % MAX_PAGE_SIZE == 0
    (stack,) = library.of_type("PT_GNU_STACK")
    assert not stack["p_flags"] & execute


def test_library_is_stripped_and_named(library):
    assert dict(library.tags)["DT_SONAME"].soname == LIBRARY
    assert not {name for name in library.sections if name.startswith(".debug") or name == ".symtab"}


def test_android_finds_symbols_by_the_old_hash_and_the_new_one(bundle, library):
    if bundle.manifest.target.libc == "bionic":
        assert {".hash", ".gnu.hash"} <= library.sections


def test_run_tool_of_a_cross_target_needs_the_kernel_alone_or_the_gpus_loader(bundle):
    tool = Library(bundle.path / RUN_TOOL)
    assert (bundle.path / RUN_TOOL).stat().st_mode & 0o111 == 0o111
    native = bundle.manifest.target.architecture == host_target().architecture
    if bundle.manifest.target.gpu:  # a static program could not load the GPU's driver
        assert tool.needed <= GLIBC_LIBRARIES | {"libdl.so.2"}
        numbers = [tuple(map(int, name.removeprefix("GLIBC_").split("."))) for name in tool.versions]
        assert max(numbers) <= (2, 17)
    elif not (native and bundle.manifest.target.libc == "gnu"):
        assert tool.needed == set()
        assert tool.of_type("PT_INTERP") == []


@pytest.fixture
def refused(tmp_path):
    """The one line by which a plan of this C code is refused."""

    def refused_(source, target):
        plan, kernels, library = (tmp_path / name for name in ("plan.c", "kernels.o", LIBRARY))
        plan.write_text(source)
        write_object([lower_layer(convolution(2, 2, 4, 4), machine_of(target)).kernel], target, kernels)
        with pytest.raises(CompileError) as caught:
            link_library(plan, kernels, target, library)
        assert "\n" not in str(caught.value)
        assert not library.exists()
        return str(caught.value)

    return refused_


@pytest.mark.parametrize("target", [host_target(), TARGETS["galaxy-note8"]], ids=["gnu", "bionic"])
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("int broken = ;\n", "expected expression"),
        ("static int unused;\n", "unused"),
        ("int empty;\n", "tsm_model_plan"),
    ],
)
def test_linkers_complaint_is_one_line(refused, target, source, said):
    assert said in refused(source, target)


def test_loader_of_the_emulated_tests_has_what_libc_is_asked_for_and_no_more():
    loader = (Path(__file__).parents[1] / "load_elf.h").read_text()
    names = loader.partition("#define NAMES(X)")[2].partition("#define ENTRY")[0]
    bionic, _, of_a_gpu = names.partition("#define GPU_NAMES(X)")
    assert sorted(re.findall(r"X\((\w+)\)", bionic)) == sorted(BIONIC_LIBC)
    assert sorted(re.findall(r"X\((\w+)\)", of_a_gpu)) == sorted(GPU_LIBC)


def test_sources_travel_with_the_package():
    for name in (
        *DRIVER_SOURCES,
        *GPU_SOURCES,
        *NO_GPU_SOURCES,
        "tsm_gpu_plan.h",
        "tsm_edge.h",
        "tsm_plan.h",
        "tsm_run.c",
    ):
        assert c_source(name).is_file()
