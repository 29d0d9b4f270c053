"""An assistant on OpenAI's SDK with a tool, whose model is recorded and served by the gateway."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.cli.running import Command
from tests.endpoints.fixture import _running_endpoint, endpoint
from tests.endpoints.running import Endpoint

pytestmark = pytest.mark.slow

pytest.importorskip("openai")
pytest.importorskip("aiohttp")

KEY = "sk-canary-0123456789abcdef"
APP = """
import json
import os

import stopship
from openai import AsyncOpenAI

TOOLS = [{"type": "function", "function": {"name": "stock", "parameters": {
    "type": "object", "properties": {"item": {"type": "string"}}}}}]


@stopship.boundary(kind="tool", effect="read")
def stock(item):
    return len(item)


async def answer(case, stack):
    url = stopship.base_url("openai", os.environ["MODEL_URL"])
    key = stopship.api_key("openai", os.environ.get("SHOP_MODEL_KEY"))
    async with AsyncOpenAI(base_url=url, api_key=key, max_retries=0) as client:
        messages = [{"role": "system", "content": stack.text("prompt")},
                    {"role": "user", "content": case.row["question"]}]
        for _ in range(2):
            try:
                told = await client.chat.completions.create(
                    model=stack.version("model"), messages=messages, tools=TOOLS, temperature=0)
            except Exception as err:
                return f"sorry: {type(err).__name__}"
            said = told.choices[0].message
            if not said.tool_calls:
                break
            messages.append(said.model_dump(exclude_none=True))
            for call in said.tool_calls:
                left = stock(str(json.loads(call.function.arguments)))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": str(left)})
        return {"output": said.content or "no words", "usage": {"output_total": told.usage.completion_tokens}}
