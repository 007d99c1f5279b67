"""A web camera on this machine that sends a few pictures and hangs up, so that it can be lost and found."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
from tiny_video import grey_picture

__all__ = ["FRAMES_A_CALL", "web_camera"]

FRAMES_A_CALL = 8
PAUSE_S = 0.02


@contextmanager
def web_camera(first_level: int, levels_a_call: int = 0) -> Iterator[str]:
    """Serve grey pictures, `levels_a_call` brighter with every call, and give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(first_level, levels_a_call))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/video"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(first_level: int, levels_a_call: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        calls = 0

        def do_GET(self) -> None:
            level = first_level + levels_a_call * Handler.calls
            Handler.calls += 1
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for _ in range(FRAMES_A_CALL):
                self._send(cv2.imencode(".jpg", grey_picture(level))[1].tobytes())
                time.sleep(PAUSE_S)

        def _send(self, jpeg: bytes) -> None:
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")

        def log_message(self, *_: object) -> None:
            pass

    return Handler
