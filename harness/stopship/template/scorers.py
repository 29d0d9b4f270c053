"""Was an answer right? Three questions, each of one label: its article, its fact, and whether to refuse.

The labels stand in the case's row. A case without the label is left unscored, never counted as a pass.
"""

from stopship.model.case import Case, Trace
from stopship.model.score import Scored, Unscored


def cites(case: Case, trace: Trace) -> Scored | Unscored:
    """Does the answer name one of the right articles, in brackets, where a rider can see it?"""
    wanted = case.row.get("citations")
    if not isinstance(wanted, list) or not wanted:
        return Unscored("no article is expected")
    if any(f"[{one}]" in trace.text for one in wanted):
        return Scored(1.0)
    return Scored(0.0, reason=f"cites none of {', '.join(map(str, wanted))}")


def says(case: Case, trace: Trace) -> Scored | Unscored:
    """Does the answer hold the words that make it right? Upper case and white space do not matter."""
    wanted = case.row.get("fact")
    if not isinstance(wanted, str) or not wanted:
        return Unscored("no fact is expected")
    if " ".join(wanted.split()).casefold() in " ".join(trace.text.split()).casefold():
        return Scored(1.0)
    return Scored(0.0, reason=f"does not say {wanted!r}")


def contract(case: Case, trace: Trace) -> Scored | Unscored:
    """Was it refused exactly where it had to be? Not knowing counts as refusing, and so does no answer."""
    wanted = case.row.get("refusal")
    if wanted not in ("required", "forbidden"):
        return Unscored("nothing is said about refusing")
    refused = not trace.is_answered or trace.refusal not in (None, "none")
    label = "refused" if refused else "answered"
    if refused == (wanted == "required"):
        return Scored(1.0, label=label)
    return Scored(0.0, label=label, reason=f"refusing was {wanted}")
