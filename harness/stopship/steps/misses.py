"""Why a call was not served, and which recording comes closest.

Pure: compares a call with the recordings of its case. Serves nothing.
"""

from collections.abc import Sequence

from stopship.model.exchange import Asked, Recording


def why_missed(asked: Asked, recordings: Sequence[Recording], *, attempt: int = 0) -> str:
    """A sentence for the outcome: the call, what was looked for, and what to do."""
    call = asked.call
    what = f"{call.kind.value} {call.name}"
    if not recordings:
        return f"miss: {what}: nothing is recorded of this case"
    same = [one for one in recordings if (one.asked.call.kind, one.asked.call.name) == (call.kind, call.name)]
    if not same:
        return f"miss: {what}: never called in the recording"
    if any(one.asked.ask == asked.ask for one in same):
        return f"miss: {what}: attempt {attempt + 1} is beyond what was recorded"
    return f"miss: {what}: no equal request among {len(same)}"
