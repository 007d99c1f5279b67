"""A bundle's way to another machine: packed, pushed over ssh or adb, and measured there."""

from tsm_edge.runtime.remote.adb import AdbConnection
from tsm_edge.runtime.remote.bench import benchmark_remotely
from tsm_edge.runtime.remote.connection import Connection
from tsm_edge.runtime.remote.pack import pack_bundle
from tsm_edge.runtime.remote.push import PushReport, push_bundle
from tsm_edge.runtime.remote.ssh import SshConnection

__all__ = [
    "AdbConnection",
    "Connection",
    "PushReport",
    "SshConnection",
    "benchmark_remotely",
    "pack_bundle",
    "push_bundle",
]
