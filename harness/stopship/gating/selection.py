"""Which cases a replay puts to the stack.

Decides on keys alone. Never calls a part the whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from stopship.errors import UsageError, nearest
from stopship.gating.opened import OpenSuite
from stopship.model.columns import Condition
from stopship.store.shown import quoted, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a person chose of the cases; nothing chosen is all of them."""

    keys: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    shard: tuple[int, int] | None = None  # (2, 3): the second of three

    def of(self, opened: OpenSuite) -> tuple[tuple[str, ...], str]:
        """The chosen keys in the suite's order, and what to call the choice: "" for all of them.

        Raises UsageError for an unknown key and where nothing is left.
        """
        for key in self.keys:
            if key not in opened.cases:
                raise UsageError(
                    f"no case is called {quoted(key)}",
                    where=shown(opened.suite.path),
                    do=nearest(key, list(opened.cases)),
                )
        chosen = [
            key
            for key in opened.cases
            if (not self.keys or key in self.keys)
            and all(one.matches(opened.row(key)) for one in self.where)
            and (self.shard is None or shard_of(key, self.shard[1]) == self.shard[0])
        ]
        if not chosen and not self.shard:
            conditions = ", ".join(map(str, self.where))
            raise UsageError(
                f"no case matches {conditions}",
                where=shown(opened.suite.path),
                do="check the value: `*` stands for any text, and case counts",
            )
        if len(chosen) == len(opened.cases):
            return tuple(chosen), ""  # everything, however it was said
        if not self.keys and not self.where:
            return tuple(chosen), f"shard {self.shard[0]}/{self.shard[1]}" if self.shard else ""
        return tuple(chosen), f"{len(chosen)} of {len(opened.cases)} cases"


def shard_of(key: str, count: int) -> int:
    """The shard, from 1, that a case belongs to: by the digest of its key, whatever other cases there are."""
    return int.from_bytes(sha256(key.encode("utf-8", "surrogatepass")).digest()[:8], "big") % count + 1


def shard(text: str) -> tuple[int, int]:
    """`2/3` as (2, 3)."""
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count) <= 1000):
        raise UsageError(
            f"--shard {quoted(text)} is no shard", do="write I/N, such as 1/3 for the first of three"
        )
    return int(index), int(count)


def conditions(opened: OpenSuite, where: Sequence[Condition]) -> None:
    """Refuse a condition on a column that no case and no label has."""
    for one in where:
        if one.column not in opened.names:
            raise UsageError(
                f"no case has a column {quoted(one.column)}", do=nearest(one.column, sorted(opened.names))
            )
