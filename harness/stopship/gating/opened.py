"""Open a suite: its cases, their labels, its scorers and rules, each with a digest of its own.

Decides which rows the target sees (cases without labels) and which the scorers see (both). Never replays.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from stopship.errors import StopshipError, UsageError, nearest
from stopship.gating.casefiles import cases_of, labels_at, labels_of, refuse_unlabelled, without
from stopship.model.canonical import digest, digest_of_set
from stopship.model.case import Json
from stopship.model.columns import Columns, Group
from stopship.model.exchange import Fidelity
from stopship.model.noise import NoiseFloor
from stopship.model.rule import Rule
from stopship.model.run import case_digest
from stopship.model.score import Scorer
from stopship.model.suite import Suite
from stopship.pipeline import answered_rule
from stopship.ruling import rule_text, rules_of_suite, scorers_of
from stopship.steps.forecast import MEASURE_ANEW
from stopship.steps.outlook import CaseTable, Outlook, outlook
from stopship.store.keyed import Digests, Labelled, Row, Rows
from stopship.store.noisefile import read_noise
from stopship.store.pointer import read_pointer
from stopship.store.shown import quoted, shown
from stopship.store.suitefile import read_suite

WORK = ".stopship"  # beside the suite file: cache, runs in progress, runs that nobody accepted or pushed
POINTER = "baseline.json"
NOISE = "noise.json"
GOLDEN = "golden.json"  # admitted must-pass cases
EXPECTED = "expected"  # the column that is taken where none is named
_FILES = re.compile(r"[^\s'\"(),=:]+\.(?:py|json)(?=[:'\"),\s]|$)")  # in the text of a scorer


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSuite:
    """A suite with everything that it names read and digested."""

    suite: Suite
    cases: Mapping[str, Row]  # key -> what the target sees, in the files' order; not all need be in memory
    case_digests: Mapping[str, str]
    labels: Mapping[str, Row]  # key -> what only scorers see
    names: frozenset[str]  # of the columns of cases and labels
    rules: tuple[Rule, ...]  # those of the suite and `answered`
    scorers: tuple[Scorer, ...]  # of those rules, each once
    columns: Columns
    outlook: Outlook
    cases_digest: str
    labels_digest: str
    noise: NoiseFloor | str | None  # of these cases, labels and scorers; a text: why it is of no use
    told_scores: frozenset[str]  # fields of a trace that are scores already, for rules with `column(…)`

    @property
    def folder(self) -> Path:
        return self.suite.folder

    @property
    def work(self) -> Path:
        """Cache and working state; deletable."""
        return self.folder / WORK

    @property
    def pointer_path(self) -> Path:
        return self.folder / POINTER

    @property
    def rule_texts(self) -> dict[str, str]:
        """What every rule of the suite tolerates, by id; and in brackets how findings become a verdict."""
        return {**{one.id: rule_text(one) for one in self.own_rules}, **self.settings}

    @property
    def settings(self) -> dict[str, str]:
        """`[decide]`, `[cohorts]` and `[columns]`, each on one line; no rule has such an id."""
        suite, names = self.suite, self.columns
        undecided = "allow" if suite.decide.allow_undecided else "hold"
        cohorts = [
            f"{one.column}={','.join(f'{value}:{mode.value}' for value, mode in one.modes) or 'guard'}"
            for one in suite.cohorts
        ]
        cohorts += [
            f"{one.name}={'&'.join(map(str, one.where))}:{one.mode.value if one.mode else 'guard'}"
            for one in suite.named
        ]
        told = {"input": names.input, "expected": names.expected, "cluster": names.cluster}
        told["selected_by"] = suite.columns.selected_by
        return {
            "[decide]": f"alpha={suite.decide.alpha!r} undecided={undecided} "
            f"errors={suite.replay.lost_limit!r}",
            "[cohorts]": " ".join(sorted(cohorts)) or "none",
            "[columns]": " ".join(f"{what}={name}" for what, name in told.items() if name) or "none",
        }

    @property
    def own_rules(self) -> tuple[Rule, ...]:
        """The rules that the suite file declares."""
        return self.rules[:-1]

    @property
    def scorer_digests(self) -> dict[str, str]:
        return {one.spec: one.digest for one in self.scorers}

    @property
    def scorers_digest(self) -> str:
        """One digest of what scores for which rule: code and arguments."""
        return digest({one.id: one.scorer.digest for one in self.own_rules})

    @property
    def rules_digest(self) -> str:
        """One digest of what every rule tolerates, and of how findings become a verdict; scorers apart."""
        bare = [replace(one, scorer=replace(one.scorer, spec="")) for one in self.own_rules]
        names = self.columns
        named = [[one.name, [str(it) for it in one.where]] for one in names.groups]
        modes = [list(one) for one in names.modes]
        told = [list(names.cohorts), modes, named, names.input, names.expected, names.cluster]
        decide = self.suite.decide
        settings = [decide.alpha, decide.allow_undecided, self.suite.replay.lost_limit]
        return digest([sorted(rule_text(one) for one in bare), settings, told])

    def row(self, key: str) -> dict[str, Json]:
        """A case with its labels, as scorers and conditions see it."""
        return {**self.cases[key], **self.labels.get(key, {})}


def open_suite(
    path: Path,
    *,
    judged_by: Path | None = None,
    expect: Sequence[str] = (),
) -> OpenSuite:
    """The suite at a path (its file or its folder).

    `judged_by`: the same suite at another revision, whose rules, scorers, labels, cohorts and decisions hold
    instead of its own. `expect`: ids of rules that must be proven improved this time. Raises UsageError for
    what people wrote wrongly, EvidenceError for cases or labels that are damaged.
    """
    own = read_suite(path)
    judge = read_suite(judged_by) if judged_by is not None else own
    suite = _judged(own, judge)
    cases = cases_of(own)
    labels = labels_of(own, cases)
    if judged_by is not None:
        labels = labels_at(judge, cases, labels)
    refuse_unlabelled(judge, cases, labels)
    bare = cases
    if own.label_columns:
        bare = Rows.of((key, without(row, own.label_columns)) for key, row in cases.items())
    scorers = scorers_of(judge)
    rules = (*_expecting(rules_of_suite(judge, scorers), expect), answered_rule())
    _refuse_unseeing(suite, rules[:-1])
    columns = _columns(suite, rules, cases.names | labels.names)
    digests = Digests(bare)
    for row in bare.values():
        digests.append(case_digest(row))
    cases_digest = digest_of_set([bytes.fromhex(one) for one in digests.values()])
    labels_digest = digest_of_set([bytes.fromhex(digest([key, row])) for key, row in labels.items() if row])
    rows = Labelled(bare, labels)
    noise = _fitting_noise(
        own.folder / NOISE, cases_digest, labels_digest, {one.spec: one.digest for one in scorers.values()}
    )
    return OpenSuite(
        suite=suite,
        cases=bare,
        case_digests=digests,
        labels=labels,
        names=rows.names,
        rules=rules,
        scorers=tuple({one.scorer.spec: one.scorer for one in rules}.values()),
        columns=columns,
        outlook=outlook(
            rules,
            CaseTable(keys=tuple(bare), rows=rows, columns=columns, names=rows.names),
            suite.decide.alpha,
            deterministic=suite.replay.deterministic,
            repeats=suite.replay.repeats,
            noise=noise_of(noise, _accepted_stack(judge.folder / POINTER)),
        ),
        noise=noise,
        cases_digest=cases_digest,
        told_scores=_told_scores(rules, columns, rows),
        labels_digest=labels_digest,
    )


_SEES = {Fidelity.STEP: "decisions", Fidelity.RETRIEVAL_ONLY: "retrieved"}


def _refuse_unseeing(suite: Suite, rules: Sequence[Rule]) -> None:
    """Raise UsageError where no rule of a suite sees what its fidelity executes: all would pass."""
    name = _SEES.get(suite.replay.fidelity)
    if name is None:
        return
    stops = [one.scorer.spec for one in rules if one.stops]
    if not any(spec.partition("(")[0] == name or ".py:" in spec for spec in stops):
        raise UsageError(
            f"the suite replays {suite.replay.fidelity.value}, and no rule that stops looks at `{name}`: "
            "what a target gives back is what was recorded",
            where=shown(suite.path),
            do=f'write a [[rule]] with score = "{name}", or a function of your own that reads trace.record',
        )


def noise_of(noise: NoiseFloor | str | None, stack: str) -> NoiseFloor | str | None:
    """The noise where it is that of a stack, else why it is of no use; `stack` "": whichever there is."""
    if isinstance(noise, NoiseFloor) and stack and noise.stack != stack:
        return f"{NOISE} is out of date, of another stack than the accepted one: {MEASURE_ANEW}"
    return noise


def _accepted_stack(path: Path) -> str:
    """The stack that a pointer names; "": there is none, or the file is damaged, which a gate tells."""
    try:
        accepted = read_pointer(path).baseline
    except StopshipError:
        return ""
    return accepted.stack if accepted is not None else ""


def _fitting_noise(
    path: Path, cases: str, labels: str, scorers: Mapping[str, str]
) -> NoiseFloor | str | None:
    """The noise that was measured of these very cases, labels and scorers; else why it is of no use.

    None where there is none. It only informs people, so a damaged file is no reason to judge nothing.
    """
    try:
        found = read_noise(path)
    except StopshipError as err:
        return f"{NOISE} cannot be read: {err.what}"
    if found is None:
        return None
    changed = [
        what
        for what, is_same in (
            ("cases", found.cases == cases),
            ("labels", found.labels == labels),
            ("scorers", all(found.scorers.get(spec) == one for spec, one in scorers.items())),
        )
        if not is_same
    ]
    if changed:
        return f"{NOISE} is out of date, of other {' and '.join(changed)}: {MEASURE_ANEW}"
    return found


def _told_scores(rules: Sequence[Rule], columns: Columns, rows: Iterable[Row]) -> frozenset[str]:
    """What `column(…)` rules read and nothing in the suite is called: no target writes its own label."""
    needs = {need for one in rules for need in one.scorer.needs}
    wanted = {need.removeprefix("column:") for need in needs if need.startswith("column:")}
    if not wanted:
        return frozenset()
    taken = {*columns.named(), *(one.column for group in columns.groups for one in group.where)}
    for row in rows:
        taken.update(row)
    return frozenset(wanted - taken)


def named_files(suite: Suite) -> tuple[Path, ...]:
    """Every file that the suite file names, and it itself: no report may be written over them."""
    texts = [one.score for one in suite.rules]
    target = suite.replay.target.rpartition(":")[0] if suite.replay.table is None else ""
    named = [*suite.cases, suite.labels, suite.stack, target, *scorer_files(texts), POINTER, GOLDEN, NOISE]
    return (suite.path, *(suite.folder / one for one in named if one))


def scorer_files(texts: Sequence[str]) -> list[str]:
    """The files that texts of scorers name, as they are written."""
    return [found for one in texts for found in _FILES.findall(one)]


def blind_fault(opened: OpenSuite, *, allow_blind: bool, option: str = "--allow-blind") -> UsageError | None:
    """Why the suite cannot gate: cohorts that no case is in, and rules that these cases can never decide.

    `option`: what a person types to go on all the same.
    """
    where = shown(opened.suite.path)
    if opened.outlook.faults:
        what = "\n  ".join(shown(one) for one in opened.outlook.faults)
        return UsageError(what, where=where, do="mend the suite file, or add the cases")
    blind = opened.outlook.blind
    if not blind or allow_blind:
        return None
    listed = "".join(f"\n  {shown(one.says)}" for one in blind)
    what = "a check can never decide" if len(blind) == 1 else f"{len(blind)} checks can never decide"
    return UsageError(f"{what}:{listed}", where=where, do=f"or go on all the same with {option}")


def _judged(own: Suite, judge: Suite) -> Suite:
    """The suite of the working tree, decided by another revision's words."""
    if judge is own:
        return own
    if judge.name != own.name:
        raise UsageError(
            f"is called {quoted(own.name)} here and {quoted(judge.name)} there",
            where=shown(own.path),
            do="compare a suite with itself: name a revision that has it",
        )
    return replace(
        own,
        decide=judge.decide,
        cohorts=judge.cohorts,
        named=judge.named,
        rules=judge.rules,
        columns=judge.columns,
        removed=judge.removed,
        replay=replace(own.replay, lost_limit=judge.replay.lost_limit, cluster=judge.replay.cluster),
    )


