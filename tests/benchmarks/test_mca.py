"""From executed blocks to simulated cycles: counting, simulating, and one frame of a real bundle."""

import shutil
from dataclasses import replace

import pytest

from tsm_edge.errors import MissingDependencyError, OutputError, UsageError
from tsm_edge.targets import TARGETS

NOP, RET = 0xD503201F, 0xD65F03C0
FMLA, FMLA_BY_LANE = 0x4E3FCFC0, 0x4F9F13C1  # fmla v0.4s, v30.4s, v31.4s; fmla v1.4s, v30.4s, v31.s[0]
ADD = 0x8B020020  # add x0, x1, x2


@pytest.fixture
def blocks():
    """A function of five instructions: two once, a loop of two 11 times, entered from above, and a return."""
    from instruction_plugin import Block

    return [
        Block("kernel", 0x1000, 1, (ADD, NOP, FMLA, FMLA_BY_LANE)),
        Block("kernel", 0x1008, 10, (FMLA, FMLA_BY_LANE)),
        Block("kernel", 0x1010, 1, (RET,)),
        Block("other", 0x1014, 1, (RET,)),
    ]


@pytest.fixture
def llvm():
    for tool in ("llvm-mca", "llvm-mc"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is missing; on Debian: apt-get install llvm")
    import llvm_mca

    return llvm_mca


def test_blocks_that_overlap_become_stretches(blocks):
    from hot_stretches import Stretch, stretches_of

    assert stretches_of(blocks) == [
        Stretch("kernel", 1, (ADD, NOP)),
        Stretch("kernel", 11, (FMLA, FMLA_BY_LANE)),
        Stretch("kernel", 1, (RET,)),
        Stretch("other", 1, (RET,)),
    ]


def test_block_cut_in_two_is_one_stretch():
    from hot_stretches import stretches_of
    from instruction_plugin import Block

    cut = [Block("kernel", 0x1FFC, 5, (FMLA,)), Block("kernel", 0x2000, 5, (ADD,))]
    assert [stretch.words for stretch in stretches_of(cut)] == [(FMLA, ADD)]


def test_fewest_stretches_that_make_the_share(blocks):
    from hot_stretches import hottest, stretches_of

    stretches = stretches_of(blocks)
    assert [stretch.instructions for stretch in hottest(stretches, 0.8)] == [22]
    assert sum(stretch.instructions for stretch in hottest(stretches, 1.0)) == 26
    assert stretches[1].vector_fmla == 22


def test_words_are_disassembled_each_once(llvm):
    texts = llvm.disassembled([FMLA, ADD, FMLA])
    assert {word: text.split() for word, text in texts.items()} == {
        FMLA: ["fmla", "v0.4s,", "v30.4s,", "v31.4s"],
        ADD: ["add", "x0,", "x1,", "x2"],
    }


def test_floor_is_what_independent_multiply_adds_take(llvm):
    """The A57 has one pipeline for them in LLVM's model, the Exynos M3 three."""
    assert llvm.fmla_per_cycle("cortex-a57") == pytest.approx(1, rel=0.05)
    assert llvm.fmla_per_cycle("exynos-m3") == pytest.approx(3, rel=0.05)


def test_each_stretch_gets_its_own_cycles(llvm):
    short, long = llvm.cycles_of(["fmla v0.4s, v30.4s, v31.4s", llvm.INDEPENDENT_FMLA], "cortex-a57")
    assert 1 < short < 15 < long < 35


def test_kernels_are_simulated_apart_and_weighted(llvm, blocks):
    import mca
    from hot_stretches import stretches_of

    kernel, other = sorted(mca.simulated(stretches_of(blocks), "cortex-a57", 2.0), key=lambda each: each.name)
    assert (kernel.name, kernel.instructions, kernel.vector_fmla) == ("kernel", 25, 22)
    assert kernel.floor_cycles == 11
    assert kernel.covered == 1
    assert kernel.cycles > 22
    assert (other.vector_fmla, other.floor_cycles) == (0, 0)


@pytest.fixture
def record(llvm, blocks, monkeypatch, tiny):
    import mca
    from hot_stretches import stretches_of

    monkeypatch.setattr(mca, "_executed_stretches", lambda bundle: stretches_of(blocks))
    monkeypatch.setattr(mca, "emulator_version", lambda: "7.2")
    return mca.measure(replace(tiny, manifest=replace(tiny.manifest, target=TARGETS["jetson-nano"])))


def test_record_is_read_as_it_was_written(record, tmp_path):
    import mca_record
    import record_files

    record_files.write_record(record, tmp_path / "mca.json")
    assert mca_record.read_mca(tmp_path / "mca.json") == record
    (tmp_path / "mca.json").write_text("{}")
    with pytest.raises(OutputError, match="no record of llvm-mca's cycles"):
        mca_record.read_mca(tmp_path / "mca.json")


def test_table_says_that_it_is_simulated(record):
    import markdown_tables

    table = markdown_tables.mca_table([record])
    assert "**simulated**" in table
    assert f"| cortex-a57 (jetson-nano) | 1.00 | 0.0 | 0.0 | {record.ratio:.2f} |" in table


def test_bundle_for_another_processor_is_refused(tiny):
    import mca

    other = replace(tiny, manifest=replace(tiny.manifest, target=TARGETS["x86-64-v3"]))
    with pytest.raises(UsageError, match="give a bundle for 64-bit ARM"):
        mca.measure(other)


def test_missing_tool_is_named(monkeypatch, tmp_path):
    import llvm_mca

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="llvm-mca is missing; on Debian: apt-get install llvm"):
        llvm_mca.llvm_version()
