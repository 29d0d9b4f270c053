"""Read the tables of targets in a suite file: `[replay.command]`, `.http`, `.openai`, `.anthropic`.

Decides what each may say. A key has no place there: it is refused, and the refusal does not repeat it.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from stopship.model.canonical import NotCanonical, check_canonical
from stopship.model.case import Json
from stopship.model.secretnames import is_secret_name
from stopship.model.stack import is_name
from stopship.model.suite import COMMAND, HTTP, TargetTable
from stopship.store.shown import quoted
from stopship.store.stackwords import as_json, toml_kind
from stopship.store.suitewords import Table

_AXES = ("prompt", "tools", "schema")
_MODEL = ("base_url", "model", "key_env", *_AXES, "stream", "params")
_KEYS = {COMMAND: ("run",), HTTP: ("url", "key_env")}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(
    r"\bBearer\s+\S{8,}|\b(?:sk|pk|rk)-[A-Za-z0-9_-]{8,}|\bgh[pousr]_\w{16,}|\bAKIA[0-9A-Z]{12,}|\bxox[a-z]-\S{8,}"
    r"|\bAIza[\w-]{20,}|\beyJ[\w-]{10,}\.[\w-]+",
    re.IGNORECASE,
)
_SECRET_KEY = re.compile(
    r"(?:.+_)?(?:api_?key|access_?key|account_?key|private_?key|subscription_?key|secret|secret_?key)"
    r"|(?:auth|access|refresh|id|session|api|bearer|security)_?token"
    r"|(?:x_)?(?:auth_)?(?:key|token)|(?:proxy_)?authorization|bearer|(?:.+_)?(?:password|passwd|credentials?)",
    re.IGNORECASE,
)
_SIGNED = re.compile(r"sig|signature", re.IGNORECASE)  # in the query of an address
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_INSTEAD = 'take it out of the file and change it; keys come from the environment: key_env = "OPENAI_API_KEY"'


def check_secrets(table: Table) -> None:
    """A fault for everything in `[replay]` that is, or is called, a key."""
    for path, name, value in _texts(table.values, "", ""):
        is_called = _SECRET_KEY.fullmatch(_plain(name)) is not None and isinstance(value, str)
        if is_called or (isinstance(value, str) and _SECRET.search(value)):
            table.fault(path.partition(".")[0], f"{quoted(path)} holds a key or a bearer value", _INSTEAD)


def _plain(name: str) -> str:
    """A name in one way of writing: `x-api-key` and `xApiKey` are `x_api_key`."""
    return re.sub(r"\W", "_", _HUMP.sub("_", name))


def _is_key(queried: str) -> bool:
    """Whether a part of the query of an address is a key. A number is a setting (`max_tokens=500`)."""
    name, _, value = queried.partition("=")
    if value.isdecimal() and len(value) < 8:
        return False
    plain = _plain(name)
    is_called = (_SECRET_KEY.fullmatch(plain), _SIGNED.fullmatch(plain), is_secret_name(plain))
    return any(is_called) or bool(_SECRET.search(queried)) or (plain == "code" and len(value) >= 16)


def _texts(value: Any, path: str, name: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _texts(one, f"{path}.{key}" if path else key, key)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, path, "")
    else:
        yield path, name, value


def target_table(table: Table, kind: str) -> TargetTable:
    """What one of the tables says, checked."""
    table.only(*_KEYS.get(kind, _MODEL))
    if kind == COMMAND:
        found = _command(table)
    elif kind == HTTP:
        found = {"url": url_of(table, "url", required=True)}
    else:
        found = _model(table)
    if key_env := key_env_of(table):
        found["key_env"] = key_env
    return TargetTable(kind=kind, settings={name: one for name, one in found.items() if one != ""})


def key_env_of(table: Table) -> str:
    """The name of the variable that holds a key; "": none is named."""
    key_env = table.text("key_env")
    if key_env and not _VARIABLE.fullmatch(key_env):
        what = "key_env is no name of a variable; a key itself has no place in this file"
        table.fault("key_env", what, 'write key_env = "OPENAI_API_KEY"')
        return ""
    return key_env


def _command(table: Table) -> dict[str, Json]:
    words = table.values.get("run")
    if not isinstance(words, list) or not words or not all(isinstance(one, str) for one in words):
        table.fault(
            "run" if "run" in table.values else "", "has no command", 'write run = ["node", "agent.js"]'
        )
        return {}
    if any("\0" in one for one in words) or not words[0]:
        table.fault("run", "run is no command", 'write run = ["node", "agent.js"]')
    return {"run": list(words)}


def _model(table: Table) -> dict[str, Json]:
    found: dict[str, Json] = {"base_url": url_of(table, "base_url"), "model": table.text("model")}
    for name in _AXES:
        axis = table.text(name, "prompt" if name == "prompt" else "")
        if axis and not is_name(axis):
            table.fault(name, f"{name} {quoted(axis)} names no axis", f'write {name} = "{name}"')
        elif "/" in axis or axis.endswith((".j2", ".json", ".txt", ".md")):
            what = f"{name} {quoted(axis)} is a file; the stack pins it, and the suite names the axis"
            table.fault(
                name, what, f'write [{name}] file = {quoted(axis)} in the stack, and {name} = "{name}"'
            )
        found[name] = axis
    if table.flag("stream"):
        found["stream"] = True
    found["params"] = _params(table)
    return found


def _params(table: Table) -> Json:
    """The parameters themselves, or the name of the axis whose value they are."""
    given = table.values.get("params", {})
    if isinstance(given, str):
        return table.text("params")
    if not isinstance(given, dict):
        what = f"params is {toml_kind(given)}, expected a table or the name of an axis"
        table.fault("params", what, "write params = { temperature = 0 }")
        return ""
    value = as_json(given)
    try:
        check_canonical(value)
    except NotCanonical as err:
        table.fault("params", f"params: {err}", "write numbers that JSON can keep")
        return ""
    return value if given else ""


def url_of(table: Table, key: str, *, required: bool = False) -> str:
    """An address without user, key or fragment; "": there is none."""
    example = f'{key} = "https://models.example/v1"'
    text = table.text(key, required=example if required else "")
    if not text:
        return ""
    host, *queried = re.split(r"[?#&;]", text)  # looked at first: what is refused for its form is repeated
    if "@" in (host.partition("://")[2] or host).partition("/")[0]:
        table.fault(key, f"{key} holds a user or a password", _INSTEAD)
        return ""
    if any(map(_is_key, map(unquote_plus, queried))):
        table.fault(key, f"{key} holds a key in its query", _INSTEAD)
        return ""
    if not _is_address(text):
        table.fault(key, f"{key} {quoted(text)} is no address", f"write {example}")
        return ""
    return text


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        host.encode("idna")  # what is no name is asked for nowhere
        return (
            parts.scheme in ("http", "https") and bool(host) and (parts.port or 1) > 0 and not parts.fragment
        )
    except ValueError:
        return False