"""
SUITE = """format = 1
suite = "agent"
cases = "cases.jsonl"
stack = "stack.toml"
[replay]
target = "app/answer.py:answer"
{replay}
[replay.upstreams.openai]
url = "{url}"
key_env = "SHOP_MODEL_KEY"
[[rule]]
id = "says"
score = "contains(text=answer)"
compare = {{ better = "higher", margin = "20pt" }}
"""
STACK = """[model]
version = "{model}"
[prompt]
version = "p1"
file = "prompt.txt"
[code]
paths = ["app"]
"""


class Agent:
    """A suite of thirty questions in a folder."""

    def __init__(self, folder: Path, stopship: Command, url: str) -> None:
        self.folder, self.stopship, self.url = folder, stopship, url
        (folder / "app").mkdir()
        (folder / "app/answer.py").write_text(APP)
        (folder / "prompt.txt").write_text("Be kind.")
        rows = [{"key": f"c{n:02}", "question": f"Is {n} there?"} for n in range(30)]
        (folder / "cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
        self.suite('fidelity = "frozen"\ndeterministic = true')
        self.lock("m-1")

    def suite(self, replay: str) -> None:
        (self.folder / "suite.toml").write_text(SUITE.format(url=self.url, replay=replay))

    def lock(self, model: str) -> None:
        (self.folder / "stack.toml").write_text(STACK.format(model=model))
        assert self.stopship("pins", "lock", str(self.folder / "stack.toml")) == 0

    def __call__(self, *words: str) -> int:
        return self.stopship(words[0], str(self.folder), *words[1:], "--allow-blind")


@pytest.fixture
def agent(tmp_path: Path, stopship: Command, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Agent:
    for name in ("CI", "STOPSHIP_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHOP_MODEL_KEY", KEY)
    monkeypatch.setenv("MODEL_URL", f"{endpoint.url}/v1")
    return Agent(tmp_path, stopship, endpoint.url)


def test_an_sdk_is_recorded_once_and_served_without_a_request(agent: Agent, endpoint: Endpoint) -> None:
    assert agent("replay", "--record", "new") == 0
    assert "30 told, 0 failed, 0 lost" in agent.stopship.out
    asked = endpoint.requests
    assert asked >= 30
    os.environ.pop("SHOP_MODEL_KEY")
    assert agent("replay") == 0
    assert "30 told, 0 failed, 0 lost" in agent.stopship.out
    assert "served from recordings (frozen)" in agent.stopship.out
    assert endpoint.requests == asked


def test_a_key_that_is_not_set_ends_a_replay_before_its_first_output(
    agent: Agent, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "the upstream 'openai' needs a key, and the environment has no SHOP_MODEL_KEY"
    monkeypatch.delenv("SHOP_MODEL_KEY")
    assert agent("replay", "--record", "new") == 22
    assert said in agent.stopship.err
    assert endpoint.requests == 0
    assert not list((agent.folder / ".stopship/runs").iterdir())
    monkeypatch.setenv("SHOP_MODEL_KEY", KEY)
    assert agent("replay", "--record", "new", "--resume") == 0
    assert "30 told, 0 failed, 0 lost" in agent.stopship.out


def test_a_key_that_is_refused_ends_a_replay_and_fails_no_case(agent: Agent, endpoint: Endpoint) -> None:
    agent.suite("")
    endpoint.plan(rates={"401": 1.0})
    assert agent("gate") == 22
    assert "refuses to answer at all" in agent.stopship.said
    assert KEY not in agent.stopship.out + agent.stopship.err
    assert not list((agent.folder / ".stopship/runs").iterdir())
    endpoint.plan()


def test_a_gate_without_the_key_is_void_where_the_model_is_asked_and_judges_where_all_is_served(
    agent: Agent, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.suite('fidelity = "frozen-tools"\ndeterministic = true')
    assert agent("replay", "--record", "new") == 0
    assert agent("replay") == 0
    run = agent.stopship.out.split()[1]
    accept = ("accept", run, "--suite", str(agent.folder), "--because", "first")
    assert agent.stopship(*accept) == 0, agent.stopship.err
    asked = endpoint.requests
    monkeypatch.delenv("SHOP_MODEL_KEY")
    assert agent("replay", "--fresh") == 0  # every request was recorded: nobody needs the key
    assert "30 told, 0 failed, 0 lost" in agent.stopship.out
    (agent.folder / "prompt.txt").write_text("Be brief.")
    agent.lock("m-1")
    assert agent("gate") == 22
    assert agent.stopship.out.startswith("VOID")
    assert "needs a key, and the environment has no SHOP_MODEL_KEY" in agent.stopship.said
    assert endpoint.requests == asked
    monkeypatch.setenv("SHOP_MODEL_KEY", KEY)
    assert agent("gate") != 22
    assert endpoint.requests > asked


def test_an_admission_without_the_key_keeps_nothing_and_is_made_once_the_key_is_set(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.suite("")
    rule = 'id = "kind"\nscore = "contains(text=answer)"\nmust_pass = { where = ["key=c0[0-2]"] }\n'
    with (agent.folder / "suite.toml").open("a") as file:
        file.write(f"[[rule]]\n{rule}")
    assert agent("replay") == 0
    run = agent.stopship.out.split()[1]
    assert agent.stopship("accept", run, "--suite", str(agent.folder), "--because", "first") == 0
    monkeypatch.delenv("SHOP_MODEL_KEY")
    admit = ("golden", "admit", str(agent.folder), "--times", "3")
    assert agent.stopship(*admit) == 22
    assert "needs a key, and the environment has no SHOP_MODEL_KEY" in agent.stopship.err
    assert not (agent.folder / "golden.json").exists()
    monkeypatch.setenv("SHOP_MODEL_KEY", KEY)
    assert agent.stopship(*admit) == 0
    assert "3 of 3 must-pass cases admitted" in agent.stopship.said


def test_a_proxy_of_the_environment_is_not_asked_for_the_gateway(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert agent("replay", "--record", "new") == 0
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "models.example")
    monkeypatch.delenv("no_proxy", raising=False)
    assert agent("replay", "--fresh") == 0
    assert "30 told, 0 failed, 0 lost" in agent.stopship.out
    assert os.environ["NO_PROXY"] == "models.example"
    assert "no_proxy" not in os.environ


def test_the_key_is_found_nowhere(agent: Agent) -> None:
    assert agent("replay", "--record", "new") == 0
    said = agent.stopship.out + agent.stopship.err
    files = [Path(root) / name for root, _, names in os.walk(agent.folder) for name in names]
    assert len(files) > 8
    assert KEY not in said
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_another_model_in_a_frozen_replay_loses_its_cases(agent: Agent, endpoint: Endpoint) -> None:
    assert agent("replay", "--record", "new") == 0
    asked = endpoint.requests
    agent.lock("m-2")
    assert agent("replay") == 22
    assert "30 lost" in agent.stopship.out
    assert "no equal request" in agent.stopship.said
    assert endpoint.requests == asked


def test_frozen_tools_ask_the_model_and_serve_the_tools(agent: Agent, endpoint: Endpoint) -> None:
    agent.suite('fidelity = "frozen-tools"')
    assert agent("replay", "--record", "new") == 0
    asked = endpoint.requests
    (agent.folder / "prompt.txt").write_text("Be brief.")
    agent.lock("m-1")
    assert agent("replay") == 0
    assert endpoint.requests > asked
    assert "30 told" in agent.stopship.out


def test_a_step_replay_asks_the_model_at_each_step_and_the_sdk_goes_on_with_what_was_recorded(
    agent: Agent, endpoint: Endpoint
) -> None:
    assert agent("replay", "--record", "new") == 0
    assert agent("replay") == 0
    frozen = outputs(agent)
    asked = endpoint.requests
    (agent.folder / "prompt.txt").write_text("Be brief.")
    agent.lock("m-1")
    assert agent("replay", "--fidelity", "step") == 0
    assert "30 told, 0 failed, 0 lost" in agent.stopship.out
    stepped = outputs(agent)
    assert endpoint.requests - asked == sum(len(one["decisions"]) for one in stepped.values())
    assert {key: one["output"] for key, one in stepped.items()} == {
        key: one["output"] for key, one in frozen.items()
    }
    for one in stepped.values():
        assert all("calls" in told["decided"] for told in one["decisions"])
        assert [told["step"] for told in one["decisions"]] == list(range(1, len(one["decisions"]) + 1))
    endpoint.plan(rates={"503": 1.0})
    assert agent("replay", "--fidelity", "step", "--fresh") == 22
    assert "the model behind the upstream 'openai' gave no answer: HTTP 503" in " ".join(
        agent.stopship.err.split()
    )
    endpoint.plan()


def outputs(agent: Agent) -> dict[str, Any]:
    """The traces of the run that was told last, by case."""
    run = agent.folder / ".stopship/runs" / agent.stopship.out.split("id       ")[1].split()[0]
    rows = [json.loads(line) for line in (run / "traces.jsonl").read_text().splitlines()]
    return {row["key"]: row["trace"] for row in rows if "key" in row}


def test_one_recording_is_one_draw_and_no_second_sample(agent: Agent) -> None:
    assert agent("replay", "--record", "new") == 0
    assert agent("replay", "--repeat", "2") == 0
    assert "30 told, 0 failed, 30 lost" in agent.stopship.out
    assert "another sample or stack" in agent.stopship.said


def test_a_case_is_reproduced_from_the_one_draw_that_was_recorded(agent: Agent) -> None:
    assert agent("replay", "--record", "new") == 0
    assert agent("replay") == 0
    run, stack = agent.stopship.out.split()[1], str(agent.folder / "stack.toml")
    suite = ("--suite", str(agent.folder), "--times", "10")
    agent.stopship("repro", "c03", "--good", run, "--bad", stack, *suite)
    assert agent.stopship.said.count("asked 1 time") == 2
    assert "Missed" not in agent.stopship.said


def test_the_reason_of_a_miss_shows_where_two_long_texts_part(agent: Agent) -> None:
    (agent.folder / "prompt.txt").write_text("You are at a desk. Be kind, brief and sure. Renew at once.")
    agent.lock("m-1")
    assert agent("replay", "--record", "new") == 0
    (agent.folder / "prompt.txt").write_text(
        "You are at a desk. Be kind, brief and sure. Ask first, then act."
    )
    agent.lock("m-1")
    assert agent("gate") == 22
    assert 'value changed: recorded "…Renew at once.", asked "…Ask first, then' in agent.stopship.said


def test_a_frozen_suite_says_that_it_gives_the_same_every_time(agent: Agent) -> None:
    agent.suite('fidelity = "frozen"')
    assert agent("replay") == 2
    assert "no output of it is a fresh one" in " ".join(agent.stopship.err.split())


def test_what_an_endpoint_does_not_answer_is_lost_though_its_target_says_sorry(
    agent: Agent, endpoint: Endpoint
) -> None:
    agent.suite("")
    endpoint.plan(rates={"503": 1.0})
    assert agent("replay") == 22
    assert "the first 20 outputs were all lost" in agent.stopship.err
    assert "gave no answer: HTTP 503" in " ".join(agent.stopship.err.split())
    endpoint.plan()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('url = "ftp://models"', "is no address"),
        ('url = "https://user:word@models"', "holds a user or a password"),
        ('url = "http://models"\nkey_env = "sk-12 34"', "key_env is no name of a variable"),
        ('url = "http://models"\nkey = "sk-1234567890"', "unknown key 'key'"),
    ],
)
def test_a_key_or_no_address_in_the_suite_is_refused(agent: Agent, line: str, said: str) -> None:
    path = agent.folder / "suite.toml"
    text = path.read_text()
    begin = text.index("url =")
    end = text.index("[[rule]]")
    path.write_text(f"{text[:begin]}{line}\n{text[end:]}")
    assert agent("replay") == 2
    assert said in " ".join(agent.stopship.err.split())
    assert "sk-12" not in agent.stopship.err.replace("sk-12 34", "") or "unknown key" in said


__all__ = ["_running_endpoint", "endpoint"]


def test_what_the_model_says_that_it_took_counts_against_the_budget_of_a_case(
    agent: Agent, endpoint: Endpoint
) -> None:
    whole = 'fidelity = "frozen"\ndeterministic = true\n'
    assert agent("replay", "--record", "new") == 0
    asked = endpoint.requests
    agent.suite(whole + "limits = { case_tokens = 2 }")
    assert agent("replay") == 22  # not one was told
    assert "0 told, 30 failed, 0 lost" in agent.stopship.out
    assert "over its budget: more than 2 tokens" in agent.stopship.out
    agent.suite(whole + "limits = { case_tokens = 1_000_000, case_calls = 20 }")
    assert agent("replay") == 0
    assert "30 told, 0 failed, 0 lost" in agent.stopship.out
    assert endpoint.requests == asked
    (agent.folder / "cases.jsonl").write_text(json.dumps({"key": "c00", "question": "Is 0 there?"}) + "\n")
    agent.suite(whole + "limits = { case_usd = 1.0 }")
    assert agent("replay") == 22
    assert "limits has case_usd" in agent.stopship.err
    assert "has no price for the model" in agent.stopship.err
