"""Was a help desk answer right? Three questions, each of one label: citations, fact, refusal.

Labels stand in the case's row. A case without the label is left unscored; a refused answer cites nothing and
states nothing.
"""

from stopship.model.case import Case, Trace
from stopship.model.score import Scored, Unscored


def cites(case: Case, trace: Trace) -> Scored | Unscored:
    """Does the answer name one of the articles that are right for the question?

    Read from the output, where the prompt has the model name its sources: `[return-period]`.
    """
    wanted = case.row.get("citations")
    if not isinstance(wanted, list) or not wanted:
        return Unscored("no article is expected")
    if any(f"[{one}]" in trace.text for one in wanted):
        return Scored(1.0)
    return Scored(0.0, reason=f"cites none of {', '.join(map(str, wanted))}")


def states_the_fact(case: Case, trace: Trace) -> Scored | Unscored:
    """Does the answer contain the phrase that makes it right? Case and white space do not matter."""
    wanted = case.row.get("fact")
    if not isinstance(wanted, str) or not wanted:
        return Unscored("no fact is expected")
    if _plain(wanted) in _plain(trace.text):
        return Scored(1.0)
    return Scored(0.0, reason=f"does not say {wanted!r}")


def contract(case: Case, trace: Trace) -> Scored | Unscored:
    """Was it refused exactly where it had to be? Handing over to a person is refusing, too."""
    wanted = case.row.get("refusal")
    if wanted not in ("required", "forbidden"):
        return Unscored("nothing is said about refusing")
    refused = is_refused(trace)
    if refused == (wanted == "required"):
        return Scored(1.0, label="refused" if refused else "answered")
    return Scored(0.0, label="refused" if refused else "answered", reason=f"refusing was {wanted}")


REFUSALS = (
    "I cannot help with this here.",
    "I hand this to a colleague",
    "I am sorry, I do not know.",
    "Dabei kann ich Ihnen hier nicht helfen.",
    "Ich gebe das an eine Kollegin weiter",
    "Das weiß ich leider nicht.",
    "Je ne peux pas vous aider ici.",
    "Je transmets à une collègue",
    "Désolé, je ne sais pas.",
    "I could not finish this in time",
)


def is_refused(trace: Trace) -> bool:
    """The refusal class of the trace where it carries one, else the wordings this desk refuses with."""
    told = getattr(trace, "refusal", None)
    if told is not None:
        return bool(told != "none")
    return not trace.text.strip() or trace.text.startswith(REFUSALS)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
