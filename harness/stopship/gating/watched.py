"""A target whose every call to the outside goes over the desk of its output.

Decides which output a call belongs to. Never changes what the target is given or gives.
"""

import os
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stopship.boundaries import at_desk
from stopship.errors import EvidenceError
from stopship.gating.desk import OutputDesk
from stopship.gating.engine import Target
from stopship.gating.world import World
from stopship.model.case import Case, is_blank
from stopship.parts.user_code import folder_left
from stopship.store.shown import quoted, shown


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A target at work in a world."""

    target: Target
    world: World
    captured: str | None = None  # the column of a case that tells when it was captured
    home: str = field(default_factory=os.getcwd)  # the folder in which this process is at work

    @property
    def is_async(self) -> bool:
        return self.target.is_async

    @property
    def is_ours(self) -> bool:
        """Whether nothing of the user's runs in this process in a call of it."""
        return getattr(self.target, "is_ours", False) is True

    @property
    def path(self) -> Path:
        return self.target.path

    def call(self, case: Case, stack: object, sample: int = 0, epoch: int = 0) -> object:
        """What the target gives. Raises Missed where a call was not served, whatever it made of that."""
        if self.is_async:
            return self._call_async(case, stack, sample, epoch)
        desk = self.world.desk(case.key, sample, moment(case, self.captured))
        try:
            with at_desk(desk, has_thread=True):
                return self.target.call(case, stack, sample, epoch)
        finally:
            self._stays(desk)
            self.world.close(desk)

    async def _call_async(self, case: Case, stack: object, sample: int, epoch: int) -> Any:
        desk = self.world.desk(case.key, sample, moment(case, self.captured))
        try:
            with at_desk(desk, has_thread=False):
                found: Any = self.target.call(case, stack, sample, epoch)
                return await found if isinstance(found, Awaitable) else found
        finally:
            self._stays(desk)
            self.world.close(desk)

    def _stays(self, desk: OutputDesk) -> None:
        """Go back where a target has left the folder of this process, and end the replay: the suite's files
        would not be found."""
        if self.is_ours or self.path.is_absolute() or (went := folder_left(self.home)) is None:
            return
        desk.end(
            EvidenceError(
                f"the target changes the working folder to {shown(went)}, which all outputs share",
                where=shown(self.path),
                do="open files by their whole path, from Path(__file__), or name the suite by its whole path",
            )
        )


def moment(case: Case, column: str | None) -> datetime | None:
    """When a case was captured: seconds since 1970, or an ISO date; None where it does not say.

    Raises EvidenceError for a time that cannot be read: another would stand in for it unseen.
    """
    told = case.row.get(column) if column is not None else None
    if told is None or is_blank(told):
        return None
    try:
        if isinstance(told, int | float) and not isinstance(told, bool):
            return datetime.fromtimestamp(told, tz=UTC)
        if isinstance(told, str):
            found = datetime.fromisoformat(told.strip())
            return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise EvidenceError(
        f"{column} is {quoted(str(told))}, which is no time",
        where=f"case {quoted(case.key)}",
        do="write seconds since 1970 or an ISO date, 2026-03-01T10:00:00Z",
    )
