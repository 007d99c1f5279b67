"""A mirror on this machine that behaves as mirrors do: well, or badly in a way that is asked for by its path."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Mirror:
    """What it has, and what it was asked: (path, Range header) a request."""

    content: bytes
    etag: str = '"one"'
    address: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    stop_stalling: threading.Event = field(default_factory=threading.Event)

    def url(self, how: str) -> str:
        """Where it behaves like that: a method of `_Handler` without its first underscore."""
        return f"http://{self.address}/{how}/"


class _Handler(BaseHTTPRequestHandler):
    mirror: Mirror

    def do_GET(self) -> None:
        self.mirror.asked.append((self.path, self.headers.get("Range", "")))
        getattr(self, f"_{self.path.split('/')[1]}")()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass

    def _start(self, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in {"ETag": self.mirror.etag, **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def _whole(self) -> None:
        self._start(Content_Length=len(self.mirror.content))
        self.wfile.write(self.mirror.content)

    def _good(self) -> None:
        """Knows ranges."""
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if not begin or self.headers.get("If-Range", self.mirror.etag) != self.mirror.etag:
            return self._whole()
        whole = len(self.mirror.content)
        if begin >= whole:
            return self._start(416)
        rest = self.mirror.content[begin:]
        self._start(206, Content_Length=len(rest), Content_Range=f"bytes {begin}-{whole - 1}/{whole}")
        return self.wfile.write(rest) and None

    def _cuts(self) -> None:
        """Breaks off after a third of what is left, and knows ranges."""
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        whole, rest = len(self.mirror.content), self.mirror.content[begin:]
        ranges = {"Content_Range": f"bytes {begin}-{whole - 1}/{whole}"} if begin else {}
        self._start(206 if begin else 200, Content_Length=len(rest), **ranges)
        self.wfile.write(rest[: max(len(rest) // 3, 1)])

    def _stalls(self) -> None:
        self._start(Content_Length=len(self.mirror.content))
        self.wfile.write(self.mirror.content[:1000])
        self.mirror.stop_stalling.wait(10)

    def _lies(self) -> None:
        """Right length, one byte wrong."""
        self._start(Content_Length=len(self.mirror.content))
        self.wfile.write(self.mirror.content[:-1] + bytes([self.mirror.content[-1] ^ 1]))

    def _short(self) -> None:
        """Promises and sends less than there is."""
        self._start(Content_Length=len(self.mirror.content) - 7)
        self.wfile.write(self.mirror.content[:-7])

    def _long(self) -> None:
        """Promises more than it has."""
        self._start(Content_Length=len(self.mirror.content) + 7)
        self.wfile.write(self.mirror.content)

    def _endless(self) -> None:
        self._start(Content_Length=1 << 40)

    def _lengthless(self) -> None:
        """As of old: the connection's end is the file's end."""
        self._start()
        self.wfile.write(self.mirror.content)

    def _chunked(self) -> None:
        self.protocol_version = "HTTP/1.1"
        self._start(Transfer_Encoding="chunked")
        for begin in range(0, len(self.mirror.content), 4096):
            chunk = self.mirror.content[begin : begin + 4096]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def _page(self) -> None:
        body = b"<html>we have moved</html>"
        self._start(Content_Type="text/html; charset=utf-8", Content_Length=len(body))
        self.wfile.write(body)

    def _plainpage(self) -> None:
        """A web page that does not say that it is one."""
        body = b"<html>we have moved</html>"
        self._start(Content_Length=len(body))
        self.wfile.write(body)

    def _gone(self) -> None:
        self._start(404, Content_Length=0)

    def _broken(self) -> None:
        self._start(500, Content_Length=0)

    def _loops(self) -> None:
        self._start(302, Location=self.path, Content_Length=0)

    def _moved(self) -> None:
        self._start(302, Location=f"/good/{self.path.split('/')[-1]}", Content_Length=0)

    def _escapes(self) -> None:
        self._start(302, Location="file:///etc/passwd", Content_Length=0)

    def _zipped(self) -> None:
        self._start(Content_Encoding="gzip", Content_Length=3)
        self.wfile.write(b"abc")

    def _elsewhere(self) -> None:
        """Sends another part than the one that was asked for."""
        self._start(206, Content_Length=10, Content_Range="bytes 0-9/99999")
        self.wfile.write(self.mirror.content[:10])

    def _garbage(self) -> None:
        self.wfile.write(b"220 mail.example ESMTP\r\n")


@contextmanager
def serving(mirror: Mirror) -> Iterator[Mirror]:
    """Serve on a port of this machine until the block ends."""
    handler = type("Handler", (_Handler,), {"mirror": mirror})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        mirror.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield mirror
        finally:
            mirror.stop_stalling.set()
            server.shutdown()
            thread.join()
