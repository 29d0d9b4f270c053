"""Decide what must be declined or handed to a person, before and after anything was looked up.

Everything it knows stands in the policy file. It never writes an answer beyond the messages there.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from words import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the policy says to one text. `rule` is empty when nothing stands against it."""

    rule: str = ""
    action: str = ""  # decline or handoff
    message: str = ""


class Policy:
    """A policy file."""

    def __init__(self, text: str) -> None:
        rules: dict[str, Any] = tomllib.loads(text)
        self._messages: dict[str, dict[str, str]] = rules["message"]
        self._default: str = rules["default_lang"]
        self._rules = [
            (
                rule["id"],
                rule["action"],
                {lang: _any_of(rule[lang]) for lang in (*self._messages["decline"], "all") if lang in rule},
            )
            for rule in rules["rule"]
        ]
        self._owner_action: str = rules["orders"]["of_others"]
        self._never_said = _any_of(rules["output"]["never"])

    def on_question(self, question: str, lang: str) -> Ruling:
        """What it says to a question; patterns see it folded: lower case, no accents."""
        folded = fold(question)
        for rule, action, patterns in self._rules:
            if any(one in patterns and patterns[one].search(folded) for one in ("all", lang)):
                return self._ruling(rule, action, lang)
        return Ruling()

    def on_order(self, owner: str, asker: str, lang: str) -> Ruling:
        """What it says to showing an order to somebody."""
        if owner and owner != asker:
            return self._ruling("order-of-somebody-else", self._owner_action, lang)
        return Ruling()

    def on_output(self, output: str, lang: str) -> Ruling:
        """What it says to an answer that is about to be sent."""
        return self._ruling("output", "decline", lang) if self._never_said.search(output) else Ruling()

    def _ruling(self, rule: str, action: str, lang: str) -> Ruling:
        messages = self._messages[action]
        return Ruling(rule=rule, action=action, message=messages.get(lang, messages[self._default]))


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in patterns))


@lru_cache(maxsize=16)
def _parsed(text: str) -> Policy:
    return Policy(text)


def opened(path: Path) -> Policy:
    """The policy of a file; equal text is parsed once."""
    return _parsed(path.read_text(encoding="utf-8"))
