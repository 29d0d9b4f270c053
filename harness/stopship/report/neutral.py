"""Make untrusted text harmless where it is shown.

Outputs, keys, cohort values and labels come from models and files: no control character, terminal
sequence, markup or workflow command in them may act. Never changes what is stored.
"""

import unicodedata

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MARKDOWN_SAFE = frozenset(" ,-=%+/'")
_COMMAND_MARKS = (("::", ": :"), ("##", "# #"))  # GitHub, Azure and TeamCity read these in a build's output


def plain(text: str, limit: int = 0) -> str:
    """One line of printable text: everything that could act is written as an escape; cut to `limit`."""
    if limit and len(text) > limit:
        text = text[: limit - 1] + "…"
    shown = "".join(one if one.isascii() and one.isprintable() else _visible(one) for one in text)
    for mark, harmless in _COMMAND_MARKS:
        while mark in shown:
            shown = shown.replace(mark, harmless)
    return shown


def markdown(text: str, limit: int = 0) -> str:
    """Inline code of Markdown and HTML in which no character is markup, a link or a mention."""
    return f"<code>{_entities(plain(text, limit))}</code>"


def markdown_prose(text: str) -> str:
    """Our own sentences that quote names from data: entities where a character could be markup."""
    return _entities(plain(text))


def xml(text: str, limit: int = 0) -> str:
    """Text without characters that XML 1.0 forbids; the writer escapes markup."""
    return plain(text, limit)


def annotation(text: str) -> str:
    """The message of a workflow command: percent, carriage return and line feed encoded."""
    return plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def annotation_property(text: str) -> str:
    """A property of a workflow command, where colon and comma separate."""
    return annotation(text).replace(":", "%3A").replace(",", "%2C")


def _visible(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    category = unicodedata.category(char)
    # Cc, Cf (bidirectional overrides, zero width), Cs (lone surrogates), Co, Cn, and separators of lines
    if category[0] == "C" or category in ("Zl", "Zp") or not char.isprintable() and category != "Zs":
        code = ord(char)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return " " if category == "Zs" else char


def _entities(text: str) -> str:
    return "".join(
        one if one.isalnum() or one in _MARKDOWN_SAFE or not one.isascii() else f"&#{ord(one)};"
        for one in text
    )
