"""What one output may spend: calls to the outside, tokens, dollars.

Decides when an output is over its budget, which is its own failure. Never takes for free what is not told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from stopship.errors import EvidenceError, OverBudget
from stopship.gating.pricing import Prices, open_prices, own_provider
from stopship.gating.spending import tokens_of
from stopship.model.case import Json
from stopship.model.exchange import CODE, Answer, Asked, CallKind
from stopship.model.run import Outcome, Status
from stopship.model.suite import ReplayPlan
from stopship.model.used import used_of
from stopship.store.shown import quoted

_ASKS_NOTHING = ("GET ", "HEAD ", "DELETE ")  # requests that no model answers


@dataclass(frozen=True)  # no slots: the price list is opened once it is needed
class Budget:
    """`case_calls`, `case_tokens` and `case_usd`. None: no limit."""

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    provider: str = ""  # whose prices hold

    @cached_property
    def prices(self) -> Prices:
        """Raises EvidenceError where no price list is installed."""
        return open_prices(self.provider, word="case_usd")

    @property
    def told(self) -> list[Json]:
        """What of it decides an output, for the identity of a plan; nothing where nothing is limited."""
        limits: dict[str, Json] = {"calls": self.calls, "tokens": self.tokens, "usd": self.usd}
        if not any(limits.values()):
            return []
        prices = [self.prices.name, self.provider] if self.usd is not None else []
        return [["budget", limits, *prices]]

    def held(self, outcome: Outcome, account: "Account | None") -> Outcome:
        """An outcome, failed where it is over its budget by what is known in the end.

        Raises EvidenceError where that is not known.
        """
        if outcome.status is not Status.OK or (self.tokens is None and self.usd is None):
            return outcome
        account = account or Account(self)
        why = account.over(tokens_of(outcome.trace) or 0, _cost(outcome.trace) or 0.0)
        if not why:
            why = account.over(*self._known(outcome, account))
        return replace(outcome, status=Status.FAILED, trace={}, error=why) if why else outcome

    def _known(self, outcome: Outcome, account: "Account") -> tuple[int, float]:
        """Tokens and dollars that the output tells; 0 of what only its requests tell."""
        where = f"case {quoted(outcome.key)}"
        tokens = tokens_of(outcome.trace)
        if self.tokens is not None and tokens is None and not account.tells_tokens:
            raise EvidenceError(
                "limits has case_tokens, and an output tells no usage: how many it took is not known",
                where=where,
                do="let the target tell usage, or each answer of its model (a stream of OpenAI's does with "
                "include_usage), or take case_tokens out of limits",
            )
        cost = _cost(outcome.trace)
        if self.usd is not None and cost is None:
            try:
                cost = self.prices.usd(outcome.trace)
            except EvidenceError as err:
                if not account.tells_tokens or account.unpriced is not None:
                    raise EvidenceError((account.unpriced or err).what, where=where, do=err.do) from err
        return tokens or 0, cost or 0.0


class Account:
    """What one attempt at an output has spent. Its desk lets in one call at a time."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._is_read = budget.tokens is not None or budget.usd is not None
        self._calls = self._tokens = self._answers = 0
        self._usd = 0.0
        self._is_untold = False  # an answer of a model did not tell its usage
        self.unpriced: EvidenceError | None = None  # why it is not known what an answer cost

    @property
    def tells_tokens(self) -> bool:
        """Whether models were asked, and all that they answered tells what it took."""
        return self._answers > 0 and not self._is_untold

    def begin(self) -> None:
        """Count a call that is about to be served or made. Raises OverBudget where it is one too many."""
        most = self._budget.calls
        if most is not None and self._calls >= most:
            raise OverBudget(f"over its budget: {most + 1} calls of {most}")
        if why := self.over():
            raise OverBudget(why)
        self._calls += 1

    def end(self, asked: Asked, answer: Answer | None) -> None:
        """Count what came back, if anything did."""
        if not self._is_read or answer is None or asked.call.kind is not CallKind.MODEL:
            return
        is_marked = CODE in asked.pins  # a function of the application, whose answers have no known form
        used = {} if is_marked else used_of(answer.result)
        if not used:
            is_refused = answer.status is None or answer.status >= 400
            is_free = bool(answer.error) and is_refused
            self._is_untold |= not is_free and not asked.call.name.startswith(_ASKS_NOTHING)
            return
        self._answers += 1
        self._is_untold |= bool(answer.error)  # broken off: it took more than it could tell
        self._tokens += tokens_of(used) or 0
        if self._budget.usd is not None:
            try:
                self._usd += self._budget.prices.usd(used)
            except EvidenceError as err:
                self.unpriced = err

    def over(self, tokens: int = 0, usd: float = 0.0) -> str:
        """Why the output has spent too much, by its requests or by what it tells, whichever is more; "": it
        has not. The same words in whatever order its calls ended."""
        budget = self._budget
        if budget.tokens is not None and max(self._tokens, tokens) > budget.tokens:
            return f"over its budget: more than {budget.tokens} tokens"
        if budget.usd is not None and max(self._usd, usd) > budget.usd:
            return f"over its budget: more than ${budget.usd:g}"
        return ""


def _cost(trace: Mapping[str, Json]) -> float | None:
    told = trace.get("cost_usd")
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) else None


def budget_of(plan: ReplayPlan) -> Budget:
    """As the suite says."""
    limits = plan.limits
    return Budget(limits.case_calls, limits.case_tokens, limits.case_usd, own_provider(plan))
