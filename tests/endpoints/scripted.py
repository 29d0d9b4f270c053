"""An endpoint that answers what a test says, byte for byte: what no well-behaved one does."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.endpoints.suites import plan_of, write_suite

from stopship.gating.performing import replay
from stopship.model.run import Outcome

JSON, SSE = "application/json", "text/event-stream"
Reply = tuple[int, str, bytes]  # status, content type and body
Asked = tuple[str, Mapping[str, str], Any]  # path, headers and body of a request


@contextmanager
def serving(answer: Callable[[Asked], Reply]) -> Iterator[str]:
    """The address of an endpoint that answers so; each answer ends its connection."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, kind, data = answer((self.path, dict(self.headers), body))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def table(kind: str, url: str, more: str = "") -> str:
    """The table of a target behind an address."""
    urls = {"openai": f'base_url = "{url}/v1"', "anthropic": f'base_url = "{url}"'}
    return f"{urls.get(kind) or f'url = {json.dumps(url)}'}\n{more}"


def one_outcome(folder: Path, kind: str, reply: Reply, more: str = "") -> Outcome:
    """What becomes of one case that is answered so, asked once."""
    with serving(lambda _: reply) as url:
        file = write_suite(folder, kind, table(kind, url, more), asked=1, replay="retries = 0")
        (found,) = replay(plan_of(file)).run.outcomes
    return found


def whole(value: object) -> Reply:
    """An answer that comes at once."""
    return 200, JSON, json.dumps(value).encode()


def stream(*events: object, before: bytes = b"") -> Reply:
    """An answer that streams; an event that is text is written as it is."""
    texts = (one if isinstance(one, str) else f"data: {json.dumps(one)}\n\n" for one in events)
    return 200, SSE, before + "".join(texts).encode()


__all__ = ["JSON", "SSE", "Asked", "Reply", "one_outcome", "serving", "stream", "table", "whole"]
