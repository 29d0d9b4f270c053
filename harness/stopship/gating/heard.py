"""What the models of one output answered, over all its calls through the gateway.

Decides when an output has no answer of its model, and whether another model answered than its stack pins.
Never looks at what the target made of that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import time

from stopship.errors import EvidenceError
from stopship.model.canonical import digest
from stopship.model.exchange import Answer, Call
from stopship.model.stack import Kind, Stack
from stopship.parts.gateway.answered import models_in, unanswered
from stopship.parts.targets.network import NoAnswer
from stopship.parts.targets.outcome import seconds_until

ANSWERED_BY = "(answered by)"  # in a trace: axis -> other models; no target tells a field of that name
_HOW = frozenset({"stream", "stream_options"})  # in which way an answer comes: it is the same that is asked
_REFUSES_ALL = (401, 402, 407)  # a key, an account or a proxy: every case would fail for it alike
_NO_CREDIT = "credit balance is too low"  # Anthropic says so with status 400


def is_pinned(stack: Stack, axis: str, version: object) -> bool:
    """Whether what answered calls itself as the lock says. No other name of the same model counts."""
    pin = stack.get(axis)
    if pin is None:
        return False
    return version in (pin.version, pin.content, *([pin.served] if pin.kind is Kind.OBSERVE else []))


@dataclass(slots=True)
class Heard:
    """One output. Not for several threads: the gateway's own alone tells it."""

    stack: Stack
    others: dict[str, set[str]] = field(default_factory=dict)  # axis -> models that answered for its pin
    refusal: EvidenceError | None = None  # that no answer came after
    _open: dict[str, NoAnswer] = field(default_factory=dict)  # by ask, in the order in which they came

    @property
    def no_answer(self) -> NoAnswer | None:
        """Why the output is lost: what was asked first and never answered. None: all was answered."""
        return next(iter(self._open.values()), None)

    def told(self, call: Call, answer: Answer) -> Answer:
        """A call was answered; gives the answer with what is wrong with it."""
        if why := unanswered(call, answer):
            name = call.name.rpartition(" ")[2].partition("/")[0]
            what = f"the model behind the upstream {name!r} gave no answer: {why}"
            self._open.setdefault(_ask(call), NoAnswer(what, _comes_again(answer)))
            answer = replace(answer, error=answer.error or why, is_reusable=False)
        elif self._open:
            self._open.pop(_ask(call), None)
        if answer.status in _REFUSES_ALL or (answer.status == 400 and _NO_CREDIT in answer.error.lower()):
            self.refusal = _refusal(call.name, answer)
        elif not answer.error:  # whoever was refused has another key now
            self.refusal = None
            self._compare(call, lambda: models_in(answer.result))
        return answer

    def _compare(self, call: Call, models: Callable[[], frozenset[str]]) -> None:
        """Only where the pinned model is asked by its name: any other is none of the stack's."""
        asked = call.request.get("model") if isinstance(call.request, dict) else None
        axes = [axis for axis in call.pins if asked and is_pinned(self.stack, axis, asked)]
        for axis in axes:
            others = {one for one in models() if not is_pinned(self.stack, axis, one)}
            if others:
                self.others.setdefault(axis, set()).update(others)


def _ask(call: Call) -> str:
    """What tells two asks apart: a retry asks the same, whether its answer is to be streamed or not."""
    request = call.request
    if isinstance(request, dict):
        request = {name: one for name, one in request.items() if name not in _HOW}
    return digest([call.name, request])


def _comes_again(answer: Answer) -> float | None:
    """When the upstream said to come again, in seconds."""
    headers = answer.result.get("headers") if isinstance(answer.result, dict) else None
    after = headers.get("retry-after") if isinstance(headers, dict) else None
    return seconds_until(after, time()) if isinstance(after, str) else None


def _refusal(name: str, told: Answer) -> EvidenceError:
    return EvidenceError(
        f"the upstream {name.rpartition(' ')[2].partition('/')[0]!r} refuses to answer at all: {told.error}",
        do="mend the key, the account or the proxy; nothing more is asked",
    )
