"""Scorers of structured outputs: json_schema and json_equal.

Decides whether an output is JSON at all, strictly, and then whether it is the right JSON. Never mends
an output, never unwraps a fenced block, never fetches a schema from elsewhere.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from stopship.errors import UsageError
from stopship.model.case import Case, Json, Trace, is_blank
from stopship.model.score import (
    BINARY,
    Arguments,
    Direction,
    Score,
    Scored,
    ScoreFailed,
    Scorer,
    ScorerKind,
    Unscored,
)
from stopship.parts.arguments import NO_EXPECTED, NO_OUTPUT, Given, shown
from stopship.parts.scorers.strict_json import NotJson, parsed

_VERSION = 1  # raise it whenever any scorer here would score an old output differently
_SHOWN_FAULTS = 3
_SHOWN_CHANGES = 5

_VALID = Scored(1.0, reason="follows the schema")
_EQUAL = Scored(1.0, reason="equal JSON values")


def _json_schema(arguments: Arguments) -> Scorer:
    """JSON Schema, draft by `$schema` (2020-12 where it is silent), patterns matched in linear time."""
    given = Given("json_schema", arguments, takes=("schema",), positions=("schema",))
    path = Path(given.path("schema"))
    raw, faults_of = _validator(path, given.where)

    def score(case: Case, trace: Trace) -> Score:  # noqa: ARG001  # every scorer has this signature
        if trace.output is None or is_blank(trace.output):
            return NO_OUTPUT
        try:
            value = parsed(trace.output)
            faults = list(islice(faults_of(value), 100))
        except ValueError as err:  # NotJson, or lone surrogates, which the validator cannot encode
            return ScoreFailed(f"not JSON: {err}")
        if not faults:
            return _VALID
        told = "; ".join(f"{_path(one.instance_path)}: {_cut(one.message)}" for one in faults[:_SHOWN_FAULTS])
        more = len(faults) - _SHOWN_FAULTS
        return Scored(0.0, reason=f"{told}; {more} more" if more > 0 else told)

    return given.scorer(
        score,
        scale=BINARY,
        better=Direction.HIGHER,
        needs=("output",),
        version=_VERSION,
        content=hashlib.sha256(raw).hexdigest(),
        without="schema",
    )


def _validator(path: Path, where: str) -> tuple[bytes, Callable[[Json], Iterator[Any]]]:
    """The schema's bytes and what lists a value's faults. Every fault of the schema is a UsageError."""
    import jsonschema_rs

    try:
        raw = path.read_bytes()
        schema: Any = parsed(raw.decode("utf-8-sig"))
    except OSError as err:
        raise UsageError(
            f"cannot read the schema {path}: {err.strerror}",
            where=where,
            do="paths are relative to the folder the command runs in",
        ) from err
    except ValueError as err:
        raise UsageError(f"the schema {path} is not JSON: {err}", where=where) from err
    asked: list[str] = []

    def deny(uri: str) -> Any:
        # By default the library fetches http references: a request from a gate, and never twice the same.
        asked.append(uri)
        raise ValueError("references to other documents are not followed")

    try:
        validator = jsonschema_rs.validator_for(
            schema, retriever=deny, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (ValueError, jsonschema_rs.ReferencingError) as err:
        fault = str(err).partition("\n")[0]
        do = "patterns are matched in linear time: without look-around and back-references"
        if asked or "present in a registry" in fault:
            do = "nothing is fetched: copy that part under '$defs' and refer to it as '#/$defs/NAME'"
        elif "regex" not in fault:
            do = ""
        raise UsageError(f"the schema {path} cannot be used: {_cut(fault)}", where=where, do=do) from err
    return raw, validator.iter_errors


def _json_equal(arguments: Arguments) -> Scorer:
    given = Given("json_equal", arguments, takes=("ignore_order",))
    ignore_order = given.flag("ignore_order")

    def score(case: Case, trace: Trace) -> Score:
        if not case.has_expected:
            return NO_EXPECTED
        try:
            expected = parsed(case.expected)
        except NotJson as err:
            return Unscored(f"the expected value is not JSON: {err}")
        if trace.output is None or is_blank(trace.output):
            return NO_OUTPUT
        try:
            found = parsed(trace.output)
        except NotJson as err:
            return ScoreFailed(f"not JSON: {err}")
        changes = list(islice(_changes("$", expected, found, ignore_order), _SHOWN_CHANGES + 1))
        if not changes:
            return _EQUAL
        more = "; and more" if len(changes) > _SHOWN_CHANGES else ""
        return Scored(0.0, reason="; ".join(changes[:_SHOWN_CHANGES]) + more)

    return given.scorer(
        score, scale=BINARY, better=Direction.HIGHER, needs=("output", "expected"), version=_VERSION
    )


def _changes(path: str, expected: Json, found: Json, ignore_order: bool) -> Iterator[str]:
    """The differences, outermost first in the expected value's own order."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            if key in found:
                yield from _changes(_step(path, key), value, found[key], ignore_order)
            else:
                yield f"{_step(path, key)}: missing"
        yield from (f"{_step(path, key)}: unexpected" for key in found if key not in expected)
    elif isinstance(expected, list) and isinstance(found, list):
        if ignore_order:
            yield from _changes_of_sets(path, expected, found)
            return
        for index, (before, after) in enumerate(zip(expected, found, strict=False)):
            yield from _changes(f"{path}[{index}]", before, after, ignore_order)
        yield from (f"{path}[{index}]: missing" for index in range(len(found), len(expected)))
        yield from (f"{path}[{index}]: unexpected" for index in range(len(expected), len(found)))
    elif not _is_same_scalar(expected, found):
        yield f"{path}: {shown(expected, 40)} -> {shown(found, 40)}"


def _changes_of_sets(path: str, expected: list[Json], found: list[Json]) -> Iterator[str]:
    """What two lists hold beside each other's elements, each counted as often as it occurs."""
    wanted = Counter(_orderless(one) for one in expected)
    there = Counter(_orderless(one) for one in found)
    yield from (f"{path}: missing {_cut(one, 40)}" for one in (wanted - there).elements())
    yield from (f"{path}: unexpected {_cut(one, 40)}" for one in (there - wanted).elements())


def _orderless(value: Json) -> str:
    """One text for all values that are equal but for the order of lists and keys."""
    if isinstance(value, dict):
        pairs = sorted((json.dumps(key), _orderless(one)) for key, one in value.items())
        return "{" + ",".join(f"{key}:{one}" for key, one in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted(_orderless(one) for one in value)) + "]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def _is_same_scalar(one: Json, other: Json) -> bool:
    """Equality of JSON values that are not both lists or both objects: true is not 1, but 1 is 1.0."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _path(steps: list[str | int]) -> str:
    path = "$"
    for step in steps:
        path = f"{path}[{step}]" if isinstance(step, int) else _step(path, step)
    return path


def _step(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{shown(key, 40)}]"


def _cut(text: str, width: int = 120) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


KINDS: tuple[ScorerKind, ...] = (
    ScorerKind(
        name="json_schema",
        summary="the output is JSON that follows a schema file",
        range="0 or 1",
        better="higher",
        needs="output",
        arguments="schema='file.json'",
        build=_json_schema,
    ),
    ScorerKind(
        name="json_equal",
        summary="the output is the expected JSON value, whatever its spelling",
        range="0 or 1",
        better="higher",
        needs="output, expected",
        arguments="ignore_order=false",
        build=_json_equal,
    ),
)
