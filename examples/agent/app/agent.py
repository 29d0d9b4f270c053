"""An agent at the desk of a lending library: OpenAI's SDK, one tool that reads, one that writes."""

import json
import os
from datetime import date, timedelta
from pathlib import Path

from openai import AsyncOpenAI

import stopship

DESK = Path(__file__).parents[1]
MOST = 5  # answers of the model to one question
CARD = {"card": {"type": "string"}}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "loans",
            "description": "What a card has borrowed, until when, and what it owes.",
            "parameters": {"type": "object", "properties": CARD, "required": ["card"]},
        },
    },
    {
        "type": "function",
        "function": {
            "name": "renew",
            "description": "Lend a title to the same card for three weeks more.",
            "parameters": {
                "type": "object",
                "properties": {**CARD, "title": {"type": "string"}},
                "required": ["card", "title"],
            },
        },
    },
]


@stopship.boundary(kind="tool", effect="read", pins=("loans",))
def loans(card: str) -> dict | None:
    """What the library's database knows of a card."""
    return json.loads(stopship.pinned("loans", DESK / "loans.json").read_text(encoding="utf-8")).get(card)


@stopship.boundary(kind="tool", effect="write", pins=("loans",))
def renew(card: str, title: str) -> dict:
    """Lend for longer: a real library would change its database here."""
    known = json.loads(stopship.pinned("loans", DESK / "loans.json").read_text(encoding="utf-8"))
    due = next(one["due"] for one in known[card]["items"] if one["title"] == title)
    with (DESK / "renewed.txt").open("a", encoding="utf-8") as file:
        file.write(f"{card} {title}\n")
    return {"title": title, "due": str(date.fromisoformat(due) + timedelta(days=21))}


CALLED = {"loans": loans, "renew": renew}


async def answer(case, stack):
    """Ask the model until it calls no tool any more."""
    url = stopship.base_url("openai", "https://api.openai.com/v1")
    key = stopship.api_key("openai", os.environ.get("OPENAI_API_KEY"))
    messages = [
        {"role": "system", "content": f"{stack.text('prompt')}\n{stack.text('policy')}"},
        {"role": "user", "content": case.row["question"]},
    ]
    steps, tokens = [], 0
    async with AsyncOpenAI(base_url=url, api_key=key, max_retries=0) as client:
        for _ in range(MOST):
            told = await client.chat.completions.create(
                model=stack.version("model"), messages=messages, tools=TOOLS, temperature=0
            )
            tokens += told.usage.completion_tokens
            said = told.choices[0].message
            if not said.tool_calls:
                return {"output": said.content, "steps": steps, "usage": {"output_total": tokens}}
            messages.append(said.model_dump(exclude_none=True))
            for call in said.tool_calls:
                arguments = json.loads(call.function.arguments)
                found = CALLED[call.function.name](**arguments)
                steps.append(
                    {"kind": "tool", "name": call.function.name, "input": arguments, "output": found}
                )
                messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(found)})
    raise RuntimeError(f"the model still calls tools after {MOST} answers")
