"""Secrets of the environment, taken out of all that leaves a target.

Decides which texts are secrets, and how else one may be written. Never cuts a text: it might cut a secret.
"""

import json
import os
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from stopship.model.secretnames import is_secret_name, secret_parts

BLANK = "[secret]"
SHORTEST_SECRET = (
    8  # characters; a shorter one is a word such as `none`, which blanking would tear out of answers
)
SHORTEST_TOKEN = 16  # characters, in place of a user
_USER = re.compile(r"://([^/?#\s@]+)@")  # of an address: a proxy's, a database's


@dataclass(frozen=True, slots=True)
class Secrets:
    """Texts of the environment that nobody may read in an answer, an error or a run."""

    texts: tuple[str, ...]

    def blanked(self, value: Any) -> Any:
        """The same JSON value, or text, without them."""
        if not self.texts:
            return value
        if isinstance(value, str):
            for one in self.texts:
                value = value.replace(one, BLANK)
            return value
        if isinstance(value, dict):
            return {self.blanked(key): self.blanked(one) for key, one in value.items()}
        return [self.blanked(one) for one in value] if isinstance(value, list) else value


def secrets_of(environment: Mapping[str, str], *names: str) -> Secrets:
    """The values of these variables and of all that are called like a secret, and what stands before the host
    of an address in any variable: as they are, and as URLs and JSON write them."""
    found: set[str] = set()
    for name, value in environment.items():
        if name in names or is_secret_name(name):
            found |= {form for part in secret_parts(value, SHORTEST_SECRET) for form in _forms(part)}
        is_bare = name.lower().endswith("_proxy") and "://" not in value
        for user in _USER.findall(f"://{value}" if is_bare else value):
            found |= set(_of_user(user))
    return Secrets(tuple(sorted(found, key=lambda one: (-len(one), one))))


def _of_user(told: str) -> Iterator[str]:
    """What stands before the host of an address: a name and a password, or a token alone. `git` is none."""
    name, mark, password = told.partition(":")
    if not mark:
        yield from (told, unquote(told)) if len(told) >= SHORTEST_TOKEN else ()
        return
    yield f"://{told}@"
    yield b64encode(os.fsencode(f"{unquote(name)}:{unquote(password)}")).decode()  # as it is sent
    if len(unquote(password)) >= SHORTEST_SECRET:
        yield password
        yield from _forms(unquote(password))


def _forms(text: str) -> Iterator[str]:
    yield text
    yield quote(os.fsencode(text), safe="")  # whatever bytes the variable has
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
