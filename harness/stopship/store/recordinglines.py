"""The lines of recordings: one recording a line, with its own digest, in canonical bytes.

Decides what a whole line is. A line holds the very bytes whose digests are the ask and the key of its
call, so that both are read off it and proven by SHA-256. Never mends a line and never guesses one.
"""

import re
from binascii import unhexlify
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from stopship.errors import EvidenceError
from stopship.model.canonical import NotCanonical, canonical_bytes, canonical_text
from stopship.model.case import Json
from stopship.model.exchange import ADAPTER, Answer, Asked, Call, CallKind, Effect, Recording, call_pins
from stopship.store.runcodec import scan
from stopship.store.shown import at, kind, quoted, shown

FORMAT = 1
HEADER = canonical_bytes({"adapter": ADAPTER, "format": FORMAT, "holds": "recordings"}) + b"\n"
LINE_LIMIT = 16 << 20  # bytes of one recording
FETCH = "fetch the file again, or remove it and record its cases again"

BODY = len('{"digest":"",') + 64  # where the digested part begins; its end is the line's
_SAID = slice(len('{"digest":"'), len('{"digest":"') + 64)
_START = b'{"digest":"'
_KEY, _QUESTION = '"key":["key","', '],"question":'
_DIGEST = 64  # characters
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_PINS = rf"\{{(?:{_STRING}:{_STRING}(?:,{_STRING}:{_STRING})*)?\}}"
_HEAD = re.compile(
    (
        r'\{"digest":"([0-9a-f]{64})","effect":"(?:none|read|write)",'
        rf'"key":(\["key","([0-9a-f]{{64}})",(?:0|[1-9][0-9]{{0,14}}),(?:0|[1-9][0-9]{{0,14}}),{_PINS}\]),'
        rf'"question":\["ask",{ADAPTER},({_STRING}),'
    ).encode(),
    re.DOTALL,
)
_CALL = re.compile(  # the same, from the effect on, of a line whose digest was checked, its ask blanked
    rf'"effect":"(none|read|write)","key":\["key","0{{64}}",(0|[1-9][0-9]{{0,14}}),(0|[1-9][0-9]{{0,14}}),({_PINS})\],"question":',
    re.DOTALL,
)
_KINDS = {one.value: one for one in CallKind}
_EFFECTS = {one.value: one for one in Effect}
_EFFECT_BYTES = {one: one.value.encode() for one in Effect}
_ANSWER = ("error", "is_reusable", "result", "status")
_REPLIES = ',"replies":'


@dataclass(frozen=True, slots=True)
class Line:
    """One recording as it is written, and what it is found by."""

    data: bytes  # its end included
    key: bytes  # 32 bytes
    case: bytes  # canonical text of the case's key
    content: bytes  # all that came from outside, for whoever looks for secrets


Head = tuple[bytes, bytes, bytes]
"""What a line is found by: key and ask (32 bytes each) and the case's key as canonical text.

The ask is what the line claims; `recording_of` proves it. A bare tuple, as there are very many.
"""


def line_of(one: Recording) -> Line:
    """The line of a recording. Raises EvidenceError for what JSON cannot keep, and for no answer at all."""
    asked, call = one.asked, one.asked.call
    if not one.answers:
        raise _refused(asked, "the call has no answer")
    if not all(isinstance(one, str) for pair in call_pins(asked).items() for one in pair):
        raise _refused(asked, "a pin's axis or digest is not text")
    if not all(_is_count(one) for one in (asked.sample, asked.epoch, asked.world)):
        raise _refused(asked, "its sample, its epoch or the number of writes before it is no count")
    try:
        question = canonical_bytes(
            ["ask", ADAPTER, asked.case, call.kind.value, call.name, call.request, asked.world]
        )
        pins = canonical_bytes(dict(call_pins(asked)))
        replies = replies_bytes(one.answers)
    except NotCanonical as err:
        raise _refused(asked, f"{shown(err.path)}: {shown(err.what)}") from err
    except RecursionError as err:
        raise _refused(asked, "nested far too deeply") from err
    ask = sha256(question).hexdigest().encode()
    key = b'["key","%s",%d,%d,%s]' % (ask, asked.sample, asked.epoch, pins)
    body = b'"effect":"%s","key":%s,"question":%s,"replies":%s}' % (
        _EFFECT_BYTES[call.effect],
        key,
        question,
        replies,
    )
    if len(body) > LINE_LIMIT - BODY:
        raise _refused(asked, f"{len(body):,} bytes, and a recording has at most {LINE_LIMIT:,}")
    data = b'%s%s",%s\n' % (_START, sha256(body).hexdigest().encode(), body)
    content = b"\n".join((question, pins, replies))
    return Line(data, sha256(key).digest(), canonical_text(asked.case), content)


def replies_bytes(answers: Iterable[Answer]) -> bytes:
    """Answers as they are written. Raises NotCanonical or RecursionError."""
    return canonical_bytes([_reply(one) for one in answers])


def is_whole(line: bytes) -> bool:
    """Whether a line, without its end, is that of its digest."""
    return sha256(line[BODY:]).hexdigest().encode() == line[_SAID]


def head_of(line: bytes) -> Head:
    """What a line, without its end, is found by, its digest checked. Raises ValueError."""
    found = _HEAD.match(line)
    if found is None or sha256(line[BODY:]).hexdigest().encode() != found[1]:
        raise ValueError("the line is not that of its digest")
    _, key, ask, case = found.groups()
    return sha256(key).digest(), unhexlify(ask), case


