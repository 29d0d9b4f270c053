"""New cases are named, the first few, and escaped."""

from collections.abc import Mapping
from dataclasses import replace

from stopship.model.verdict import Record
from stopship.report import markdown, text


def test_new_cases_are_named_in_text_and_markdown(records: Mapping[str, Record]) -> None:
    record = replace(records["suite-ship"], new_keys=("refund-901", "refund-902", "refund-903", "refund-904"))
    said = "4 new cases without a baseline ('refund-901', 'refund-902', 'refund-903', …): only"
    assert said in " ".join(text.render(record).split())
    shown = markdown.render(record)
    assert "refund-901" in shown
    assert "refund-904" not in shown


def test_a_hostile_name_of_a_new_case_does_nothing(records: Mapping[str, Record]) -> None:
    record = replace(records["suite-ship"], new_keys=("\x1b[31m::error::@team <b>\n",))
    assert "\x1b" not in text.render(record)
    assert "\n::error::" not in text.render(record)
    assert "@team" not in markdown.render(record)
    assert "<b>" not in markdown.render(record)
