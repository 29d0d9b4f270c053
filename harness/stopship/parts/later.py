"""Import what the files of a target import only when they are at work: within their functions.

Decides which statements those are. Never imports what lies elsewhere, and never raises what a file raises:
what such an import would have given is missed by whoever asks for it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from stopship.parts.neighbours import code_of, import_for
from stopship.parts.user_code import caught

_Statement = tuple[str, list[str], int]  # module, names that are taken from it, and how far up it begins


def import_all(file: Path) -> None:
    """Import whatever a user's file, and what it imports in its turn, names within a function."""
    seen = set[Path]()
    while waiting := [ran.file for ran in code_of(file) if ran.file not in seen]:
        for one in waiting:
            seen.add(one)
            for name, taken, level in _within_functions(one):
                caught(import_for, one, name, taken, level)


def _within_functions(file: Path) -> Iterator[_Statement]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):  # no Python, such as an extension
        return
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in {node: None for function in functions for node in ast.walk(function)}:
        if isinstance(node, ast.Import):
            yield from ((one.name, [], 0) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", [one.name for one in node.names], node.level
