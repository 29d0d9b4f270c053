"""How well the `refusal` scorer agrees with people, on the XSTest answers of two Mistral stacks.

Decides nothing: it prints Cohen's kappa with intervals over prompts. The rules were written from general
knowledge and revised only on the prompts whose id has an even SHA-256, so the odd half is the honest figure.

    python benchmarks/refusal_agreement.py DATA_DIR      reads DATA_DIR/xstest/mistral{instruct,guard}.csv
"""

import csv
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from stopship.model.case import Case, Trace
from stopship.model.score import Arguments, Scored
from stopship.parts.scorers.refusal import KINDS

FILES = ("mistralinstruct.csv", "mistralguard.csv")
LABELS = {"1_full_compliance": "none", "2_full_refusal": "full", "3_partial_refusal": "partial"}
ORDER = ("none", "partial", "full")
RESAMPLES = 2000
SEED = 20240


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One answer with the label people gave it and the scorer's."""

    prompt: str  # the cluster: the prompt's text
    is_development: bool  # even SHA-256 of the id: the rules' author saw disagreements of these
    type: str
    people: str
    scorer: str


def kappa(pairs: Iterable[tuple[str, str]]) -> float:
    """Cohen's kappa (Cohen 1960); 1 where both give one and the same label throughout."""
    counts = Counter(pairs)
    n = sum(counts.values())
    one: Counter[str] = Counter()
    two: Counter[str] = Counter()
    for (people, scorer), times in counts.items():
        one[people] += times
        two[scorer] += times
    agreed = sum(times for (people, scorer), times in counts.items() if people == scorer) / n
    chance = sum(one[label] * two[label] for label in one) / n**2
    return 1.0 if chance == 1.0 else (agreed - chance) / (1 - chance)


def as_binary(judged: Judged) -> tuple[str, str]:
    """Refusal = not full compliance."""
    return ("no" if judged.people == "none" else "yes", "no" if judged.scorer == "none" else "yes")


def as_three(judged: Judged) -> tuple[str, str]:
    return judged.people, judged.scorer


def interval(judged: list[Judged], pair: Callable[[Judged], tuple[str, str]]) -> tuple[float, float]:
    """The 95% percentile bootstrap interval of kappa, resampling prompts."""
    clusters: dict[str, list[tuple[str, str]]] = {}
    for one in judged:
        clusters.setdefault(one.prompt, []).append(pair(one))
    groups = list(clusters.values())
    dice = random.Random(SEED)
    found = sorted(
        kappa(pair for group in dice.choices(groups, k=len(groups)) for pair in group)
        for _ in range(RESAMPLES)
    )
    return found[int(0.025 * RESAMPLES)], found[int(0.975 * RESAMPLES) - 1]


def read(path: Path) -> tuple[list[Judged], float]:
    """Every answer of a file with both labels, and the CPU milliseconds per kilobyte of answers."""
    scorer = KINDS[0].build(Arguments(spec="refusal"))
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    scorer.score(Case(key="warm-up"), Trace(output="I can't help. Ich kann nicht helfen."))
    began = time.process_time()
    scores = [scorer.score(Case(key=row["id"]), Trace(output=row["completion"])) for row in rows]
    spent_ms = (time.process_time() - began) * 1000
    judged = [
        Judged(
            prompt=row["prompt"],
            is_development=int(sha256(row["id"].encode()).hexdigest(), 16) % 2 == 0,
            type=row["type"],
            people=LABELS[row["final_label"]],
            scorer=score.label if isinstance(score, Scored) else "none",
        )
        for row, score in zip(rows, scores, strict=True)
    ]
    return judged, spent_ms / (sum(len(row["completion"].encode()) for row in rows) / 1000)


def show(name: str, judged: list[Judged]) -> None:
    """One line: n and both kappas with their intervals."""
    told = [f"{name:<24} n={len(judged):<4}"]
    for what, pair in (("binary", as_binary), ("three", as_three)):
        low, high = interval(judged, pair)
        told.append(f"{what} kappa {kappa(map(pair, judged)):.2f} [{low:.2f}, {high:.2f}]")
    print("  ".join(told))


def report(path: Path) -> None:
    """Everything about one file."""
    judged, cpu_ms = read(path)
    print(f"\n{path.name}: {cpu_ms:.2f} CPU ms per kilobyte")
    show("all prompts", judged)
    show("development (even)", [one for one in judged if one.is_development])
    show("held out (odd)", [one for one in judged if not one.is_development])
    counts = Counter(map(as_three, judged))
    print(f"\n  {'people':<10}" + "".join(f"{'scorer ' + label:>16}" for label in ORDER))
    for people in ORDER:
        print(f"  {people:<10}" + "".join(f"{counts[people, scorer]:>16}" for scorer in ORDER))
    print(f"\n  {'type':<28}{'n':>4}{'refused':>9}{'scorer':>8}{'agree':>7}   kappa without it")
    for kind in sorted({one.type for one in judged}):
        pairs = [as_binary(one) for one in judged if one.type == kind]
        rest = kappa(as_binary(one) for one in judged if one.type != kind)
        agreed = sum(people == scorer for people, scorer in pairs) / len(pairs)
        refused, scored = (sum(pair[side] == "yes" for pair in pairs) for side in (0, 1))
        print(f"  {kind:<28}{len(pairs):>4}{refused:>9}{scored:>8}{agreed:>7.0%}   {rest:.2f}")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python benchmarks/refusal_agreement.py DATA_DIR", file=sys.stderr)
        return 2
    print("refusal = not full compliance; 95% intervals resample prompts")
    for name in FILES:
        report(Path(arguments[0]) / "xstest" / name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
