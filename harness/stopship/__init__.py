"""Offline replay and regression gate for AI systems.

Importing this package does nothing but name things; the names below are loaded when first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stopship.boundaries import api_key, base_url, boundary, now, pinned, rng, uuid4
    from stopship.judging import judge_columns
    from stopship.model.case import Case, Trace
    from stopship.model.score import Scored, ScoreFailed, Unscored

__version__ = "0.1.0"
__all__ = [
    "Case",
    "ScoreFailed",
    "Scored",
    "Trace",
    "Unscored",
    "__version__",
    "api_key",
    "base_url",
    "boundary",
    "judge_columns",
    "now",
    "pinned",
    "rng",
    "uuid4",
]


def __getattr__(name: str) -> object:
    if name in ("Scored", "Unscored", "ScoreFailed"):
        from stopship.model import score

        return getattr(score, name)
    if name in ("Case", "Trace"):
        from stopship.model import case

        return getattr(case, name)
    if name in ("api_key", "base_url", "boundary", "now", "pinned", "rng", "uuid4"):
        from stopship import boundaries

        return getattr(boundaries, name)
    if name == "judge_columns":
        from stopship.judging import judge_columns

        return judge_columns
    raise AttributeError(f"module 'stopship' has no attribute {name!r}")
