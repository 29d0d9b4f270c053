"""The recorded path of a case: a step replay asks for each of its decisions anew, and follows none.

Decides which recorded decision a call stands for. Never judges a decision.
"""

from collections.abc import Sequence
from typing import Protocol

from stopship.errors import Missed
from stopship.gating.paths import RECORD_AGAIN, KeptPath, Recorded, Step, kept_path, step_of
from stopship.model.case import Json
from stopship.model.decisions import decision_of
from stopship.model.exchange import Answer, Asked


class Clean(Protocol):
    """Takes secrets out of a value."""

    def __call__(self, value: Json, /) -> Json: ...


def as_it_is(value: Json, /) -> Json:
    """Nothing is taken out."""
    return value


class Forced:
    """The path that one output is kept on. Not for several threads: its desk holds a lock."""

    def __init__(
        self,
        shelf: Recorded,
        case: str,
        sample: int,
        accepted: Sequence[str],
        clean: Clean = as_it_is,
    ) -> None:
        """`accepted`: ids of accepted stacks, the latest first; `clean`: takes out secrets."""
        self._shelf, self._case, self._sample = shelf, case, sample
        self._accepted, self._clean = accepted, clean
        self._kept: KeptPath | None = None
        self._taken: set[int] = set()  # places whose call is under way, or answered
        self.decisions: dict[int, dict[str, Json]] = {}

    def begin(self, asked: Asked) -> int:
        """The place of a model call: the open one where the same was asked, else the first that is open.

        Raises Missed where the recorded path has no decision left.
        """
        steps = self._path().models
        left = [place for place in range(len(steps)) if place not in self._taken]
        if not left:
            raise Missed(
                f"{asked.call.kind.value} {asked.call.name} is decision {len(steps) + 1}, and the path of "
                f"this case has {len(steps)} recorded; {RECORD_AGAIN}"
            )
        place = next((one for one in left if steps[one].ask == asked.ask), left[0])
        self._taken.add(place)
        return place

    def end(self, place: int, asked: Asked, answer: Answer) -> Answer:
        """A model call was answered: what goes on is the recorded answer, unless that one is an error."""
        if answer.error:
            self.free(place)
            return answer
        recorded = self._recorded(place, self._path().models[place])
        self.decisions[place] = {
            "step": place + 1,
            "name": asked.call.name,
            "recorded": self._decided(recorded),
            "decided": self._decided(answer),
        }
        return recorded

    def free(self, place: int) -> None:
        """A model call decided nothing: one that is made for it stands there."""
        self._taken.discard(place)

    def told(self) -> list[Json]:
        """The decisions in the order of the path; one that was not asked for is none of the recorded ones.

        Raises Missed where there is no path, or not all of it is recorded any more.
        """
        steps = enumerate(self._path().models)
        return [self.decisions.get(place) or self._skipped(place, one) for place, one in steps]

    def lack(self) -> str:
        """Why nothing can be kept on the path; "": it can."""
        try:
            if kept_path(self._shelf, self._case, self._sample, self._accepted) is None:
                return "no path is recorded"
            self.told()
        except Missed as err:
            return str(err).partition(";")[0]
        return ""

    def _skipped(self, place: int, step: Step) -> dict[str, Json]:
        return {
            "step": place + 1,
            "name": "",
            "recorded": self._decided(self._recorded(place, step)),
            "decided": {"value": None, "missing": True},
        }

    def _decided(self, answer: Answer) -> Json:
        """Without secrets, though a stream tells one in pieces: it is filed, and held against a recording."""
        return self._clean(decision_of(self._clean(answer.result)))

    def _recorded(self, place: int, step: Step) -> Answer:
        found = step_of(self._shelf, self._path(), step)
        if found is None:
            raise Missed(
                f"decision {place + 1} of the recorded path is not recorded any more; {RECORD_AGAIN}"
            )
        return found[1]

    def _path(self) -> KeptPath:
        if self._kept is None:
            self._kept = kept_path(self._shelf, self._case, self._sample, self._accepted)
            if self._kept is None:
                raise Missed(
                    f"no path of this case is recorded, to ask for its decisions one by one; {RECORD_AGAIN}"
                )
        return self._kept
