"""Find a scorer by what a person wrote: `regex(pattern='^OK')`, `checks.py:cites(k=3)`.

Decides the grammar of scorers and rules. Never imports a part before it is asked for, and never guesses
at a name it does not know.
"""

import re
from collections.abc import Iterator
from importlib import import_module
from math import isfinite

from stopship.errors import UsageError, nearest
from stopship.model.score import Argument, Arguments, Scorer, ScorerKind

_MODULES = {  # scorer -> module of stopship.parts.scorers, in the order in which they are listed
    "exact": "text",
    "contains": "text",
    "regex": "text",
    "length": "text",
    "numeric": "numbers",
    "similarity": "closeness",
    "json_equal": "json_checks",
    "json_schema": "json_checks",
    "refusal": "refusal",
    "column": "columns",
    "latency": "numbers",
    "cost": "numbers",
    "usage": "numbers",
    "decisions": "decisions",
    "retrieved": "searches",
}
_USERS = "users"
_USERS_NAME = "FILE.py:FUNCTION"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEAD = re.compile(r"[^\s()'\",=]+")
_BARE = re.compile(r"[^\s()'\",=]+")
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMBER_ONLY = re.compile(_NUMBER)
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")
_SPACE = re.compile(r"\s*")
_WINDOW = 50  # characters shown on either side of a caret


def scorer(text: str) -> Scorer:
    """The scorer that a text names, its arguments filled in.

        NAME   NAME(args)   path/file.py:function   path/file.py:function(args)

    Arguments are separated by commas, each a value or `name=value`; a value is quoted text, a bare word,
    a number, a range `0..1`, true or false. Quoted text stands as typed, `\\d+` included; a backslash
    is doubled only directly before the closing quote, and `\\'` is a quote. The scorer's `spec` is the
    canonical form; reading it again gives an equal scorer.

    Raises UsageError for anything unknown or malformed, a user's file that cannot be loaded included.
    """
    head, arguments = _Reader(text).scorer()
    if ":" in head or head.endswith(".py"):
        return _users_scorer(head, arguments)
    if head not in _MODULES:
        raise UsageError(
            f"unknown scorer {head!r}",
            where=_visible(arguments.spec),
            do=f"{nearest(head, list(_MODULES))}, or a function of your own: {_USERS_NAME}",
        )
    return _kind(head, _MODULES[head]).build(arguments)


def kinds() -> tuple[ScorerKind, ...]:
    """Every scorer there is, in a fixed order; imports them all."""
    return (*(_kind(name, module) for name, module in _MODULES.items()), _kind(_USERS_NAME, _USERS))


def split_rule(text: str) -> tuple[str, dict[str, str]]:
    """A rule's scorer and its options: `length(unit=words) better=lower margin=5pt`.

    Parts are separated by white space outside quotes and brackets. An option whose value is one quoted
    text is given without its quotes.
    """
    spans = list(_spans(text))
    if not spans:
        raise UsageError("the rule is empty", do="write it as SCORER better=higher margin=5pt")
    options: dict[str, str] = {}
    for start, end in spans[1:]:
        part = text[start:end]
        name, equals, value = part.partition("=")
        if not equals:
            raise _fault(text, start, f"{part!r} is no option", "options are written NAME=VALUE")
        if not _NAME.fullmatch(name):
            what = f"{name!r} cannot be the name of an option"
            do = (
                "no white space before a scorer's bracket" if part.startswith("(") else "such as better=lower"
            )
            raise _fault(text, start, what, do)
        if not value:
            raise _fault(text, end, f"the option {name!r} has no value", "options are written NAME=VALUE")
        if name in options:
            raise _fault(text, start, f"the option {name!r} is given twice", "give it once")
        if value[0] in "'\"" and _end_of_quote(value, 0) == len(value):
            value = _unquoted(value)
        options[name] = value
    first, last = spans[0]
    return text[first:last], options


def _users_scorer(head: str, arguments: Arguments) -> Scorer:
    file, _, function = head.rpartition(":")
    if not file.endswith(".py") or not function.isidentifier():
        raise UsageError(
            f"{head!r} names no function in a Python file",
            where=_visible(arguments.spec),
            do=f"write it as {_USERS_NAME}, such as checks.py:cites",
        )
    with_head = Arguments(
        spec=arguments.spec, positional=(head, *arguments.positional), named=arguments.named
    )
    return _kind(_USERS_NAME, _USERS).build(with_head)


def _kind(name: str, module: str) -> ScorerKind:
    offered: tuple[ScorerKind, ...] = import_module(f"stopship.parts.scorers.{module}").KINDS
    return next(kind for kind in offered if kind.name == name)


