"""Plan a suite: what it can detect, and what it would take to detect a given drop.

Decides which noise is taken, and what an output costs. Draws nothing.
"""

from stopship.errors import UsageError, nearest
from stopship.gating.evidence import arm_of
from stopship.gating.gate import usd_of
from stopship.gating.noisy import stillness
from stopship.gating.opened import NOISE, OpenSuite
from stopship.gating.workplace import Workplace
from stopship.model.noise import NoiseFloor, Plan, ScopeNoise
from stopship.model.rule import Margin, Rule
from stopship.model.run import Run
from stopship.model.suite import Estimand
from stopship.steps.looks import looks_of
from stopship.steps.noisefloor import noise_floor
from stopship.steps.pair import pair
from stopship.steps.plans import Planning, levels_of, plan_rows
from stopship.store.shown import quoted, shown


def plan_of(
    opened: OpenSuite, place: Workplace, detect: Margin, *, scope: str = "all", rule: str = ""
) -> Plan:
    """The plan of a suite for a drop in a scope, by one rule or by every stop-ship rule of that unit.

    UsageError where no rule tests there.
    """
    accepted = place.pointer().baseline
    run = place.kept(accepted.run) if accepted is not None else None
    noise, source = _noise(opened, run)
    suite = opened.suite
    looks = looks_of(suite.escalate, repeats=suite.replay.repeats, alpha=suite.decide.alpha)
    asked = Planning(
        drop=detect.share,
        alpha=suite.decide.alpha * sum(one.alpha_share for one in looks.rounds),
        cases=len(opened.cases),
        repeats=suite.replay.repeats,
        kept=_kept(opened, run),
        suite=suite.decide.estimand is Estimand.SUITE,
        varies=not stillness(opened),
        usd=usd_of(run) if run is not None else None,
    )
    wanted = _rules(opened, detect, rule)
    _check_scope(opened, wanted, scope, asked.alpha)
    names = {one.id for one in wanted}
    sizes = [one for one in opened.outlook.sizes if one.rule in names]
    rows = plan_rows(sizes, opened.rules, scope, asked, noise)
    if not rows:
        raise UsageError(
            "a score without a range needs measured noise to plan with",
            where=shown(opened.folder / NOISE),
            do=f"measure it first: stopship noise {shown(opened.folder)}",
        )
    return Plan(
        suite=suite.name,
        detect=detect.share,
        relative=detect.relative,
        rows=rows,
        source=source,
    )


def _noise(opened: OpenSuite, run: Run | None) -> tuple[NoiseFloor | None, str]:
    """The noise to plan with, and what people are told of it."""
    if why := stillness(opened):
        return _without_noise(opened, run), f"without noise, as {why}"
    found = opened.noise
    if isinstance(found, NoiseFloor):
        is_other = run is not None and run.head.stack.stack_id != found.stack
        return (
            found,
            f"from the noise measured in {NOISE}{', of another stack than the accepted' if is_other else ''}",
        )
    why = found or f"there is no {NOISE}: stopship noise measures it"
    return None, f"for shares of flips that are assumed, as {why}"


def _without_noise(opened: OpenSuite, run: Run | None) -> NoiseFloor:
    """The noise of outputs that never vary: none, in the cases that the accepted run shows to be judged."""
    scopes = [
        ScopeNoise(rule=one.rule, scope=one.scope, cases=one.n, flips=0.0, variance=0.0, delta=0.0)
        for one in opened.outlook.sizes
        if one.n
    ]
    if run is not None:
        arm = arm_of(opened, run, f"baseline {run.short}")
        same = pair(arm, arm, opened.columns, lost_limit=opened.suite.replay.lost_limit)
        scopes = [*noise_floor(same, opened.rules)]
    return NoiseFloor(
        suite=opened.suite.name,
        stack="",
        cases=opened.cases_digest,
        labels=opened.labels_digest,
        scorers=opened.scorer_digests,
        outputs=2,
        runs=(),
        scopes=tuple(scopes),
    )


def _kept(opened: OpenSuite, run: Run | None) -> int:
    """Outputs of each case that the accepted run holds."""
    if run is None or any(key not in run.head.planned for key in opened.cases):
        return 0
    return run.head.repeats


def _rules(opened: OpenSuite, detect: Margin, named: str) -> list[Rule]:
    """The rules that are planned for."""
    known = {one.id: one for one in opened.rules}
    if named and named not in known:
        raise UsageError(f"--rule {quoted(named)}: no rule has this id", do=nearest(named, list(known)))
    own = [known[named]] if named else [one for one in opened.own_rules if one.stops]
    compared = [one for one in own if one.margin is not None and one.margin.tail is None]
    fitting = [one for one in compared if one.scorer.scale.is_bounded is not detect.relative]
    if fitting:
        return fitting
    unit, other = ("%", "pt") if detect.relative else ("pt", "%")
    if compared:
        raise UsageError(
            f"--detect in {unit}: {compared[0].id} is judged in {other}", do=f"write it as 5{other}"
        )
    which = f"the rule {quoted(named)} compares no mean" if named else "no stop-ship rule compares a mean"
    raise UsageError(f"{which} with the baseline: there is nothing to plan", where=shown(opened.suite.path))


def _check_scope(opened: OpenSuite, rules: list[Rule], scope: str, alpha: float) -> None:
    """UsageError where none of the rules tests the scope."""
    sizes = [one for one in opened.outlook.sizes if one.rule in {rule.id for rule in rules}]
    if any(True for _ in levels_of(sizes, opened.rules, scope, alpha)):
        return
    found = next((one for one in sizes if one.scope == scope), None)
    if found is None:
        names = list(dict.fromkeys(one.scope for one in sizes))
        raise UsageError(f"--cohort {quoted(scope)}: there is no such cohort", do=nearest(scope, names))
    raise UsageError(
        f"--cohort {quoted(scope)}: its {found.n} cases are watched, not tested",
        do="give it 25 cases, or make it a guard under [cohorts]",
    )
