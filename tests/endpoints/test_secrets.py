"""A key is in the environment and nowhere else: no output, no file, no log holds one."""

import json
import os
import socket
import subprocess
import sys
import threading
from base64 import b64encode
from pathlib import Path

import pytest
from tests.endpoints.running import Endpoint
from tests.endpoints.scripted import JSON, Reply, one_outcome, whole
from tests.endpoints.suites import plan_of, write_suite
from tests.families import first_fast

from stopship.errors import EvidenceError, UsageError
from stopship.gating.performing import replay
from stopship.parts.targets.blanking import BLANK, secrets_of
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
    first_fast(
        (
            *("openai", "openai echoed", "openai refused", "openai nowhere", "openai stream"),
            *("anthropic", "anthropic echoed", "http", "http echoed", "command"),
        )
    ),
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
    is_told = not name.endswith(("echoed", "refused", "nowhere"))
    assert done.returncode == (0 if is_told else 22), done.stderr.decode()
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
    **{
        f"in a query as {name}": ("http", f'url = "http://h/?{name}=verysecret1"')
        for name in (
            *("api_key", "access_token", "api%5Fkey", "client_secret", "x-api-key", "api-key", "apiKey"),
            *("subscription-key", "sig", "code=0123456789", "a=b;token", "a=b#access_token"),
        )
    },
    "in the value of a query": ("http", 'url = "http://h/?auth=Bearer%20verysecret1"'),
    "in an address that is none": ("http", 'url = "http://user:verysecret@a..b/"'),
    "in a query of an address that is none": ("http", 'url = "http://a..b/?token=verysecret"'),
    "in a header of a param": ("openai", 'params = { extra_headers = { "X-Api-Key" = "verysecret" } }'),
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


def test_words_that_are_no_keys_are_taken(tmp_path: Path) -> None:
    table = 'base_url = "http://h/v1?api-version=1&deployment=key-facts&max_tokens=500&code=de"\n'
    read_suite(write_suite(tmp_path, "openai", table + 'params = { stop_token = "<eos>", max_tokens = 9 }'))


def said_of(kind: str, reply: Reply, folder: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> str:
    """What a run says, of a case or of all, whose endpoint answers so and is sent this key."""
    monkeypatch.setenv("A_KEY", key)
    try:
        return one_outcome(folder, kind, reply, 'key_env = "A_KEY"').error
    except EvidenceError as err:
        return str(err)


@pytest.mark.parametrize("kind", ["openai", "http"])
def test_a_key_is_blanked_as_it_was_sent_and_before_a_text_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    key = "sk-canary-0123456789abcdef"
    told = json.dumps({"error": {"message": f"no such key: {key}"}}).encode()
    found = said_of(kind, (400, JSON, told), tmp_path / "sent", monkeypatch, f"{key}\n")
    assert "sk-canary" not in found
    assert f"no such key: {BLANK}" in found
    for status in (400, 401):
        long = json.dumps({"error": {"message": f"{'x' * 270} {key} is not known"}}).encode()
        found = said_of(kind, (status, JSON, long), tmp_path / str(status), monkeypatch, key)
        assert "xxx" in found
        assert "sk-" not in found


def test_a_secret_of_several_lines_is_blanked_line_by_line() -> None:
    lines = [
        "-----BEGIN PRIVATE KEY-----",
        "MIIEvAIBADANBgkq",
        "abcdefghijklmnop",
        "-----END PRIVATE KEY-----",
    ]
    found = secrets_of({"APP_PRIVATE_KEY": "\n".join(lines) + "\n"})
    assert found.blanked("\n".join(lines)) == BLANK
    assert found.blanked(f"a {lines[1]} b {lines[2]}") == f"a {BLANK} b {BLANK}"
    assert found.blanked(lines[0]) == lines[0]  # it says what it is, and nothing else


def test_a_password_in_an_address_is_a_secret_whatever_its_variable_is_called() -> None:
    variables = {"https_proxy": "joe:hunter2%2Fsecret@proxy:1", "DB": "postgres://me:pw@db/x"}
    found = secrets_of(variables | {"GIT": "ssh://git@host/x", "ORIGIN": "https://ghp_0123456789abcdef@host"})
    told = (
        "http://joe:hunter2%2Fsecret@proxy:1 hunter2/secret hunter2%2Fsecret postgres://me:pw@db pw git@host"
    )
    said = f"http{BLANK}proxy:1 {BLANK} {BLANK} postgres{BLANK}db pw git@host"
    assert found.blanked(told) == said
    for one in (b64encode(b"joe:hunter2/secret").decode(), "ghp_0123456789abcdef"):
        assert found.blanked(one) == BLANK
    none = {"PAGE": "http://host/a@b", "PATH": "/a:/b", "MAIL": "somebody.with.a.long.name@host"}
    assert secrets_of(none).texts == ()


def test_the_password_of_a_proxy_is_not_told_by_its_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        connection, _ = proxy.accept()
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as proxy:
        threading.Thread(target=refuse, daemon=True).start()
        port = proxy.getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://joe:hunter2secret@127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        plan = plan_of(write_suite(tmp_path, "openai", 'base_url = "https://models.invalid/v1"', asked=1))
        with pytest.raises(EvidenceError, match="refuses to answer at all: HTTP 407") as caught:
            replay(plan)
    assert "hunter2secret" not in str(caught.value)


def test_a_variable_that_is_no_utf8_and_nobody_asked_for_harms_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", os.fsdecode(b"pass\xe9wort99"))
    assert one_outcome(tmp_path, "http", whole({"output": "x"})).trace["output"] == "x"


@pytest.mark.parametrize(
    "key", ["sk-0123456789\nabc", "sk-0123456789\x1b[0m", os.fsdecode(b"sk-0123456789\xe9")]
)
def test_a_key_that_cannot_be_sent_ends_the_run_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    for kind in ("openai", "anthropic", "http"):
        said = said_of(kind, whole({"output": "x"}), tmp_path / kind, monkeypatch, key)
        assert "A_KEY cannot be sent" in said
        assert "sk-0123" not in said


def test_short_values_are_words_and_no_secrets() -> None:
    found = secrets_of({"OPENAI_API_KEY": "none", "A_TOKEN": "long-enough", "PATH": "/usr/local/bin"})
    assert found.texts == ("long-enough",)
    assert found.blanked({"a": ["none long-enough", 1]}) == {"a": [f"none {BLANK}", 1]}
