"""What a model behind the gateway answers that is none of its answers, or of another model."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.running import Command
from tests.endpoints.scripted import JSON, Asked, Reply, serving, stream

pytestmark = pytest.mark.slow

pytest.importorskip("aiohttp")

APP = """
import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import stopship


def asked(name, model, question, **more):
    url = stopship.base_url(name, "http://nowhere") + "/v1/chat/completions"
    body = {"model": model, "messages": [{"role": "user", "content": question}], **more}
    sent = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urlopen(sent) as answer:
            return answer.read().decode()
    except HTTPError as err:
        with err:
            raise ValueError(str(err)) from None


def said(text):
    return json.loads(text)["choices"][0]["message"]["content"]


def answer(case, stack):
    question = case.row["question"]
{body}
"""
PLAIN = """    return said(asked("openai", "m-1", question))
"""
SWALLOWS = """    try:
        return said(asked("openai", "m-1", question))
    except Exception:
        return "sorry"
"""
RETRIES = """    try:
        return said(asked("openai", "m-1", question))
    except Exception:
        return said(asked("openai", "m-1", question))
"""
FALLS_BACK = """    try:
        return said(asked("openai", "m-1", question))
    except Exception:
        return said(asked("other", "m-strong", question))
"""
HELPED = """    asked("openai", "helper", question)
    return said(asked("openai", "m-1", question))
"""
STREAMS = """    text = asked("openai", "m-1", question, stream=True)
    return "answer" if "hello" in text else "nothing"
