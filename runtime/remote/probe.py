"""Which machine answers at the other end, and in what state: its files copied here, then read as this machine's are."""

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from tsm_edge.errors import RemoteError
from tsm_edge.runtime.device import ANDROID_PROPERTIES, Device, Facts, recognise_device
from tsm_edge.runtime.device_state import DeviceState, battery_of_dumpsys, read_device_state
from tsm_edge.runtime.remote.connection import Connection

__all__ = ["Look", "look_at"]

MARK = "\n=@= "
BATTERY = "dumpsys battery"


@dataclass(frozen=True)
class Look:
    """One look at another machine."""

    device: Device
    state: DeviceState


def look_at(connection: Connection) -> Look:
    """Ask a machine what it is and how it does.

    Raises:
        RemoteError: The connection was lost, or it answers in no words that we know.
    """
    script = (Path(__file__).parent / "probe.sh").read_text("utf-8")
    head, *files = connection.ask(f"properties='{' '.join(ANDROID_PROPERTIES)}'\n{script}").split(MARK)
    said = dict(_halves(line, "=") for line in head.splitlines())
    shown = dict(_halves(file, "\n") for file in files)
    battery = battery_of_dumpsys(shown.pop(BATTERY, ""))
    with TemporaryDirectory(prefix="tsm-edge-") as folder:
        root = Path(folder)
        for name, content in shown.items():
            _write_below(root, name, content)
        device = recognise_device(root, _facts(said, connection))
        state = read_device_state(root)
    return Look(device, replace(state, battery=battery) if battery else state)


def _halves(text: str, separator: str) -> tuple[str, str]:
    first, _, second = text.partition(separator)
    return first, second


def _facts(said: dict[str, str], connection: Connection) -> Facts:
    try:
        return Facts(
            architecture=said["machine"],
            cores=int(said["cores"]),
            kernel=said["kernel"],
            properties={name: said.get(name, "") for name in ANDROID_PROPERTIES},
            emulator=said["emulator"],
        )
    except (KeyError, ValueError) as error:
        raise RemoteError(
            f"{connection.name} does not tell what it is ({error}); is its shell a POSIX one?"
        ) from error


def _write_below(root: Path, name: str, content: str) -> None:
    """Only where a file of /proc or /sys would lie: the other machine is not trusted with our paths."""
    path = PurePosixPath(name)
    if path.is_absolute() and ".." not in path.parts:
        file = root / path.relative_to("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
