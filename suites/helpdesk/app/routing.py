"""Decide the language of a question, the tool or the search it goes to, and other words for its words.

Everything it knows stands in the routing file; it never looks at an article.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from words import plain_words, stem, terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a question goes. `order_id` is empty when it names none."""

    lang: str
    to: str  # retrieval, or the name of a tool
    order_id: str
    terms: tuple[str, ...]
    synonyms: tuple[str, ...]


class Routing:
    """A routing file."""

    def __init__(self, text: str) -> None:
        rules: dict[str, Any] = tomllib.loads(text)
        language = rules["language"]
        self._default: str = language["default"]
        self._needed: int = language["min_markers"]
        self._markers = {lang: frozenset(words.split()) for lang, words in language["markers"].items()}
        self._letters: dict[str, str] = language["letters"]
        self._order_id = re.compile(rules["order_id"], re.IGNORECASE)
        self._routes: list[tuple[str, tuple[str, ...]]] = [
            (route["to"], tuple(route["words"])) for route in rules["route"]
        ]
        self._synonyms = {
            lang: {
                stem(word, lang): tuple(dict.fromkeys(terms(others, lang))) for word, others in known.items()
            }
            for lang, known in rules.get("synonyms", {}).items()
        }

    def route(self, question: str) -> Route:
        """Where this question goes."""
        words = plain_words(question)
        lang = self._language(question, words)
        asked = tuple(dict.fromkeys(terms(question, lang)))
        known = self._synonyms.get(lang, {})
        others = tuple(
            dict.fromkeys(one for term in asked for one in known.get(term, ()) if one not in asked)
        )
        named = self._order_id.search(question)
        order_id = f"TM-{named[1]}" if named else ""
        return Route(lang=lang, to=self._to(words, order_id), order_id=order_id, terms=asked, synonyms=others)

    def _language(self, question: str, words: list[str]) -> str:
        counts = {
            lang: sum(word in markers for word in words)
            + sum(one in question.lower() for one in self._letters.get(lang, ""))
            for lang, markers in self._markers.items()
        }
        best = max(sorted(counts), key=lambda lang: (counts[lang], lang == self._default))
        return best if counts[best] >= self._needed else self._default

    def _to(self, words: list[str], order_id: str) -> str:
        if not order_id:
            return "retrieval"
        for to, beginnings in self._routes:
            if any(word.startswith(beginnings) for word in words):
                return to
        return "retrieval"


@lru_cache(maxsize=16)
def _parsed(text: str) -> Routing:
    return Routing(text)


def opened(path: Path) -> Routing:
    """The routing rules of a file; equal text is parsed once."""
    return _parsed(path.read_text(encoding="utf-8"))
