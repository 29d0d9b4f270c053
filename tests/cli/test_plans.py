"""What `replay --plan` foresees where the stack is another than the accepted one: ranges, and why."""

import re
from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.cli.test_outside import Shop, accepted
from tests.cli.test_targets import CHILD, KEY, replay_says
from tests.endpoints.fixture import _running_endpoint, endpoint
from tests.endpoints.running import Endpoint
from tests.endpoints.suites import write_suite

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "STOPSHIP_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODEL_ACCESS", KEY)


@pytest.fixture
def shop(tmp_path: Path, stopship: Command) -> Shop:
    return Shop(tmp_path, stopship)


def relock(stopship: Command, folder: Path, old: str, new: str) -> None:
    stack = folder / "stack.toml"
    assert old in stack.read_text()
    stack.write_text(stack.read_text().replace(old, new))
    assert stopship("pins", "lock", str(stack)) == 0


def accept(stopship: Command, suite: str) -> None:
    assert stopship("accept", stopship.out.split()[1], "--suite", suite, "--because", "first") == 0


def test_what_a_target_reads_itself_may_change_every_call(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    shop.write("flags.txt", "extra")
    shop.lock()
    assert shop("replay", "--plan", "--fidelity", "live") == 0
    assert "calls 0 to 120 served from recordings, 0 to 120 made" in shop.stopship.said
    assert "retrieval search 0 to 40, tool left 0 to 40, tool reserve 0 to 40" in shop.stopship.said
    assert "an estimate from the accepted run, whose stack has another flags" in shop.stopship.said
    assert "120 calls may be asked otherwise for it: served where not, else made" in shop.stopship.said
    assert shop("replay", "--plan") == 0
    assert "calls 0 to 120 served from recordings, 0 made" in shop.stopship.said
    assert "120 calls may be asked otherwise for it: served where not, else lost" in shop.stopship.said
    shop.write("flags.txt", "none")
    shop.lock()
    assert shop("replay", "--plan", "--fidelity", "live") == 0
    assert "calls 120 served from recordings, 0 made" in shop.stopship.said
    assert "estimate" not in shop.stopship.said


def test_a_changed_prompt_may_make_every_request_of_the_gateway(
    tmp_path: Path, stopship: Command, endpoint: Endpoint
) -> None:
    endpoint.plan()
    upstream = f'[replay.upstreams.models]\nurl = "{endpoint.url}"\nkey_env = "MODEL_ACCESS"'
    run = f'run = ["python3", "app/child.py"]\n{upstream}'
    suite = str(tmp_path)
    replay_says(
        write_suite(tmp_path, "command", run, asked=30, files={"child.py": CHILD}), "deterministic = true"
    )
    assert stopship("replay", suite, "--record", "new", "--allow-blind") == 0
    accept(stopship, suite)
    (tmp_path / "prompt.j2").write_text("be kind", "utf-8")
    relock(stopship, tmp_path, '"v1"\nfile    = "prompt.j2"', '"v2"\nfile    = "prompt.j2"')
    assert stopship("replay", suite, "--plan", "--record", "new", "--allow-blind") == 0
    assert "calls 0 to 30 served from recordings, 0 to 30 made" in stopship.said
    assert "whose stack has another prompt" in stopship.said
    relock(stopship, tmp_path, '"m-1"', '"m-2"')
    assert stopship("replay", suite, "--plan", "--record", "new", "--allow-blind") == 0
    assert "calls 0 served from recordings, 30 made" in stopship.said
    assert "whose stack has another model, prompt" in stopship.said


def test_a_plan_prices_the_model_that_is_pinned_now(
    tmp_path: Path, stopship: Command, endpoint: Endpoint
) -> None:
    pytest.importorskip("genai_prices")
    endpoint.plan()
    suite = str(tmp_path)
    write_suite(tmp_path, "openai", f'base_url = "{endpoint.url}/v1"', asked=30)
    relock(stopship, tmp_path, '"m-1"', '"gpt-4o-2024-08-06"')
    assert stopship("replay", suite, "--allow-blind") == 0
    accept(stopship, suite)
    costs = []
    for old, new in (
        ('[settings]\nversion = "v1"', '[settings]\nversion = "v2"'),
        ('"gpt-4o-2024-08-06"', '"gpt-4o-mini-2024-07-18"'),
    ):
        relock(stopship, tmp_path, old, new)
        assert stopship("replay", suite, "--plan", "--allow-blind") == 0
        found = re.search(r"cost +\$([0-9.e-]+)", stopship.out)
        assert found is not None, stopship.out
        costs.append(float(found[1]))
    assert costs[1] < costs[0] / 10
    assert "whose stack has another model, settings" in stopship.said


__all__ = ["_running_endpoint", "endpoint"]
