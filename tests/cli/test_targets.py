"""Targets that are tables, from the command line: asked, planned, resumed, judged, and behind the gateway."""

from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.endpoints.fixture import _running_endpoint, endpoint
from tests.endpoints.running import Endpoint
from tests.endpoints.scripted import JSON, Asked, Reply, serving, table, whole
from tests.endpoints.suites import write_suite

from stopship.pinning.lock import lock_stack

pytest.importorskip("aiohttp")
pytest.importorskip("jinja2")

KEY = "sk-canary-0123456789abcdef"
CHILD = """\
import json, os, sys
from urllib.request import Request, urlopen

for line in sys.stdin:
    asked = json.loads(line)
    url = asked["base_urls"]["models"] + "/v1/chat/completions"
    question = {"role": "user", "content": asked["case"]["asked"]}
    body = json.dumps({"model": asked["stack"]["model"], "messages": [question]}).encode()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + asked["api_key"]}
    told = {"id": asked["id"]}
    try:
        with urlopen(Request(url, body, headers), timeout=90) as answer:
            said = json.load(answer)["choices"][0]["message"]["content"]
        told["output"] = f"{said} key={os.environ.get('MODEL_ACCESS')} own={os.environ.get('OWN')}"
    except Exception as err:
        told |= {"error": repr(err), "lost": True}
    print(json.dumps(told), flush=True)
"""


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "STOPSHIP_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODEL_ACCESS", KEY)
    monkeypatch.setenv("OWN", "mine")


def replay_says(file: Path, *lines: str) -> None:
    """Put lines at the beginning of `[replay]`."""
    text = file.read_text()
    begin, end = text.index("[replay]\n"), text.index("\n[replay.")
    file.write_text(text[:begin] + "\n".join(["[replay]", *lines]) + text[end:])


def test_a_model_is_planned_ended_early_resumed_and_judged(
    tmp_path: Path, stopship: Command, endpoint: Endpoint
) -> None:
    endpoint.plan()
    file = write_suite(tmp_path, "openai", f'base_url = "{endpoint.url}/v1"', asked=40)
    suite = str(tmp_path)
    assert stopship("replay", suite, "--plan", "--allow-blind") == 0
    assert "  calls    40 of openai, retries aside\n  cost     not known" in stopship.out
    assert endpoint.requests == 0

    replay_says(file, "limits = { calls = 25 }", "concurrency = 4")
    assert stopship("replay", suite, "--allow-blind") == 22
    assert "the run ended early: 25 calls were made" in stopship.err
    replay_says(file, "limits = { calls = 400 }")
    assert stopship("replay", suite, "--allow-blind") == 2
    assert "broken off with 25 of 40 outputs" in stopship.err
    assert stopship("replay", suite, "--resume", "--allow-blind") == 0
    assert "40 told, 0 failed, 0 lost" in stopship.out
    assert endpoint.requests == 40

    run = stopship.out.split()[1]
    assert stopship("accept", run, "--suite", suite, "--because", "first") == 0
    assert endpoint.requests == 80  # a baseline is drawn anew
    assert stopship("gate", suite, "--allow-blind") == 0
    assert "SHIP  outside" in stopship.out
    assert endpoint.requests == 80  # the candidate is what was drawn before


def test_a_plan_tells_dollars_where_the_price_list_has_the_model(
    tmp_path: Path, stopship: Command, endpoint: Endpoint
) -> None:
    pytest.importorskip("genai_prices")
    endpoint.plan()
    table = f'base_url = "{endpoint.url}/v1"\nmodel = "gpt-4o"'
    file = write_suite(tmp_path, "openai", table, asked=30)
    suite = str(tmp_path)
    assert stopship("replay", suite, "--allow-blind") == 0
    assert stopship("accept", stopship.out.split()[1], "--suite", suite, "--because", "first") == 0
    stack = tmp_path / "stack.toml"
    stack.write_text(stack.read_text().replace('[settings]\nversion = "v1"', '[settings]\nversion = "v2"'))
    assert stopship("pins", "lock", str(stack)) == 0
    assert stopship("replay", suite, "--plan", "--allow-blind") == 0
    assert "calls    30 of openai, retries aside" in stopship.out
    assert "tokens   input_total" in stopship.out
    assert "cost     $" in stopship.out
    assert file.exists()


@pytest.fixture
def command(tmp_path: Path, endpoint: Endpoint) -> Path:
    endpoint.plan()
    upstream = f'[replay.upstreams.models]\nurl = "{endpoint.url}"\nkey_env = "MODEL_ACCESS"'
    run = f'run = ["python3", "app/child.py"]\n{upstream}'
    return write_suite(tmp_path, "command", run, asked=30, files={"child.py": CHILD})


def test_a_command_reaches_its_model_through_the_gateway_without_a_key(
    tmp_path: Path, stopship: Command, endpoint: Endpoint, command: Path
) -> None:
    suite = str(tmp_path)
    assert stopship("replay", suite, "--record", "new", "--allow-blind") == 0
    assert "30 told, 0 failed, 0 lost" in stopship.out
    assert "0 of 30 served" in stopship.out
    assert {one["authorization"] for one in endpoint.counts["headers"]} == {f"Bearer {KEY}"}
    written = [one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()]
    assert not any(KEY.encode() in one for one in written)
    assert any(b"key=None own=mine" in one for one in written)

    replay_says(command, 'fidelity = "frozen"', "deterministic = true")
    assert stopship("replay", suite, "--allow-blind") == 0
    assert "30 of 30 served from recordings (frozen)" in stopship.out
    assert endpoint.requests == 30


