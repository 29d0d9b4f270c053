"""Answer a customer's question: the help desk, from the question to the trace.

Decides the order of the steps and keeps them within the budget. Routing, policy, prompt, index, orders and
model are pins of the stack; nothing of them is written here. No clock, no randomness, no network.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import index
import policy
import prompt
import routing
import tools

import model


class Case(Protocol):
    """What this target reads of a case."""

    @property
    def row(self) -> Mapping[str, Any]: ...
    @property
    def input(self) -> Any: ...


class Stack(Protocol):
    """What this target reads of a stack."""

    def path(self, axis: str, /) -> Path: ...
    def version(self, axis: str, /) -> str: ...
    def value(self, axis: str, /) -> Any: ...


class StepsSpentError(Exception):
    """The budget of steps is used up."""


@dataclass(kw_only=True)
class Work:
    """One case being answered: what was done so far."""

    question: str
    asker: str
    tier: str
    most_steps: int
    lang: str = "en"
    steps: list[dict[str, Any]] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    citations: tuple[str, ...] = ()
    input_total: int = 0
    output_total: int = 0

    def note(self, kind: str, name: str, given: Any, got: Any) -> None:
        """Add a step; raises StepsSpentError instead of adding one too many."""
        if len(self.steps) == self.most_steps:
            raise StepsSpentError
        self.steps.append({"kind": kind, "name": name, "input": given, "output": got})


STOPPED = "I could not finish this in time and hand it to a colleague."


def answer(case: Case, stack: Stack) -> dict[str, Any]:
    """The trace of one case: output, citations, refusal class, steps, documents, usage, observed pins."""
    budget = stack.value("budget")
    asked = case.input if isinstance(case.input, str) else str(case.row.get("question") or "")
    work = Work(
        question=prompt.harmless(asked[: budget["max_question"]]),
        asker=str(case.row.get("customer") or ""),
        tier=str(case.row.get("tier") or "free"),
        most_steps=budget["max_steps"],
    )
    try:
        output, refusal = _answer(work, stack, budget)
    except StepsSpentError:
        output, refusal = STOPPED, "capability"
    return {
        "output": output,
        "citations": list(work.citations) if refusal == "none" else [],
        "refusal": refusal,
        "steps": work.steps,
        "documents": work.documents,
        "usage": {"input_total": work.input_total, "output_total": work.output_total},
        "observed": {"model": stack.version("model"), "index": index.opened(stack.path("index")).version},
    }


def tokens(text: str) -> int:
    """Tokens by a simple rule: one for each started four bytes of UTF-8."""
    return -(-len(text.encode("utf-8", "replace")) // 4)


def _answer(work: Work, stack: Stack, budget: Mapping[str, Any]) -> tuple[str, str]:
    """The output and its refusal class."""
    route = routing.opened(stack.path("routing")).route(work.question)
    work.lang = route.lang
    work.note(
        "routing", "route", work.question, {"lang": route.lang, "to": route.to, "order_id": route.order_id}
    )
    rules = policy.opened(stack.path("policy"))
    refused = _refused(work, "question", rules.on_question(work.question, route.lang))
    if refused:
        return refused, "policy"
    result: dict[str, Any] | None = None
    if route.to == "retrieval":
        _retrieve(work, stack, route, budget["max_articles"])
    else:
        facts = _use_tool(work, stack, route)
        refused = _refused(work, "order", rules.on_order(facts.pop("customer", ""), work.asker, route.lang))
        if refused:
            return refused, "policy"
        result = {"of": route.to, "facts": facts}
    said = _ask_model(work, stack, route, result, budget)
    refused = _refused(work, "output", rules.on_output(said.text, route.lang))
    if refused:
        return refused, "policy"
    work.citations = said.citations
    return said.text, "none" if said.knows else "capability"


def _refused(work: Work, what: str, ruling: policy.Ruling) -> str:
    """The message to send instead of an answer, if the policy stands against one."""
    action = "block" if ruling.action == "decline" else "escalate" if ruling.action else "none"
    work.note("guardrail", what, {"lang": work.lang}, {"rule": ruling.rule, "action": action})
    return ruling.message


def _retrieve(work: Work, stack: Stack, route: routing.Route, most: int) -> None:
    found = index.opened(stack.path("index")).search((*route.terms, *route.synonyms), route.lang, most)
    work.documents = [
        {name: getattr(one, name) for name in ("id", "title", "lang", "updated", "body")} for one in found
    ]
    given = {"terms": list(route.terms), "related": list(route.synonyms), "lang": route.lang, "top_k": most}
    work.note("retrieval", "search", given, [one.id for one in found])


def _use_tool(work: Work, stack: Stack, route: routing.Route) -> dict[str, str]:
    orders = tools.opened(stack.path("tools"))
    if route.to == "refund_quote":
        facts = orders.refund_quote(route.order_id, work.tier)
    else:
        facts = orders.order_status(route.order_id)
    work.note("tool", route.to, {"order_id": route.order_id}, dict(facts))
    return facts


def _ask_model(
    work: Work, stack: Stack, route: routing.Route, result: dict[str, Any] | None, budget: Mapping[str, Any]
) -> model.Reply:
    values = {
        "question": work.question,
        "lang": work.lang,
        "tier": work.tier,
        "articles": work.documents,
        "related": list(route.synonyms),
        "result": result,
        "max_sentences": budget["max_sentences"],
    }
    text = prompt.assemble(stack.path("prompt"), values, budget["max_context"])
    said = model.reply(stack.version("model"), text)
    work.input_total += tokens(text)
    work.output_total += tokens(said.text)
    work.note(
        "model", stack.version("model"), text, json.dumps({"text": said.text, "citations": said.citations})
    )
    return said