def digest_of(line: bytes) -> bytes:
    """The digest that a line says, 32 bytes."""
    return unhexlify(line[_SAID])


def recording_of(line: bytes) -> Recording:
    """The recording of a line, without its end; its digest and its ask are checked. Raises ValueError."""
    if not is_whole(line):
        raise ValueError("the line is not that of its digest")
    text = line.decode("utf-8", "surrogatepass")
    start = text.find(_KEY, BODY) + len(_KEY)
    begin = text.find(_QUESTION, start) + len(_QUESTION)
    ask = text[start : start + _DIGEST]
    try:
        effect, sample, epoch, axes, pins = _called(text[BODY:start], text[start + _DIGEST : begin])
        question, end = scan(text, begin)
        if not text.startswith(_REPLIES, end):
            raise ValueError("is no recording")
        replies, last = scan(text, end + len(_REPLIES))
    except StopIteration as err:
        raise ValueError("is no JSON") from err
    except RecursionError as err:
        raise ValueError("is nested far too deeply") from err
    asked_bytes = line[begin:end] if text.isascii() else text[begin:end].encode("utf-8", "surrogatepass")
    if text[last:] != "}" or sha256(asked_bytes).hexdigest() != ask:
        raise ValueError("the call is not the one of its digest")
    if type(question) is not list or type(replies) is not list or not replies or len(question) != 7:
        raise ValueError("is no recording")
    ask_word, adapter, case, called, name, request, world = question
    if ask_word != "ask" or adapter != ADAPTER or type(case) is not str:
        raise ValueError("is no recording")
    if type(name) is not str or type(called) is not str or called not in _KINDS or not _is_count(world):
        raise ValueError("its call is none")
    call = Call(kind=_KINDS[called], name=name, request=request, effect=effect, pins=axes)
    asked = object.__new__(Asked)  # a frozen class sets field by field: a tenth of the time that a line takes
    vars(asked).update(
        call=call, case=case, sample=sample, epoch=epoch, world=world, pins=pins.copy(), ask=ask
    )
    return Recording(asked=asked, answers=tuple(map(_answer, replies)))


def check_canonical_line(line: bytes, one: Recording) -> None:
    """Raise ValueError where the line of a recording is not how it is written."""
    if line_of(one).data != line + b"\n":
        raise ValueError("the line is not in canonical form")


def check_header(line: bytes, name: str, do: str = FETCH) -> None:
    """Refuse a first line, without its end, that is of another format or adapter, or is no header."""
    if line + b"\n" == HEADER:
        return
    where = at(name, "line 1")
    try:
        told, end = scan(line.decode("utf-8", "surrogatepass"), 0)
    except (StopIteration, ValueError, RecursionError):
        told, end = None, -1
    if end >= 0 and isinstance(told, dict) and told.get("holds") == "recordings":
        for word, own in (("format", FORMAT), ("adapter", ADAPTER)):
            if told.get(word) != own:
                raise EvidenceError(
                    f"{word} {_written(told.get(word))}; this stopship reads {word} {own}",
                    where=where,
                    do=f"use the stopship that wrote it, or {do}",
                )
    raise EvidenceError("damaged: is not the header of a file of recordings", where=where, do=do)


def named(asked: Asked) -> str:
    """A call in a message: `case 'refund-de-017', tool 'lookup'`."""
    return f"case {quoted(asked.case)}, {asked.call.kind.value} {quoted(asked.call.name)}"


@lru_cache(1024)
def _called(before: str, after: str) -> tuple[Effect, int, int, tuple[str, ...], dict[str, str]]:
    """What stands before and after the ask, up to the question: effect, sample, epoch, axes, their digests.
    Most recordings of a stack share it. Raises ValueError or StopIteration.

    No string of JSON holds what ends it: its quote would have a backslash before it.
    """
    found = _CALL.fullmatch(f"{before}{'0' * _DIGEST}{after}")
    if found is None:
        raise ValueError("is no recording")
    effect, sample, epoch, pinned = found.groups()
    pins, _ = scan(pinned, 0)
    return _EFFECTS[effect], int(sample), int(epoch), tuple(pins), pins


def _reply(one: Answer) -> Mapping[str, Json]:
    if not isinstance(one.error, str) or type(one.is_reusable) is not bool:
        raise NotCanonical("$", "the error is not text, or is_reusable neither true nor false")
    return {
        "error": one.error,
        "is_reusable": one.is_reusable,
        "result": one.result,
        "status": one.status,
    }


def _answer(value: Json) -> Answer:
    if type(value) is not dict or tuple(value) != _ANSWER:
        raise ValueError("an answer is none")
    error, is_reusable, result, status = value.values()
    is_status = status is None or type(status) is int
    if type(error) is not str or type(is_reusable) is not bool or not is_status:
        raise ValueError("an answer is none")
    return Answer(result=result, error=error, status=status, is_reusable=is_reusable)


def _is_count(value: Json) -> bool:
    return type(value) is int and 0 <= value < 10**15


def _written(value: Json) -> str:
    return quoted(str(value)) if isinstance(value, int | str) else kind(value)


def _refused(asked: Asked, what: str) -> EvidenceError:
    return EvidenceError(f"not recorded: {what}", where=named(asked), do="record what JSON can keep")
