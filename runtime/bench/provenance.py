"""Which code ran: the commit of its checkout, if it runs from one."""

import subprocess
from pathlib import Path

import tsm_edge

__all__ = ["checkout_commit"]

PACKAGE = Path(tsm_edge.__file__)


def checkout_commit(module: Path = PACKAGE) -> str:
    """Commit of the checkout that `module` belongs to, with "-dirty" if tracked files were changed since.

    Returns:
        Empty where git is missing or does not track the file.
    """
    try:
        _git(module, "ls-files", "--error-unmatch", module.name)
        commit = _git(module, "rev-parse", "--short=12", "HEAD")
        return f"{commit}-dirty" if _git(module, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(module: Path, *arguments: str) -> str:
    command = ["git", "-C", str(module.parent), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()
