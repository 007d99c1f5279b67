"""Manifests that were damaged in every way: one line says so, or the bundle runs; nothing else comes out."""

import json
import random
import shutil
from collections import Counter

import numpy as np
import pytest

from tsm_edge.bundle import Bundle
from tsm_edge.errors import TsmEdgeError
from tsm_edge.manifest import MANIFEST_NAME
from tsm_edge.runtime.backends.compiled import open_backend

# With test_sanitized's eight thousand these are ten thousand.
COUNT = 2000
VALUES = (
    None,
    True,
    0,
    -1,
    1,
    2**31,
    2**63,
    -(2**70),
    1.5,
    1e308,
    "",
    "x",
    "../x",
    "\x00",
    "/",
    [],
    {},
    [[]],
    [1, 2, 3],
)


@pytest.fixture(scope="module")
def bundle(compiled_path, tmp_path_factory):
    return shutil.copytree(compiled_path, tmp_path_factory.mktemp("fuzzed") / "bundle")


def places(value, path=()):
    """Every value inside, by its keys."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def other_value(rng, fields):
    """The manifest with another value somewhere, something missing, or something new."""
    changed = json.loads(fields)
    for _ in range(rng.choice((1, 1, 2, 5))):
        *above, last = rng.choice([path for path in places(changed) if path])
        holder = changed
        for key in above:
            holder = holder[key]
        match rng.randrange(4):
            case 0:
                del holder[last]
            case 1 if isinstance(holder[last], int | float):
                holder[last] += rng.choice((-1, 1, 1000))
            case 2 if isinstance(holder, dict):
                holder["new"] = rng.choice(VALUES)
            case _:
                holder[last] = rng.choice(VALUES)
    return json.dumps(changed).encode()


def other_bytes(rng, fields):
    """The file with bytes altered, cut out, doubled or lost at its end."""
    content = bytearray(fields)
    # Mostly one alteration: that is what a manifest may survive.
    for _ in range(rng.choice((1, 1, 1, 3, 30))):
        start = rng.randrange(len(content))
        stop = start + rng.randrange(1, 40)
        match rng.randrange(5):
            case 0:
                del content[start:stop]
            case 1:
                content[start:start] = content[start:stop]
            case 2:
                content[start:stop] = rng.randbytes(stop - start)
            case 3 if rng.random() < 0.1:
                del content[start:]
            case _:
                content[start] ^= 1 << rng.randrange(8)
        content = content or bytearray(b"{}")
    return bytes(content)


def outcome(bundle):
    """ "runs", or the kind of error, after a look at its message."""
    try:
        opened = Bundle.open(bundle)
        backend = open_backend(opened, 1)
    except TsmEdgeError as error:
        assert str(error)
        assert len(str(error).splitlines()) == 1, str(error)
        return type(error).__name__
    stream = backend.open_stream()
    logits = stream.step(np.zeros(backend.spec.input_shape, np.float32))
    stream.close()
    backend.close()
    assert logits.shape == (backend.spec.num_classes,)
    return "runs"


@pytest.mark.parametrize("mutate", [other_value, other_bytes])
def test_damaged_manifest_is_one_line_or_runs(bundle, compiled_path, mutate):
    good, rng = (compiled_path / MANIFEST_NAME).read_bytes(), random.Random(0)
    outcomes = Counter()
    for _ in range(COUNT // 2):
        (bundle / MANIFEST_NAME).write_bytes(mutate(rng, good))
        outcomes[outcome(bundle)] += 1
    assert outcomes.total() == COUNT // 2
    assert outcomes["BundleError"] > COUNT // 20
    assert outcomes["runs"] > COUNT // 20
