"""What a scorer is given: the case that was asked and the trace that answered it.

Never decides whether an answer is good; only whether there is one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from stopship.errors import UsageError

Json = object
"""A JSON value as parsed: None, bool, int, float, str, list or dict. Checked where it is used."""


FILTERED = "content_filter"  # the reason that a trace gives for its end


@dataclass(frozen=True, slots=True)
class Case:
    """One captured input, as the row of the file being scored tells it."""

    key: str  # unique in its file; people type it
    row: Mapping[str, Json] = field(default_factory=dict)  # the whole row
    input: Json = None
    expected: Json = None  # None or blank text: the case carries no expectation

    @property
    def has_expected(self) -> bool:
        """Whether the case says what to expect; blank text says nothing."""
        return self.expected is not None and not is_blank(self.expected)


@dataclass(frozen=True, slots=True)
class Trace:
    """What happened when the case was put to a stack."""

    output: Json = None  # None: no output at all, a failure
    latency: Json = None  # as recorded, in the recorder's own unit; None: not recorded
    cost: Json = None
    has_output: bool = True  # False: this table records no outputs, only scores
    record: Mapping[str, Json] = field(default_factory=dict)  # all that the target told, output included
    error: str = ""  # why there is no output, where the target failed
    is_served: bool = False  # some of it was answered from recordings: its time says nothing

    @property
    def steps(self) -> list[Json]:
        """What was done, in order: routing, retrieval, tool and model calls; empty where none is told."""
        return _listed(self.record.get("steps"))

    @property
    def documents(self) -> list[Json]:
        """What retrieval found."""
        return _listed(self.record.get("documents"))

    @property
    def usage(self) -> Mapping[str, Json]:
        """What the answer used: tokens, calls."""
        found = self.record.get("usage")
        return found if isinstance(found, dict) else {}

    @property
    def refusal(self) -> str | None:
        """The refusal class, `none` for an answer; None where the target does not tell."""
        found = self.record.get("refusal")
        return found if isinstance(found, str) else None

    @property
    def text(self) -> str:
        """The output as text; structured outputs as compact JSON, no output as ''."""
        if isinstance(self.output, str):
            return self.output
        if not self.has_output:
            raise UsageError("the output is read, and no column is named for it", do="add --output COLUMN")
        if self.output is None:
            return ""
        return json.dumps(self.output, ensure_ascii=False, separators=(",", ":"))

    @property
    def is_filtered(self) -> bool:
        """Whether the provider's filter held it back, whatever there is of it."""
        return self.record.get("finish_reason") == FILTERED

    @property
    def is_answered(self) -> bool:
        """Whether there is an output that is not blank. Tables without outputs count as answered."""
        return not self.has_output or not (self.output is None or is_blank(self.output))


@dataclass(frozen=True, slots=True)
class Lost:
    """Stands where a trace should: infrastructure failed, or a call was not served."""

    reason: str = ""  # `HTTP 503`
    is_missed: bool = False  # a call of it was not served


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def is_blank(value: Json) -> bool:
    """Whether a value is text with nothing but white space and zero-width characters in it."""
    if not isinstance(value, str):
        return False
    if value[:1].isalnum():
        return False  # nearly every answer, decided at once
    return all(one.isspace() or one in _ZERO_WIDTH for one in value)


_ZERO_WIDTH = frozenset("\u200b\u200c\u200d\u2060\ufeff\u00ad")
