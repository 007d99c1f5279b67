"""From machine code to projected times: reading, counting, and the sheet of a small network."""

from collections import Counter
from dataclasses import replace

import pytest
from small_network import small_network

from tsm_edge.errors import MissingDependencyError, OutputError

# As nvdisasm 12.4 prints sm_53: braces join what is issued together, a loop that jumps back, and the branch to itself
# behind the end.
LISTING = """
\t.section\t.text.product,"ax",@progbits
.text.product:
        /*0008*/                   MOV R1, c[0x0][0x20] ;
        /*0010*/         {         S2R R0, SR_TID.X ;
        /*0018*/                   LDG.E.CI R4, [R2]         }
.L_x_0:
        /*0028*/         {         FFMA R5, R4.reuse, R4, R5 ;
        /*0030*/                   LDS.U.128 R8, [R6]         }
        /*0038*/                   FFMA R5, R4, R8, R5 ;
.L_x_1:
        /*0048*/                   FFMA R5, R8, R9, R5 ;
        /*0050*/               @P0 BRA `(.L_x_1) ;
        /*0058*/              @!P1 BRA `(.L_x_0)         }
        /*0068*/                   F2F.F16.F32 R5, R5 ;
        /*0070*/                   EXIT ;
.L_x_2:
        /*0078*/                   BRA `(.L_x_2) ;
        /*0088*/                   NOP ;
"""


@pytest.fixture
def code(scripts_on_the_path):
    import sass

    return sass._parse(LISTING)["product"]


def test_listing_is_read_with_its_loops(code):
    assert len(code.instructions) == 13
    assert [code.instructions[first] for first, _ in code.loops] == ["FFMA", "FFMA"]
    assert code.loops == [(6, 7), (3, 8)]


def test_loops_count_as_often_as_they_run(code):
    import sass

    counts = sass.executed(code, turns=5, multiply_adds=1, deals=10)
    assert counts["FFMA"] == 2 * 5 + 5 * 10
    assert counts["BRA"] == 5 * 10 + 5 + 1
    assert counts["LDS"] == 5
    assert counts["LDG"] == 1


def test_unrolling_is_told_by_the_multiply_adds(code):
    import sass

    one_loop = replace(code, loops=[(3, 8)])
    assert sass.executed(one_loop, turns=6, multiply_adds=1)["FFMA"] == 3 * 2, "three turns in one"
    assert sass.executed(one_loop, turns=6, multiply_adds=3)["FFMA"] == 3 * 6
    assert sass.executed(replace(code, loops=[]), turns=6, multiply_adds=1)["FFMA"] == 3
    assert sass.executed(code, turns=1, multiply_adds=1) == Counter(code.instructions)


def test_slow_instructions_take_several_turns(code):
    import sass

    assert sass.turns_of(Counter({"FFMA": 3, "SHL": 2, "F2F": 1, "NOP": 9})) == 3 + 4 + 4
    assert sass.multiply_add_share(Counter({"FFMA": 3, "HFMA2": 1, "F2F": 1})) == 0.5


@pytest.fixture
def network(tmp_path):
    from tsm_edge.export import export_onnx
    from tsm_edge.export.fusion import fuse_layers
    from tsm_edge.export.relax_graph import read_graph
    from tsm_edge.export.relax_import import import_relax

    export_onnx(small_network(), tmp_path / "small.onnx")
    return fuse_layers(read_graph(import_relax(tmp_path / "small.onnx")))


@pytest.fixture
def sheet(scripts_on_the_path, network, monkeypatch):
    """A small network's sheet; where there is no nvdisasm, its kernels are three instructions long."""
    import roofline
    import sass

    try:
        sass.nvdisasm_version()
    except MissingDependencyError:
        code = sass.Code(["LDG", "FFMA", "EXIT"])
        monkeypatch.setattr(roofline, "disassemble", lambda _: _Every(code))
        monkeypatch.setattr(roofline, "nvdisasm_version", lambda: "12.4")
    return roofline.project(network, "small", 32, "jetson-nano", "fp32")


class _Every(dict):
    def __init__(self, value):
        self.value = value

    def __missing__(self, _):
        return self.value


def test_sheet_says_what_each_launch_needs(sheet, tmp_path):
    import roofline_record
    import roofline_table

    assert sheet.projected_ms == pytest.approx(sum(launch.projected_ms for launch in sheet.launches))
    for launch in sheet.launches:
        assert launch.projected_ms >= max(launch.clocks_ms, launch.memory_ms)
        assert launch.clocks_ms >= max(launch.unit_ms.values())
        assert 0 < launch.occupancy <= 1
        assert 0 < launch.registers <= 255
        assert launch.bound in {"memory", *launch.unit_ms}
    assert sheet.peak_gflop_per_s == pytest.approx(236, abs=0.5)
    path = tmp_path / "roofline-small.json"
    roofline_record.write_roofline(sheet, path)
    assert roofline_record.read_roofline(path) == sheet
    table = roofline_table.roofline_table([sheet])
    assert "**projected** and not run" in table
    assert f"**{sheet.projected_ms:.2f} ms**" in table
    assert "| pointwise |" in table
    assert table.endswith("left out.")


def test_foreign_record_is_refused(tmp_path, scripts_on_the_path):
    import roofline_record

    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(OutputError, match=r"is no roofline sheet: .*; write one with benchmarks/roofline.py"):
        roofline_record.read_roofline(tmp_path / "x.json")


def test_missing_disassembler_says_how_to_get_it(monkeypatch, scripts_on_the_path):
    import sass

    monkeypatch.setattr(sass.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(sass.shutil, "which", lambda _: None)
    with pytest.raises(MissingDependencyError, match="pip install --no-deps triton"):
        sass.nvdisasm_version()
