"""What scorers share: the arguments in their brackets, plain cells, and findings they word alike.

Decides which arguments a scorer accepts and how they are written back in one canonical form.
Never decides what a score is, and never guesses at an argument it does not know.
"""

import json
import re
from collections.abc import Callable
from math import isfinite
from pathlib import PurePath

from stopship.errors import EvidenceError, UsageError, nearest
from stopship.model.canonical import digest
from stopship.model.case import Case, Json, Trace
from stopship.model.score import (
    UNBOUNDED,
    Argument,
    Arguments,
    Direction,
    Kind,
    Scale,
    Score,
    ScoreFailed,
    Scorer,
    Unscored,
)

NO_EXPECTED = Unscored("the case has no expected value")
NO_OUTPUT = ScoreFailed("no output")
BLANK = Unscored("blank")

_PLAIN_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)


class Given:
    """The arguments of one scorer, checked for unknown ones at once and then read one by one.

    `positions` names the arguments that may stand unnamed, in order; `words` the bare switches such as
    `unbounded`. What is read and differs from its default makes up the canonical spec and the digest.
    """

    def __init__(
        self,
        name: str,
        arguments: Arguments,
        *,
        takes: tuple[str, ...],
        positions: tuple[str, ...] = (),
        words: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.where = _clipped(arguments.spec)
        self.settings: dict[str, Argument] = {}
        self._unnamed = ""
        self.words, values = self._placed(arguments.positional, positions, words)
        for key, value in arguments.named:
            if key not in takes:
                raise self._wrong(f"unknown argument {key!r}", nearest(key, takes))
            if key in values:
                raise self._wrong(f"{key!r} is given twice", "give it once")
            values[key] = value
        self._values = values

    def text(self, name: str, *, required: bool = False) -> str:
        """A text or bare word; empty where it is not given and not required."""
        value = self._values.get(name)
        if value is None:
            if required:
                raise self._wrong(f"{name!r} is missing", f"write {self.name}({name}='…')")
            return ""
        if not isinstance(value, str):
            shown = written(value)
            raise self._wrong(f"{name!r} takes text, found {shown}", f"put it in quotes: {name}='{shown}'")
        if not value:
            raise self._wrong(f"{name!r} is empty", f"write {self.name}({name}='…')")
        self.settings[name] = value
        return value

    def unnamed(self, name: str) -> str:
        """A required text that the canonical spec shows without its name, as in `column('stars')`."""
        self._unnamed = name
        return self.text(name, required=True)

    def path(self, name: str) -> str:
        """A required path, relative to the working folder, with `/` and without a leading `./`."""
        path = PurePath(self.text(name, required=True)).as_posix()
        self.settings[name] = path
        return path

    def number(self, name: str, default: float = 0.0) -> float:
        """A number that is not negative."""
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(f"{name!r} takes a number, found {written(value)}", f"such as {name}=0.5")
        if not isfinite(value) or value < 0:
            raise self._wrong(f"{name!r} is {value:g}", "give a finite number that is not negative")
        if value != default:
            self.settings[name] = float(value)
        return float(value)

    def count(self, name: str) -> int:
        """A whole number that is not negative; 0 where it is not given."""
        value = self.number(name)
        if not value.is_integer():
            raise self._wrong(f"{name!r} takes a whole number, found {value:g}", f"such as {name}=5")
        return int(value)

    def flag(self, name: str) -> bool:
        """True or false; false where it is not given."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise self._wrong(
                f"{name!r} is true or false, found {written(value)}", f"write {name}=true or leave it out"
            )
        if value:
            self.settings[name] = value
        return value

    def choice(self, name: str, options: tuple[str, ...]) -> str:
        """One of a few words; the first where it is not given."""
        value = self._values.get(name, options[0])
        if not isinstance(value, str) or value not in options:
            shown = value if isinstance(value, str) else written(value)
            raise self._wrong(f"{name!r} cannot be {shown!r}", nearest(shown, options))
        if value != options[0]:
            self.settings[name] = value
        return value

    def scale(self) -> Scale | None:
        """The scale declared by `bounds=LO..HI` or `unbounded`; None where neither is given."""
        bounds = self._values.get("bounds")
        if bounds is None:
            return UNBOUNDED if "unbounded" in self.words else None
        if "unbounded" in self.words:
            raise self._wrong("both 'bounds' and 'unbounded' are given", "keep one of them")
        if not isinstance(bounds, tuple):
            raise self._wrong(
                f"'bounds' takes a range, found {written(bounds)}", "write it as LO..HI, such as bounds=0..1"
            )
        low, high = bounds
        if low >= high:
            raise self._wrong(
                f"the bounds {written(bounds)} are empty", "the lower end comes first: bounds=0..1"
            )
        self.settings["bounds"] = bounds
        if high - low > _WIDEST:
            raise self._wrong(f"the bounds {low:g}..{high:g} are wider than 1e100", "declare the real range")
        return Scale(Kind.BOUNDED, low, high)

    def value(self, name: str) -> Argument | None:
        """Any argument as it was given; None where it is not."""
        value = self._values.get(name)
        if value is not None:
            self.settings[name] = value
        return value

    def scorer(
        self,
        score: Callable[[Case, Trace], Score],
        *,
        scale: Scale,
        better: Direction | None,
        needs: tuple[str, ...],
        version: int,
        content: str = "",
        without: str = "",
    ) -> Scorer:
        """The finished scorer; `content` stands in the digest for the file that argument `without` names."""
        kept = [[key, written(value)] for key, value in sorted(self.settings.items()) if key != without]
        return Scorer(
            spec=self.spec(self.name),
            scale=scale,
            better=better,
            needs=frozenset(needs),
            digest=digest([self.name, version, list(self.words), kept, content]),
            score=score,
            reads=(str(self.settings[without]),) if without else (),
        )

    def spec(self, head: str) -> str:
        """The scorer in canonical form: unnamed text, switches, then names in order, texts quoted."""
        parts = [written(self.settings[self._unnamed])] if self._unnamed else []
        parts += self.words
        parts += [
            f"{name}={written(value)}"
            for name, value in sorted(self.settings.items())
            if name != self._unnamed
        ]
        return f"{head}({', '.join(parts)})" if parts else head

    def _placed(
        self, unnamed: tuple[Argument, ...], positions: tuple[str, ...], words: tuple[str, ...]
    ) -> tuple[tuple[str, ...], dict[str, Argument]]:
        values = dict(zip(positions, unnamed, strict=False))
        switches: list[str] = []
        for one in unnamed[len(positions) :]:
            if not isinstance(one, str) or one not in words:
                raise self._wrong(
                    f"cannot use the unnamed argument {written(one)}",
                    f"beside named ones it takes: {', '.join(words)}" if words else "write it as NAME=VALUE",
                )
            if one in switches:
                raise self._wrong(f"{one!r} is given twice", "give it once")
            switches.append(one)
        return tuple(sorted(switches)), values

    def _wrong(self, what: str, do: str) -> UsageError:
        return UsageError(what, where=self.where, do=do)


_WIDEST = 1e100  # beyond it differences vanish in rounding
_PLAIN_WORD = re.compile(r"[^\W\d][\w.-]*")
_RESERVED = frozenset(("true", "false", "unbounded", "inf", "infinity", "nan"))


def written(value: Argument) -> str:
    """An argument as it is typed in canonical form: `name`, `'^any text'`, `0.5`, `true`, `0..1`.

    Text that is a plain word stands bare. Other text stands in quotes as it is; only backslashes
    directly before a quote of the same kind are doubled.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"{written(value[0])}..{written(value[1])}"
    if not isinstance(value, str):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))
    if _PLAIN_WORD.fullmatch(value) and value not in _RESERVED:
        return value
    quote = '"' if "'" in value and '"' not in value else "'"
    inside = re.sub(rf"(\\*){quote}", lambda found: found[1] * 2 + "\\" + quote, value)
    closing = "\\" * (len(inside) - len(inside.rstrip("\\")))
    return f"{quote}{inside}{closing}{quote}"


