"""The command line as a user runs it: another process, its streams and its exit code."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def tsm_edge() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run `tsm-edge` with these arguments, expect this exit code; keywords become environment variables."""

    def run(*arguments: Any, code: int = 0, **environment: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-c", "from tsm_edge.cli.main import main; main()", *map(str, arguments)],
            capture_output=True,
            text=True,
            env=os.environ | environment,
        )
        assert done.returncode == code, done.stderr
        return done

    return run