class _Reader:
    """Reads one scorer from left to right; a fault shows the text and a caret under the spot."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.skip_space()

    def scorer(self) -> tuple[str, Arguments]:
        if self.at == len(self.text):
            raise UsageError(
                "the scorer is empty", do=f"such as exact, regex(pattern='^OK') or {_USERS_NAME}"
            )
        if self.peek() in ("'", '"'):
            head = self.quoted()
        else:
            head = self.bare(_HEAD, "a scorer starts with its name")
        positional: list[Argument] = []
        named: dict[str, Argument] = {}
        self.skip_space()
        if self.peek() == "(":
            self.arguments(positional, named)
            self.skip_space()
        if self.at < len(self.text):
            raise self.fault("nothing may follow the scorer", "a scorer is NAME or NAME(arguments)")
        return head, Arguments(
            spec=self.text.strip(), positional=tuple(positional), named=tuple(named.items())
        )

    def arguments(self, positional: list[Argument], named: dict[str, Argument]) -> None:
        opening = self.at
        self.at += 1
        self.skip_space()
        while self.peek() != ")":
            start = self.at
            value = self.value(opening)
            self.skip_space()
            if self.peek() == "=":
                name = self.text[start : self.at].strip()
                if not _NAME.fullmatch(name):
                    raise self.fault_at(start, f"{name!r} cannot be an argument's name", "write NAME=VALUE")
                if name in named:
                    raise self.fault_at(start, f"{name!r} is given twice", "give it once")
                self.at += 1
                self.skip_space()
                named[name] = self.value(opening)
                self.skip_space()
            else:
                positional.append(value)
            if self.peek() == ",":
                self.at += 1
                self.skip_space()
            elif self.peek() != ")":
                raise self.after_value(opening)
        self.at += 1

    def value(self, opening: int) -> Argument:
        if self.at == len(self.text):
            raise self.fault_at(opening, "this bracket is not closed", "add ')'")
        if self.peek() in ("'", '"'):
            return self.quoted()
        start = self.at
        word = self.bare(_BARE, "a value is missing here")
        if word in ("true", "false"):
            return word == "true"
        ends = _RANGE.fullmatch(word)
        numbers = ends.groups() if ends else (word,) if _NUMBER_ONLY.fullmatch(word) else ()
        values = [float(one) for one in numbers]
        if not all(isfinite(one) for one in values):
            raise self.fault_at(start, "this number is too large", "a number here is below 1e308")
        if len(values) == 2:
            return values[0], values[1]
        return values[0] if values else word

    def quoted(self) -> str:
        end = _end_of_quote(self.text, self.at)
        if end < 0:
            raise self.fault("this quote is not closed", f"add {self.text[self.at]}")
        start, self.at = self.at, end
        return _unquoted(self.text[start:end])

    def bare(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise self.fault(what, "put text that holds brackets, commas, quotes or = in quotes")
        self.at = found.end()
        return found[0]

    def after_value(self, opening: int) -> UsageError:
        if self.at == len(self.text):
            return self.fault_at(opening, "this bracket is not closed", "add ')'")
        return self.fault("a comma or ')' belongs here", "put text that holds white space or signs in quotes")

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def skip_space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def fault(self, what: str, do: str) -> UsageError:
        return self.fault_at(self.at, what, do)

    def fault_at(self, at: int, what: str, do: str) -> UsageError:
        return _fault(self.text, at, what, do)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the parts of a rule start and end: white space outside quotes and brackets divides them."""
    start = -1
    opened: list[int] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if sign.isspace() and not opened:
            if start >= 0:
                yield start, at
            start = -1
            at += 1
            continue
        start = at if start < 0 else start
        if sign in "'\"":
            end = _end_of_quote(text, at)
            if end < 0:
                raise _fault(text, at, "this quote is not closed", f"add {sign}")
            at = end
            continue
        if sign == "(":
            opened.append(at)
        elif sign == ")":
            if not opened:
                raise _fault(
                    text, at, "this bracket was never opened", "remove it, or put the text in quotes"
                )
            opened.pop()
        at += 1
    if opened:
        raise _fault(text, opened[-1], "this bracket is not closed", "add ')'")
    if start >= 0:
        yield start, len(text)


def _end_of_quote(text: str, start: int) -> int:
    """The place after the closing quote, or -1. An odd run of backslashes before a quote keeps it open."""
    quote = text[start]
    at = text.find(quote, start + 1)
    while at >= 0:
        run = at
        while text[run - 1] == "\\":  # stops at the opening quote at the latest
            run -= 1
        if (at - run) % 2 == 0:
            return at + 1
        at = text.find(quote, at + 1)
    return -1


def _unquoted(text: str) -> str:
    """The text between quotes. Only backslashes directly before a quote are read in pairs."""
    quote = text[0]
    inside = re.sub(rf"(\\*)\\{quote}", lambda found: found[1][::2] + quote, text[1:-1])
    tail = len(inside) - len(inside.rstrip("\\"))
    return inside[: len(inside) - tail // 2] if tail else inside


def _fault(text: str, at: int, what: str, do: str) -> UsageError:
    """The text around a place and a caret under it, as compilers show them."""
    first = max(0, at - _WINDOW)
    shown = _visible(text[first : at + _WINDOW])
    return UsageError(f"{what}\n  {shown}\n  {' ' * (at - first)}^", do=do)


def _visible(text: str) -> str:
    """The text on one line, sign for sign: a control character would move the caret or the cursor."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