"""
SUITE = """format = 1
suite = "agent"
cases = "cases.jsonl"
stack = "stack.toml"
[replay]
target = "app/answer.py:answer"
retries = 0
{replay}
[replay.upstreams.openai]
url = "{url}"
[replay.upstreams.other]
url = "{url}/other"
[[rule]]
id = "says"
score = "{score}"
compare = {{ better = "higher", margin = "20pt" }}
"""
STACK = """[model]
version = "m-1"
[prompt]
version = "{prompt}"
[code]
paths = ["app"]
"""
PAGE: Reply = 200, "text/html", b"<html>maintenance</html>"


class Model:
    """The endpoint; a test says how it answers."""

    def __init__(self) -> None:
        self.broken: Reply = PAGE
        self.share = 0.0  # of the questions that are answered so
        self.once = False  # only the first time
        self.model = ""  # the one that answers; "": the one that is asked
        self._met: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Reply:
        path, _, body = asked
        question = body["messages"][0]["content"]
        with self._lock:
            is_new = question not in self._met
            self._met.add(question)
        is_met = int(question.split()[1]) < 40 * self.share and "/other" not in path
        if is_met and (is_new or not self.once):
            return self.broken
        model = self.model if self.model and body["model"] == "m-1" else body["model"]
        if body["model"] == "helper":
            model = "helper-2"
        if body.get("stream"):
            head = {"object": "chat.completion.chunk", "model": model}
            told = {"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}
            return stream({**head, "choices": [told]}, "data: [DONE]\n\n")
        message = {"role": "assistant", "content": f"answer to {question}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return 200, JSON, json.dumps({"model": model, "choices": [choice]}).encode()


class Agent:
    """A suite of forty questions, and the model that its agent asks."""

    def __init__(self, folder: Path, stopship: Command, url: str, model: Model) -> None:
        self.folder, self.stopship, self.url, self.model = folder, stopship, url, model
        rows = [{"key": f"c{n:02}", "question": f"question {n}"} for n in range(40)]
        (folder / "cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
        (folder / "app").mkdir()
        self.write()

    def write(self, body: str = PLAIN, replay: str = "", score: str = "contains(text=answer)") -> None:
        (self.folder / "app/answer.py").write_text(APP.replace("{body}", body))
        (self.folder / "suite.toml").write_text(SUITE.format(url=self.url, replay=replay, score=score))
        self.prompt("kind")

    def prompt(self, text: str) -> None:
        (self.folder / "stack.toml").write_text(STACK.format(prompt=text))
        assert self.stopship("pins", "lock", str(self.folder / "stack.toml")) == 0

    def __call__(self, *words: str) -> int:
        return self.stopship(words[0], str(self.folder), *words[1:], "--allow-blind")

    def accept(self, *words: str) -> None:
        assert self("replay", *words) == 0, self.stopship.err
        run = self.stopship.out.split()[1]
        given = ("accept", run, "--suite", str(self.folder), "--because", "first")
        assert self.stopship(*given) == 0, self.stopship.err


@pytest.fixture
def agent(tmp_path: Path, stopship: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    for name in ("CI", "STOPSHIP_STORE"):
        monkeypatch.delenv(name, raising=False)
    model = Model()
    with serving(model) as url:
        yield Agent(tmp_path, stopship, url, model)


def text(agent: Agent) -> str:
    return " ".join((agent.stopship.out + agent.stopship.err).split())


BROKEN = [
    pytest.param(PAGE, id="html"),
    pytest.param((200, JSON, b'{"choices": [{"mess'), id="half"),
    pytest.param((200, JSON, b'{"detail": "soon"}'), id="no-choice"),
    pytest.param((404, JSON, b'{"error": {"message": "no such model"}}'), id="404"),
]


@pytest.mark.parametrize("body", [PLAIN, SWALLOWS], ids=["raises", "swallows"])
@pytest.mark.parametrize("broken", BROKEN)
def test_broken_answers_of_the_model_are_lost_and_make_a_gate_void(
    agent: Agent, body: str, broken: Any
) -> None:
    agent.write(body)
    agent.accept()
    agent.model.broken, agent.model.share = broken, 0.5
    assert agent("gate", "--fresh") == 22
    assert agent.stopship.out.startswith("VOID")
    assert "the model behind the upstream 'openai' gave no answer" in text(agent)


def test_what_the_target_asked_wrongly_stays_its_own_failure(agent: Agent) -> None:
    agent.accept()
    agent.model.broken = 400, JSON, b'{"error": {"type": "invalid_request_error", "message": "no"}}'
    agent.model.share = 0.5
    assert agent("gate", "--fresh") == 20
    assert "20 of 40 cases got worse" in text(agent)


def test_a_retry_that_got_its_answer_is_told(agent: Agent) -> None:
    agent.write(RETRIES)
    agent.accept()
    agent.model.share, agent.model.once = 1.0, True
    agent.model._met.clear()
    assert agent("replay", "--fresh") == 0
    assert "40 told, 0 failed, 0 lost" in agent.stopship.out


def test_an_output_that_fell_back_to_another_model_is_lost(agent: Agent) -> None:
    agent.write(FALLS_BACK)
    agent.accept()
    agent.model.broken, agent.model.share = (503, JSON, b"{}"), 0.5
    assert agent("gate", "--fresh") == 22
    assert agent.stopship.out.startswith("VOID")
    assert "gave no answer: HTTP 503" in text(agent)


def test_a_step_replay_takes_no_page_for_a_decision(agent: Agent) -> None:
    agent.write(replay='fidelity = "step"', score="decisions(words=any)")
    assert agent("replay", "--record", "new", "--fidelity", "live") == 0, agent.stopship.err
    agent.accept()
    agent.prompt("brief")
    agent.model.share = 1.0
    assert agent("gate") == 22
    assert agent.stopship.out.startswith("VOID")
    assert "it answered text/html where JSON was asked for" in text(agent)


def test_a_lost_output_records_nothing(agent: Agent) -> None:
    agent.write(SWALLOWS, replay='fidelity = "frozen"\ndeterministic = true')
    agent.model.share = 0.1
    assert agent("replay", "--record", "new") == 0
    assert "36 told, 0 failed, 4 lost" in agent.stopship.out
    agent.model.share = 0.0
    assert agent("replay", "--record", "new") == 0
    assert "40 told, 0 failed, 0 lost" in agent.stopship.out


@pytest.mark.parametrize("body", [PLAIN, STREAMS], ids=["whole", "streamed"])
def test_another_model_than_the_pinned_one_makes_a_gate_void(agent: Agent, body: str) -> None:
    agent.write(body)
    agent.accept()
    agent.model.model = "m-cheap"
    assert agent("gate", "--fresh") == 22
    assert agent.stopship.out.startswith("VOID")
    assert "model m-cheap answered 40 cases of the candidate" in text(agent).replace("'", "")
    assert "the lock says" in text(agent)


def test_another_model_that_decides_in_a_step_replay_makes_its_gate_void(agent: Agent) -> None:
    agent.write(replay='fidelity = "step"', score="decisions(words=any)")
    assert agent("replay", "--record", "new", "--fidelity", "live") == 0, agent.stopship.err
    agent.accept()
    agent.prompt("brief")
    agent.model.model = "m-cheap"
    assert agent("gate") == 22
    assert agent.stopship.out.startswith("VOID")
    assert "model m-cheap answered 40 cases of the candidate" in text(agent).replace("'", "")


def test_another_model_in_recordings_makes_a_frozen_gate_void(agent: Agent) -> None:
    agent.model.model = "m-cheap"
    agent.write(replay='fidelity = "frozen"\ndeterministic = true')
    assert agent("replay", "--record", "new") == 0
    assert agent("gate") == 22
    assert "m-cheap" in text(agent)
    assert "the lock says" in text(agent)


def test_failures_over_the_answers_of_another_model_are_lost(agent: Agent) -> None:
    agent.write(
        '    found = json.loads(asked("openai", "m-1", question))\n'
        '    return {"m-1": "answer"}[found["model"]]\n'
    )
    agent.accept()
    agent.model.model = "m-cheap"
    assert agent("gate", "--fresh") == 22
    assert agent.stopship.out.startswith("VOID")
    assert "answered in the place of the pinned one" in text(agent)


def test_a_helper_that_is_not_pinned_may_be_answered_by_any_model(agent: Agent) -> None:
    agent.write(HELPED)
    agent.accept()
    assert agent("gate", "--fresh") == 0, text(agent)
