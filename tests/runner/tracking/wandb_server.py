"""As much of Weights & Biases' server as its client needs for a run: it keeps the rows, and tells how many it has."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTITY = {"id": "e", "name": "me"}
HISTORY = "wandb-history.jsonl"


class Server(ThreadingHTTPServer):
    """On loopback.

    Attributes:
        lines: the rows of each run, as they arrived.
        names: what each run is called for people.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}
        self.names: dict[str, str] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def rows(self, run: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines[run]]

    def handle_error(self, *_: object) -> None:
        """Its client leaves connections as they are when it ends."""

    def answer(self, query: str, asked: dict[str, Any]) -> dict[str, Any]:
        """What it says to GraphQL."""
        if "query RunResumeStatus" in query:
            project = {"id": "p", "name": asked["project"], "entity": ENTITY}
            return {"model": {**project, "bucket": self._status(asked["name"])}}
        if "mutation UpsertBucket" in query:
            self.names[asked["name"]] = asked.get("displayName") or self.names.get(asked["name"], "")
            project = {"id": "p", "name": asked.get("project"), "entity": ENTITY}
            bucket = {"id": "b", "name": asked["name"], "displayName": self.names[asked["name"]], "project": project}
            return {"upsertBucket": {"bucket": {**bucket, "config": asked.get("config")}, "inserted": True}}
        if "mutation CreateRunFiles" in query:
            files = [{"name": name, "uploadUrl": f"{self.url}/up/{name}"} for name in asked["files"]]
            return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}
        if "query ServerFeaturesQuery" in query:
            return {"serverInfo": {"features": []}}
        return {}

    def _status(self, run: str) -> dict[str, Any] | None:
        if (lines := self.lines.get(run)) is None:
            return None
        counts = {"historyLineCount": len(lines), "eventsLineCount": 0, "logLineCount": 0}
        tails = {"historyTail": json.dumps(lines[-1:]), "eventsTail": "[]", "summaryMetrics": "{}", "config": "{}"}
        return {"name": run, "tags": [], "wandbConfig": '{"t": 1}', **counts, **tails}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self._send({})

    def do_PUT(self) -> None:
        self._body()
        self._send({})

    def do_POST(self) -> None:
        body = json.loads(self._body() or b"{}")
        if not self.path.endswith("/file_stream"):
            self._send({"data": self.server.answer(body.get("query", ""), body.get("variables") or {})})
            return
        run = self.path.split("/")[4]
        if history := (body.get("files") or {}).get(HISTORY):
            kept, begins = self.server.lines.setdefault(run, []), history["offset"]
            kept[begins : begins + len(history["content"])] = history["content"]
        self._send({"limits": {}})

    def _body(self) -> bytes:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

    def _send(self, value: dict[str, Any]) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server, while the block runs."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
