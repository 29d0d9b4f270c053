"""Random numbers of one output: the same at every replay of it.

Decides what they are seeded with. Never takes one from the clock or the machine.
"""

import random
import threading
from hashlib import sha256


class Chance:
    """The numbers of one case, sample and draw, made when somebody wants one: that takes longer than to serve
    most calls. Safe for threads."""

    def __init__(self, key: str, sample: int, epoch: int) -> None:
        self._place = f"{key}\x00{sample}\x00{epoch}"
        self._numbers: random.Random | None = None
        self._lock = threading.Lock()

    @property
    def numbers(self) -> random.Random:
        with self._lock:
            if self._numbers is None:
                seed = sha256(self._place.encode("utf-8", "surrogatepass")).digest()[:8]
                self._numbers = random.Random(int.from_bytes(seed, "big"))  # noqa: S311  # not for secrets
            return self._numbers
