"""Fill the prompt template and keep the articles in it within the budget.

The template is text of a pin and runs in a sandbox; questions and articles are only ever values in it.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

_ARTICLES = re.compile(r"(?<=<articles>\n).*?(?=</articles>)", re.DOTALL)
_SIGNS = str.maketrans("<>", "‹›")  # what people write cannot open or close a part of the prompt


def assemble(template: Path, values: Mapping[str, object], max_context: int) -> str:
    """The prompt. Its articles are cut at `max_context` characters, from the end, as context windows are."""
    rendered = _compiled(template.read_text(encoding="utf-8")).render(values)
    return _ARTICLES.sub(lambda found: _cut(found[0], max_context), rendered, count=1)


def harmless(text: str) -> str:
    """Text of people without the signs that structure a prompt, on one line."""
    return " ".join(text.translate(_SIGNS).split())


@lru_cache(maxsize=16)
def _compiled(source: str) -> Template:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,  # no HTML
    )
    return environment.from_string(source)


def _cut(articles: str, most: int) -> str:
    """The text up to its last whole sentence within the budget."""
    if len(articles) <= most:
        return articles
    end = max(articles.rfind(mark, 0, most) for mark in (".\n", ". ", ">\n"))
    return articles[: end + 1] + "\n"
