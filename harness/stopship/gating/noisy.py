"""Whether the outputs of a suite may vary at all.

Decides it from the suite file alone.
"""

from stopship.gating.opened import OpenSuite
from stopship.model.suite import RECORDED


def stillness(opened: OpenSuite) -> str:
    """Why the suite's outputs cannot vary; empty: they may."""
    if opened.suite.replay.target == RECORDED:
        return "its outputs are recorded: asking again gives the same"
    if opened.suite.replay.deterministic:
        return "its target is declared deterministic: the same stack gives the same outputs"
    return ""
