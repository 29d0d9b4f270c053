"""Make untrusted text harmless where it is shown.

Outputs, keys, cohort values and labels come from models and files: no control character, terminal
sequence, markup, link, mention or workflow command in them may act. Never changes what is stored.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_DOUBLED = ":#"  # `::` is a command to GitHub, `##` to Azure and TeamCity: pairs are parted by a space
_QUIET = re.compile(r"(?!.*(?:::|##))[ -~]*")  # nothing here needs neutralising
_STACKED = 4  # combining marks on one letter; written languages need no more
# Shown as nothing or as a blank, though Unicode does not class them as format characters: fillers, joiners,
# variation selectors (Default_Ignorable_Code_Point of Unicode 16) and the blank Braille pattern.
_BLANKS = frozenset(
    map(
        chr,
        (
            *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)
_EMOJI_STYLE = "\ufe0f"  # harmless behind a symbol, where it only chooses the coloured glyph
_MARKDOWN_SAFE = frozenset(" ,-=%+/'")
_MARKUP_AT_START = frozenset("-+=")  # a list item or an underline, were it the first of a line
# GitHub looks for mentions, issues and mathematics after it has read the entities, but never in code.
_ACTS_WHEN_READ = frozenset("@#$")


def plain(text: str, limit: int = 0, *, keep_end: bool = False) -> str:
    """One line of printable text: everything that could act is written as an escape.

    Cut to `limit` characters as shown, never inside an escape; `keep_end` cuts in the middle, as names that
    differ only at their end need.
    """
    if not limit or len(text) <= limit:
        if _QUIET.fullmatch(text):
            return text
        units = list(_units(text))
        if not limit or sum(map(len, units)) <= limit:
            return "".join(units)
    tail_room = limit // 3 if keep_end else 0
    head = _fitting(list(_units(text[:limit])), limit - 1 - tail_room)
    tail = _fitting(list(_units(text[-limit:]))[::-1], tail_room)[::-1]
    while tail and unicodedata.category(tail[0][0])[0] == "M":
        del tail[0]
    return "".join((*head, "…", *tail))


def markdown(text: str, limit: int = 0, *, keep_end: bool = False) -> str:
    """Inline code of Markdown and HTML in which no character is markup, a link or a mention."""
    shown = "".join(map(_entity, plain(text, limit, keep_end=keep_end)))
    # GitHub links addresses even in <code>, and in text whose entities it has read
    return f"<code>{shown.replace('&#64;', '<span>&#64;</span>')}</code>"


def markdown_prose(text: str, limit: int = 0) -> str:
    """Our own sentences that quote names from data: no character is markup, a link or a mention."""
    shown = plain(text, limit)
    return "".join(_prose(shown, i) for i in range(len(shown)))


def xml(text: str, limit: int = 0) -> str:
    """Text without characters that XML 1.0 forbids; the writer escapes markup."""
    return plain(text, limit)


def annotation(text: str, limit: int = 0) -> str:
    """The message of a workflow command: percent encoded, as carriage return and line feed would be."""
    return plain(text, limit).replace("%", "%25")


def annotation_property(text: str, limit: int = 0) -> str:
    """A property of a workflow command, where colon and comma separate."""
    return annotation(text, limit).replace(":", "%3A").replace(",", "%2C")


def without_surrogates(text: str) -> str:
    """Text that every reader of JSON and UTF-8 takes: lone surrogates are written as their escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _units(text: str) -> Iterator[str]:
    """What is shown for each character, in order; a unit is never cut."""
    last, marks, base = "", 0, False  # the character before; marks on the letter; may it carry a mark?
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category[0] == "M" else 0
        if char == _EMOJI_STYLE and unicodedata.category(last or " ") == "So":
            yield char
        elif _acts(char, category) or (marks and (not base or marks > _STACKED)):
            yield _escape(char)
            base = False
        else:
            shown = " " if category == "Zs" else char
            if shown in _DOUBLED and shown == last:
                yield " "
            yield shown
            base = char.isalnum() if char.isascii() else category[0] in "LMNS"
        last = char


def _acts(char: str, category: str) -> bool:
    # Cc, Cf (bidirectional overrides, zero width, tags), Cs (lone surrogates), Co, Cn, separators of lines
    return category[0] == "C" or category in ("Zl", "Zp") or char in _BLANKS


def _escape(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _fitting(units: Sequence[str], room: int) -> list[str]:
    kept: list[str] = []
    for one in units:
        room -= len(one)
        if room < 0:
            break
        kept.append(one)
    return kept


def _entity(char: str) -> str:
    is_safe = char.isalnum() or char in _MARKDOWN_SAFE or not char.isascii()
    return char if is_safe else f"&#{ord(char)};"


def _prose(text: str, i: int) -> str:
    """One character of a sentence, by what stands around it."""
    char, before, after = text[i], text[max(0, i - 3) : i].lower(), text[i + 1 : i + 3]
    is_link = (char == ":" and after == "//") or (char == "." and before == "www")
    is_issue = char == "-" and before.endswith("gh") and after[:1].isdigit()
    if char in _ACTS_WHEN_READ or is_link or is_issue:
        return f"<code>&#{ord(char)};</code>"
    if char == "." and after[:1].isdigit() and (not before or before[-1] in " +-" or before[-1].isdigit()):
        return char  # a decimal point
    if char in _MARKUP_AT_START and i == 0 and not after[:1].isdigit():
        return f"&#{ord(char)};"
    return _entity(char)
