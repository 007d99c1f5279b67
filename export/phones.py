"""What a bundle carries for app developers, beside library and weights."""

from pathlib import Path

from tsm_edge.bundle import C_HEADER
from tsm_edge.targets import TargetSpec

__all__ = ["write_phone_files"]

MODULE_MAP = f"""\
// With this folder in Xcode's import paths and library search paths, Swift says `import TsmEdge`.
module TsmEdge {{
  header "{C_HEADER}"
  link "tsm_model"
  export *
}}
"""


def write_phone_files(directory: Path, target: TargetSpec) -> None:
    """Add to the bundle in `directory` what `target`'s app developers need, if it is a phone."""
    if target.libc == "darwin":
        (directory / "module.modulemap").write_text(MODULE_MAP)
