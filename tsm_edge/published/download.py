"""One file from one mirror, over HTTP: with patience, with resuming, and with no trust."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tsm_edge.errors import MissingDependencyError, OutputError

if TYPE_CHECKING:
    import httpx

__all__ = ["Download", "MirrorError", "Progress", "http_client"]

# Nothing at all for that long is a stalled mirror.
TIMEOUT_S = 30.0
# How often a mirror that breaks off is asked for the rest.
ATTEMPTS = 5
REDIRECTS = 5
# The largest published network has some 170 MB: a mirror that sends on and on is not asked for more than that.
MAX_BYTES = 1 << 30

# Called with bytes so far and all bytes, 0 while nobody said how many.
Progress = Callable[[int, int], None]


class MirrorError(Exception):
    """This mirror does not give the file; another one may.

    Attributes:
        is_unreachable: Not even a connection was made.
    """

    def __init__(self, message: str, *, is_unreachable: bool = False) -> None:
        super().__init__(message)
        self.is_unreachable = is_unreachable


class _BrokenOffError(Exception):
    """The rest may come with another request."""


def http_client(timeout_s: float = TIMEOUT_S) -> "httpx.Client":
    """A client that follows a few redirects; proxies and certificates as the environment says.

    Raises:
        MissingDependencyError: httpx is not installed.
    """
    try:
        import httpx
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "downloading needs httpx, which is missing; run `pip install 'tsm-edge[export]'`"
        ) from error
    return httpx.Client(follow_redirects=True, max_redirects=REDIRECTS, timeout=timeout_s)


class _Origin(msgspec.Struct):
    """Where a part comes from: its rest must come from the same content."""

    url: str = ""
    etag: str = ""


@dataclass
class Download:
    """A file on its way.

    Attributes:
        part: What arrived so far; kept when a download fails, so that the next one goes on.
        is_checked: Whether the whole will be compared with a known hash, so that the rest may come from any mirror.
        on_progress: Told what arrived.
    """

    client: "httpx.Client"
    part: Path
    is_checked: bool
    on_progress: Progress = lambda done, total: None

    def run(self, url: str) -> bool:
        """Have the whole file in `part`, and say whether an older part was used.

        Raises:
            MirrorError: The mirror does not answer, answers with something else or breaks off again and again.
            OutputError: `part` cannot be written.
        """
        resumed = self._arrived() > 0
        problem = ""
        for _ in range(ATTEMPTS):
            try:
                with _mirror_errors():
                    self._request(url)
                return resumed
            except _BrokenOffError as error:
                problem = str(error)
        raise MirrorError(problem)

    def forget(self) -> None:
        """Drop what arrived."""
        for file in (self.part, self._origin_file):
            file.unlink(missing_ok=True)

    @property
    def _origin_file(self) -> Path:
        return self.part.with_name(f"{self.part.name}.origin")

    def _arrived(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _request(self, url: str) -> None:
        headers = {"Accept-Encoding": "identity", **self._range_headers(url)}
        with self.client.stream("GET", url, headers=headers) as response:
            start = self._accepted_start(response, "Range" in headers)
            total = self._total(response, start)
            self._note_origin(url, response)
            self._receive(response.iter_raw(), start, total)

    def _range_headers(self, url: str) -> dict[str, str]:
        arrived, origin = self._arrived(), self._origin()
        if not arrived:
            return {}
        same = origin.url == url and bool(origin.etag)
        if not same and not self.is_checked:
            return {}
        return {"Range": f"bytes={arrived}-"} | ({"If-Range": origin.etag} if same else {})

    def _accepted_start(self, response: "httpx.Response", asked_for_rest: bool) -> int:
        """Where in the file the response begins."""
        if response.status_code == 416:
            self.forget()
            raise _BrokenOffError("has no rest of this file")
        if response.status_code not in (200, 206):
            raise MirrorError(f"answered {response.status_code} {response.reason_phrase}".strip())
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise MirrorError("sent a web page instead of the file")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise MirrorError("sent the file in an encoding that nobody asked for")
        if response.status_code == 200:
            return 0
        begins = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if not asked_for_rest or begins is None or int(begins[1]) != self._arrived():
            raise MirrorError("sent another part of the file than it was asked for")
        return self._arrived()

    def _total(self, response: "httpx.Response", start: int) -> int:
        """Length of the whole file; 0 where it comes in chunks, whose end shows."""
        if "Content-Length" not in response.headers:
            if not self.is_checked and "Transfer-Encoding" not in response.headers:
                raise MirrorError("does not say how long the file is")
            return 0
        total = start + int(response.headers["Content-Length"])
        if total > MAX_BYTES:
            raise MirrorError(f"offers {total} bytes, more than any published network has")
        return total

    def _receive(self, chunks: Iterator[bytes], start: int, total: int) -> None:
        done = start
        with _output_errors(self.part), self.part.open("ab" if start else "wb") as file:
            for chunk in chunks:
                file.write(chunk)
                done += len(chunk)
                if done > MAX_BYTES:
                    raise MirrorError("sends more than any published network has")
                self.on_progress(done, total)

    def _origin(self) -> _Origin:
        try:
            return msgspec.json.decode(self._origin_file.read_bytes(), type=_Origin)
        except (OSError, msgspec.MsgspecError):
            return _Origin()

    def _note_origin(self, url: str, response: "httpx.Response") -> None:
        etag = response.headers.get("ETag", "")
        origin = _Origin(url, "" if etag.startswith("W/") else etag)  # a weak one says nothing of bytes
        with _output_errors(self.part):
            self.part.parent.mkdir(parents=True, exist_ok=True)
            self._origin_file.write_bytes(msgspec.json.encode(origin))


@contextmanager
def _mirror_errors() -> Iterator[None]:
    import httpx

    try:
        yield
    except httpx.TooManyRedirects as error:
        raise MirrorError(f"redirects more than {REDIRECTS} times") from error
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise MirrorError(f"cannot be reached ({_reason(error)})", is_unreachable=True) from error
    except httpx.TimeoutException as error:
        raise _BrokenOffError("stalls") from error
    except (httpx.UnsupportedProtocol, httpx.ProxyError, httpx.InvalidURL, ValueError) as error:
        raise MirrorError(f"cannot be asked ({_reason(error)})") from error
    except httpx.TransportError as error:
        raise _BrokenOffError(f"breaks off ({_reason(error)})") from error


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; make room or choose another cache"
        ) from error


def _reason(error: Any) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
