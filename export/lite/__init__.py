"""What lets a bundle run where nothing of ours is installed: one Python file, which every bundle carries.

`tsm_edge_lite.py` is written for the oldest Python and numpy that a board of today has, and imports nothing else.
It is copied and never imported by the package.
"""

from pathlib import Path

__all__ = ["lite_source"]


def lite_source() -> Path:
    """The file that is copied into bundles."""
    return Path(__file__).parent / "tsm_edge_lite.py"
