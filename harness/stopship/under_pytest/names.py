"""What the items of a suite are called. The same in every process; decides nothing else."""

from collections.abc import Sequence

from stopship.report.neutral import plain

BATCH = 100  # cases of an item, where there are more cases than items may be
GATE = "gate"  # the name of the gate's own report


def names_of(keys: Sequence[str], most: int) -> dict[str, tuple[str, ...]]:
    """Item name -> keys, in the suite's order: one a case up to `most` cases, past it batches."""
    if len(keys) <= most:
        return _each(keys)
    parts = [tuple(keys[i : i + BATCH]) for i in range(0, len(keys), BATCH)]
    return {f"cases {i * BATCH + 1}-{i * BATCH + len(part)}": part for i, part in enumerate(parts)}


def _each(keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """A name for each key: the key itself, or where it could act in a terminal or a node id, an escaped one.

    `::` parts node ids, and `gate` is the gate's own name.
    """
    plains = [plain(key) for key in keys]
    taken = {key for key, name in zip(keys, plains, strict=True) if key == name}
    named: dict[str, tuple[str, ...]] = {}
    for key, name in zip(keys, plains, strict=True):
        free = name
        while (free != key and free in taken | named.keys()) or free == GATE:
            free += "'"
        named[free] = (key,)
    return named
