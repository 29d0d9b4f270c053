"""Rows and digests of many cases by key, so that memory hardly grows with them.

Decides how a row is held: as it is while all are small, else as its text on the disk. Never changes one.
"""

import json
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView

from stopship.model.case import Json
from stopship.store.lazy import Lazy
from stopship.store.lines import Lines

Row = Mapping[str, Json]
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _told(row: Row) -> bytes:
    return _ENCODER.encode(row).encode("utf-8", "surrogatepass")


def _row(line: bytes) -> Row:
    row: Row = json.loads(line.decode("utf-8", "surrogatepass"))
    return row


class Rows(Lazy[str, Row]):
    """Rows by key, in the order in which they came. Equal keys are the caller's to refuse."""

    def __init__(self, lines: Lines | None = None, read: Callable[[bytes], Row] = _row) -> None:
        """`lines`: where the text of each row stands already, in the order in which rows are noted, and how
        it is read."""
        self._numbers: dict[str, int] = {}
        super().__init__(self._numbers)
        self._lines = Lines() if lines is None else lines
        self._read = read
        self._held: list[Row] | None = []  # None: too many
        self.names: set[str] = set()  # of all columns

    @classmethod
    def of(cls, rows: Iterable[tuple[str, Row]]) -> "Rows":
        """The rows of these keys."""
        made = cls()
        for key, row in rows:
            made.add(key, row)
        return made

    def add(self, key: str, row: Row) -> None:
        """One more row of JSON values."""
        self._lines.append(_told(row))
        self.note(key, row)

    def note(self, key: str, row: Row) -> None:
        """One more row, whose line is there."""
        self._numbers[key] = len(self._numbers)
        self.names.update(row)
        if self._held is not None:
            self._held.append(row)
            if not self._lines.is_small:
                self._held = None

    def number(self, key: str) -> int:
        """The place of a key among all, from 0 on. Raises KeyError."""
        return self._numbers[key]

    def __getitem__(self, key: str) -> Row:
        number = self._numbers[key]
        return self._read(self._lines[number]) if self._held is None else self._held[number]

    def values(self) -> ValuesView[Row]:
        return _Values(self)

    def items(self) -> ItemsView[str, Row]:
        return _Items(self)

    def in_turn(self) -> Iterator[Row]:
        """All rows in their order, faster than one by one."""
        return map(self._read, self._lines) if self._held is None else iter(self._held)


class _Values(ValuesView[Row]):
    _mapping: Rows

    def __iter__(self) -> Iterator[Row]:
        return self._mapping.in_turn()


class _Items(ItemsView[str, Row]):
    _mapping: Rows

    def __iter__(self) -> Iterator[tuple[str, Row]]:
        return zip(self._mapping, self._mapping.in_turn(), strict=True)


class Digests(Lazy[str, str]):
    """SHA-256 of the rows of a table by key, as 64 hexadecimal digits; 32 bytes of memory each."""

    def __init__(self, rows: Rows) -> None:
        """Of these rows; the digests are added in the order of the rows."""
        super().__init__(rows)
        self._rows = rows
        self._bytes = bytearray()

    def append(self, digest: str) -> None:
        """The digest of the next row."""
        self._bytes += bytes.fromhex(digest)

    def __getitem__(self, key: str) -> str:
        start = 32 * self._rows.number(key)
        return self._bytes[start : start + 32].hex()


class Labelled(Iterable[Row]):
    """Each case with its labels, as scorers and conditions see it, as often as they are gone through."""

    def __init__(self, cases: Rows, labels: Rows) -> None:
        self._cases, self._labels = cases, labels
        self.names = frozenset(cases.names | labels.names)

    def __iter__(self) -> Iterator[Row]:
        for key, row in self._cases.items():
            yield {**row, **self._labels.get(key, {})}
