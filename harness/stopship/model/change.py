"""What differs between two stacks, and what drifted from a lock.

Data alone; `steps/pindiff` finds it, `report/pins` words it.
"""

from dataclasses import dataclass

from stopship.errors import StopshipError
from stopship.model.stack import Pin, PinnedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file that is new, gone or has other content. A value counts as one file without a name."""

    path: str  # "": the value
    old: PinnedFile | None = None  # None: the file is new (or it is a value)
    new: PinnedFile | None = None  # None: the file is gone (or it is a value)
    is_counted: bool = False  # both texts were at hand: the numbers below hold
    added: int = 0  # lines
    removed: int = 0  # lines
    lines: tuple[str, ...] = ()  # unified diff


@dataclass(frozen=True, slots=True, kw_only=True)
class PinChange:
    """One axis of two stacks."""

    axis: str
    old: Pin | None  # None: the axis is new
    new: Pin | None  # None: the axis is gone
    files: tuple[FileChange, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether both stacks have this very pin."""
        return self.old is not None and self.new is not None and self.old.digest == self.new.digest

    @property
    def is_other_content(self) -> bool:
        """Whether the content differs, whatever the version says."""
        if self.old is None or self.new is None:
            return True
        return (self.old.kind, self.old.content) != (self.new.kind, self.new.content)

    @property
    def is_same_version(self) -> bool:
        """Whether both carry the same version, so that other content went unannounced."""
        return self.old is not None and self.new is not None and self.old.version == self.new.version != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One pin that is not what was locked."""

    axis: str
    where: str  # in the stack file
    old: Pin | None = None  # None: not in the lock
    new: Pin | None = None  # None: no longer in the stack file, or it has a fault
    files: tuple[FileChange, ...] = ()
    fault: StopshipError | None = None  # why it cannot be digested now
