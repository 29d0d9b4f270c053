"""A program that sends a new id with each request: recorded, replayed frozen, and explained."""

from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.cli.test_targets import CHILD, KEY, replay_says
from tests.endpoints.fixture import _running_endpoint, endpoint
from tests.endpoints.running import Endpoint
from tests.endpoints.suites import write_suite

pytest.importorskip("aiohttp")
pytestmark = pytest.mark.slow

SENDS_IDS = CHILD.replace(
    '"messages": [question]}', '"messages": [question], "metadata": {"request_id": os.urandom(8).hex()}}'
)
IGNORE = 'ignore = ["metadata.request_id"]'


def test_a_field_that_cannot_change_the_answer_is_left_out_where_the_suite_says_so(
    tmp_path: Path, stopship: Command, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI", "STOPSHIP_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODEL_ACCESS", KEY)
    assert SENDS_IDS != CHILD
    endpoint.plan()
    upstream = f'[replay.upstreams.models]\nurl = "{endpoint.url}"\nkey_env = "MODEL_ACCESS"'
    run = f'run = ["python3", "app/child.py"]\n{upstream}'
    file = write_suite(tmp_path, "command", run, asked=30, files={"child.py": SENDS_IDS})
    suite = str(tmp_path)
    replay_says(file, 'fidelity = "frozen"', "deterministic = true")
    assert stopship("replay", suite, "--record", "new", "--allow-blind") == 0
    assert stopship("replay", suite, "--allow-blind") == 22
    assert "$.metadata.request_id value changed" in stopship.said
    assert '; ignore = ["' in stopship.said  # what else it says is cut

    file.write_text(
        file.read_text().replace('key_env = "MODEL_ACCESS"', f'key_env = "MODEL_ACCESS"\n{IGNORE}')
    )
    assert stopship("replay", suite, "--allow-blind") == 22  # another plan: what was recorded holds the ids
    assert stopship("replay", suite, "--record", "new", "--allow-blind") == 0
    assert endpoint.requests == 60
    assert stopship("replay", suite, "--allow-blind") == 0
    assert "30 of 30 served from recordings (frozen)" in stopship.out
    assert endpoint.requests == 60
    assert stopship("cache", "explain", "c000", "--suite", suite) == 0
    assert "   ignored  metadata.request_id, as the suite says" in stopship.out


__all__ = ["_running_endpoint", "endpoint"]
