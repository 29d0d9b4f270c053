"""Strangers, broken requests and odd clients: each is refused with its reason, and nothing else is hurt."""

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.endpoints.running import Endpoint
from tests.parts.gateway.asking import CASE, before, chat, fetched, openai_at
from tests.parts.gateway.memory import Memory

from stopship.errors import EvidenceError, UsageError
from stopship.model.exchange import Answer, Call, Effect
from stopship.parts.gateway.seam import Go, Limits, Place
from stopship.parts.gateway.server import Admission, Gateway
from stopship.parts.gateway.upstreams import Upstream

BODY = {"model": "m-1", "messages": [{"role": "user", "content": "hello there"}]}
RAW = json.dumps(BODY).encode()
END = "/v1/chat/completions"


@pytest.fixture
def memory() -> Memory:
    return Memory("all")


@pytest.fixture
def gateway(endpoint: Endpoint, memory: Memory) -> Iterator[Gateway]:
    with before(endpoint, memory, Limits(request_bytes=100_000)) as found:
        yield found


@pytest.fixture
def way(gateway: Gateway) -> Admission:
    return gateway.admit(CASE)


def sent(gateway: Gateway, raw: bytes, *, answers: int = 1, more: bytes = b"") -> bytes:
    """What comes back on one connection, until it has so many bodies or is closed."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(raw)
        if more:
            time.sleep(0.1)
            client.sendall(more)
        found = b""
        while found.count(b"HTTP/1.") < answers or not found.rstrip().endswith((b"}", b"0", b"]")):
            data = client.recv(65536)
            if not data:
                break
            found += data
        return found


def post(gateway: Gateway, way: Admission, *lines: str, body: bytes = RAW, host: str = "") -> bytes:
    path = f"/{way.token}/up{END}"
    head = [f"POST {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{gateway.port}'}", *lines]
    if not any("chunked" in one for one in lines):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def error(raw: bytes) -> str:
    return str(
        json.loads(raw.partition(b"\r\n\r\n")[2] if raw.startswith(b"HTTP") else raw)["error"]["message"]
    )


def test_a_token_is_of_its_run_and_of_its_time(endpoint: Endpoint, gateway: Gateway, way: Admission) -> None:
    assert fetched(way.base_urls["up"] + END, BODY)[0] == 200
    with before(endpoint, other := Memory("all")) as second:
        theirs = second.admit(Place("case-1"))
        for url in (
            f"http://127.0.0.1:{gateway.port}/{theirs.token}/up{END}",
            f"http://127.0.0.1:{second.port}/{way.token}/up{END}",
            f"http://127.0.0.1:{gateway.port}/guess/up{END}",
        ):
            status, body, headers = fetched(url, BODY)
            assert (status, headers["x-should-retry"]) == (403, "false")
            assert "belongs to no case that is being replayed" in error(body)
    assert not other.asked
    gateway.dismiss(way)
    assert fetched(way.base_urls["up"] + END, BODY)[0] == 403
    assert endpoint.requests == 1


def test_each_token_names_its_own_case_and_sample(gateway: Gateway, memory: Memory) -> None:
    ways = [gateway.admit(Place(f"case-{number}", number % 3)) for number in range(20)]
    threads = [threading.Thread(target=chat, args=(openai_at(one), "same")) for one in ways]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert len({one.token for one in ways}) == 20
    assert {(one.case, one.sample) for one in memory.asked} == {(f"case-{n}", n % 3) for n in range(20)}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1", "[::1]:{port}"]
)
def test_another_host_is_refused(gateway: Gateway, way: Admission, memory: Memory, host: str) -> None:
    found = sent(gateway, post(gateway, way, host=host.format(port=gateway.port)))
    assert found.startswith(b"HTTP/1.1 403")
    assert not memory.asked


def test_localhost_and_http_1_0_are_served(gateway: Gateway, way: Admission) -> None:
    assert sent(gateway, post(gateway, way, host=f"LocalHost:{gateway.port}")).startswith(b"HTTP/1.1 200")
    old = post(gateway, way).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    found = sent(gateway, old)
    assert found.startswith(b"HTTP/1.0 200")
    assert b"chunked" not in found.lower()
    assert sent(gateway, old.replace(b"Host", b"Tsoh")).startswith(b"HTTP/1.0 403")


def test_only_loopback_listens(gateway: Gateway) -> None:
    assert gateway._loop is not None
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", gateway.port), timeout=2):  # noqa: PT011
        pass


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/{token}/other/v1", 404, "there is no upstream 'other'; there are: up"),
        ("/{token}", 404, "an address here is"),
        ("/", 404, "an address here is"),
        ("http://evil.example/{token}/up/v1", 404, "an address here is"),
        ("/{token}/up/v1/../../secret", 400, "'..'"),
        ("/{token}/up/v1/%2e%2e/secret", 400, "'..'"),
    ],
)
def test_a_path_that_leads_nowhere_says_so(
    endpoint: Endpoint, gateway: Gateway, way: Admission, path: str, status: int, says: str
) -> None:
    line = f"POST {path.format(token=way.token)} HTTP/1.1\r\n".encode()
    found = sent(gateway, line + post(gateway, way).partition(b"\r\n")[2])
    assert found.startswith(b"HTTP/1.1 %d" % status)
    assert says in error(found)
    assert endpoint.requests == 0


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND"])
def test_a_wrong_method_is_refused_and_told(
    gateway: Gateway, way: Admission, memory: Memory, method: str
) -> None:
    found = sent(gateway, post(gateway, way).replace(b"POST", method.encode(), 1))
    assert found.startswith(b"HTTP/1.1 405")
    assert memory.told == [(CASE, f"{method} is neither forwarded nor recorded")]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x1b[31m HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(5000)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rSet-Cookie: c\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ],
    ids=[
        "tls",
        "version",
        "ansi",
        "two lengths",
        "smuggling",
        "huge header",
        "many headers",
        "cr",
        "connect",
    ],
)
def test_what_is_no_request_harms_nothing(
    gateway: Gateway, way: Admission, memory: Memory, raw: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    found = sent(gateway, raw)
    assert found == b"" or found.startswith((b"HTTP/1.0 4", b"HTTP/1.1 4"))
    assert fetched(way.base_urls["up"] + END, BODY)[0] == 200
    assert len(memory.asked) == 1
    assert capfd.readouterr() == ("", "")


def test_a_truncated_request_is_never_asked(endpoint: Endpoint, gateway: Gateway, way: Admission) -> None:
    for cut in (10, 120, -1):
        with socket.create_connection(("127.0.0.1", gateway.port)) as client:
            client.sendall(post(gateway, way)[:cut])
    broken = post(gateway, way, "Transfer-Encoding: chunked", body=b"5\r\nhello\r\nZZ\r\n")
    assert sent(gateway, broken)[:10] in (b"HTTP/1.1 4", b"HTTP/1.0 4", b"")
    assert fetched(way.base_urls["up"] + END, BODY)[0] == 200
    assert endpoint.requests == 1


def test_chunked_compressed_and_expected_bodies_are_the_same_call(
    gateway: Gateway, way: Admission, memory: Memory
) -> None:
    chunks = b"%x\r\n%s\r\n5\r\n%s\r\n0\r\n\r\n" % (len(RAW) - 5, RAW[:-5], RAW[-5:])
    assert sent(gateway, post(gateway, way, "Transfer-Encoding: chunked", body=chunks)).startswith(
        b"HTTP/1.1 200"
    )
    small = gzip.compress(RAW)
    assert sent(gateway, post(gateway, way, "Content-Encoding: gzip", body=small)).startswith(b"HTTP/1.1 200")
    whole = post(gateway, way, "Expect: 100-continue")
    found = sent(gateway, whole[: -len(RAW)], more=RAW, answers=2)
    assert found.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")
    upgrade = post(gateway, way, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA")
    assert sent(gateway, upgrade).startswith(b"HTTP/1.1 200")
    assert [one.call.request for one in memory.asked[1:]] == [BODY] * (len(memory.asked) - 1)
    assert len({one.key for one in memory.asked}) == len({str(one.call.request) for one in memory.asked}) == 1


def test_pipelined_requests_are_answered_in_order(gateway: Gateway, way: Admission, memory: Memory) -> None:
    many = b"".join(post(gateway, way, body=json.dumps(BODY | {"seed": n}).encode()) for n in range(5))
    assert sent(gateway, many, answers=5).count(b"HTTP/1.1 200") == 5
    assert [dict(one.call.request)["seed"] for one in memory.asked] == list(range(5))  # type: ignore[call-overload]


def test_a_request_that_is_too_large_is_refused_with_the_limit(
    gateway: Gateway, way: Admission, memory: Memory
) -> None:
    status, body, _ = fetched(way.base_urls["up"] + END, b"x" * 100_001)
    assert status == 413
    assert "larger than 100000 bytes" in error(body)
    bomb = gzip.compress(b"x" * 10_000_000)
    assert fetched(way.base_urls["up"] + END, bomb, {"Content-Encoding": "gzip"})[0] == 413
    assert not memory.asked
    assert [place for place, _ in memory.told] == [CASE, CASE]


@pytest.mark.parametrize(
    ("body", "kind", "request_"),
    [
        (b"{broken", "application/json", "{broken"),
        (b'{"a": 1, "a": 2}', "application/json", '{"a": 1, "a": 2}'),
        (b'{"a": NaN}', "application/json", '{"a": NaN}'),
        (b"[" * 5000, "application/json", "[" * 5000),
        (b"\xff\xfe", "application/octet-stream", {"base64": "//4="}),
        (b"a=1", "application/x-www-form-urlencoded", "a=1"),
        (b'--b1"\r\nx\r\n--b1--', "multipart/form-data; boundary=b1", '--boundary"\r\nx\r\n--boundary--'),
        (None, "", None),
    ],
)
def test_whatever_a_body_is_it_is_a_call(
    gateway: Gateway, way: Admission, memory: Memory, body: bytes | None, kind: str, request_: Any
) -> None:
    fetched(way.base_urls["up"] + "/v1/things", body, {"Content-Type": kind} if kind else {})
    assert memory.asked[0].call.request == request_
    assert memory.asked[0].call.effect is (Effect.READ if body is None else Effect.WRITE)


def test_keys_in_a_query_are_not_a_part_of_the_call(gateway: Gateway, way: Admission, memory: Memory) -> None:
    for key in ("AIza-one-secret", "AIza-two-secret"):
        fetched(f"{way.base_urls['up']}/v1/models/m:generateContent?alt=sse&key={key}", BODY)
    assert len({one.key for one in memory.asked}) == 1
    assert memory.asked[0].call.name == "POST up/v1/models/m:generateContent?alt=sse"
    assert "secret" not in str(memory.recordings)


class Odd(Memory):
    """Gives or raises what it was told to."""

    def __init__(self, given: Answer | Exception) -> None:
        super().__init__()
        self.given = given

    async def answer(self, _call: Call, _place: Place, _go: Go, /) -> Answer:
        if isinstance(self.given, Exception):
            raise self.given
        return self.given


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=200, result={"text": "x"}),
        Answer(status=200, result={"type": "a\r\nSet-Cookie: b", "text": "x"}),
        Answer(status=200, result={"type": "a", "headers": {"set-cookie": "x"}, "text": "x"}),
        Answer(status=200, result={"type": "a", "headers": {"retry-after": "\x1b[31m"}, "text": "x"}),
        Answer(status=200, result={"type": "a", "events": [1]}),
        Answer(status=200, result={"type": "a", "base64": "?"}),
        Answer(status=99, result={"type": "a", "text": "x"}),
        Answer(status=200, result={"type": "a"}),
        Answer(result="nothing"),
    ],
)
def test_a_recording_that_is_no_response_is_told_and_not_served(endpoint: Endpoint, answer: Answer) -> None:
    odd = Odd(answer)
    with before(endpoint, odd) as gateway:
        status, body, _ = fetched(gateway.admit(CASE).base_urls["up"] + END, BODY)
    assert status == 424
    assert "cannot be served" in error(body)
    assert len(odd.told) == 1


def test_damage_is_told_and_a_bug_is_kept(endpoint: Endpoint) -> None:
    odd = Odd(EvidenceError("the recording is damaged", where="a.jsonl"))
    with before(endpoint, odd) as gateway:
        status, body, _ = fetched(gateway.admit(CASE).base_urls["up"] + END, BODY)
    assert (status, error(body)) == (424, "a.jsonl: the recording is damaged\n  ".rstrip())
    assert odd.told == [(CASE, "a.jsonl: the recording is damaged")]
    bug = KeyError("a bug")
    with Gateway({"up": Upstream(url=endpoint.url)}, Odd(bug), environ={}) as gateway:
        assert fetched(gateway.admit(CASE).base_urls["up"] + END, BODY)[0] == 500
        assert gateway.bug is bug


def test_a_key_that_is_not_set_is_named(endpoint: Endpoint, memory: Memory) -> None:
    upstreams = {"up": Upstream(url=endpoint.url, key_env="OTHER_KEY")}
    with Gateway(upstreams, memory, environ={}) as gateway:
        status, body, _ = fetched(gateway.admit(CASE).base_urls["up"] + END, BODY)
    assert status == 424
    assert "needs a key, and the environment has no OTHER_KEY; set OTHER_KEY for" in error(body)
    assert not memory.answers
    assert endpoint.requests == 0


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://", "https://u:p@x", "https://x?key=1", "http://x:99999", "x"]
)
def test_an_address_that_is_none_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError, match="upstream 'up'"):
        Gateway({"up": Upstream(url=url)}, Memory(), environ={})


def test_closing_waits_for_nothing_and_leaves_nothing(endpoint: Endpoint, memory: Memory) -> None:
    endpoint.plan(rates={"slow": 1.0}, slow_s=20)
    gateway = Gateway({"up": Upstream(url=endpoint.url)}, memory, environ={}).start()
    url = gateway.admit(CASE).base_urls["up"] + END
    ended: list[object] = []

    def asks() -> None:
        try:
            ended.append(fetched(url, BODY))
        except OSError as err:
            ended.append(err)

    threads = [threading.Thread(target=asks) for _ in range(5)]
    for one in threads:
        one.start()
    while len(memory.asked) < 5:
        time.sleep(0.01)
    began = time.monotonic()
    gateway.close()
    gateway.close()
    assert time.monotonic() - began < 10
    for one in threads:
        one.join(5)
    assert len(ended) == 5
    assert all(isinstance(one, OSError) for one in ended)
    assert not memory.answers
    assert gateway.bug is None
    assert not [one for one in threading.enumerate() if one.name == "stopship-gateway"]
    endpoint.plan()


def test_a_proxy_is_read_from_the_environment_given() -> None:
    environ = {"HTTPS_PROXY": "http://proxy:1", "no_proxy": "example.com, .internal"}
    upstreams = {
        name: Upstream(url=url)
        for name, url in {
            "far": "https://api.far.org", "near": "https://api.example.com", "in": "https://a.internal",
            "here": "https://127.0.0.1:1", "plain": "http://api.far.org",
        }.items()
    }  # fmt: skip
    gateway = Gateway(upstreams, Memory(), environ=environ)
    found = {name: one.proxy for name, one in gateway._roads.items()}
    assert found == {"far": "http://proxy:1", "near": "", "in": "", "here": "", "plain": ""}


def test_without_its_library_the_gateway_says_what_to_install() -> None:
    probe = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "from stopship.errors import UsageError\n"
        "from stopship.parts.gateway.opening import open_gateway\n"
        "try: open_gateway({}, None, environ={})\n"
        "except UsageError as err: print(err)\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True)
    assert "aiohttp" in done.stdout
    assert "pip install 'stopship[gateway]'" in done.stdout
