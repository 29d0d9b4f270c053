"""The record as JUnit XML: one test case a finding, and one for the gate itself.

A broken finding is a failure; one that cannot be judged is an error; a held gate is a failure of the gate.
"""

from xml.etree import ElementTree as ET  # only writes; nothing is parsed

from stopship.model.rule import Mode
from stopship.model.verdict import Decision, Finding, Record, Verdict
from stopship.report import words
from stopship.report.neutral import xml

_NAME = 200
_SENTENCE = 1000
_MOST_KEYS = 50


def render(record: Record) -> bytes:
    """UTF-8 XML with a declaration."""
    suite = ET.Element("testsuite", name=xml(record.suite, _NAME) or "stopship")
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("stopship.verdict", record.verdict.value),
        ("stopship.exit_code", str(record.exit_code)),
        ("stopship.rules", record.rules_digest),
        *((("stopship.suite", xml(record.suite, _NAME)),) if record.suite else ()),
    ):
        ET.SubElement(properties, "property", name=name, value=value)
    _gate(suite, record)
    for one in words.by_urgency(record):
        if one.mode is not Mode.WATCH:
            _case(suite, one)
    for attribute, children in (("tests", ""), ("failures", "/failure"), ("errors", "/error")):
        suite.set(attribute, str(len(suite.findall(f"testcase{children}"))))
    suite.set("skipped", "0")
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _gate(suite: ET.Element, record: Record) -> None:
    case = ET.SubElement(suite, "testcase", classname="stopship", name="gate")
    if record.verdict is Verdict.SHIP or record.allowed:
        return
    kind = "error" if record.verdict is Verdict.VOID else "failure"
    message = f"{words.headline(record)}: {words.summary(record)}"
    mark = ET.SubElement(case, kind, type=record.verdict.value, message=xml(message))
    lines = [line for reason in words.reason_lines(record) for line in reason]
    mark.text = "\n".join(xml(one, _SENTENCE) for one in lines)


def _case(suite: ET.Element, one: Finding) -> None:
    name = xml(f"{one.kind} {one.scope}", _NAME)
    case = ET.SubElement(suite, "testcase", classname=xml(one.title, _NAME), name=name)
    waived = words.status(one) if one.waived_keys else ""
    told = {"owner": one.owner, "class": one.incident_class, "note": one.note, "waived": waived}
    if any(told.values()):
        properties = ET.SubElement(case, "properties")
        for word, value in told.items():
            if value:
                ET.SubElement(properties, "property", name=f"stopship.{word}", value=xml(value, _SENTENCE))
    if one.decision is Decision.ERROR and one.stops:
        ET.SubElement(case, "error", type="VOID", message=xml(one.why, _SENTENCE))
    elif one.is_broken:
        message = xml(words.sentence(one), _SENTENCE)
        mark = ET.SubElement(case, "failure", type="regression", message=message)
        keys = [xml(key, _NAME) for key in one.worse_keys[:_MOST_KEYS]]
        if len(one.worse_keys) > _MOST_KEYS:
            keys.append(f"… and {len(one.worse_keys) - _MOST_KEYS} more")
        mark.text = "\n".join(keys)
