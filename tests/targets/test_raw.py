import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.errors import UsageError
from tsm_edge.targets import TARGETS, TargetSpec, parse_target
from tsm_edge.targets.raw import EXAMPLE

CORTEX = {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": "cortex-a55"}


def test_example_of_the_message_works():
    target = parse_target(EXAMPLE)
    assert (target.cpu, target.features, target.threads) == ("cortex-a72", ("+neon",), 4)
    assert (target.name, target.libc) == ("custom-cortex-a72", "gnu")


@pytest.mark.parametrize(
    ("given_triple", "triple", "libc"),
    [
        ("aarch64-linux-gnu", "aarch64-linux-gnu", "gnu"),
        ("arm64-unknown-linux-gnu", "aarch64-linux-gnu", "gnu"),
        ("aarch64-linux-android28", "aarch64-linux-android", "bionic"),
        ("x86_64-pc-linux-gnu", "x86_64-linux-gnu", "gnu"),
    ],
)
def test_spellings_of_a_triple(given_triple, triple, libc):
    target = parse_target(json.dumps({"kind": "llvm", "mtriple": given_triple}))
    assert (target.triple, target.libc) == (triple, libc)


@pytest.mark.parametrize(
    ("fields", "family"),
    [
        ({"mcpu": "x86-64-v4"}, "x86-64-v4"),
        ({"mcpu": "znver5", "mattr": ["+avx2", "+fma", "+avx512f"]}, "x86-64-v4"),
        ({"mcpu": "haswell", "mattr": ["+avx2", "+fma"]}, "x86-64-v3"),
        ({"mcpu": "haswell", "mattr": ["+avx2"]}, "x86-64-v2"),
        ({"mcpu": "jetson-nano"}, "x86-64-v2"),  # a board's name is no x86 level
    ],
)
def test_vectors_are_no_wider_than_what_is_said(fields, family):
    target = parse_target(json.dumps({"kind": "llvm", "mtriple": "x86_64-linux-gnu", **fields}))
    assert target.vector_bits == TARGETS[family].vector_bits
    assert target.vector_registers == TARGETS[family].vector_registers
    assert target.features == tuple(fields.get("mattr", ()))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kind": "cuda"}, "cuda"),
        ({"mtriple": "armv7a-linux-gnueabihf"}, "no kernels for triple 'armv7a-linux-gnueabihf'"),
        ({"mtriple": "aarch64-linux-musl"}, "accepted are aarch64-linux-android, aarch64-linux-gnu, x86_64"),
        ({"mtriple": "aarch64-apple-darwin"}, "no kernels"),
        ({"mtriple": 3}, "mtriple"),
        ({"mcpu": "../../etc/passwd"}, "mcpu"),
        ({"mcpu": ""}, "mcpu"),
        ({"mattr": ["neon"]}, "mattr"),
        ({"mattr": "+neon"}, "mattr"),
        ({"num-cores": 0}, "num-cores"),
        ({"num-cores": "4"}, "num-cores"),
        ({"threads": 4}, "unknown field `threads`"),
    ],
)
def test_what_no_rule_can_serve_is_refused_with_an_example(change, complaint):
    with pytest.raises(UsageError, match=r"^target JSON: ") as caught:
        parse_target(json.dumps(CORTEX | change))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "broken", ["{", "{}", '{"kind":"llvm"}', '{"kind":"llvm","mtriple":"x"} tail', '{"kind":' * 100_000]
)
def test_broken_json_is_refused(broken):
    with pytest.raises(UsageError, match="target JSON"):
        parse_target(broken)


text = st.text(max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
keys = st.sampled_from(["kind", "mtriple", "mcpu", "mattr", "num-cores"]) | text


@given(change=st.dictionaries(keys, json_values, max_size=3))
def test_any_json_gives_a_target_or_a_usage_error(change):
    try:
        target = parse_target(json.dumps(CORTEX | change))
    except UsageError:
        return
    assert isinstance(target, TargetSpec)
    assert target.threads >= 1
    assert "/" not in target.name
