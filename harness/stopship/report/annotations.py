"""GitHub workflow commands: one error a broken rule and scope, at most ten, so that a pull request shows them."""

from stopship.model.verdict import Record, Verdict
from stopship.report import words
from stopship.report.junit import sentence
from stopship.report.neutral import annotation, annotation_property

_MOST = 10  # GitHub keeps ten error annotations a step


def render(record: Record) -> str:
    """Lines to print on standard output; empty where there is nothing to annotate."""
    broken = [one for one in words.by_urgency(record) if one.is_broken]
    lines = [
        f"::error title={annotation_property(f'stopship: {one.rule} in {one.scope}')}::{annotation(sentence(one))}"
        for one in broken
    ]
    if not broken and record.verdict in (Verdict.VOID, Verdict.UNDECIDED):
        level = "warning" if record.allowed else "error"
        reason = record.reasons[0] if record.reasons else words.HEADLINES[record.verdict]
        lines = [f"::{level} title=stopship {record.verdict.value}::{annotation(reason)}"]
    return "".join(f"{line}\n" for line in lines[:_MOST])
