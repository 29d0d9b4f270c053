"""The files that a scorer of the user's imports from beside itself: they are its code too.

Decides by names alone, and never runs any of them.
"""

import ast
from pathlib import Path

from stopship.errors import UsageError


def imported_beside(path: Path) -> dict[str, bytes]:
    """The files beside a scorer's that it imports, and that those import, by name: they are its code too."""
    found: dict[str, bytes] = {}
    waiting = [path]
    while waiting:
        source = _source(waiting.pop())
        for name in _imported(source):
            places = [path.parent / f"{name}.py", *sorted((path.parent / name).rglob("*.py"))]
            for place in places:
                key = place.relative_to(path.parent).as_posix()
                if place != path and key not in found and _is_file(place):
                    found[key] = _source(place)
                    waiting.append(place)
    return found


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise UsageError(f"cannot be read: {err.strerror}", where=str(path), do="check the file") from err


def _imported(source: bytes) -> set[str]:
    """The first names of what a module imports; none where it is no Python, which loading it will tell."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError):
        return set()
    names = [one.name for node in nodes if isinstance(node, ast.Import) for one in node.names]
    taken = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    names += [name for node in taken for name in ([node.module] if node.module else _names(node))]
    return {one.partition(".")[0] for one in names}


def _names(node: ast.ImportFrom) -> list[str]:
    return [one.name for one in node.names]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
