"""How file names, columns and pieces of content appear in messages: escaped, quoted, cut short.

Decides nothing about the content itself. Never lets a control character of a file reach a terminal.
"""

from stopship.model.case import Json

LONGEST = 60  # characters of file content that a message repeats


def shown(text: object) -> str:
    """Text without control, bidirectional or surrogate characters; each is written as its escape."""
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in plain)


def quoted(text: str, longest: int = LONGEST) -> str:
    """Text in quotes, escaped, and cut with an ellipsis when the escaped text is long."""
    escaped = repr(text[: longest + 1])
    if len(text) <= longest and len(escaped) <= longest + 2:
        return escaped
    return f"{escaped[0]}{escaped[1 : longest + 1]}…{escaped[0]}"


def at(name: str, place: str = "", column: str | None = None) -> str:
    """Where a fault is: `runs.csv:line 7, column 'cost'` or `runs.parquet row 7, column 'cost'`."""
    where = f"{name}:{place}" if place.startswith("line ") else f"{name} {place}".rstrip()
    return where if column is None else f"{where}, column {quoted(column)}"


def kind(value: Json) -> str:
    """What a JSON value is, in words: `a number`, `text`, `an array`."""
    if isinstance(value, bool):
        return "true or false"
    names = {int: "a number", float: "a number", str: "text", list: "an array", dict: "an object"}
    return names.get(type(value), "null")
