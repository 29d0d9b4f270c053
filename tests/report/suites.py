"""Records of suites, made from short lists of outputs on the real steps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.steps import arms
from tests.steps.arms import LOST, NO_ANSWER, arm, gate, must, rule, selecting

from stopship.model.change import FileChange, PinChange
from stopship.model.noise import NoiseFloor, ScopeNoise
from stopship.model.rule import IncidentClass, Limit, Margin
from stopship.model.stack import Kind, Pin, PinnedFile
from stopship.model.verdict import ArmPin, Record
from stopship.steps.about import About
from stopship.steps.arm import Arm
from stopship.steps.conclude import conclude_alone
from stopship.steps.pair import pair
from stopship.steps.terms import Reference


def _pin(axis: str, version: str, content: str) -> Pin:
    return Pin(axis=axis, version=version, kind=Kind.FILE, content=content * 32)


def _text(digest: str) -> PinnedFile:
    return PinnedFile(path="prompts/system.j2", size=900, digest=digest * 32, is_text=True)


PROMPT = PinChange(
    axis="prompt",
    old=_pin("prompt", "v14", "a1"),
    new=_pin("prompt", "v15", "a2"),
    files=(
        FileChange(
            path="prompts/system.j2", old=_text("a1"), new=_text("a2"), is_counted=True, added=7, removed=2
        ),
    ),
)
MODEL = PinChange(axis="model", old=_pin("model", "m1", "b1"), new=_pin("model", "m1", "b1"))
ABOUT = About(
    suite="support",
    baseline=ArmPin(digest="3f" * 32, rows=100, stack="5c" * 32, run="3fa0c911" + "0" * 56),
    candidate=ArmPin(digest="7c" * 32, rows=100, stack="5d" * 32, run="7c1e5a2b" + "0" * 56),
    changes=(MODEL, PROMPT),
    notes=("rules changed since the baseline was accepted: right",),
)
CLOSED = must(must_pass=arms.INCIDENTS, incident_class=IncidentClass.CORRECTNESS, owner="search")
ANCHORED = rule(anchor_margin=Margin(0.03))
COLUMNS = selecting([CLOSED])
CELLS = arms.tagged(10, 100)
WRONG: list[arms.Output] = [0.0, NO_ANSWER, *[1.0] * 68, *[0.0] * 20, *[1.0] * 10]
RIGHT: list[arms.Output] = [1.0] * 100


def _arm(outputs: list[arms.Output]) -> Arm:
    return arm(outputs, COLUMNS, cells=CELLS)


def _against(kind: str, before: list[arms.Output], after: list[arms.Output], margin: float) -> Reference:
    adapted = replace(ANCHORED, margin=Margin(margin))
    return Reference(kind=kind, pairing=pair(_arm(before), _arm(after), COLUMNS), rules=(adapted,))


def suite_stop(_folder: Path) -> Record:
    references = [_against("anchor", RIGHT, WRONG, 0.03), _against("waiver", RIGHT, WRONG, 0.05)]
    return gate(_arm(RIGHT), _arm(WRONG), [ANCHORED, CLOSED], COLUMNS, about=ABOUT, references=references)


def suite_ship(_folder: Path) -> Record:
    outputs: list[arms.Output] = [*[1.0] * 99, LOST]
    about = replace(ABOUT, changes=(MODEL,), notes=(), deterministic=True)
    return gate(_arm(RIGHT), _arm(outputs), [rule(), CLOSED], COLUMNS, about=about)


def suite_fix_not_shown(_folder: Path) -> Record:
    said: dict[str, Any] = {
        "owner": "search",
        "incident_class": IncidentClass.USEFULNESS,
        "note": "the May incident",
    }
    fix = [rule(expects_improvement=True, **said), replace(CLOSED, expects_improvement=True)]
    return gate(_arm(RIGHT), _arm(RIGHT), fix, COLUMNS, about=ABOUT, allow=True)


def suite_measured(_folder: Path) -> Record:
    found = ScopeNoise(rule="right", scope="all", cases=100, flips=0.0374, variance=0.0187, delta=0.01)
    noise = NoiseFloor(
        suite="support",
        stack="5c" * 32,
        cases="",
        labels="",
        scorers={},
        outputs=2,
        runs=(),
        scopes=(found,),
    )
    about = replace(ABOUT, changes=(MODEL,), notes=(), noise=noise)
    outputs: list[arms.Output] = [*[1.0] * 99, 0.0]
    return gate(_arm(RIGHT), _arm(outputs), [rule(), CLOSED], COLUMNS, about=about)


def suite_waived(_folder: Path) -> Record:
    closed = replace(CLOSED, is_waived=True, waived_until="2026-12-24")
    failing: list[arms.Output] = [0.0, *[1.0] * 99]
    about = replace(ABOUT, notes=("waiver until 2026-12-24 for closed: the broken night",))
    return gate(_arm(failing), _arm(failing), [rule(), closed], COLUMNS, about=about)


def suite_void_lost(_folder: Path) -> Record:
    return gate(_arm(RIGHT), _arm([LOST, LOST, LOST, *[1.0] * 97]), [rule(), CLOSED], COLUMNS, about=ABOUT)


def _alone(outputs: list[arms.Output], *, is_new: bool) -> Record:
    promise = rule(margin=None, limit=Limit(0.9, at_most=False))
    return conclude_alone(
        _arm(outputs),
        [promise, CLOSED],
        COLUMNS,
        alpha=0.05,
        allow=False,
        examples=None,
        is_new_suite=is_new,
        about=replace(ABOUT, baseline=None, changes=()),
    )


def suite_no_baseline(_folder: Path) -> Record:
    return _alone(RIGHT, is_new=False)


def suite_new(_folder: Path) -> Record:
    return _alone(RIGHT, is_new=True)


def suite_new_stop(_folder: Path) -> Record:
    return _alone(WRONG, is_new=True)


SUITES = {
    "suite-stop": suite_stop,
    "suite-ship": suite_ship,
    "suite-fix-not-shown": suite_fix_not_shown,
    "suite-measured": suite_measured,
    "suite-waived": suite_waived,
    "suite-void-lost": suite_void_lost,
    "suite-no-baseline": suite_no_baseline,
    "suite-new": suite_new,
    "suite-new-stop": suite_new_stop,
}