def test_what_is_asked_again_is_recorded_as_it_was_answered_in_the_end(
    tmp_path: Path, stopship: Command, endpoint: Endpoint, command: Path
) -> None:
    suite = str(tmp_path)
    endpoint.plan(rates={"503": 1.0}, first=1)
    replay_says(command, "retries = 3", "concurrency = 8")
    assert stopship("replay", suite, "--record", "new", "--allow-blind") == 0
    assert "30 told" in stopship.out
    assert endpoint.counts["faults"]["503"] >= 1
    asked = endpoint.requests
    replay_says(command, 'fidelity = "frozen"', "deterministic = true")
    assert stopship("replay", suite, "--allow-blind") == 0
    assert "30 told, 0 failed, 0 lost" in stopship.out
    assert endpoint.requests == asked


def test_a_miss_is_not_asked_again_and_every_one_is_told(
    tmp_path: Path, stopship: Command, endpoint: Endpoint, command: Path
) -> None:
    replay_says(
        command,
        'fidelity = "frozen"',
        "deterministic = true",
        "retries = 4",
        "limits = { usd = 0.01, calls = 5 }",
    )
    assert stopship("replay", str(tmp_path), "--allow-blind") == 22
    assert "30 outputs lost by a miss" in stopship.out
    assert endpoint.requests == 0


@pytest.mark.parametrize(
    ("kind", "table", "line", "said"),
    [
        *(
            ("openai", 'base_url = "http://127.0.0.1:9/v1"', line, "[replay.openai] is asked each time")
            for line in ('fidelity = "frozen-tools"', 'effects = ["send"]')
        ),
        (
            "http",
            'url = "http://127.0.0.1:9/"\n[replay.upstreams.m]\nurl = "http://h"',
            "",
            "asked each time",
        ),
        ("command", 'run = ["python3", "app/child.py"]', 'fidelity = "frozen-tools"', "has no upstreams"),
    ],
)
def test_nothing_is_said_to_be_frozen_that_cannot_be(
    tmp_path: Path, stopship: Command, kind: str, table: str, line: str, said: str
) -> None:
    file = write_suite(tmp_path, kind, table, files={"child.py": CHILD})
    replay_says(file, line)
    assert stopship("replay", str(tmp_path), "--allow-blind") == 2
    assert said in stopship.err
    replay_says(file)
    if "upstreams" not in table:
        assert stopship("replay", str(tmp_path), "--record", "new", "--allow-blind") == 2
        assert said in stopship.err


__all__ = ["_running_endpoint", "endpoint"]


ASKED = 60


def other_build(folder: Path) -> None:
    """The next version of the prompt, locked."""
    stack = folder / "stack.toml"
    stack.write_text(stack.read_text().replace('[prompt]\nversion = "v1"', '[prompt]\nversion = "v2"'))
    (folder / "prompt.j2").write_text("{{ asked }} ")
    lock_stack(stack)


@pytest.mark.parametrize(
    ("finish", "code", "says"),
    [
        ("stop", 0, ""),
        ("length", 0, f"cut at their limit of tokens: {ASKED} of {ASKED} outputs, 0 in the baseline"),
        ("content_filter", 20, f"answered in all: {ASKED} of {ASKED} cases got worse"),
        ("error", 22, "the run ended early"),
        ("status 402", 22, "the endpoint refuses to answer at all: HTTP 402"),
    ],
)
@pytest.mark.slow
def test_a_build_whose_answers_end_otherwise_does_not_ship_unsaid(
    tmp_path: Path, stopship: Command, finish: str, code: int, says: str
) -> None:
    ends = ["stop"]

    def answer(_: Asked) -> Reply:
        if ends[0].startswith("status"):
            return int(ends[0].split()[1]), JSON, b"{}"
        choice = {"message": {"content": "half"}, "finish_reason": ends[0]}
        return whole({"model": "m-1", "choices": [choice]})

    with serving(answer) as url:
        words = "deterministic = true\nretries = 0"
        write_suite(tmp_path, "openai", table("openai", url), asked=ASKED, prompt="{{ asked }}", replay=words)
        assert stopship("replay", str(tmp_path), "--allow-blind") == 0
        run = stopship.out.split()[1]
        assert stopship("accept", run, "--suite", str(tmp_path), "--because", "first") == 0
        ends[0] = finish
        other_build(tmp_path)
        assert stopship("gate", str(tmp_path), "--allow-blind") == code, stopship.out + stopship.err
    assert says in stopship.out + stopship.err


@pytest.mark.slow
def test_cases_over_which_a_service_breaks_down_count_against_it(tmp_path: Path, stopship: Command) -> None:
    asked: list[str] = []

    def answer(one: Asked) -> Reply:
        body = one[2]
        if body["stack"]["prompt"] == "v2" and body["key"] in ("c010", "c020"):
            asked.append(body["key"])
            return 500, JSON, b'{"detail": "KeyError: refund"}'
        return whole({"output": body["key"]})

    with serving(answer) as url:
        words = "deterministic = true\nretries = 1\nlimits = { errors = 0.1 }"
        write_suite(tmp_path, "http", table("http", url), asked=ASKED, replay=words)
        assert stopship("replay", str(tmp_path), "--allow-blind") == 0
        run = stopship.out.split()[1]
        assert stopship("accept", run, "--suite", str(tmp_path), "--because", "first") == 0
        other_build(tmp_path)
        stopship("gate", str(tmp_path), "--allow-blind")
    assert "outputs missing or blank: 2 of the candidate, 0 of the baseline" in stopship.out
    assert sorted(asked) == ["c010", "c010", "c020", "c020"]
