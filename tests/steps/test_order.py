"""Findings do not depend on the order of rows or on what clusters are called."""

import numpy as np
import pytest

from stopship.catalog import scorer
from stopship.model.columns import Columns
from stopship.model.rule import Margin, Rule
from stopship.model.score import Direction
from stopship.model.verdict import Finding
from stopship.steps.arm import Arm, score_arm
from stopship.steps.judge import judge
from stopship.steps.pair import pair

COLUMNS = Columns(key="k", cohorts=("lang",), cluster="talk")
SCORER = scorer("column(score, bounds=0..1)")
RULE = Rule(id="r", scorer=SCORER, better=Direction.HIGHER, margin=Margin(0.05), cohort_margin=Margin(0.1))


def findings(scores: list[list[float]], talks: list[str], order: list[int]) -> tuple[Finding, ...]:
    def arm(name: str, values: list[float]) -> Arm:
        rows = [
            (f"{name}:{i}", {"k": f"{i:03}", "lang": "ab"[i % 2], "talk": talks[i], "score": values[i]}, b"")
            for i in order
        ]
        return score_arm(name, rows, COLUMNS, [SCORER])

    return judge(pair(arm("old", scores[0]), arm("new", scores[1]), COLUMNS), [RULE])


@pytest.mark.parametrize("clusters", [3, 12, 40, 90])
def test_shuffled_rows_and_renamed_clusters_give_the_same_findings_bit_for_bit(clusters: int) -> None:
    rng = np.random.default_rng(clusters)
    n = 90
    scores = [np.round(rng.beta(4, 1, n), 3).tolist() for _ in range(2)]
    codes = rng.permutation(np.arange(n) % clusters)
    straight = findings(scores, [f"t{code}" for code in codes], list(range(n)))
    for _ in range(3):
        names = rng.permutation(clusters)
        shuffled = findings(scores, [f"other {names[code]}" for code in codes], rng.permutation(n).tolist())
        assert shuffled == straight
