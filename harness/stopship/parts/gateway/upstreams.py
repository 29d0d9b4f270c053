"""The real endpoints behind the gateway: where they are, which key opens them, what may be sent there.

Decides which request headers go on, where the key stands, and which redirects stay at home. Keeps no header.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from stopship.errors import EvidenceError, UsageError
from stopship.model.exchange import Effect

PLACEHOLDER = "stopship-gives-the-key"  # what a target is given for a key
KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HERE_ONLY = frozenset(  # hop by hop (RFC 9110, 7.6.1), or between the client and this gateway alone
    [
        *("connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization"),
        *("te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "host", "content-length"),
        *("accept-encoding", "content-encoding", "expect", "cookie", "set-cookie", "alt-svc"),
        *("strict-transport-security", "forwarded", "x-forwarded-for", "x-forwarded-host", "date", "server"),
    ]
)
_SECRET_PARAMETERS = frozenset(["key", "api_key", "api-key", "apikey", "access_token", "sig", "signature"])
READS = (  # endings of paths that change nothing, however they are called
    *("/chat/completions", "/completions", "/messages", "/count_tokens", "/responses", "/embeddings"),
    *("/moderations", "/rerank", "/api/chat", "/api/generate", "/api/embed", "/converse", "/invoke"),
    *(":generateContent", ":streamGenerateContent", ":countTokens", ":embedContent", "/answer"),
)

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One real endpoint."""

    url: str  # `https://api.openai.com`; what follows the upstream's name in a path is added to it
    key_env: str = ""  # the variable that holds the key; "": the client's own headers go on as they are
    key_header: str = "Authorization"  # where the key goes if the client sends none of its own
    pins: tuple[str, ...] = ("model",)  # axes of the stack that its answers depend on
    reads: tuple[str, ...] = ()  # further endings of paths that change nothing
    ignore: tuple[str, ...] = ()  # dotted paths of fields that are no part of a call, though they are sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """An upstream as this machine reaches it."""

    name: str
    upstream: Upstream
    base: str  # without a slash at its end
    origin: tuple[str, str]  # scheme, and host with port
    proxy: str  # "": none
    key: str

    def effect(self, method: str, path: str) -> Effect:
        """What is not known to read is taken to write."""
        is_read = method in ("GET", "HEAD") or path.endswith((*READS, *self.upstream.reads))
        return Effect.READ if is_read else Effect.WRITE

    def headers(self, sent: Pairs) -> list[tuple[str, str]]:
        """The client's headers as they go on, with the key in the place of the client's own."""
        found = [*end_to_end(sent), ("Accept-Encoding", "identity")]
        if not self.upstream.key_env:
            return found
        if not self.key:
            raise EvidenceError(
                f"the upstream {self.name!r} needs a key, and the environment has no {self.upstream.key_env}",
                do=f"set {self.upstream.key_env} for this command; the target itself needs no key",
            )
        names = {name.lower() for name, _ in found}.intersection(KEY_HEADERS)
        names = names or {self.upstream.key_header.lower()}
        others = [one for one in found if one[0].lower() not in names]
        return others + [(one, _as_header(one, self.key)) for one in sorted(names)]

    def target(self, path: str, query: str) -> str:
        """Where a request goes: the path as it came, and the query with the key where the client had one."""
        parts = query.split("&") if query else []
        if self.key:
            parts = [f"{_name(one)}={quote(self.key)}" if _is_secret(one) else one for one in parts]
        return self.base + path + ("?" + "&".join(parts) if parts else "")

    def onward(self, location: str, method: str, status: int) -> bool:
        """Whether a redirect may be followed: to the same host, and without becoming another request."""
        parts = urlsplit(location)
        is_home = (parts.scheme, parts.netloc.lower()) == self.origin
        return is_home and (status in (307, 308) or method in ("GET", "HEAD"))

    def secrets(self, sent: Pairs, query: str) -> list[bytes]:
        """What must never stand in a recording: the key, and what the client sent for one."""
        found = [self.key, *(_bare(value) for name, value in sent if name.lower() in KEY_HEADERS)]
        found += [value for name, value in parse_qsl(query) if name.lower() in _SECRET_PARAMETERS]
        return [one.encode() for one in dict.fromkeys(found) if len(one) >= 8 and one != PLACEHOLDER]


def roads(upstreams: Mapping[str, Upstream], environ: Mapping[str, str]) -> dict[str, Road]:
    """Each upstream with its key and its proxy; UsageError for a name or an address that cannot be used."""
    return {name: _road(name, one, environ) for name, one in upstreams.items()}


def end_to_end(headers: Pairs) -> list[tuple[str, str]]:
    """The headers that are for the other end."""
    pairs = list(headers)
    listed = [value for name, value in pairs if name.lower() == "connection"]
    here = _HERE_ONLY.union(one.strip().lower() for value in listed for one in value.split(","))
    return [one for one in pairs if one[0].lower() not in here]


def without_secrets(query: str) -> str:
    """A query as it is written down: parameters that carry keys are left out."""
    return "&".join(one for one in query.split("&") if one and not _is_secret(one))


def _road(name: str, upstream: Upstream, environ: Mapping[str, str]) -> Road:
    where = f"upstream {name!r}"
    if not _NAME.fullmatch(name):
        raise UsageError("its name cannot stand in a path", where=where, do="use a-z, 0-9, '.', '_' and '-'")
    try:
        parts = urlsplit(upstream.url)
        host, port = parts.hostname or "", parts.port
    except ValueError as err:
        raise UsageError(f"{upstream.url!r} is no address: {err}", where=where) from err
    is_bare = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not host or not is_bare:
        raise UsageError(
            f"{upstream.url!r} is no base address",
            where=where,
            do="write it as `https://host/path`, without a user, a query or a key",
        )
    return Road(
        name=name,
        upstream=upstream,
        base=upstream.url.rstrip("/"),
        origin=(parts.scheme, parts.netloc.lower()),
        proxy=_proxy(parts.scheme, host, port, environ),
        key=environ.get(upstream.key_env, "").strip() if upstream.key_env else "",
    )


def _proxy(scheme: str, host: str, port: int | None, environ: Mapping[str, str]) -> str:
    """What `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say; this machine itself is always reached directly."""
    told = {name.lower(): value.strip() for name, value in sorted(environ.items()) if value.strip()}
    direct = [
        one.strip().lower().removeprefix("*").lstrip(".") for one in told.get("no_proxy", "").split(",")
    ]
    is_direct = host in ("localhost", "127.0.0.1", "::1") or told.get("no_proxy") == "*"
    for one in filter(None, direct):
        is_direct = is_direct or one in (host, f"{host}:{port}") or host.endswith(f".{one}")
    return "" if is_direct else told.get(f"{scheme}_proxy", "") or told.get("all_proxy", "")


def _as_header(name: str, key: str) -> str:
    return f"Bearer {key}" if name == "authorization" else key


def _bare(value: str) -> str:
    return value.split(" ", 1)[-1].strip()


def _name(parameter: str) -> str:
    return parameter.partition("=")[0]


def _is_secret(parameter: str) -> bool:
    return unquote(_name(parameter)).lower() in _SECRET_PARAMETERS
