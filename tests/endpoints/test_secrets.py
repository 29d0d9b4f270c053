"""A key is in the environment and nowhere else: no output, no file, no log holds one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.endpoints.running import Endpoint
from tests.endpoints.suites import write_suite

from stopship.errors import UsageError
from stopship.parts.targets.network import BLANK, secrets_of
from stopship.store.suitefile import read_suite

pytest.importorskip("aiohttp")
pytest.importorskip("jinja2")

CANARY = "sk-canary-0123456789abcdef/+é"  # what a URL or JSON would write otherwise
OTHER = "other-canary-9876543210"
CHILD = """\
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    print("noise", os.environ["OPENAI_API_KEY"], flush=True)
    print("log", os.environ["OPENAI_API_KEY"], os.environ["MY_TOKEN"], file=sys.stderr, flush=True)
    told = {"id": asked["id"], "output": os.environ["OPENAI_API_KEY"] + " " + os.environ["MY_TOKEN"]}
    if asked["key"] == "c001":
        told = {"id": asked["id"], "error": "bad key " + os.environ["OPENAI_API_KEY"]}
    print(json.dumps(told), flush=True)
"""


def tables(endpoint: Endpoint) -> dict[str, tuple[str, str]]:
    key = 'key_env = "OPENAI_API_KEY"'
    return {
        "openai": ("openai", f'base_url = "{endpoint.url}/v1"\n{key}'),
        "openai echoed": ("openai", f'base_url = "{endpoint.url}/fault/echo-key/v1"\n{key}'),
        "openai refused": ("openai", f'base_url = "{endpoint.url}/fault/401/v1"\n{key}'),
        "openai nowhere": ("openai", f'base_url = "http://127.0.0.1:9/v1"\n{key}'),
        "openai stream": ("openai", f'base_url = "{endpoint.url}/v1"\nstream = true\n{key}'),
        "anthropic": ("anthropic", f'base_url = "{endpoint.url}"\n{key}'),
        "anthropic echoed": ("anthropic", f'base_url = "{endpoint.url}/fault/echo-key"\n{key}'),
        "http": ("http", f'url = "{endpoint.url}/answer"\n{key}'),
        "http echoed": ("http", f'url = "{endpoint.url}/fault/echo-key/answer"\n{key}'),
        "command": ("command", f'run = [{json.dumps(sys.executable)}, "app/child.py"]'),
    }


@pytest.mark.parametrize(
    "name",
    [
        *("openai", "openai echoed", "openai refused", "openai nowhere", "openai stream"),
        *("anthropic", "anthropic echoed", "http", "http echoed", "command"),
    ],
)
def test_no_output_file_or_log_holds_a_key(tmp_path: Path, endpoint: Endpoint, name: str) -> None:
    kind, table = tables(endpoint)[name]
    folder = tmp_path / "suite"
    key = CANARY if kind == "command" else "sk-canary-0123456789abcdef-plain"
    prompt = '[{"role": "user", "content": {{ asked | tojson }}}]'
    write_suite(folder, kind, table, replay="retries = 0", asked=3, prompt=prompt, files={"child.py": CHILD})
    logs = {"OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug"}
    env = {**os.environ, **logs, "OPENAI_API_KEY": key, "MY_TOKEN": OTHER, "HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "stopship", "replay", str(folder), "--allow-blind"],
        env=env,
        capture_output=True,
        check=False,
    )
    assert done.returncode == (22 if name == "openai refused" else 0), done.stderr.decode()
    texts = {"stdout": done.stdout, "stderr": done.stderr}
    texts |= {str(one): one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    assert len(texts) > 8
    for canary in (key, "sk-canary", OTHER):
        for written in (canary, json.dumps(canary)[1:-1]):
            holding = [place for place, text in texts.items() if written.encode() in text]
            assert not holding, f"{holding} hold a key: {done.stderr.decode()[-2000:]}"
    if kind == "command":
        assert BLANK.encode() in done.stderr
    elif "nowhere" not in name:
        sent = endpoint.counts["headers"][-1]
        assert key in (sent.get("authorization", "") + sent.get("x-api-key", ""))


def test_an_endpoint_gets_no_key_that_the_suite_does_not_name(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.endpoints.suites import plan_of

    from stopship.gating.performing import replay

    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, CANARY.removesuffix("é"))
    urls = {"openai": f'base_url = "{endpoint.url}/v1"', "anthropic": f'base_url = "{endpoint.url}"'}
    urls["http"] = f'url = "{endpoint.url}/answer"'
    for kind, table in urls.items():
        replay(plan_of(write_suite(tmp_path / kind, kind, table, asked=1)))
    headers = endpoint.counts["headers"]
    assert len(headers) == 3
    assert "canary" not in json.dumps(headers)


def test_a_key_that_is_missing_is_void_with_the_name_of_the_variable(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.endpoints.suites import plan_of

    from stopship.errors import EvidenceError
    from stopship.gating.performing import replay

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    plan = plan_of(write_suite(tmp_path, "openai", "stream = true"))
    with pytest.raises(EvidenceError, match="the environment has no OPENAI_API_KEY"):
        replay(plan)
    assert endpoint.requests == 0


REFUSED = {
    "api_key": ("openai", 'api_key = "verysecret"'),
    "key": ("http", 'url = "http://h/"\nkey = "verysecret"'),
    "a bearer": ("http", 'url = "http://h/"\nheaders = { Authorization = "Bearer verysecret-1" }'),
    "in a param": ("openai", 'params = { metadata = { note = "sk-verysecret-1234" } }'),
    "in an address": ("http", 'url = "http://user:verysecret@h/"'),
    "in a query": ("http", 'url = "http://h/?api_key=verysecret"'),
    "in a command": ("command", 'run = ["node", "a.js", "--auth=Bearer verysecret1"]'),
    "as a variable": ("openai", 'key_env = "sk-verysecret-1234"'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_key_in_a_suite_file_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    kind, table = REFUSED[name]
    file = write_suite(tmp_path, kind, table)
    with pytest.raises(UsageError) as caught:
        read_suite(file)
    text = str(caught.value)
    assert "verysecret" not in text
    assert "key_env" in text


def test_short_values_are_words_and_no_secrets() -> None:
    found = secrets_of({"OPENAI_API_KEY": "none", "A_TOKEN": "long-enough", "PATH": "/usr/local/bin"})
    assert found.texts == ("long-enough",)
    assert found.blanked({"a": ["none long-enough", 1]}) == {"a": [f"none {BLANK}", 1]}
