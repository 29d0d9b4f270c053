"""Every error a person can be shown, one class per thing they would do next.

Never holds logic. A message says where, what was found, what was expected and what to do.
"""


class StopshipError(Exception):
    """A fault with a place, a finding and a remedy; shown without a traceback."""

    exit_code = 70

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        self.what = what
        self.where = where
        self.do = do
        super().__init__(str(self))

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  {self.do}" if self.do else head


class UsageError(StopshipError):
    """The command, a rule or a scorer is written wrongly: fix the command."""

    exit_code = 2


class EvidenceError(StopshipError):
    """The evidence is damaged, incomplete or contradicts itself: fetch or mend it.

    A verdict over such evidence is VOID.
    """

    exit_code = 22


def nearest(name: str, known: "list[str] | tuple[str, ...]") -> str:
    """The remedy for a misspelt name: `did you mean 'x'?  columns here: x, y`, or the list alone."""
    from difflib import get_close_matches

    ordered = sorted(known)
    shown = ", ".join(ordered[:20]) + (f", … ({len(ordered)} in all)" if len(ordered) > 20 else "")
    close = get_close_matches(name, ordered, n=1, cutoff=0.6) or [
        one for one in ordered if one.lower() == name.lower()
    ]
    if close:
        return f"did you mean {close[0]!r}?  there are: {shown}"
    return f"there are: {shown}" if ordered else "there are none"


class Unavailable(Exception):  # noqa: N818  # says what the service is
    """For a target to raise: what it needs could not be reached, so there is no evidence about the stack.

    No error of ours: the output counts as lost, and a run that loses too many is VOID.
    """


class Missed(Unavailable):
    """A call of a replay that no recording answers. The output is lost: nothing is known of what would be."""


class OverBudget(Missed):
    """A call of an output that has spent what `limits` allow one. No loss: the output has failed."""


class RecordedError(Exception):
    """An error that a recorded call ended with, raised anew. Its class has the name of the one it was."""
