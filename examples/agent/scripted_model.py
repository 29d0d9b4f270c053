"""Stands in for a model: it follows a script, and speaks the protocol of OpenAI's chat completions.

    python examples/agent/scripted_model.py stopship replay examples/agent --record new --allow-effects renew

It serves on 127.0.0.1:8471 for as long as the command runs. It understands nothing: it looks for a card and
a title, and for the word "ask" in the system message. What is recorded with it shows how an agent is recorded
and gated, and nothing about any model.

For a real one, set `url` in suite.toml to "https://api.openai.com" and the model's `version` in stack.toml to
one that it has, lock the stack, put the key into OPENAI_API_KEY, and run the command without this script.
"""

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8471
Said = str | tuple[str, dict[str, str]]  # words, or a tool and its arguments


def said(messages: list[dict]) -> Said:
    """What the script says next."""
    asked = next(one["content"] for one in messages if one["role"] == "user")
    found = [json.loads(one["content"]) for one in messages if one["role"] == "tool"]
    card = re.search(r"\b\d{4}\b", asked)
    if card is None:
        return "Which card is it? Please give me its number."
    if not found:
        return "loans", {"card": card[0]}
    if len(found) > 1:
        return f"Done: {found[1]['title']} is yours until {found[1]['due']}."
    if found[0] is None:
        return f"I find no card {card[0]}. Please write to desk@library.example."
    if "owe" in asked:
        return f"You owe {found[0]['owes']} euros." if found[0]["owes"] else "You owe nothing."
    item = next((one for one in found[0]["items"] if one["title"] in asked), None)
    if item is None:
        return "That title is not on your card."
    if not re.search("renew|keep|longer", asked):
        return f"{item['title']} is due on {item['due']}."
    return renewal(card[0], item, messages[0]["content"])


def renewal(card: str, item: dict, system: str) -> Said:
    """What the script makes of a wish to keep something."""
    if item["waiting"]:
        return f"Somebody waits for {item['title']}: please bring it back by {item['due']}."
    if item["renewals"] > 1:
        return f"{item['title']} was renewed twice: please bring it back by {item['due']}."
    if re.search(r"\bask\b", system, re.IGNORECASE):
        return f"{item['title']} may be renewed. Shall I do that for you?"
    return "renew", {"card": card, "title": item["title"]}


def completion(body: dict) -> dict:
    """The same request is answered by the same bytes, its id and its time included."""
    told, number = said(body["messages"]), len(body["messages"])
    message: dict = {"role": "assistant", "content": told}
    if isinstance(told, tuple):
        function = {"name": told[0], "arguments": json.dumps(told[1])}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": f"call-{number}", "type": "function", "function": function}],
        }
    read = len(json.dumps(body["messages"]).split())
    written = len(str(told).split())
    return {
        "id": f"scripted-{number}",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": "tool_calls" if isinstance(told, tuple) else "stop",
            }
        ],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }


class Handler(BaseHTTPRequestHandler):
    """POST /v1/chat/completions."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_known = self.path == "/v1/chat/completions"
        data = json.dumps(
            completion(json.loads(body)) if is_known else {"error": {"message": "no such path"}}
        )
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data.encode())))
        self.end_headers()
        self.wfile.write(data.encode())

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


def main() -> int:
    if len(sys.argv) < 2:
        print("give the command to run while the script serves, such as: stopship replay …", file=sys.stderr)
        return 2
    try:
        server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    except OSError as err:
        print(f"port {PORT} cannot be served: {err.strerror}", file=sys.stderr)
        return 1
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {**os.environ, "OPENAI_API_KEY": "none-is-needed"}  # never a real one: this is no model
    try:
        return subprocess.run(sys.argv[1:], env=env, check=False).returncode  # noqa: S603  # yours
    except FileNotFoundError:
        print(f"{sys.argv[1]!r} is not installed", file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main())
