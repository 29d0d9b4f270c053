"""What is asked of a model and how its answer reads as a trace; and that all of it is pinned."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.endpoints.answers import FINGERPRINT, OTHER_MODEL, REFUSAL
from tests.endpoints.running import Endpoint
from tests.endpoints.suites import plan_of, write_suite

from stopship.errors import EvidenceError, UsageError
from stopship.gating.evidence import drawn_faults
from stopship.gating.performing import replay
from stopship.model.case import Case, Json
from stopship.model.run import Run, Status
from stopship.parts.targets.network import BadAnswer, Crashed, NoAnswer, of_status
from stopship.parts.targets.prompts import messages_of
from stopship.parts.targets.protocol import status_error
from stopship.pinning.lock import lock_stack

pytest.importorskip("aiohttp")
pytest.importorskip("jinja2")
WORDS = ["a b", "[length]", "[filter]", "[refuse]", "[cached] b c d", "\u2028 <b> & ü \" '"]


def table(endpoint: Endpoint, kind: str, more: str = "") -> str:
    tail = "/v1" if kind == "openai" else ""
    return f'base_url = "{endpoint.url}{tail}"\n{more}'


def run_of(folder: Path, kind: str, table: str, **how: Any) -> Run:
    return replay(plan_of(write_suite(folder, kind, table, **how))).run


def traces(run: Run) -> list[Mapping[str, Json]]:
    assert [one.error for one in run.outcomes if one.status is not Status.OK] == []
    return [one.trace for one in run.outcomes]


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_streamed_answer_is_the_one_that_comes_at_once(
    tmp_path: Path, endpoint: Endpoint, kind: str
) -> None:
    for more in ("", 'tools = "tools"\n', 'schema = "schema"\n'):
        folder = tmp_path / f"{len(more)}"
        whole = traces(run_of(folder / "w", kind, table(endpoint, kind, more), asked=WORDS))
        streamed = traces(
            run_of(folder / "s", kind, table(endpoint, kind, f"{more}stream = true"), asked=WORDS)
        )
        for one, other in zip(whole, streamed, strict=True):
            timings = other["timings"]
            assert isinstance(timings, dict)
            assert float(timings["first_token_ms"]) > 0
            rest = {name: value for name, value in other.items() if name != "timings"}
            assert {**rest, "usage": None} == {**one, "usage": None}
            assert _counts(one) == _counts(other)


def test_reasons_refusals_and_usage_of_openai(tmp_path: Path, endpoint: Endpoint) -> None:
    plain, cut, filtered, refused, cached, odd = traces(
        run_of(tmp_path, "openai", table(endpoint, "openai"), asked=WORDS)
    )
    ends = [one["finish_reason"] for one in (plain, cut, filtered, refused)]
    assert ends == ["stop", "length", "content_filter", "refusal"]
    assert [one.get("refusal") for one in (plain, filtered, refused)] == [None, "filtered", "refusal"]
    assert refused["output"] == REFUSAL
    assert plain["observed"] == {"model": "m-1", "fingerprint": FINGERPRINT}
    usage = cached["usage"]
    assert isinstance(usage, dict)
    assert (usage["input_total"], usage["cached"]) == (6, 3)
    assert isinstance(usage["raw"], dict)
    assert str(odd["output"]).endswith("to \u2028 <b> & ü \" '")


def test_anthropic_tells_cached_tokens_apart_and_the_sum_is_what_went_in(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    found = traces(run_of(tmp_path, "anthropic", table(endpoint, "anthropic"), asked=WORDS))
    assert [one["finish_reason"] for one in found[:4]] == ["stop", "length", "stop", "refusal"]
    usage = found[4]["usage"]
    assert isinstance(usage, dict)
    assert (usage["input_total"], usage["cached"]) == (4, 2)
    assert found[0]["observed"] == {"model": "m-1"}


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_tool_calls_are_steps_and_the_output_where_nothing_is_said(
    tmp_path: Path, endpoint: Endpoint, kind: str
) -> None:
    more = table(endpoint, kind, 'tools = "tools"')
    called, said = traces(run_of(tmp_path, kind, more, asked=["a b", "a [no-tool]"]))
    assert called["steps"] == [{"kind": "tool", "name": "find", "input": {"q": "a b", "n": 3}}]
    assert called["output"] == 'find({"n": 3, "q": "a b"})'
    assert (called["finish_reason"], said["finish_reason"]) == ("tool_call", "stop")
    assert "steps" not in said


def test_parameters_come_from_the_suite_or_from_a_pin(tmp_path: Path, endpoint: Endpoint) -> None:
    outputs = {}
    for name, params in (
        ("none", ""),
        ("same", "params = { temperature = 0.5 }"),
        ("pin", 'params = "settings"'),
    ):
        outputs[name] = traces(run_of(tmp_path / name, "openai", table(endpoint, "openai", params), asked=1))
    assert outputs["same"][0]["output"] == outputs["pin"][0]["output"] != outputs["none"][0]["output"]


def test_a_served_model_that_is_not_the_pinned_one_is_void(tmp_path: Path, endpoint: Endpoint) -> None:
    words = ["a", "b [other-model]"]
    run = run_of(tmp_path / "pin", "openai", table(endpoint, "openai"), asked=words)
    assert [f"model '{OTHER_MODEL}' answered" in one for one in drawn_faults(run, "the run")] == [True]
    named = table(endpoint, "openai", 'model = "m-9"')
    run = run_of(tmp_path / "named", "openai", named, asked=["a"])
    assert run.outcomes[0].trace["model"] == "m-9"
    assert drawn_faults(run, "the run") == []
    assert drawn_faults(run_of(tmp_path / "odd", "openai", named, asked=words), "the run")


def test_whatever_the_suite_says_of_a_target_is_part_of_the_plan(tmp_path: Path, endpoint: Endpoint) -> None:
    tables = ["", "stream = true", 'tools = "tools"', 'schema = "schema"', "params = { temperature = 0 }"]
    tables += ["params = { temperature = 1 }", 'model = "m-2"', 'key_env = "A_KEY"']
    plans = [
        plan_of(write_suite(tmp_path / str(number), "openai", table(endpoint, "openai", one)))
        for number, one in enumerate(tables)
    ]
    assert len({one.head.plan_digest for one in plans}) == len(tables)
    assert len({one.identity for one in plans}) == len(tables)
    assert len({one.draws.folder.name for one in plans}) == len(tables)
    again = plan_of(write_suite(tmp_path / "again", "openai", table(endpoint, "openai")))
    assert again.identity == plans[0].identity


@pytest.mark.parametrize("axis", ["prompt", "tools", "schema", "settings", "model"])
def test_what_a_target_reads_must_be_pinned(tmp_path: Path, endpoint: Endpoint, axis: str) -> None:
    more = 'tools = "tools"\nschema = "schema"\nparams = "settings"'
    file = write_suite(tmp_path, "openai", table(endpoint, "openai", more))
    stack = tmp_path / "stack.toml"
    text = re.sub(rf"\[{axis}\]\n(?:[^\[].*\n)+", "", stack.read_text())
    stack.write_text(text)
    lock_stack(stack)
    with pytest.raises(EvidenceError, match=f"no axis '{axis}', which the target reads") as caught:
        plan_of(file)
    assert f"write [{axis}] with version" in caught.value.do


def test_a_template_sees_the_row_and_writes_json_as_it_is() -> None:
    case = Case("k", {"asked": "<b> & 'ü'", "b": {"z": 1, "a": [None, True]}}, "in")
    found = messages_of(
        "{{ b | tojson }} {{ asked }} {{ asked | tojson }} {{ input }} {{ row.b.z }}\n", case, "x"
    )
    assert found == [
        {"role": "user", "content": '{"z": 1, "a": [null, true]} <b> & \'ü\' "<b> & \'ü\'" in 1\n'}
    ]
    assert messages_of("[1, 2] {{ asked }}", case, "x")[0]["content"] == "[1, 2] <b> & 'ü'"
    listed = messages_of('[{"role": "system", "content": {{ asked | tojson }}}]', case, "x")
    assert listed == [{"role": "system", "content": "<b> & 'ü'"}]
    odd = ("{{ asked + 1 }}", "{% include 'other.j2' %}", "{{ 1 / 0 }}", "{{ input.x.y }}")
    for template in ("{{ missing }}", "{% if %}", "{{ row.__class__.__mro__ }}", *odd):
        with pytest.raises(UsageError, match="the prompt cannot be rendered for the case 'k'"):
            messages_of(template, case, "x")


def test_a_package_that_is_missing_is_void_with_what_installs_it(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    tables = {kind: table(endpoint, kind) for kind in ("openai", "anthropic")}
    tables["http"] = f'url = "{endpoint.url}/answer"'
    needs = [(kind, "aiohttp") for kind in tables] + [("openai", "jinja2")]
    for kind, package in needs:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            plan = plan_of(write_suite(tmp_path / kind, kind, tables[kind]))
            with pytest.raises(EvidenceError, match=re.escape(f"pip install 'stopship[{kind}]'")):
                replay(plan)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "genai_prices", None)
        limits = "limits = { usd = 1 }"
        plan = plan_of(write_suite(tmp_path / "usd", "openai", tables["openai"], replay=limits))
        with pytest.raises(EvidenceError, match=re.escape("pip install 'stopship[prices]'")):
            replay(plan)
    assert endpoint.requests == 0


def test_what_was_spent_stands_beside_the_run(tmp_path: Path, endpoint: Endpoint) -> None:
    file = write_suite(tmp_path, "openai", table(endpoint, "openai"), asked=4)
    done = replay(plan_of(file))
    spent = json.loads((done.folder / "run.json").read_text())["beside"]["provenance"]["spent"]
    assert spent["calls"] == 4
    assert spent["tokens"] == sum(_tokens(one.trace) for one in done.run.outcomes)


def _counts(trace: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in trace["usage"].items() if name != "raw"}


def _tokens(trace: Mapping[str, Any]) -> int:
    return int(trace["usage"]["input_total"]) + int(trace["usage"]["output_total"])


def test_an_account_without_credit_is_no_failure_whatever_its_status() -> None:
    said = "Your credit balance is too low to access the API."
    told = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": said}})
    assert isinstance(status_error(400, told, None), EvidenceError)
    assert isinstance(status_error(400, told.replace("credit", "token"), None), BadAnswer)


@pytest.mark.parametrize(
    ("status", "of_a_model", "of_a_service"),
    [
        *[(one, NoAnswer, NoAnswer) for one in (408, 425, 429, 502, 503, 504, 529)],
        (500, NoAnswer, Crashed),
        *[(one, NoAnswer, BadAnswer) for one in (204, 301, 302, 307)],
        *[(one, BadAnswer, BadAnswer) for one in (400, 413, 422)],
        *[(one, EvidenceError, BadAnswer) for one in (403, 404)],
        *[(one, EvidenceError, EvidenceError) for one in (401, 402, 407)],
    ],
)
def test_what_a_status_says(status: int, of_a_model: type, of_a_service: type) -> None:
    assert type(of_status(status, "x", "7", 0.0, is_model=True)) is of_a_model
    found = of_status(status, "x", "7", 0.0, is_model=False)
    assert type(found) is of_a_service
    if isinstance(found, NoAnswer):
        assert found.retry_after_s == 7.0
