"""What a run has spent and lost, and when it is over before its end.

Decides that nothing more may be asked: a limit is reached, or so much was lost that the run is VOID whatever
follows. Never drops an answer: what was given is filed, and a later run goes on from it.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from stopship.errors import EvidenceError
from stopship.gating.pricing import Prices
from stopship.model.case import Json
from stopship.model.run import Outcome, Status
from stopship.model.suite import Limits
from stopship.store.tally import Tally

HOPELESS = 20  # outputs in a row from the start, all of them lost


class EndedEarly(EvidenceError):  # noqa: N818  # says what happened to the run
    """A run that asks for nothing more: a verdict over it is VOID."""


@dataclass(slots=True)
class _Spent:
    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    outputs: int = 0
    lost: int = 0


class Meter:
    """The spending of one run. Used by one thread at a time; what was filed before counts, too."""

    def __init__(
        self,
        limits: Limits,
        *,
        total: int | None = None,
        lost_limit: float = 0.0,
        known: Iterable[Outcome] = (),
        prices: Prices | None = None,
        tally: Tally | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`total`: outputs of the whole run, where too many lost ones make it hopeless. `tally`: the calls of
        the plan by whatever process, those for outputs that were lost included; None: an output is a call."""
        self._limits, self._total, self._lost_limit = limits, total, lost_limit
        self._prices, self._tally, self._clock = prices, tally, clock
        self._spent = _Spent()
        self._began: float | None = None
        self._why = ""  # of the latest output that was lost
        self._over = ""  # why the run is over
        self.is_unknown = False  # an output did not tell what a limit counts
        for one in known:
            self._spent.calls += 1
            if one.status is not Status.LOST:  # what an earlier attempt lost makes this one not hopeless
                self._count(one)

    @property
    def told(self) -> dict[str, Json]:
        """What was spent, for the run's provenance."""
        spent = self._spent
        found: dict[str, Json] = {"calls": spent.calls, "tokens": spent.tokens}
        if spent.usd or self._prices is not None:
            found["usd"] = round(spent.usd, 9)
        if self._prices is not None:
            found["prices"] = self._prices.name
        return found

    def begin(self) -> EvidenceError | None:
        """Count a call that is about to begin, or say why it may not."""
        if (over := self.over()) is not None:
            return over
        spent, tally, most = self._spent, self._tally, self._limits.calls
        if tally is not None:
            spent.calls = max(spent.calls, tally.count)
        number = spent.calls + 1
        if tally is not None and (most is None or number <= most):
            number = max(number, tally.add())  # another process may have counted since
        if most is not None and number > most:
            spent.calls = max(spent.calls, most)
            return self._ended(f"{spent.calls} calls were made, all that limits allow")
        spent.calls = number
        return None

    def close(self) -> None:
        """Nothing more is asked for here: who counts alone from now on may begin anew."""
        if self._tally is not None:
            self._tally.close()

    def over(self) -> EvidenceError | None:
        """Whether the time of the run is over."""
        if self._began is None:
            self._began = self._clock()
        minutes = self._limits.minutes
        if minutes is not None and self._clock() - self._began >= minutes * 60:
            return self._ended(f"the {minutes:g} minutes that limits allow are over")
        return None

    @property
    def seconds_left(self) -> float | None:
        if self._limits.minutes is None or self._began is None:
            return None
        return self._began + self._limits.minutes * 60 - self._clock()

    def end(self, outcome: Outcome, *, is_missed: bool = False) -> EvidenceError | None:
        """Count an outcome; why nothing more may be asked. One that missed a recording makes no run hopeless:
        all of them are told, each with its reason."""
        try:
            self._count(outcome, is_missed=is_missed)
        except EvidenceError as err:
            self.is_unknown = True
            return err
        spent, limits = self._spent, self._limits
        if limits.tokens is not None and spent.tokens > limits.tokens:
            return self._ended(f"{spent.tokens} tokens were used, and limits allow {limits.tokens}")
        if limits.usd is not None and spent.usd > limits.usd:
            return self._ended(f"${spent.usd:.4f} were spent, and limits allow ${limits.usd:g}")
        return self._hopeless()

    def _hopeless(self) -> EvidenceError | None:
        spent = self._spent
        if spent.outputs == spent.lost >= HOPELESS:
            return self._ended(f"the first {spent.lost} outputs were all lost ({self._why})")
        if self._total is not None and spent.lost > max(1.0, self._lost_limit * self._total):
            share = f"{self._lost_limit:.1%}".replace(".0%", "%")
            what = f"{spent.lost} of {self._total} outputs were lost, more than {share} ({self._why})"
            return self._ended(f"{what}: the run can only be VOID")
        return None

    def _count(self, outcome: Outcome, *, is_missed: bool = False) -> None:
        self._spent.outputs += 1
        if outcome.status is Status.LOST and not is_missed:
            self._spent.lost += 1
            self._why = outcome.error
        tokens = tokens_of(outcome.trace)
        self._spent.tokens += tokens or 0
        if tokens is None and outcome.status is Status.OK and self._limits.tokens is not None:
            raise EvidenceError(
                "limits has tokens, and an output tells no usage: how many it took is not known",
                do="let the target tell usage, or take tokens out of limits",
            )
        if outcome.status is Status.OK:
            self._spent.usd += self._usd(outcome)

    def _usd(self, outcome: Outcome) -> float:
        told = outcome.trace.get("cost_usd")
        if isinstance(told, int | float) and not isinstance(told, bool):
            return float(told)
        return self._prices.usd(outcome.trace) if self._prices is not None else 0.0

    def final(self) -> EndedEarly:
        """Why the run is over, with all that was spent until now."""
        return self._ended(self._over)

    def _ended(self, why: str) -> EndedEarly:
        why = self._over = self._over or why  # the first reason holds
        spent = self._spent
        usd = f" and ${spent.usd:.4f}" if spent.usd else ""
        so_far = (
            f"so far {spent.outputs - spent.lost} outputs, {spent.calls} calls, {spent.tokens} tokens{usd}"
        )
        return EndedEarly(
            f"the run ended early: {why}; {so_far}",
            do="what was answered is filed: mend the endpoint or raise limits under [replay], and run again",
        )


def tokens_of(trace: Mapping[str, Json]) -> int | None:
    """What an output used; None: it does not tell."""
    usage = trace.get("usage")
    counts = [usage.get(name) for name in ("input_total", "output_total")] if isinstance(usage, dict) else []
    told = [max(0, int(one)) for one in counts if isinstance(one, int | float) and not isinstance(one, bool)]
    return sum(told) if told else None
