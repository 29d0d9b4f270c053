"""Under pytest evidence of a network target has an age, too: what is too old is drawn anew, or not judged."""

import json
from pathlib import Path

from tests.under_pytest.sessions import Desk, outcomes
from tests.under_pytest.small import Small, asked

from stopship.store.runcodec import MANIFEST, manifest_bytes

pytest_plugins = ["pytester"]
DAY = 86_400


def aged(run: Path, days: int) -> None:
    """Make a sealed run older."""
    document = json.loads((run / MANIFEST).read_bytes())
    document["beside"]["provenance"]["started"] -= days * DAY
    (run / MANIFEST).write_bytes(manifest_bytes(document))


def runs(folder: Path) -> list[Path]:
    return sorted((folder / ".stopship" / "runs").iterdir())


def test_an_old_run_is_not_served_and_an_old_baseline_is_void(desk: Desk) -> None:
    folder = desk.suite(Small(is_noisy=True, replay='network = true\nfresh = "7d"'))
    assert desk.pytest("suites", "--stopship-live").ret == 0
    assert len(asked(folder)) == 60
    assert desk.pytest("suites", "--stopship-gate=require").ret == 0, "what is fresh is served"
    (run,) = runs(folder)
    aged(run, 8)
    done = desk.pytest("suites", "-rs")
    assert "no sealed run of this stack is at hand that is not older than 7 days" in done.stdout.str()
    assert len(asked(folder)) == 60
    done = desk.pytest("suites", "--stopship-live")
    assert done.ret == 0
    assert len(asked(folder)) == 120
    assert outcomes(done)["passed"] == 61
    (baseline,) = (folder / "store" / "runs").iterdir()
    aged(baseline, 8)
    code, document = desk.judged("suites", "--stopship-live")
    assert code == 22
    assert "accept anew" in document["suites"][0]["record"]["reasons"][0]
