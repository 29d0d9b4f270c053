"""Read `suite.toml`: which cases, which stack, how they are replayed and what is tolerated.

Decides what a suite file may say, and shows every fault of it with its line. Never opens what the file names,
and never knows what a scorer is: texts of rules are checked by `ruling`.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stopship.errors import StopshipError, UsageError
from stopship.model.rule import ALPHA, ANSWERED, TAILS, IncidentClass, Mode, Severity
from stopship.model.suite import (
    Cohort,
    Decide,
    DeclaredRule,
    Estimand,
    NamedCohort,
    ReplayPlan,
    Suite,
    SuiteColumns,
)
from stopship.store.escalatewords import escalate_of
from stopship.store.replaywords import replay_of
from stopship.store.shown import quoted, shown
from stopship.store.stackfile import together
from stopship.store.stackwords import toml_kind
from stopship.store.suitewords import Keys, Lines, Table

FILE_NAME = "suite.toml"
FORMAT = 1
LONGEST_ID = 80  # characters of a rule's id
LONGEST_NAME = 200
_TOP = (
    *("format", "suite", "owner", "cases", "labels", "stack", "store", "redacted", "replay", "decide"),
    *("escalate", "columns", "cohorts", "rule", "removed"),
)
_RULE = (
    *("id", "class", "owner", "severity", "note", "score", "where", "expect", "compare", "limit"),
    "must_pass",
)
_MODES = tuple(one.value for one in Mode)


def read_suite(path: Path) -> Suite:
    """The suite in a file, or in a folder's `suite.toml`.

    Raises one UsageError with every fault of the file, each with its line and table.
    """
    path = path / FILE_NAME if _is_folder(path) else path
    text = _text(path)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as err:  # ValueError: also thousands of digits
        what = "nested too deeply" if isinstance(err, RecursionError) else str(err)
        raise UsageError(f"is not TOML: {shown(what)}", where=shown(path), do="mend it there") from err
    reading = _Reading(path, text)
    suite = reading.suite(document)
    if reading.faults:
        raise together(path, reading.faults)
    return suite


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # no file can have such a name, which reading it will tell
        return False


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise UsageError(
            f"byte {err.start + 1} is not UTF-8", where=shown(path), do="save it as UTF-8"
        ) from err
    except FileNotFoundError as err:
        do = f"name a folder with a {FILE_NAME}, or that file"
        raise UsageError("there is no such suite file", where=shown(path), do=do) from err
    except (OSError, ValueError) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise UsageError(
            f"cannot be read: {shown(reason)}", where=shown(path), do="name a suite file"
        ) from err


class _Reading:
    """One reading of one file; faults gather in it."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = Lines(text)
        self.faults: list[StopshipError] = []

    def suite(self, document: dict[str, Any]) -> Suite:
        top = Table(document, (), "", self._fault)
        top.only(*_TOP)
        self._format(top)
        labels, label_columns = self._labels(top)
        replay = replay_of(top)
        return Suite(
            path=self.path,
            name=self._name(top),
            owner=top.text("owner"),
            cases=self._cases(top),
            stack=self._path(top, "stack", "stack.toml"),
            store=self._store(top),
            replay=replay,
            labels=labels,
            label_columns=label_columns,
            decide=self._decide(top.table("decide", "[decide]"), replay),
            escalate=escalate_of(top.table("escalate", "[escalate]"), replay),
            columns=self._columns(top.table("columns", "[columns]")),
            cohorts=tuple(self._cohorts(top)),
            named=tuple(self._named(top)),
            rules=self._rules(top),
            removed=tuple(self._removed(top.table("removed", "[removed]"))),
            is_redacted=top.flag("redacted"),
        )

    def _format(self, top: Table) -> None:
        given = top.values.get("format")
        if given is None:
            top.fault("", "has no format", f"write format = {FORMAT} at its top")
        elif type(given) is not int or given != FORMAT:
            told = str(given) if type(given) is int else toml_kind(given)
            what = f"format is {shown(told[:40])}; this version reads {FORMAT}"
            top.fault("format", what, f"write format = {FORMAT}, or update stopship")

    def _name(self, top: Table) -> str:
        name = top.text("suite", required='suite = "…", the name of this suite')
        if any(sign in name for sign in "/\\") or name in (".", "..") or len(name) > LONGEST_NAME:
            what = f"suite {quoted(name)} cannot name a suite"
            top.fault("suite", what, f"take at most {LONGEST_NAME} characters without / and \\")
        return name

    def _path(self, top: Table, key: str, default: str = "") -> str:
        given = top.text(key, default)
        if given:
            top.check_path(key, given)
        return given

    def _cases(self, top: Table) -> tuple[str, ...]:
        given = top.values.get("cases")
        if isinstance(given, str):
            return (self._path(top, "cases"),)
        paths = top.texts("cases", '"cases.jsonl"')
        if not paths and given in (None, []):
            top.fault("cases" if given == [] else "", "names no cases", 'write cases = ["cases.jsonl"]')
        for one in paths:
            top.check_path("cases", one)
        return paths

    def _labels(self, top: Table) -> tuple[str, tuple[str, ...]]:
        if isinstance(top.values.get("labels"), list):
            return "", top.texts("labels", '"citations"')
        return self._path(top, "labels"), ()

    def _store(self, top: Table) -> str:
        store = top.text("store", ".")
        if "://" not in store:
            top.check_path("store", store)
        return store

    def _decide(self, table: Table | None, replay: ReplayPlan) -> Decide:
        if table is None:
            return Decide()
        table.only("estimand", "alpha", "undecided")
        estimand = Estimand(table.choice("estimand", [one.value for one in Estimand], "traffic"))
        if estimand is Estimand.SUITE and (replay.repeats < 2 or replay.deterministic):
            what = "with estimand suite, chance is what a case is answered each time: one output shows none"
            do = "write repeats = 2 or more under [replay]"
            table.fault("estimand", what, do if not replay.deterministic else 'write estimand = "traffic"')
        alpha = table.number("alpha", ALPHA, lambda one: 0 < one <= 0.2, "a share above 0, at most 0.2")
        undecided = table.choice("undecided", ("hold", "allow"), "hold")
        return Decide(alpha=float(alpha), estimand=estimand, allow_undecided=undecided == "allow")

    def _columns(self, table: Table | None) -> SuiteColumns:
        if table is None:
            return SuiteColumns()
        table.only("key", "input", "output", "expected", "latency", "cost", "selected_by")
        own = SuiteColumns()
        return SuiteColumns(
            key=table.text("key", own.key),
            input=table.text("input") or None,
            output=table.text("output", own.output),
            expected=table.text("expected") or None,
            latency=table.text("latency", own.latency),
            cost=table.text("cost", own.cost),
            selected_by=table.text("selected_by") or None,
        )

    def _cohorts(self, top: Table) -> Iterator[Cohort]:
        cohorts = top.table("cohorts", "[cohorts]")
        for column in cohorts.values if cohorts else ():
            assert cohorts is not None  # noqa: S101  # or there were no column
            if column == "named":
                continue
            table = cohorts.table(column, f"[cohorts.{shown(column)}]")
            if not column.strip():
                cohorts.fault(column, "a cohort has a blank name", "name the column whose values are cohorts")
            if table is None:
                continue
            table.only(*_MODES)
            modes: dict[str, Mode] = {}
            for mode in Mode:
                for value in table.texts(mode.value, '"en"'):
                    if value in modes:
                        what = f"{quoted(value)} stands in {modes[value].value} and in {mode.value}"
                        table.fault(mode.value, what, "keep one of them")
                    modes.setdefault(value, mode)
            yield Cohort(column=column, modes=tuple(modes.items()), place=self._where(table.path, table.told))

    def _named(self, top: Table) -> Iterator[NamedCohort]:
        cohorts = top.values.get("cohorts")
        if not isinstance(cohorts, dict):
            return
        named = Table(cohorts, ("cohorts",), "[cohorts]", self._fault).table("named", "[cohorts.named]")
        for name in named.values if named else ():
            assert named is not None  # noqa: S101  # or there were no name
            table = named.table(name, f"[cohorts.named.{shown(name)}]")
            if table is None:
                continue
            if not name.strip() or not name.isprintable() or "=" in name or name == "all":
                what = f"{quoted(name)} cannot name a cohort"
                table.fault("", what, "take printable text without =, other than `all`")
            table.only("where", "mode")
            where = table.conditions()
            if not table.values.get("where"):
                table.fault("", "chooses no cases", 'write where = ["tier!=free"]')
            mode = table.choice("mode", _MODES)
            place = self._where(table.path, table.told)
            yield NamedCohort(name=name, where=where, mode=Mode(mode) if mode else None, place=place)

    def _rules(self, top: Table) -> tuple[DeclaredRule, ...]:
        listed = top.values.get("rule", [])
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            top.fault("rule", "rule is no list of tables", "write [[rule]], in two brackets, for each rule")
            return ()
        if not listed:
            top.fault(
                "", "has no rule, so nothing could be judged", "write [[rule]] with id, class and score"
            )
            return ()
        rules = [self._rule(number, values) for number, values in enumerate(listed)]
        first: dict[str, int] = {}
        for number, one in enumerate(rules):
            if one.id and one.id in first:
                line = self.lines.of(("rule", first[one.id], "id"))
                what = f"the id {quoted(one.id)} stands twice, first on line {line}"
                self._fault(("rule", number, "id"), f"[[rule]] #{number + 1}", what, "give it another id")
            first.setdefault(one.id, number)
        if all(one.severity == Severity.WARN.value for one in rules):
            what = "every rule is severity = warn, so nothing could stop this build"
            top.fault("rule", what, 'give at least one rule severity = "stop-ship", which is the default')
        return tuple(rules)

    def _rule(self, number: int, values: dict[str, Any]) -> DeclaredRule:
        given = values.get("id")
        told = f"[[rule]] {quoted(given)}" if isinstance(given, str) and given.strip() else ""
        table = Table(values, ("rule", number), told or f"[[rule]] #{number + 1}", self._fault)
        table.only(*_RULE)
        rule_id = table.text("id", required='id = "…", a name of its own')
        if len(rule_id) > LONGEST_ID:
            table.fault("id", f"id has {len(rule_id)} characters", f"take at most {LONGEST_ID}")
        if rule_id == ANSWERED:
            table.fault("id", f"{quoted(ANSWERED)} is the built-in rule", "give it another id")
        kinds = [one for one in ("compare", "limit", "must_pass") if one in values]
        if not kinds:
            what = "neither compares nor promises anything"
            table.fault("", what, 'add compare = { margin = "5pt" }, limit = { … } or must_pass = { … }')
        expect = table.choice("expect", ("improved",))
        if expect and kinds == ["limit"]:
            table.fault("expect", "expect needs compare or must_pass", "add compare = { }")
        return DeclaredRule(
            id=rule_id,
            place=self._where(table.path, table.told),
            score=table.text("score", required='score = "scorers.py:cites"; `stopship scorers` lists more'),
            incident_class=table.choice("class", tuple(one.value for one in IncidentClass)),
            owner=table.text("owner"),
            severity=table.choice("severity", tuple(one.value for one in Severity), "stop-ship"),
            note=str(values["note"]) if isinstance(values.get("note"), str) else table.text("note"),
            compare=self._compare(table.table("compare")),
            limit=self._limit(table.table("limit")),
            must_pass=self._must_pass(table.table("must_pass")),
            where=table.conditions(),
            expects_improvement=bool(expect),
        )

    def _compare(self, table: Table | None) -> dict[str, str] | None:
        if table is None:
            return None
        known = ("better", "margin", "cohort_margin", "anchor_margin")
        table.only(*known, "tail")
        examples = {"better": 'better = "higher"'} | {one: f'{one} = "5pt"' for one in known[1:]}
        texts = {key: table.text(key, required=examples[key]) for key in known if key in table.values}
        texts["tail"] = table.choice("tail", tuple(TAILS))
        return {key: one for key, one in texts.items() if one}

    def _limit(self, table: Table | None) -> dict[str, float | str] | None:
        if table is None:
            return None
        table.only("better", "at_most", "at_least", "tail")
        ends = [key for key in ("at_most", "at_least") if key in table.values]
        if len(ends) != 1:
            what = "limit has at_most and at_least" if ends else "limit has neither at_most nor at_least"
            table.fault("", what, "write limit = { at_most = 0.04 }, and a rule for each end")
        limit: dict[str, float | str] = {}
        for key in ends:
            value = table.number(key, 0.0, lambda one: abs(one) < 1e100, f"{key} = 0.04")
            limit[key] = float(value)
        if better := table.text("better", ""):
            limit["better"] = better
        if tail := table.choice("tail", tuple(TAILS)):
            limit["tail"] = tail
        return limit

    def _must_pass(self, table: Table | None) -> Any:
        if table is None:
            return None
        table.only("where")
        return table.conditions()

    def _removed(self, table: Table | None) -> Iterator[tuple[str, str]]:
        for key in table.values if table else ():
            assert table is not None  # noqa: S101  # or there were no key
            reason = table.text(key, required="why the case is gone")
            yield key, reason

    def _fault(self, keys: Keys, told: str, what: str, do: str) -> None:
        self.faults.append(UsageError(shown(what), where=self._where(keys, told), do=shown(do)))

    def _where(self, keys: Keys, told: str) -> str:
        line = self.lines.of(keys)
        place = f"{shown(self.path)}:{line}" if line else shown(self.path)
        return f"{place} {told}".rstrip()
