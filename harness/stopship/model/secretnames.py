"""Which variables of an environment hold a secret, by what they are called.

Decides by whole words of a name. Never looks at a value.
"""

import re

_NAME = re.compile(
    r"(?:^|_)(?:API)?(?:KEYS?|TOKENS?|SECRETS?|PASS|CREDENTIALS?)(?:_|$)|PASSWORD(?:_|$)|PASSWD(?:_|$)|_PWD$",
    re.IGNORECASE,
)


def is_secret_name(name: str) -> bool:
    """Whether a variable is called as secrets are: `OPENAI_API_KEY`, never `KEYBOARD`."""
    return _NAME.search(name) is not None
