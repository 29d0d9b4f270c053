"""Must-pass cases that were admitted: each passed every one of K outputs of an accepted stack.

Data alone. Says how well a case is known to pass; it never changes a verdict.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """One case of one rule, as `golden.json` names it."""

    rule: str
    key: str
    case: str  # digest of the case: another case under the same key is not admitted
    judged: str  # digest of the scorer and of the case's labels, ditto
    times: int  # K outputs, all of which passed
    stack: str  # stack_id of the stack that was asked
    run: str  # id of the run that holds the outputs
    admitted: str  # ISO date
