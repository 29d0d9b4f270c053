"""How many tokens an answer of a model's API says that it took.

Decides which fields of known APIs are the same count. Never makes one up: what is not told is not there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from stopship.model.case import Json
from stopship.model.streamed import events_of

_GIVEN = ("prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount")  # names of one count
_APART = (  # what APIs that tell `input_tokens` do not count among them
    *("cache_creation_input_tokens", "cache_read_input_tokens"),
    *("cacheWriteInputTokens", "cacheReadInputTokens"),
)
_MADE = ("completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount")
_BESIDE = {"input_total": "toolUsePromptTokenCount", "output_total": "thoughtsTokenCount"}
_TOTAL = ("total_tokens", "totalTokens", "totalTokenCount")
_CACHED = ("cache_read_input_tokens", "cacheReadInputTokens", "cachedContentTokenCount", "cached_tokens")
_WRITTEN = ("cache_creation_input_tokens", "cacheWriteInputTokens")
_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_USAGES = ("usage", "usageMetadata")


def used_of(result: Json) -> dict[str, Json]:
    """`usage` and `model` of a response that the gateway has kept, as a trace tells them; empty where it
    tells no usage."""
    told: dict[str, Any] = {}
    model = ""
    for one in _bodies(result):
        for name in _USAGES:
            if isinstance(usage := one.get(name), dict):
                told = _merged(told, usage)
        named = one.get("model") or one.get("modelVersion")
        model = named if isinstance(named, str) else model
    usage = _usage(told)
    return {"usage": usage, **({"model": model} if model else {})} if usage else {}


def _bodies(result: Json) -> Iterator[Mapping[str, Any]]:
    """Whatever may tell a usage: the body, or each event of a stream, and what lies in it."""
    if not isinstance(result, dict):
        return
    body, events = result.get("json"), result.get("events")
    told = events_of(events) or [] if isinstance(events, list) else body if isinstance(body, list) else [body]
    for one in told:
        if isinstance(one, dict):
            yield one
            yield from (one[name] for name in ("message", "response") if isinstance(one.get(name), dict))


def _merged(before: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """A stream tells its counts up to each event: the largest holds."""
    return {**before, **{name: _largest(before.get(name), one) for name, one in told.items()}}


def _largest(before: Any, told: Any) -> Any:
    if isinstance(before, dict) and isinstance(told, dict):
        return _merged(before, told)
    if _is_count(before) and _is_count(told):
        return max(before, told)
    return before if told is None else told


def _usage(told: Mapping[str, Any]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, names in (("input_total", _GIVEN), ("output_total", _MADE)):
        if (count := _largest_of(told, names)) is not None:
            found[name] = count + (_largest_of(told, (_BESIDE[name],)) or 0)
    if "input_total" in found and "prompt_tokens" not in told:
        found["input_total"] = _sum(told, _APART, _count(found["input_total"]))
    total, known = _largest_of(told, _TOTAL), sum(_count(one) for one in found.values())
    if total is not None and total > known:  # never less than the API itself counts
        found["output_total"] = _count(found.get("output_total")) + total - known
    if not found:
        return {}
    details = [told[name] for name in _DETAILS if isinstance(told.get(name), dict)]
    cached = max(_largest_of(one, _CACHED) or 0 for one in (told, *details))
    written = _largest_of(told, _WRITTEN)
    raw: dict[str, Json] = {} if written is None else {"cache_creation_input_tokens": written}
    return {**found, "cached": cached, "raw": raw}


def _largest_of(told: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """The largest of what these names tell: APIs that know two of them tell the same count twice."""
    return max((int(told[name]) for name in names if _is_count(told.get(name))), default=None)


def _sum(told: Mapping[str, Any], names: tuple[str, ...], start: int) -> int:
    return sum((_largest_of(told, (name,)) or 0 for name in names), start)


def _count(value: Json | None) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15
