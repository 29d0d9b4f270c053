"""The words of `[replay]` for targets that are tables, and for rates and limits."""

from pathlib import Path

import pytest

from stopship.errors import UsageError
from stopship.gating.outside import Outside
from stopship.model.suite import Limits, ReplayPlan
from stopship.store.suitefile import read_suite

TOP = 'format = 1\nsuite = "s"\ncases = "c.jsonl"\n'
RULE = '[[rule]]\nid = "r"\nscore = "length"\ncompare = { margin = "5%" }\n'


def plan(folder: Path, replay: str) -> ReplayPlan:
    (folder / "suite.toml").write_text(f"{TOP}[replay]\n{replay}\n{RULE}", "utf-8")
    return read_suite(folder).replay


def test_a_table_is_a_target_with_all_that_it_says(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        'per_minute = 600\nretries = 2\n[replay.openai]\nbase_url = "http://h:1/v1"\nstream = true\n'
        'tools = "tools"\nparams = { temperature = 0, seed = 3 }\n',
    )
    assert found.table is not None
    assert found.table.settings == {
        "base_url": "http://h:1/v1",
        "prompt": "prompt",
        "tools": "tools",
        "stream": True,
        "params": {"temperature": 0, "seed": 3},
    }
    assert found.target == (
        'openai {"base_url":"http://h:1/v1","params":{"seed":3,"temperature":0},"prompt":"prompt","stream":true,'
        '"tools":"tools"}'
    )
    assert (found.per_minute, found.retries, found.network) == (600.0, 2, True)


def test_what_the_kinds_of_targets_take_for_granted(tmp_path: Path) -> None:
    http = plan(tmp_path, '[replay.http]\nurl = "https://h/a"')
    assert (http.retries, http.network, http.concurrency, http.limits) == (4, True, None, Limits())
    near = plan(tmp_path, 'network = false\nretries = 0\n[replay.http]\nurl = "https://h/a"')
    assert (near.retries, near.network) == (0, False)
    command = plan(tmp_path, '[replay.command]\nrun = ["node", "a.js"]')
    assert (command.retries, command.network, command.concurrency) == (0, False, 1)
    python = plan(tmp_path, 'target = "a.py:f"')
    assert (python.retries, python.network, python.table) == (0, False, None)
    assert plan(tmp_path, 'fresh = "7d"\n[replay.openai]\nstream = true').fresh_s == 7 * 86400


def test_ignored_fields_are_part_of_what_decides_a_plan(tmp_path: Path) -> None:
    upstream = 'target = "a.py:f"\n[replay.upstreams.m]\nurl = "http://h"\n'
    told = []
    for words in ("", 'ignore = ["b", "a.c"]', 'ignore = ["a.c", "b"]', 'ignore = ["b"]'):
        (one,) = plan(tmp_path, upstream + words).upstreams
        told.append(Outside(upstreams=(one,)).told)
    assert told[0] != told[1] == told[2] != told[3] != told[0]


def test_limits_are_read(tmp_path: Path) -> None:
    run = "errors = 0.1, calls = 5, tokens = 1000, usd = 2.5, minutes = 30"
    case = "case_calls = 3, case_tokens = 70, case_usd = 0.2, case_seconds = 60"
    found = plan(tmp_path, f'target = "a.py:f"\nlimits = {{ {run}, {case} }}')
    assert found.lost_limit == 0.1
    assert found.limits == Limits(
        calls=5,
        tokens=1000,
        usd=2.5,
        minutes=30.0,
        case_calls=3,
        case_tokens=70,
        case_usd=0.2,
        case_seconds=60.0,
    )


def test_no_attempt_takes_longer_than_a_case_may(tmp_path: Path) -> None:
    limits = "limits = { case_seconds = 60 }"
    for words, most in [("", 60.0), ("timeout = 90\n", 60.0), ("timeout = 30\n", 30.0)]:
        assert plan(tmp_path, f'target = "a.py:f"\n{words}{limits}').timeout_s == most
    assert plan(tmp_path, 'target = "a.py:f"').timeout_s is None


@pytest.mark.parametrize(
    ("replay", "what"),
    [
        ('target = "recorded"\n[replay.http]\nurl = "http://h/"', "a suite has one target"),
        ('[replay.http]\nurl = "http://h/"\n[replay.openai]', "a suite has one target"),
        ("[replay.http]", "has no url"),
        ('[replay.http]\nurl = "ftp://h/"', "is no address"),
        ('[replay.http]\nurl = "h/a"', "is no address"),
        ('[replay.http]\nurl = "http://h:x/"', "is no address"),
        ('[replay.http]\nurl = "http://a..b/"', "is no address"),
        ('[replay.command]\nrun = "node a.js"', "has no command"),
        ("[replay.command]\nrun = []", "has no command"),
        ("[replay.command]\nrun = [1]", "has no command"),
        ('[replay.openai]\nprompt = "prompts/a.j2"', "is a file; the stack pins it"),
        ('[replay.openai]\nmodle = "m"', "unknown key 'modle'"),
        ("[replay.openai]\nparams = 3", "expected a table or the name of an axis"),
        ("[replay.openai]\nparams = { seed = 99999999999999999999 }", "params: "),
        ("[replay.openai]\nparams = { top_p = nan }", "params: "),
        ('[replay.openai]\nstream = "yes"', "expected true or false"),
        ('[replay.openai]\nkey_env = "a b"', "key_env is no name of a variable"),
        (
            'target = "a.py:f"\n[replay.upstreams.m]\nurl = "http://h"\nignore = ["messages"]',
            "'messages' decides what a model answers",
        ),
        (
            'target = "a.py:f"\n[replay.upstreams.m]\nurl = "http://h"\nignore = ["a..b"]',
            "'a..b' is no dotted path of a field",
        ),
        ("per_minute = 0\ntarget = 'a.py:f'", "per_minute = 0 is out of range"),
        ("retries = 21\ntarget = 'a.py:f'", "retries = 21 is out of range"),
        ("target = 'a.py:f'\nlimits = { calls = 0 }", "calls = 0 is out of range"),
        ("target = 'a.py:f'\nlimits = { usd = -1 }", "usd = -1 is out of range"),
        ("target = 'a.py:f'\nlimits = { minuts = 1 }", "unknown key 'minuts'"),
        ("target = 'a.py:f'\nlimits = { case_tokens = 0 }", "case_tokens = 0 is out of range"),
        ("target = 'a.py:f'\nlimits = { case_usd = 0 }", "case_usd = 0 is out of range"),
        ("target = 'recorded'\nlimits = { case_usd = 1 }", "a recorded output spends nothing"),
    ],
)
def test_a_fault_says_what_and_where(tmp_path: Path, replay: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(tmp_path, replay)
    assert what in str(caught.value)
    assert "suite.toml:" in str(caught.value)
