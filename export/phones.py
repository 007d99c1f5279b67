"""What a bundle carries for app developers, beside library and weights."""

import os
import shutil
from pathlib import Path

from tsm_edge.bundle import C_HEADER, WEIGHTS
from tsm_edge.targets import TargetSpec

__all__ = ["ANDROID", "write_phone_files"]

# The folder in a bundle, and in this package, that is a module for Android Studio.
ANDROID = "android"
JNI_LIBRARIES = "src/main/jniLibs/arm64-v8a"
ASSETS = "src/main/assets/tsm_edge"
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
    if target.libc == "bionic":
        module = directory / ANDROID
        shutil.copytree(Path(__file__).parent / ANDROID, module)
        _link(directory / target.library, module / JNI_LIBRARIES)
        _link(directory / WEIGHTS, module / ASSETS)


def _link(file: Path, folder: Path) -> None:
    """The same file at a second place, where the file system can; it lies on the disk once."""
    folder.mkdir(parents=True)
    try:
        os.link(file, folder / file.name)
    except OSError:
        shutil.copyfile(file, folder / file.name)
