"""Cases as pytest items: one a case, or a hundred a batch.

Decides when an item fails: for a must-pass case, a failed target or a failed scorer. Never for a case that
got worse; the gate judges those. A case that infrastructure lost is skipped: it says nothing of the stack.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stopship.errors import StopshipError, UsageError
from stopship.pytest_plugin import keeper
from stopship.report.neutral import plain
from stopship.under_pytest.telling import Judged
from stopship.under_pytest.watch import NotGatheredError, Watch

_LINE = 500
_LISTED = 20
UNREADABLE = "unreadable"  # the one item of a suite whose cases cannot be read


def suite_file(parent: pytest.Collector, path: Path) -> "SuiteFile":
    """The collector of a suite; one outside the root is known by its way there, as every process sees it."""
    own = {}
    if not path.is_relative_to(parent.config.rootpath):
        own["nodeid"] = keeper(parent.config).base(path)
    made: SuiteFile = SuiteFile.from_parent(parent, path=path, **own)
    return made


class SuiteFile(pytest.File):
    """A `suite.toml`."""

    def stopship_met(self) -> None:
        """The suite is about to be collected, or to be passed over by `--lf`."""
        keeper(self.config).meet(self.path)

    def collect(self) -> Iterator[pytest.Item]:
        if not keeper(self.config).meet(self.path):
            return  # reached by another path already, and collected there
        try:
            watch = keeper(self.config).watch(self.path)
        except UsageError as err:
            raise self.CollectError(told_error(err)) from None
        for name, keys in watch.names.items():
            yield CaseItem.from_parent(self, name=name, watch=watch, keys=keys)
        if watch.opened is None:
            yield CaseItem.from_parent(self, name=UNREADABLE, watch=watch, keys=())


class CaseFailure(Exception):  # noqa: N818  # what pytest reports, never raised at a person
    """Why an item failed, in lines."""


class CaseItem(pytest.Item):
    """One case, or a batch of them."""

    def __init__(self, *, watch: Watch, keys: tuple[str, ...], **rest: Any) -> None:
        super().__init__(**rest)
        self.watch = watch
        self.keys = keys

    def runtest(self) -> None:
        found = self._judged()
        self._add_properties(found)
        failed = [one for one in found if one.failures]
        if failed:
            raise CaseFailure("\n".join(_lines(failed)))
        lost = [one for one in found if one.lost]
        if len(lost) == len(found):
            raise skipped(f"lost, no evidence: {plain(lost[0].lost, _LINE)}")

    def _judged(self) -> list[Judged]:
        try:
            if self.watch.fault is None:
                return self.watch.judged(self.keys)
        except NotGatheredError:
            pass  # a fault by now
        raise skipped("the evidence cannot be gathered; the gate says why")

    def add_report_section(self, when: str, key: str, content: str) -> None:
        """What the target printed or logged may hold a model's output: harmless, line by line."""
        lines = content.split("\n")
        super().add_report_section(when, key, "\n".join(plain(one, _LINE) for one in lines))

    def _add_properties(self, found: list[Judged]) -> None:
        add = self.user_properties.append
        if len(found) == 1:
            add(("stopship.case", plain(found[0].key)))
            add(("stopship.status", found[0].status))
            for rule, score in found[0].scores:
                add((f"stopship.score.{plain(rule)}", plain(score)))
        worse = [one for one in found if one.worse]
        if worse:
            add(("worse", "; ".join(plain(f"{one.key} by {', '.join(one.worse)}") for one in worse)))
        lost = [plain(one.key) for one in found if one.lost]
        if lost:
            add(("lost", "; ".join(lost)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *rest: Any, **more: Any) -> Any:
        if isinstance(excinfo.value, CaseFailure):
            return str(excinfo.value)
        if isinstance(excinfo.value, StopshipError):
            return told_error(excinfo.value)
        return super().repr_failure(excinfo, *rest, **more)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, 0, f"{plain(self.path.parent.name)}::{self.name}"


def skipped(why: str) -> BaseException:
    """A skip that pytest reports at the test, not at a line of ours."""
    return pytest.skip.Exception(why, _use_item_location=True)


def _lines(failed: list[Judged]) -> Iterator[str]:
    for one in failed[:_LISTED]:
        for why in one.failures:
            yield f"{plain(one.key)}: {plain(why, _LINE)}"
    if len(failed) > _LISTED:
        yield f"… and {len(failed) - _LISTED} more"


def told_error(err: StopshipError) -> str:
    """An error in lines that are harmless in a terminal."""
    return "\n".join(plain(line, 2 * _LINE) for line in str(err).splitlines())
