"""Rows out of JSON Lines, out of a JSON array of objects, and out of a JSON object of arrays.

Decides what a row of JSON is. Never skips a row it cannot read.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from stopship.errors import EvidenceError
from stopship.model.case import Json
from stopship.store.jsontext import Scan, Spot, after_space, scanned, scanner
from stopship.store.shown import at, kind
from stopship.store.textfile import lines, whole_text

Found = Iterator[tuple[str, dict[str, Json]]]  # the place of a row, and the row

_ARRAY_OPENS = re.compile(r"\[[ \t\r\n]*(\{|\]|$)")
_ONE_PER_LINE = "a .jsonl table holds one JSON object on each line"
_TABLE = "a .json table is an array of objects, or an object of equally long arrays; JSON Lines is .jsonl"
_RENAME_JSON = "rename it to .json (or .json.gz)"
_RENAME_JSONL = "rename it to .jsonl (or .jsonl.gz)"


def json_lines(stream: BinaryIO, name: str, big_ints: str) -> Found:
    """One row from each line that is not blank; holds one line at a time."""
    scan = scanner(big_ints)
    is_first = True
    for number, line in lines(stream, name):
        start = 0 if line.startswith("{") else after_space(line, 0)
        if start == len(line):
            continue
        place = f"line {number}"
        if is_first and _ARRAY_OPENS.match(line, start):
            raise EvidenceError(
                "begins with '[': this is a JSON array, expected JSON Lines",
                where=at(name, place),
                do=_RENAME_JSON,
            )
        is_first = False
        value, end = scanned(scan, line, start, name, number)
        if not isinstance(value, dict):
            raise EvidenceError(
                f"the row is {kind(value)}, expected an object", where=at(name, place), do=_ONE_PER_LINE
            )
        if after_space(line, end) != len(line):
            raise Spot(name, number).trailing(line, after_space(line, end))
        yield place, value


def json_table(stream: BinaryIO, name: str, big_ints: str) -> Found:
    """The rows of a .json file: an array of objects row by row, an object of arrays at once."""
    scan = scanner(big_ints)
    text = whole_text(stream, name)
    start = after_space(text, 0)
    opening = text[start : start + 1]
    if opening == "[":
        return _items(scan, text, start + 1, name)
    if opening == "{":
        return _columns(scan, text, start, name)
    if not opening:
        return iter(())
    value, _ = scanned(scan, text, start, name)
    raise EvidenceError(f"the file is {kind(value)}, expected a table", where=name, do=_TABLE)


def _items(scan: Scan, text: str, position: int, name: str) -> Found:
    """The objects of an array whose `[` stands just before the position."""
    position = after_space(text, position)
    number = 0
    closed = text.startswith("]", position)
    while not closed:
        number += 1
        place = f"item {number}"
        value, position = scanned(scan, text, position, name, item=place)
        if not isinstance(value, dict):
            raise EvidenceError(
                f"the row is {kind(value)}, expected an object", where=at(name, place), do=_TABLE
            )
        yield place, value
        position = after_space(text, position)
        closed = text.startswith("]", position)
        if not closed:
            if not text.startswith(",", position):
                raise Spot(name).broken("expecting ',' or ']' after the item", text, position)
            position = after_space(text, position + 1)
            if text.startswith("]", position):
                raise Spot(name).broken("expecting another item after ','", text, position)
    position = after_space(text, position + 1)
    if position != len(text):
        raise Spot(name).trailing(text, position)


def _columns(scan: Scan, text: str, start: int, name: str) -> Found:
    """The rows of an object of arrays."""
    value, position = scanned(scan, text, start, name)
    position = after_space(text, position)
    if text.startswith("{", position):
        raise EvidenceError(
            "one object follows another: this is JSON Lines, expected one JSON text",
            where=name,
            do=_RENAME_JSONL,
        )
    if position != len(text):
        raise Spot(name).trailing(text, position)
    columns: dict[str, list[Json]] = {}
    for column, values in value.items() if isinstance(value, dict) else ():
        if not isinstance(values, list):
            raise EvidenceError(
                f"the column is {kind(values)}, expected an array", where=at(name, column=column), do=_TABLE
            )
        columns[column] = values
    _check_equal_lengths(columns, name)
    for number, values in enumerate(zip(*columns.values(), strict=True), 1):
        yield f"item {number}", dict(zip(columns, values))


def _check_equal_lengths(columns: dict[str, list[Json]], name: str) -> None:
    lengths = Counter(len(values) for values in columns.values())
    if len(lengths) < 2:
        return
    usual = lengths.most_common(1)[0][0]
    odd, values = next((column, values) for column, values in columns.items() if len(values) != usual)
    raise EvidenceError(
        f"the array has length {len(values)}, expected {usual} as in the other columns",
        where=at(name, column=odd),
        do="export the table again so that every column has one value for each row",
    )
