"""An exchange that keeps its recordings in memory: what the gateway's own tests record and serve."""

from collections import defaultdict

from stopship.model.exchange import Answer, Asked, Call, Recording
from stopship.parts.gateway.seam import Go, Miss, Place

MODES = ("none", "once", "new", "all", "frozen")


class Memory:
    """Recordings by key and by ask. Attempts are served in their order; the last one that is whole, again.

    none: what was recorded for the same key, nothing live. once: live where nothing was ever recorded for the
    place, else as none. new: what was recorded, the rest live. all: everything live, recorded anew.
    frozen: what was recorded for the same ask, whatever stack asked it; nothing live.
    """

    def __init__(self, mode: str = "all", pins: dict[str, str] | None = None) -> None:
        assert mode in MODES
        self.mode, self.pins = mode, pins or {}
        self.asked: list[Asked] = []
        self.kept: dict[str, list[Answer]] = defaultdict(list)  # by key
        self.keys: dict[str, str] = {}  # ask -> key
        self.by_key: dict[str, Asked] = {}
        self.missed: list[tuple[Place, str]] = []
        self.told: list[tuple[Place, str]] = []
        self._served: dict[str, int] = defaultdict(int)
        self._begun: set[Place] = set()  # whose first recordings are being made

    async def answer(self, call: Call, place: Place, go: Go, /) -> Answer:
        asked = Asked(call=call, case=place.case, sample=place.sample, pins=self.pins)
        self.asked.append(asked)
        ask, own = asked.ask, asked.key  # each is a digest of the whole request
        key = self.keys.get(ask, "") if self.mode == "frozen" else own
        is_known = any((one.case, one.sample) == (place.case, place.sample) for one in self.by_key.values())
        if self.mode == "once" and not is_known:
            self._begun.add(place)
        is_live = self.mode == "all" or (self.mode == "once" and place in self._begun)
        if not is_live:
            found = self._next(key)
            if found is not None:
                return found
            if self.mode != "new":
                why = f"nothing was recorded that answers {call.name} of {place.case}"
                self.missed.append((place, why))
                raise Miss(why)
        found = await go(False)
        self.kept[own].append(found)
        self.keys.setdefault(ask, own)
        self.by_key[own] = asked
        self._served[own] = len(self.kept[own])
        return found

    def refused(self, place: Place, why: str, /) -> None:
        self.told.append((place, why))

    def again(self, mode: str) -> "Memory":
        """The same recordings for another replay."""
        other = Memory(mode, self.pins)
        other.kept.update(self.kept)
        other.keys, other.by_key = dict(self.keys), dict(self.by_key)
        return other

    @property
    def recordings(self) -> list[Recording]:
        return [Recording(asked=self.by_key[key], answers=tuple(found)) for key, found in self.kept.items()]

    @property
    def answers(self) -> list[Answer]:
        return [one for found in self.kept.values() for one in found]

    def _next(self, key: str) -> Answer | None:
        found = self.kept.get(key, [])
        at = self._served[key]
        self._served[key] += 1
        if at < len(found):
            return found[at]
        return found[-1] if found and found[-1].is_reusable else None
