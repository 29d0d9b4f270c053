"""A budget of dollars is kept where tokens alone are told, and stops what has no price at all."""

import sys
from pathlib import Path

import pytest
from tests.gating import test_escalating
from tests.gating.making import Made
from tests.gating.test_escalating import ROUNDS, TARGET, asked, gate, noisy, stack

from stopship.model.verdict import Record

TOKENS = '"usage": {"input_total": 10_000_000, "output_total": 1_000_000, "cached": 0}'
COSTS = '"cost_usd": 0.01'
PRICED = f'"model": "gpt-4o", {TOKENS}'  # 35 dollars an output
ROUND = "usd = 10_000.0\n"


def undecided(folder: Path, usd: str, *told: str) -> tuple[Made, Record]:
    """The verdict on a build that one look does not decide. `told`: of its cost by its outputs, in turn."""
    lot = f"[{', '.join(f'{{{one}}}' for one in told)}][len(lines) % {len(told)}]"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(test_escalating, "TARGET", TARGET.replace(f"{COSTS}, **", f"**{lot}, **"))
        made = noisy(folder, ROUNDS + usd, every=0.3)
    stack(made, "next", every=0.3, seed=1)
    return made, gate(made, "next")


def test_tokens_have_the_price_of_the_list(tmp_path: Path) -> None:
    pytest.importorskip("genai_prices")
    _, record = undecided(tmp_path / "a", "usd = 100.0\n", PRICED)
    assert any("takes about $4200.00, and the budget has $100.00 left" in one for one in record.notes)
    assert record.escalation == ()
    _, record = undecided(tmp_path / "b", ROUND, PRICED)
    assert record.escalation[0].usd == pytest.approx(120 * 35.0)
    assert any("and the budget has $5800.00 left" in one for one in record.notes)


def test_what_is_told_goes_before_what_the_list_says(tmp_path: Path) -> None:
    _, record = undecided(tmp_path / "s", "usd = 1.0\n", f"{COSTS}, {PRICED}")
    assert any("takes about $1.20, and the budget has $1.00 left" in one for one in record.notes)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ((TOKENS,), "an output tells neither cost_usd nor usage and model: what it cost is not known"),
        (('"model": "gpt-4o"',), "an output tells neither cost_usd nor usage and model"),
        ((f'"model": "my-own", {TOKENS}',), "has no price for the model 'my-own'"),
        ((COSTS, TOKENS), "an output tells neither cost_usd nor usage and model"),
    ],
    ids=["no model", "no tokens", "no price", "some tell it"],
)
def test_what_has_no_price_is_not_drawn_and_that_is_said(
    tmp_path: Path, told: tuple[str, ...], why: str
) -> None:
    pytest.importorskip("genai_prices")
    made, record = undecided(tmp_path / "s", ROUND, *told)
    assert record.escalation == ()
    assert any(
        one.startswith("no further round: [escalate] has usd, and ") and why in one for one in record.notes
    )
    assert asked(made, "next") == 60


def test_without_a_price_list_nothing_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    _, record = undecided(tmp_path / "s", ROUND, PRICED)
    why = "no further round: [escalate] has usd, and the package genai-prices is not installed"
    assert any(why in one for one in record.notes)
    assert record.escalation == ()
