"""Small tables and the shortest way from them to a verdict, for tests."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from stopship.cli.options import rules_of
from stopship.model.columns import Columns
from stopship.model.verdict import Record
from stopship.pipeline import Options, compare_files

Row = Mapping[str, object]


def write_jsonl(path: Path, rows: Sequence[Row]) -> Path:
    """The rows as JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def verdict_on(
    folder: Path,
    before: Sequence[Row],
    after: Sequence[Row],
    *rules: str,
    columns: Columns | None = None,
    options: Options | None = None,
) -> Record:
    """The record of two tables written as JSON Lines into `folder`."""
    return compare_files(
        write_jsonl(folder / "before.jsonl", before),
        write_jsonl(folder / "after.jsonl", after),
        columns or Columns(key="id"),
        rules_of(rules),
        options or Options(),
    )


def scored(values: Sequence[float], **more: Sequence[object]) -> list[dict[str, object]]:
    """Rows with a key and a column `score`; further columns by name."""
    return [
        {"id": f"c{i:04d}", "score": value, **{name: cells[i] for name, cells in more.items()}}
        for i, value in enumerate(values)
    ]
