"""Which variables of an environment hold a secret, by what they are called, and which texts are that secret.

Decides by whole words of a name. Never looks at a value to tell whether it is one.
"""

import re
from collections.abc import Iterator

_NAME = re.compile(
    r"(?:^|_)(?:API)?(?:KEYS?|TOKENS?|SECRETS?|PASS|CREDENTIALS?)(?:_|$)|PASSWORD(?:_|$)|PASSWD(?:_|$)|_PWD$",
    re.IGNORECASE,
)
_ARMOUR = re.compile(r"-----[A-Z ]+-----")  # a line of a key that says what it is, and nothing else


def is_secret_name(name: str) -> bool:
    """Whether a variable is called as secrets are: `OPENAI_API_KEY`, never `KEYBOARD`."""
    return _NAME.search(name) is not None


def secret_parts(value: str, least: int) -> Iterator[str]:
    """A secret as it is, as it is sent, and its lines, each of which may be printed by itself. `least`: how
    many characters make one."""
    for one in dict.fromkeys((value, value.strip(), *(line.strip() for line in value.splitlines()))):
        if len(one) >= least and not _ARMOUR.fullmatch(one):
            yield one
