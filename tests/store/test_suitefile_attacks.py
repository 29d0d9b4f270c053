"""What is thrown at a suite file: values of a wrong kind, hostile words, look-alikes."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.store.test_suitefile import fault, in_folder

from stopship.store.suitewords import Lines

HOSTILE = "\\u001b[31m\\u202e\\n"
ANYTHING = st.sampled_from(
    [
        '""',
        '"\\u0000"',
        "-1",
        "1e400",
        "nan",
        "true",
        "[]",
        "[[]]",
        "{}",
        "{ a = 1 }",
        "1979-05-27",
        '["x", 1]',
    ]
)
KEYS = [
    *("format", "suite", "owner", "cases", "labels", "stack", "store", "redacted", "replay", "decide"),
    *("columns", "cohorts", "rule", "removed", "cohorts.named", "cohorts.named.x", "cohorts.a.prove"),
    *("replay.target", "replay.limits", "replay.timeout", "decide.alpha", "columns.key", "replay.cluster"),
]


@settings(max_examples=tries(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=4),
    st.dictionaries(
        st.sampled_from(
            [
                "id",
                "class",
                "note",
                "score",
                "where",
                "expect",
                "compare",
                "limit",
                "must_pass",
                "owner",
                "compare.margin",
                "limit.at_most",
                "must_pass.where",
                "severity",
            ]
        ),
        ANYTHING,
        max_size=3,
    ),
)
def test_no_value_of_a_wrong_kind_escapes_as_anything_but_a_fault(
    top: dict[str, str], rule: dict[str, str]
) -> None:
    lines = [f'"{HOSTILE}" = 1', *(f"{key} = {value}" for key, value in top.items())]
    lines += [f'{table}."{HOSTILE}" = 1' for table in ("removed", "columns") if table not in top]
    lines += ["[[rule]]", *(f"{key} = {value}" for key, value in rule.items())]
    told = fault("\n".join(lines))
    assert all(one.isprintable() for one in told.splitlines())


def test_lines_are_found_through_strings_comments_and_lists_that_look_like_tables() -> None:
    lines = Lines(
        '# [[rule]]\nnote = """\n[[rule]]\nid = 1 # "\n"""\nlist = [\n  ["rule"],\n]\n'
        '[[rule]]\nid = "a" # [x]\n[rule.compare]\nmargin = 1\n[[ "rule" ]]\nid = "b"\n'
        "compare = { better = 1, margin = 2 }\na.'b c'.d = 3\n"
    )
    places = {
        ("note",): 2,
        ("list",): 6,
        ("rule", 0): 9,
        ("rule", 0, "id"): 10,
        ("rule", 0, "compare", "margin"): 12,
        ("rule", 1): 13,
        ("rule", 1, "id"): 14,
        ("rule", 1, "compare", "margin"): 15,
        ("rule", 1, "a", "b c", "d"): 16,
        ("rule", 1, "no such"): 13,
        ("nowhere",): 0,
    }
    assert {keys: lines.of(keys) for keys in places} == places


__all__ = ["in_folder"]
