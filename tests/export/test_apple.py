"""The iOS target's static library, inspected with LLVM's tools: it is neither linked into an app nor run here."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from macho import global_names, mach_objects

from tsm_edge.bundle import C_HEADER, LIBRARY, RUN_TOOL, WEIGHTS
from tsm_edge.errors import BundleMismatchError
from tsm_edge.runtime import Session
from tsm_edge.targets import TARGETS, missing_here

IOS = TARGETS["ios-arm64"]
needs_llvm = pytest.mark.skipif(
    shutil.which("llvm-objdump") is None, reason="llvm-objdump is missing; on Debian: apt-get install llvm"
)


@pytest.fixture(scope="module")
def bundle(bundle_for):
    return bundle_for("ios-arm64")


@pytest.fixture(scope="module")
def library(bundle):
    return bundle.file(IOS.library)


def tool(name, *arguments):
    return subprocess.run([name, *map(str, arguments)], capture_output=True, text=True, check=True).stdout


def test_bundle_has_what_xcode_links_and_nothing_to_run(bundle):
    names = set(bundle.manifest.files)
    assert {"libtsm_model.a", "module.modulemap", C_HEADER, WEIGHTS} <= names
    assert not {LIBRARY, RUN_TOOL} & names
    described = (bundle.path / "module.modulemap").read_text()
    assert f'header "{C_HEADER}"' in described
    assert 'link "tsm_model"' in described


def test_manifest_says_that_nothing_ran(bundle):
    verification = bundle.manifest.verification
    assert verification.method == "not run and not linked: that takes Xcode and an iPhone"
    assert (verification.num_frames, verification.max_relative_error) == (0, None)
    assert "never run" in bundle.manifest.target.note


def test_every_member_is_an_object_for_64_bit_arm_and_ios_15(library):
    objects = mach_objects(library)
    assert {"tsm_cpu.o", "tsm_pool.o", "plan.o", "kernels.o"} <= set(objects)
    for name, found in objects.items():
        assert (found.cpu, found.filetype, found.platform, found.least_version) == (
            "arm64",
            "object",
            "ios",
            (15, 0),
        ), name


def test_library_has_every_function_of_the_header(bundle, library):
    declared = set(
        re.findall(r"^TSM_API [^(]*\b(tsm_\w+)\(", (bundle.path / C_HEADER).read_text(), re.MULTILINE)
    )
    defined, _ = global_names(library)
    assert declared
    assert {f"_{name}" for name in declared} <= defined


def test_library_asks_for_what_apples_libc_has(library):
    (folder,) = find_spec("ziglang").submodule_search_locations
    libsystem = (Path(folder) / "lib" / "libc" / "darwin" / "libSystem.tbd").read_text()
    offered = set(re.findall(r"\b_\w+", libsystem))
    defined, undefined = global_names(library)
    assert undefined - defined <= offered
    assert undefined - defined, "a library that asks for nothing was not read"


@needs_llvm
def test_llvms_own_tools_agree(library):
    headers = tool("llvm-objdump", "--private-headers", library)
    objects = mach_objects(library)
    assert headers.count("platform ios") == headers.count("minos 15.0") == len(objects)
    code = tool("llvm-objdump", "--disassemble", library)
    assert "file format mach-o arm64" in code
    assert re.search(r"fmla[. ]", code), "no vector multiply-add among the kernels"
    defined, undefined = global_names(library)
    listed = tool("llvm-nm", "--extern-only", "--just-symbol-name", library).split("\n")
    assert {line for line in listed if line.startswith("_")} == defined | undefined


def test_no_session_opens_it(bundle):
    with pytest.raises(BundleMismatchError, match="aarch64-ios"):
        Session.load(bundle.path)
    assert missing_here(IOS)
