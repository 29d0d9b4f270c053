"""Secrets taken out of what is recorded: each is written as `[secret NAME]`, wherever it stands.

Decides what counts as a secret in a text: its value and its lines, as they are and as JSON, URLs and Base64
write them.
Never writes what still holds one.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote, quote_plus

from stopship.errors import EvidenceError, UsageError
from stopship.model.canonical import canonical_text
from stopship.model.case import Json
from stopship.model.exchange import Answer, Asked, Recording
from stopship.model.secretnames import secret_parts
from stopship.store.recordinglines import Line, line_of, named
from stopship.store.shown import quoted

LEAST = 6  # characters of a secret; a shorter one stands in ordinary text
_LEAST_CODED = 8  # characters of Base64 that tell a secret from chance


class Secrets:
    """The values that must never be written, by name."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """An empty value is no secret: the variable is not set. Raises UsageError for too short a one."""
        self._names: dict[str, str] = {}  # as it may stand in a text -> name
        for name, value in values.items():
            if value and len(value) < LEAST:
                raise UsageError(
                    f"the secret {quoted(name)} has fewer than {LEAST} characters, as ordinary text has",
                    do="take a longer one, or leave it out and keep it out of what is recorded",
                )
            for part in secret_parts(value, LEAST):
                self._names |= {form: name for form in _forms(part) if form not in self._names}
        forms = sorted(self._names, key=len, reverse=True)  # the longest first: one may hold another
        self._texts = re.compile("|".join(map(re.escape, forms))) if forms else None
        written = b"|".join(re.escape(canonical_text(one)[1:-1]) for one in forms)
        self._bytes = re.compile(written) if forms else None

    def line_of(self, one: Recording) -> tuple[Recording, Line]:
        """A recording without secrets, and its line. Raises EvidenceError where one cannot be taken out."""
        line = line_of(one)
        if self._bytes is None or self._bytes.search(line.content) is None:
            return one, line
        clean = self.recording(one)
        line = line_of(clean)
        if self._bytes.search(line.content) is not None:
            raise EvidenceError(
                "not recorded: a secret cannot be taken out of it",
                where=named(clean.asked),
                do="send the secret in a header, which is never recorded",
            )
        return clean, line

    def recording(self, one: Recording) -> Recording:
        """A recording with every secret replaced."""
        return Recording(asked=self.asked(one.asked), answers=tuple(map(self.answer, one.answers)))

    def asked(self, one: Asked) -> Asked:
        """A call as it is recorded: by its ask and key it is found again."""
        if self._texts is None:
            return one
        call = one.call
        clean = replace(
            call,
            name=self.text(call.name),
            request=self.value(call.request),
            pins=tuple(map(self.text, call.pins)),
        )
        pins = {self.text(axis): self.text(digest) for axis, digest in one.pins.items()}
        return replace(one, call=clean, case=self.text(one.case), pins=pins)

    def answer(self, one: Answer) -> Answer:
        """An answer as it is recorded."""
        return replace(one, result=self.value(one.result), error=self.text(one.error))

    def text(self, text: str) -> str:
        """A text with every secret replaced by `[secret NAME]`."""
        if self._texts is None:
            return text
        return self._texts.sub(lambda found: f"[secret {self._names[found[0]]}]", text)

    def value(self, value: Json) -> Json:
        """A JSON value with every secret replaced, in keys of objects too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, dict):
            made = {
                (self.text(key) if isinstance(key, str) else key): self.value(one)
                for key, one in value.items()
            }
            if len(made) != len(value):
                raise EvidenceError(
                    "not recorded: two keys of an object differ in nothing but a secret",
                    do="send the secret in a header, which is never recorded",
                )
            return made
        return value


def _forms(value: str) -> Iterator[str]:
    """How a secret may stand in a text: plain, in JSON in a text, in a URL, in Base64 at any place."""
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    raw = value.encode("utf-8", "surrogatepass")
    yield quote(raw)  # with slashes, as paths are written
    yield quote(raw, safe="")
    yield quote_plus(raw)
    for before in range(3):  # what stands before moves the code by a third of a byte
        coded = b64encode(b"\0" * before + raw).decode()
        begin, end = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        if end - begin >= _LEAST_CODED:
            yield coded[begin:end]
            yield coded[begin:end].replace("+", "-").replace("/", "_")
