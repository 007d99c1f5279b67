import re

import pytest

from tsm_edge import errors


def documented_parents() -> dict[str, str]:
    """Child to parent, read off the tree that opens the module."""
    parents: dict[str, str] = {}
    path = ["TsmEdgeError"]
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([│├└─ ]+)(\w+Error)\b", line)
        if match:
            depth = len(match[1]) // 4
            path[depth:] = [match[2]]
            parents[match[2]] = path[depth - 1]
    return parents


def test_tree_in_the_docstring_is_the_tree_of_the_classes():
    classes = {name: getattr(errors, name) for name in errors.__all__ if name != "TsmEdgeError"}
    assert documented_parents() == {name: cls.__bases__[0].__name__ for name, cls in classes.items()}


def test_every_class_is_public():
    defined = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert defined == set(errors.__all__)


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_can_be_caught_as_one(name):
    assert issubclass(getattr(errors, name), errors.TsmEdgeError)
    assert (getattr(errors, name).__doc__ or "").strip()
