"""The record as JUnit XML: one test case a finding, and one for the gate itself.

A broken finding is a failure; one that cannot be judged is an error; a held gate is a failure of the gate.
"""

from xml.etree import ElementTree as ET  # only writes; nothing is parsed

from stopship.model.rule import Mode
from stopship.model.verdict import Decision, Finding, Record, Verdict
from stopship.report import words
from stopship.report.neutral import xml


def render(record: Record) -> bytes:
    """UTF-8 XML with a declaration."""
    findings = [one for one in words.by_urgency(record) if one.mode is not Mode.WATCH]
    broken = sum(1 for one in findings if one.is_broken)
    errors = sum(1 for one in findings if one.decision is Decision.ERROR and one.stops)
    gate_failed = record.verdict in (Verdict.STOP, Verdict.UNDECIDED) and not record.allowed
    gate_error = record.verdict is Verdict.VOID
    suite = ET.Element(
        "testsuite",
        name="stopship",
        tests=str(len(findings) + 1),
        failures=str(broken + gate_failed),
        errors=str(errors + gate_error),
        skipped="0",
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("stopship.verdict", record.verdict.value),
        ("stopship.exit_code", str(record.exit_code)),
        ("stopship.rules", record.rules_digest),
    ):
        ET.SubElement(properties, "property", name=name, value=value)
    _gate(suite, record, failed=gate_failed, error=gate_error)
    for one in findings:
        _case(suite, one)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _gate(suite: ET.Element, record: Record, *, failed: bool, error: bool) -> None:
    case = ET.SubElement(suite, "testcase", classname="stopship", name="gate")
    if failed or error:
        message = xml(words.headline(record))
        mark = ET.SubElement(
            case, "error" if error else "failure", type=record.verdict.value, message=message
        )
        mark.text = "\n".join(xml(one) for one in record.reasons)


def _case(suite: ET.Element, one: Finding) -> None:
    case = ET.SubElement(suite, "testcase", classname=xml(one.rule), name=xml(f"{one.kind} {one.scope}"))
    if one.decision is Decision.ERROR and one.stops:
        ET.SubElement(case, "error", type="VOID", message=xml(one.why))
    elif one.is_broken:
        mark = ET.SubElement(case, "failure", type="regression", message=xml(sentence(one)))
        mark.text = "\n".join(xml(key) for key in one.worse_keys[:50])


def sentence(one: Finding) -> str:
    """A broken finding in one line, counts before averages."""
    counts = f"{one.worse} of {one.n} cases worse, {one.better} better"
    if one.kind == "limit":
        counts = f"{words.mean(one.candidate)} over {one.n} cases"
    return (
        f"{one.rule} in {one.scope}: {counts}, change {words.share(one.delta, one)}, "
        f"allowed {words.allowed(one)}, p {words.probability(one.p_adjusted)}"
    )