def _expecting(rules: Sequence[Rule], expect: Sequence[str]) -> list[Rule]:
    ids = [one.id for one in rules]
    for name in expect:
        if name not in ids:
            raise UsageError(f"--expect {quoted(name)}: no rule has this id", do=nearest(name, ids))
    rigid = [one for one in rules if one.id in expect and one.margin is None and one.must_pass is None]
    if rigid:
        raise UsageError(
            f"--expect {quoted(rigid[0].id)}: the rule compares nothing with the baseline",
            do="expect it of a rule with compare or must_pass",
        )
    return [replace(one, expects_improvement=True) if one.id in expect else one for one in rules]


def _columns(suite: Suite, rules: Sequence[Rule], seen: Set[str]) -> Columns:
    """`seen`: the columns that some case or label has."""
    names = suite.columns
    expected = names.expected or (EXPECTED if EXPECTED in seen else None)
    wanted = {"input": names.input, "expected": names.expected, "cluster": suite.replay.cluster}
    wanted["selected_by"] = names.selected_by
    wanted |= {f"cohort {one.column}": one.column for one in suite.cohorts}
    for what, name in wanted.items():
        if name is not None and name not in seen:
            raise UsageError(
                f"the {what} column {quoted(name)} is in no case",
                where=shown(suite.path),
                do=nearest(name, sorted(seen)),
            )
    for rule in rules:
        if "expected" in rule.scorer.needs and expected is None:
            raise UsageError(
                f"{rule.scorer.spec} needs what is expected, and no column is named for it",
                where=shown(suite.path),
                do=f"write expected = … under [columns]; {nearest('expected', sorted(seen))}",
            )
    groups = [Group(name=one.name, where=one.where) for one in suite.named]
    groups += [Group(name=f"rule:{one.id}", where=one.where) for one in rules if one.where]
    groups += [Group(name=f"must:{one.id}", where=one.must_pass) for one in rules if one.must_pass]
    modes = [(f"{one.column}={value}", mode.value) for one in suite.cohorts for value, mode in one.modes]
    modes += [(one.name, one.mode.value) for one in suite.named if one.mode is not None]
    return Columns(
        key=names.key,
        input=names.input,
        expected=expected,
        cohorts=tuple(one.column for one in suite.cohorts),
        cluster=suite.replay.cluster,
        groups=tuple(groups),
        modes=tuple(modes),
    )
