"""GitHub workflow commands that a pull request shows: one error a broken rule and scope, at most ten."""

from stopship.model.verdict import Record, Verdict
from stopship.report import words
from stopship.report.neutral import annotation, annotation_property

_MOST = 10  # GitHub keeps ten error annotations a step
_TITLE = 120
_MESSAGE = 1000


def render(record: Record) -> str:
    """Lines to print on standard output; empty where there is nothing to annotate."""
    by = f"stopship {record.suite}" if record.suite else "stopship"
    broken = [one for one in words.by_urgency(record) if one.is_broken]
    shown = broken if len(broken) <= _MOST else broken[: _MOST - 1]
    lines = [_command("error", f"{by}: {one.title} in {one.scope}", [words.sentence(one)]) for one in shown]
    if len(broken) > _MOST:
        more = f"{len(broken) - len(shown)} more checks are broken; the verdict record names them"
        lines.append(_command("error", f"{by}: more", [more]))
    if not broken and record.verdict in (Verdict.VOID, Verdict.UNDECIDED):
        reasons = words.reason_lines(record)
        level = "warning" if record.allowed else "error"
        said = reasons[0] if reasons else [words.summary(record)]
        lines = [_command(level, f"{by} {record.verdict.value}", said)]
    return "".join(f"{line}\n" for line in lines)


def _command(level: str, title: str, message: list[str]) -> str:
    encoded = "%0A".join(annotation(one.strip(), _MESSAGE) for one in message)
    return f"::{level} title={annotation_property(title, _TITLE)}::{encoded}"
