"""A server that answers as the dashboard of a Ray cluster does, or otherwise, for tests that need no cluster."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE = "ab" * 28
ALIVE = {
    "node_id": NODE,
    "node_ip": "127.0.0.1",
    "node_name": "n1",
    "is_head_node": False,
    "state": "ALIVE",
    "state_message": None,
    "resources_total": {"CPU": 2.0},
    "labels": {},
}
VERSION = {"version": "4", "ray_version": "2.60.0", "ray_commit": "", "session_name": ""}


@contextmanager
def dashboard(answers: dict[str, tuple[int, Any]]) -> Iterator[str]:
    """The address of a server that answers so, and anything else by 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = answers.get(self.path.partition("?")[0], (404, ""))
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def listed(*nodes: dict[str, Any]) -> tuple[int, Any]:
    """The answer to who asks for nodes."""
    counts = dict.fromkeys(("total", "num_after_truncation", "num_filtered"), len(nodes))
    return 200, {"result": True, "msg": "", "data": {"result": {**counts, "result": nodes}}}