def as_text(value: Json) -> str:
    """A JSON value as a trace shows it: text as it is, anything else as compact JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def plain_number(cell: Json) -> float | None:
    """The finite number in a cell: a number, or text that is one. None for anything else.

    No thousands separators, signs of currency, underscores, `nan` or `inf`: a table's reader would
    have to guess at them.
    """
    if isinstance(cell, str):
        number = float(cell) if _PLAIN_NUMBER.fullmatch(cell) else None
    elif isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    else:
        try:
            number = float(cell)
        except OverflowError:
            return None
    return number if number is not None and isfinite(number) else None


def outside(value: float, scale: Scale, *, what: str, key: str) -> EvidenceError:
    """The error for a number beyond the bounds that were declared for it."""
    return EvidenceError(
        f"{what} is {value:g}, outside its bounds {written((scale.low, scale.high))}",
        where=f"case {_clipped(key)}",
        do="correct the value, or declare the bounds that it really has",
    )


def shown(value: Json, width: int = 60) -> str:
    """A value for a reason or a message: as JSON, on one line, cut to a width."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or endless nesting
        return f"a very large {type(value).__name__}"
    return text if len(text) <= width else text[: width - 1] + "…"


def _clipped(text: str) -> str:
    return text if len(text) <= 120 else text[:119] + "…"
