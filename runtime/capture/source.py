"""What every source of frames offers, be it a file, a folder of pictures or a camera."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from tsm_edge.runtime.preprocess import UInt8Array

__all__ = ["CapturedFrame", "Source"]


@dataclass(frozen=True, kw_only=True, eq=False)
class CapturedFrame:
    """One picture and where it comes from.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        index: How many frames the source gave before, those that nobody took included.
        timestamp_s: Seconds from the start: the container's time for files, the clock's for cameras.
        decode_ms: What decoding took; for cameras without the wait for the picture.
        is_restart: The camera was lost before this frame, so a stream must forget what it saw.
    """

    image: UInt8Array
    index: int
    timestamp_s: float
    decode_ms: float
    is_restart: bool = False


class Source(ABC):
    """Frames in order, to iterate over; a context manager that closes itself.

    Attributes:
        name: What messages call it; passwords are left out.
        is_live: True if frames that nobody takes in time are dropped.
        fps: Nominal frames a second.
    """

    name: str
    is_live: bool
    fps: float

    @abstractmethod
    def read(self, timeout_s: float | None = None) -> CapturedFrame | None:
        """The next frame, or None at the end.

        A camera gives its newest frame and waits `timeout_s` for it at most (None: as long as it takes); None
        then means "not yet" unless `ended` is true.

        Raises:
            SourceError: The source broke in a way that waiting cannot mend.
        """

    @property
    @abstractmethod
    def ended(self) -> bool:
        """True when no more frames will come."""

    @abstractmethod
    def close(self) -> None:
        """Stop reading and let go of the device or file. Closing twice is no error."""

    @property
    def dropped(self) -> int:
        """How many frames nobody took in time."""
        return 0

    @property
    def is_lost(self) -> bool:
        """True while a camera is away and being tried again."""
        return False

    def __iter__(self) -> Iterator[CapturedFrame]:
        while (frame := self.read()) is not None:
            yield frame

    def __enter__(self) -> "Source":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
