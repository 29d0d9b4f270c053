"""A small shop assistant whose every look outside is marked: a search, a stock list, a reservation."""

import json
from pathlib import Path

import stopship

SHOP = Path(__file__).parents[1]


@stopship.boundary(kind="retrieval", effect="read", pins=("articles",))
def search(word: str) -> list[dict[str, str]]:
    """The articles that mention a word."""
    with stopship.pinned("articles", SHOP / "articles.jsonl").open(encoding="utf-8") as file:
        articles = [json.loads(line) for line in file]
    return [one for one in articles if word in one["text"].lower()]


@stopship.boundary(kind="tool", effect="read", pins=("stock",))
def in_stock(item: str) -> int:
    """How many there are."""
    with stopship.pinned("stock", SHOP / "stock.json").open(encoding="utf-8") as file:
        counts: dict[str, int] = json.load(file)
    return counts.get(item, 0)


@stopship.boundary(kind="tool", effect="write")
def reserve(item: str) -> str:
    """Put one aside: a real shop would change its database here."""
    with (SHOP / "reserved.txt").open("a", encoding="utf-8") as file:
        file.write(f"{item}\n")
    return f"reserved one {item}"


def answer(case, stack):
    """Answer from the articles; reserve what is asked for, if the policy lets us."""
    item = case.row["item"]
    articles = search(item)
    text = articles[0]["text"] if articles else "We know nothing about that."
    if case.row["task"] == "reserve":
        if "ask first" in stack.text("policy"):
            text = f"Shall I reserve a {item} for you?"
        else:
            text = f"{text} Done: {reserve(item)}." if in_stock(item) else f"{text} It is sold out."
    return {"output": text, "citations": [one["id"] for one in articles]}
