"""Cases as pytest items: one a case, or a hundred a batch.

Decides when an item fails: for a must-pass case, a failed target or a failed scorer. Never for a case that
got worse; the gate judges those.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stopship.errors import UsageError
from stopship.pytest_plugin import keeper
from stopship.report.neutral import plain
from stopship.under_pytest.watch import Judged, Watch

_LINE = 500
_LISTED = 20


class SuiteFile(pytest.File):
    """A `suite.toml`."""

    watch: Watch

    def collect(self) -> Iterator[pytest.Item]:
        try:
            self.watch = keeper(self.config).watch(self.path)
        except UsageError as err:
            keeper(self.config).wrong(self.path, err)
            raise self.CollectError(str(err)) from None
        for name, keys in self.watch.names.items():
            yield CaseItem.from_parent(self, name=name, watch=self.watch, keys=keys)


class CaseFailure(Exception):  # noqa: N818  # what pytest reports, never raised at a person
    """Why an item failed, in lines."""


class CaseItem(pytest.Item):
    """One case, or a batch of them."""

    def __init__(self, *, watch: Watch, keys: tuple[str, ...], **rest: Any) -> None:
        super().__init__(**rest)
        self.watch = watch
        self.keys = keys

    def runtest(self) -> None:
        if self.watch.fault is not None:
            pytest.skip("the evidence cannot be gathered; the gate says why")
        found = [self.watch.judged(key) for key in self.keys]
        self._add_properties(found)
        failed = [one for one in found if one.failures]
        if failed:
            raise CaseFailure("\n".join(_lines(failed)))

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

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *rest: Any, **more: Any) -> Any:
        if isinstance(excinfo.value, CaseFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *rest, **more)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.path.parent.name}::{self.name}"


def _lines(failed: list[Judged]) -> Iterator[str]:
    for one in failed[:_LISTED]:
        for why in one.failures:
            yield f"{plain(one.key)}: {plain(why, _LINE)}"
    if len(failed) > _LISTED:
        yield f"… and {len(failed) - _LISTED} more"
