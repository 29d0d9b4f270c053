"""A pinned template and a case make the messages for a model.

Decides what a template may use. Never repairs what it renders.
"""

import json
from functools import lru_cache
from typing import Any

from stopship.errors import EvidenceError, UsageError
from stopship.model.case import Case, Json
from stopship.parts.user_code import Raised, caught


def messages_of(template: str, case: Case, where: str) -> list[dict[str, Json]]:
    """The rendered template: a JSON list of messages as it is, any other text as one message of the user.

    The columns of the case are its names, `row` is all of them, `input` the input column. Raises UsageError
    for a template that is none, and for a case that lacks what it uses or for which it fails otherwise.
    """
    given = {**case.row, "row": dict(case.row), "input": case.input}
    text = caught(lambda: _compiled(template).render(given))
    if isinstance(text, Raised):  # whatever its own words can raise
        err = text.error
        number = getattr(err, "lineno", None)
        line = f":{number}" if number else ""
        raise UsageError(
            f"the prompt cannot be rendered for the case {case.key!r}: {_told(err)}",
            where=f"{where}{line}",
            do="a template sees the columns of the case, never its labels or other files",
        ) from err
    return _listed(text) or [{"role": "user", "content": text}]


def _told(error: BaseException) -> str:
    from jinja2 import TemplateError

    return str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"


def _listed(text: str) -> list[dict[str, Json]] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None  # a text that begins with a bracket
    is_messages = isinstance(found, list) and found and all(_is_message(one) for one in found)
    return found if is_messages else None


def _is_message(one: object) -> bool:
    return isinstance(one, dict) and isinstance(one.get("role"), str)


def load_templates() -> None:
    """EvidenceError where no template can be read."""
    try:
        import jinja2  # noqa: F401
    except ImportError as err:
        raise missing("jinja2", "openai") from err


@lru_cache(maxsize=8)
def _compiled(template: str) -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    made = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # a prompt is no HTML
    )
    made.filters["tojson"] = _tojson  # theirs sorts keys and escapes what HTML would take for tags
    found = made.from_string(template)
    found.globals = dict(found.globals)  # theirs is a chain of maps, which each rendering walks through anew
    return found


def _tojson(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def missing(package: str, extra: str) -> EvidenceError:
    """A package that is not installed: nothing can be asked, so there is no verdict."""
    return EvidenceError(
        f"the target needs the package {package}, which is not installed",
        do=f"pip install 'stopship[{extra}]'",
    )
