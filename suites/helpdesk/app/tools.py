"""The two tools: where an order is, and what a return of it would bring.

Reads a small order database, read only; every value goes in as a parameter. Never knows who is asking:
whether the asker may see an order is the policy's decision.
"""

import csv
import sqlite3
import threading
import weakref
from datetime import date
from functools import lru_cache
from pathlib import Path

Facts = dict[str, str]
_COLUMNS = (
    "order_id",
    "customer",
    "item",
    "price_cents",
    "ordered",
    "status",
    "carrier",
    "expected",
    "delivered",
    "used",
)
_SCHEMA = """
    PRAGMA page_size = 4096;
    CREATE TABLE customer_order (order_id TEXT PRIMARY KEY, customer TEXT, item TEXT, price_cents INTEGER,
        ordered TEXT, status TEXT, carrier TEXT, expected TEXT, delivered TEXT, used TEXT);
    CREATE TABLE term (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""


def build(orders: Path, terms: Path, target: Path) -> None:
    """Write the order database from two CSV files; a file already there is replaced."""
    target.unlink(missing_ok=True)
    database = sqlite3.connect(target)
    try:
        database.executescript(_SCHEMA)
        for row in sorted(_rows(orders), key=lambda row: row["order_id"]):
            database.execute(
                "INSERT INTO customer_order VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [row[one] for one in _COLUMNS],
            )
        for row in sorted(_rows(terms), key=lambda row: row["name"]):
            database.execute("INSERT INTO term VALUES (?, ?)", (row["name"], row["value"]))
        database.commit()
        database.execute("VACUUM")
    finally:
        database.close()


class Orders:
    """The order database, opened for reading."""

    def __init__(self, path: Path) -> None:
        where = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        self._database = sqlite3.connect(where, uri=True, check_same_thread=False)  # closed by any thread
        weakref.finalize(self, self._database.close)
        self._database.row_factory = sqlite3.Row
        self._terms = {row["name"]: row["value"] for row in self._database.execute("SELECT * FROM term")}

    def order_status(self, order_id: str) -> Facts:
        """Where an order is; empty when there is none of that number."""
        order = self._order(order_id)
        keep = ("order_id", "customer", "item", "status", "carrier", "expected", "delivered")
        return {name: order[name] for name in keep if order.get(name)}

    def refund_quote(self, order_id: str, tier: str) -> Facts:
        """What a return would bring today, in EUR, or why it is too late; empty for an unknown order."""
        order = self._order(order_id)
        if not order:
            return {}
        facts = {name: order[name] for name in ("order_id", "customer", "item", "status")}
        if not order["delivered"]:
            return facts | {"quote": "not-delivered"}
        days = int(
            self._terms[f"return_days_{tier}"]
            if f"return_days_{tier}" in self._terms
            else self._terms["return_days"]
        )
        last = date.fromordinal(date.fromisoformat(order["delivered"]).toordinal() + days).isoformat()
        if last < self._terms["as_of"]:
            return facts | {"quote": "too-late", "last_day": last}
        price = int(order["price_cents"])
        kept = price * int(self._terms["restocking_percent"]) // 100 if order["used"] == "yes" else 0
        postage = int(self._terms["return_postage_cents"]) if tier == "free" else 0
        return facts | {"quote": "open", "last_day": last, "amount": f"{(price - kept - postage) / 100:.2f}"}

    def _order(self, order_id: str) -> Facts:
        found = self._database.execute(
            "SELECT * FROM customer_order WHERE order_id = ?", (order_id,)
        ).fetchone()
        return {name: str(found[name]) for name in found.keys()} if found else {}  # noqa: SIM118  # a sqlite3.Row


@lru_cache(maxsize=64)
def _opened(path: Path, _written_ns: int, _size: int, _thread: int) -> Orders:
    return Orders(path)


def opened(path: Path) -> Orders:
    """The orders at a path, opened once a thread while the file stays the same."""
    stat = path.stat()
    return _opened(path, stat.st_mtime_ns, stat.st_size, threading.get_ident())


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
