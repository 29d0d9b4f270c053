"""A shelf of recordings in memory, for tests of what is served."""

from stopship.gating.paths import is_path
from stopship.model.case import Json
from stopship.model.exchange import Asked, Recording


class MemoryShelf:
    """Keeps recordings; the last one filed of a key holds."""

    def __init__(self, *recordings: Recording) -> None:
        self.kept: dict[str, Recording] = {}
        for one in recordings:
            self.add(one)

    def cleaned(self, asked: Asked) -> Asked:
        return asked

    def blanked(self, value: Json, /) -> Json:
        return value

    def add(self, recording: Recording) -> None:
        self.kept[recording.asked.key] = recording

    @property
    def calls(self) -> list[Recording]:
        """What is kept of calls; the paths of outputs left out."""
        return [one for one in self.kept.values() if not is_path(one)]

    def made(self, key: str) -> Recording | None:  # noqa: ARG002  # nothing here is at work
        return None

    def of_key(self, key: str) -> Recording | None:
        return self.kept.get(key)

    def of_ask(self, ask: str) -> tuple[Recording, ...]:
        return tuple(one for one in self.kept.values() if one.asked.ask == ask)

    def of_case(self, case: str) -> tuple[Recording, ...]:
        return tuple(one for one in self.kept.values() if one.asked.case == case)
