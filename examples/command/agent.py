"""Sorts tickets into queues. One JSON line in, one out; it runs as long as its input does."""

import json
import sys

WORDS = {"refund": "billing", "invoice": "billing", "password": "accounts", "login": "accounts"}

for line in sys.stdin:
    asked = json.loads(line)
    words = asked["case"]["ticket"].lower().split()
    queue = next((WORDS[one] for one in words if one in WORDS), "general")
    print(f"{asked['key']}: {len(words)} words", file=sys.stderr)
    print(json.dumps({"id": asked["id"], "output": queue, "usage": {"input_total": len(words)}}), flush=True)
