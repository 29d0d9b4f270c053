"""The published numbers of the gate, to the last digit they are printed with."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stopship.model.rule import ALPHA, Margin, Mode, Severity
from stopship.model.score import Direction
from stopship.model.verdict import Decision, Finding, Verdict, compose
from stopship.steps.decide import absolute_numbers, decide, relative_numbers
from stopship.steps.stats.bounds import Z, lower_bound, normal_quantile, smallest_n
from stopship.steps.stats.evalues import e_value
from stopship.steps.stats.multiplicity import benjamini_hochberg, weighted_holm
from stopship.steps.stats.noise import Noise, cases_needed, detectable_drop
from stopship.steps.stats.planning import cases_to_decide, minimum_detectable_effect
from stopship.steps.stats.pvalues import mcnemar_mid_p, sign_flip_p, t_p
from stopship.steps.stats.sample import Sample
from stopship.steps.stats.tails import binomial_at_least
from stopship.steps.stats.tailtests import exceedance_test, tail_mean_differences, tail_mean_test
from stopship.steps.stats.tango import score_statistic, tango_lower, tango_upper
from stopship.steps.stats.within import within_case_exact
from stopship.steps.triage import Fresh, triage

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("vectors.json").read_text(encoding="utf-8")
)


def near(number: float, *, digits: int) -> Any:
    """Equal once printed with this many digits after the point."""
    return pytest.approx(number, abs=0.501 * 10.0**-digits, rel=0)


def binary(worse: int, better: int, n: int) -> Sample:
    return Sample(
        differences=np.repeat([-1.0, 1.0, 0.0], [worse, better, n - worse - better]), is_binary=True
    )


def named(finding: Decision, mode: Mode = Mode.PROVE, scope: str = "all") -> Finding:
    return Finding(
        rule="r",
        metric="m",
        scope=scope,
        kind="compare",
        mode=mode,
        severity=Severity.STOP_SHIP,
        decision=finding,
    )


@pytest.mark.parametrize("row", VECTORS["mcnemar"], ids=lambda row: f"{row['b']}-{row['c']}")
def test_mcnemar_gives_the_published_p(row: dict[str, Any]) -> None:
    assert mcnemar_mid_p(row["b"], row["c"]) == pytest.approx(row["midp"], rel=5e-8)
    assert binomial_at_least(row["b"], row["b"] + row["c"], 0.5) == pytest.approx(row["exact"], rel=5e-8)


@pytest.mark.parametrize("row", VECTORS["tango"], ids=lambda row: f"{row['b']}-{row['c']}-{row['n']}")
def test_the_score_interval_is_the_published_one(row: dict[str, Any]) -> None:
    z = normal_quantile((1 + row["conf"]) / 2)
    assert tango_lower(row["b"], row["c"], row["n"], z=z) == near(row["lower"], digits=6)
    assert tango_upper(row["b"], row["c"], row["n"], z=z) == near(row["upper"], digits=6)


@pytest.mark.parametrize(
    "row", VECTORS["non_inferiority"], ids=lambda row: f"{row['b']}-{row['c']}-{row['n']}"
)
def test_the_score_statistic_gives_the_published_non_inferiority_p(row: dict[str, Any]) -> None:
    from scipy.stats import norm

    statistic = score_statistic(row["b"], row["c"], row["n"], -row["margin"])
    assert float(norm.sf(statistic)) == near(row["p"], digits=9)


@pytest.mark.parametrize("row", VECTORS["smallest_n"], ids=lambda row: f"{row['margin']}")
def test_the_smallest_n_is_the_published_one(row: dict[str, Any]) -> None:
    assert smallest_n(row["margin"]) == row["n"]


@pytest.mark.parametrize("row", VECTORS["sign_flip"])
def test_sign_flips_of_ten_cases_give_the_published_numbers(row: dict[str, Any]) -> None:
    sample = Sample(differences=np.array(row["d"]))
    assert sign_flip_p(sample.differences, seed=b"", alpha=ALPHA) == row["p_signflip"]
    assert t_p(sample) == near(row["p_t"], digits=8)
    bound = lower_bound(sample)
    assert bound.value == near(row["ni_lower95"], digits=6)
    assert bound.binding == row["binding"]


@pytest.mark.parametrize("row", VECTORS["holm"])
def test_holm_gives_the_published_adjusted_p_with_and_without_weights(row: dict[str, Any]) -> None:
    p = row["p"]
    assert weighted_holm(p, [1.0] * len(p)) == pytest.approx(row["holm"], rel=1e-12)
    weights = [0.5] + [0.5 / (len(p) - 1)] * (len(p) - 1)
    assert weighted_holm(p, weights) == pytest.approx(row["half_on_first"], rel=1e-12)


@pytest.mark.parametrize("row", VECTORS["mde"])
def test_the_detectable_effect_is_the_published_one(row: dict[str, Any]) -> None:
    n, changed = row["n"], round(row["n"] * row["disc"])
    flips = binary(changed // 2, changed - changed // 2, n)
    assert minimum_detectable_effect(flips, alpha=row["alpha"]) == near(row["mde_connor"], digits=5)
    noise = 0.1464  # mean p (1 - p) of one run of each case, in both arms
    for repeats, published in ((1, row["mde_mean_R1"]), (5, row["mde_mean_R5"])):
        alike = with_variance(2 * noise / repeats, n)
        assert minimum_detectable_effect(alike, alpha=row["alpha"]) == near(published, digits=5)
    assert cases_to_decide(with_variance(2 * noise / 3, n), margin=0.05) == row["n_for_5pt_R3"]


@pytest.mark.parametrize("row", VECTORS["benjamini_hochberg"])
def test_the_false_discovery_rate_gives_the_published_adjusted_p(row: dict[str, Any]) -> None:
    assert benjamini_hochberg(row["p"]) == [near(one, digits=6) for one in row["bh"]]


@pytest.mark.parametrize("row", VECTORS["e_value"], ids=lambda row: f"{row['b']}-{row['c']}")
def test_the_e_value_is_the_published_one(row: dict[str, Any]) -> None:
    assert e_value(row["b"], row["c"]) == near(row["e"], digits=6)


@pytest.mark.parametrize("row", VECTORS["within_case_exact"])
def test_repeats_inside_cases_give_the_published_mid_p(row: dict[str, Any]) -> None:
    p = within_case_exact(row["kb"], row["Rb"], row["kc"], row["Rc"])
    assert p == near(row["midp"], digits=10)


@pytest.mark.parametrize("row", VECTORS["triage"])
def test_fresh_outputs_of_one_case_give_the_published_p(row: dict[str, Any]) -> None:
    fresh = Fresh(
        baseline_passed=row["kb"],
        baseline_tries=row["Rb"],
        candidate_passed=row["kc"],
        candidate_tries=row["Rc"],
    )
    assert triage(fresh).p == near(row["p"], digits=8)


@pytest.mark.parametrize("row", VECTORS["mde"])
def test_planning_by_noise_gives_the_published_drop_and_number_of_cases(row: dict[str, Any]) -> None:
    noise = Noise(baseline=0.1464, candidate=0.1464, is_binary=True)  # mean p (1 - p) of one output
    for repeats, published in ((1, row["mde_mean_R1"]), (5, row["mde_mean_R5"])):
        drop = detectable_drop(noise, row["n"], repeats, repeats, alpha=row["alpha"], power=row["power"])
        assert drop == near(published, digits=5)
    assert cases_needed(noise, 0.05, 3, 3, alpha=row["alpha"], power=row["power"]) == row["n_for_5pt_R3"]


def with_variance(variance: float, n: int) -> Sample:
    """n differences of mean 0 and exactly this sample variance."""
    size = (variance * (n - 1) / n) ** 0.5
    return Sample(differences=np.repeat([-size, size], n // 2))


@pytest.mark.parametrize("row", VECTORS["decision"], ids=lambda row: row["decision"] + f"-{row['n']}")
def test_counts_lead_to_the_published_decision_and_verdict(row: dict[str, Any]) -> None:
    numbers = absolute_numbers(binary(row["b"], row["c"], row["n"]), Margin(row["margin"]), alpha=ALPHA)
    assert numbers.test.p == pytest.approx(row["p"], abs=5.1e-6 if row["p"] > 0.1 else 5.1e-7)
    assert numbers.lower == near(row["lower"], digits=5)
    assert numbers.upper == near(row["upper"], digits=5)
    decision = decide(numbers, p_adjusted=numbers.test.p, alpha=ALPHA, adjusted_alpha=ALPHA)
    assert decision is Decision(row["decision"])
    assert compose([named(decision)]) is Verdict(row["verdict"])


@pytest.mark.parametrize("row", VECTORS["lower_bound"], ids=lambda row: f"{row['binding']}{row['lower']}")
def test_the_guarded_bound_and_what_binds_are_the_published_ones(row: dict[str, Any]) -> None:
    sample = Sample(differences=np.array(row["d"] + [0.0] * row["zeros"]))
    bound = lower_bound(sample)
    assert bound.value == near(row["lower"], digits=6)
    assert bound.binding == row["binding"]
    assert t_p(sample) == near(row["p_t"], digits=8)


@pytest.mark.parametrize("row", VECTORS["relative"])
def test_a_relative_margin_gives_the_published_numbers(row: dict[str, Any]) -> None:
    share = float(row["margin"].rstrip("%")) / 100
    before, after = np.array(row["base"]), np.array(row["cand"])
    numbers = relative_numbers(
        before, after, None, Direction.LOWER, Margin(share, relative=True), alpha=ALPHA, seed=b""
    )
    assert numbers is not None
    assert numbers.estimate == near(row["delta_relative"], digits=6)
    assert numbers.test.p == near(row["p"], digits=8)
    assert numbers.lower == near(row["lower_relative"], digits=6)
    assert numbers.bound == row["binding"]
    assert (numbers.lower > -share) is row["proven_within_margin"]
    assert (numbers.lower + share) * numbers.scale == near(row["guarded_lower_of_slack"], digits=6)
    assert (numbers.estimate + share) * numbers.scale == near(row["mean_margin_slack"], digits=6)


def test_the_t_bound_of_the_slack_is_the_published_one() -> None:
    from scipy.stats import ttest_1samp

    row = VECTORS["relative"][0]
    cut = float(np.quantile(np.array(row["base"] + row["cand"]), 0.99))
    slack = 1.1 * np.minimum(row["base"], cut) - np.minimum(row["cand"], cut)
    interval = ttest_1samp(slack, 0.0, alternative="greater").confidence_interval(0.95)
    assert float(interval.low) == near(row["t_lower_of_slack"], digits=4)


@pytest.mark.parametrize("row", VECTORS["composition"], ids=lambda row: row["because"])
def test_scopes_compose_to_the_published_verdict(row: dict[str, Any]) -> None:
    findings = [named(Decision(decision), Mode(mode), scope) for scope, mode, decision in row["scopes"]]
    assert compose(findings) is Verdict(row["verdict"])


@pytest.mark.parametrize("row", VECTORS["clusters"])
def test_no_change_in_ten_clusters_is_blind_at_five_points(row: dict[str, Any]) -> None:
    codes = np.repeat(np.arange(row["clusters"]), row["size"])
    sample = Sample(differences=np.zeros(len(codes)), clusters=codes)
    numbers = absolute_numbers(sample, Margin(0.05), alpha=ALPHA)
    assert numbers.lower == near(row["lower"], digits=6)
    decision = decide(numbers, p_adjusted=numbers.test.p, alpha=ALPHA, adjusted_alpha=ALPHA)
    assert decision.value == row["decision_at_5pt"]


def test_the_bound_that_is_checked_is_the_one_sided_95_percent_one() -> None:
    assert pytest.approx(1.6448536, abs=5e-8) == Z


@pytest.mark.parametrize("row", VECTORS["tails"])
def test_tails_give_the_published_numbers(row: dict[str, Any]) -> None:
    before = np.arange(1.0, row["n"] + 1)
    after = before + row["by"] * (before <= row["slower"])
    test, threshold = exceedance_test(
        before, after, row["share"], budget=None, clusters=None, seed=b"", alpha=ALPHA
    )
    assert threshold == row["pooled_q"]
    assert test.p == near(row["exceed_midp"], digits=6)
    sample = tail_mean_differences(before, after, row["share"], None)
    assert -sample.mean == near(row["cvar_diff"], digits=6)
    assert sample.standard_error == near(row["cvar_se"], digits=6)
    assert tail_mean_test(sample, alpha=ALPHA).p == pytest.approx(row["cvar_p"], rel=1e-4)
