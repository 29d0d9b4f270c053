"""A change cannot edit what judges it: rules, labels, scorers and pointer of another revision."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.gating.making import MUST, TODAY, Made, forget_code, key, make
from tests.gating.test_golden import admitted, flaky

from stopship.cli.suites import desk
from stopship.errors import EvidenceError, UsageError
from stopship.gating.edits import edits_of
from stopship.gating.gate import Asked, gate
from stopship.gating.opened import GOLDEN
from stopship.gating.performing import replay
from stopship.gating.replay import planned
from stopship.model.verdict import Record, Verdict
from stopship.store.suitefile import read_suite
from stopship.store.temporary import folder_in

WRONG = [key(i) for i in range(20, 45)]


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *who, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """An accepted suite in a repository, whose working tree then gets worse."""
    made = make(tmp_path / "repo" / "suites" / "s")
    commit(made)
    made.stack("stack", wrong=WRONG)
    return made


def commit(made: Made) -> None:
    root = made.folder.parents[1]
    if not (root / ".git").exists():
        git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A", ".")
    git(root, "commit", "-q", "-m", "x")


def judged(made: Made, ref: str | None = "main") -> Record:
    forget_code()
    at = desk(made.file, baseline_ref=ref)
    run = replay(planned(at.opened, at.place, at.answering(None))).run
    return gate(at.opened, at.place, run, Asked(today=TODAY))


def point_at_the_worse_run(made: Made) -> None:
    forget_code()
    made.accept(made.replay(), waived=("right",), until=TODAY)


def test_what_a_killed_gate_laid_out_is_taken_away(made: Made) -> None:
    around = made.folder / ".stopship" / "ref"
    around.mkdir(parents=True)
    left, held = folder_in(around)
    (left / "suite.toml").write_text("")
    os.close(held)
    assert judged(made).verdict is Verdict.STOP
    assert not left.exists()


EDITS: dict[str, Callable[[Made], None]] = {
    "a note": lambda m: m.edit("suite.toml", "compare =", 'note = "x"\ncompare ='),
    "a margin": lambda m: m.edit("suite.toml", "20pt", "90pt"),
    "a cohort margin": lambda m: m.edit("suite.toml", "40pt", "95pt"),
    "a severity": lambda m: m.edit("suite.toml", "compare =", 'severity = "warn"\ncompare ='),
    "the rules": lambda m: m.edit("suite.toml", "compare =", 'where = ["key=c0*"]\ncompare ='),
    "the error rate": lambda m: m.edit("suite.toml", "alpha = 0.05", "alpha = 0.0001"),
    "a rule's id": lambda m: m.edit("suite.toml", 'id      = "right"', 'id      = "rights"'),
    "a scorer": lambda m: m.edit("scorers.py", "return ", "return True or "),
    "labels": lambda m: m.write_rows("labels.jsonl", [{"key": key(i), "wanted": "no"} for i in range(60)]),
    "labels taken away": lambda m: m.write_rows("labels.jsonl", m.rows("labels.jsonl")[:20]),
    "what is expected": lambda m: m.edit("suite.toml", "[decide]", '[columns]\nexpected = "asked"\n[decide]'),
    "the pointer": point_at_the_worse_run,
    "no pointer": lambda m: (m.folder / "baseline.json").unlink(),
    "losses allowed": lambda m: m.edit("suite.toml", "[replay]", "[replay]\nlimits = { errors = 0.9 }"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_no_edit_of_what_judges_changes_the_verdict(made: Made, edit: str) -> None:
    EDITS[edit](made)
    record = judged(made)
    assert record.verdict is Verdict.STOP
    assert {one.rule for one in record.findings if one.is_broken} == {"right"}


def test_without_a_revision_a_loosened_margin_would_have_helped(made: Made) -> None:
    EDITS["a margin"](made)
    EDITS["a cohort margin"](made)
    assert judged(made, None).verdict is not Verdict.STOP


def test_new_cases_keep_their_own_labels(made: Made) -> None:
    rows = [*made.rows("cases.jsonl"), {"key": "new", "asked": "q", "lang": "en", "tag": "incident"}]
    made.write_rows("cases.jsonl", rows)
    made.write_rows("labels.jsonl", [*made.rows("labels.jsonl"), {"key": "new", "wanted": "never"}])
    record = judged(made)
    assert record.new_keys == ("new",)
    assert any("'new'" in one for one in record.reasons)


def test_a_label_for_an_old_case_that_had_none_counts_for_nothing(tmp_path: Path) -> None:
    made = make(tmp_path / "repo" / "suites" / "s", is_accepted=False)
    labels = made.rows("labels.jsonl")
    made.write_rows("labels.jsonl", [*labels[:50], *({"key": one["key"]} for one in labels[50:])])
    commit(made)
    made.write_rows("labels.jsonl", labels)
    opened = desk(made.file, baseline_ref="main").opened
    assert opened.labels["c55"] == {}


def test_what_a_change_put_where_the_revision_is_laid_out_is_not_read(made: Made) -> None:
    commit_id = git(made.folder, "rev-parse", "main").strip()
    fake = made.folder / ".stopship" / "ref" / commit_id / "suites" / "s"
    fake.mkdir(parents=True)
    for name in ("suite.toml", "scorers.py", "labels.jsonl", "cases.jsonl", "baseline.json"):
        (fake / name).write_bytes((made.folder / name).read_bytes())
    loose = (fake / "suite.toml").read_text("utf-8").replace("20pt", "90pt").replace("40pt", "95pt")
    (fake / "suite.toml").write_text(loose, "utf-8")
    assert judged(made).verdict is Verdict.STOP


def test_a_scorer_beside_the_suite_comes_from_the_revision_too(tmp_path: Path) -> None:
    made = make(tmp_path / "repo" / "suites" / "s", is_accepted=False)
    common = made.folder.parent / "common"
    common.mkdir()
    (made.folder / "scorers.py").rename(common / "scorers.py")
    text = made.file.read_text("utf-8").replace('"scorers.py:', '"../common/scorers.py:')
    made.file.write_text(text, "utf-8")
    made.accept(made.replay())
    commit(made)
    made.stack("stack", wrong=WRONG)
    source = (common / "scorers.py").read_text("utf-8")
    (common / "scorers.py").write_text(source.replace("return ", "return True or "), "utf-8")
    assert judged(made).verdict is Verdict.STOP


def test_an_unknown_revision_says_how_to_fetch_it(made: Made) -> None:
    with pytest.raises(UsageError, match=r"there is no revision 'mian'(.|\n)*git fetch origin"):
        judged(made, "mian")
    with pytest.raises(UsageError, match="there is no revision"):
        judged(made, "--upload-pack=x")


def test_a_shallow_clone_that_lacks_the_revision_says_so(made: Made, tmp_path: Path) -> None:
    old = git(made.folder, "rev-parse", "main").strip()
    commit(made)
    clone = tmp_path / "clone"
    source = made.folder.parents[1].as_uri()
    git(tmp_path, "clone", "-q", "--depth", "1", source, str(clone))
    with pytest.raises(UsageError, match="a shallow clone needs: git fetch"):
        judged(Made(clone / "suites" / "s"), old)


def test_outside_a_repository_it_says_so(tmp_path: Path) -> None:
    made = make(tmp_path / "s")
    with pytest.raises(UsageError, match="is in no git repository"):
        judged(made)


def test_a_revision_without_the_suite_is_void_with_what_to_do(made: Made) -> None:
    other = make(made.folder.parent / "t")
    with pytest.raises(EvidenceError, match=r"has no such suite(.|\n)*--new-suite"):
        judged(other)


def test_a_suite_of_another_name_judges_nothing(made: Made) -> None:
    made.edit("suite.toml", '"small"', '"other"')
    with pytest.raises(UsageError, match="is called 'other' here and 'small' there"):
        judged(made)


def test_rules_that_are_added_wait_for_the_revision(made: Made) -> None:
    made.stack("stack")
    made.edit("suite.toml", MUST, MUST.replace("tag=incident", "key=*").replace("incidents", "all") + MUST)
    assert {one.rule for one in judged(made).findings} == {"right", "incidents", "mostly-right", "answered"}


def test_the_words_of_gitattributes_take_nothing_out_of_the_revision(made: Made) -> None:
    root = made.folder.parents[1]
    (root / ".gitattributes").write_text("suites export-ignore\nbaseline.json export-ignore\n", "utf-8")
    assert judged(made).verdict is Verdict.STOP
    commit(made)
    made.stack("stack")
    assert judged(made).verdict is Verdict.SHIP


def test_links_are_followed_inside_the_repository_and_left_out_where_they_lead_elsewhere(
    tmp_path: Path,
) -> None:
    made = make(tmp_path / "repo" / "suites" / "s")
    shared = tmp_path / "repo" / "shared"
    shared.mkdir()
    (made.folder / "cases.jsonl").rename(shared / "cases.jsonl")
    (made.folder / "cases.jsonl").symlink_to("../../shared/cases.jsonl")
    (made.folder / "elsewhere").symlink_to("/etc/hostname")
    (made.folder / "above").symlink_to("../../../../x")
    (made.folder / "nowhere").symlink_to("gone")
    commit(made)
    assert judged(made).verdict is Verdict.SHIP
    made.stack("stack", wrong=WRONG)
    assert judged(made).verdict is Verdict.STOP


def test_a_reason_for_removed_cases_comes_from_the_revision_too(made: Made) -> None:
    kept = [row for row in made.rows("cases.jsonl") if row["key"] not in WRONG]
    made.write_rows("cases.jsonl", kept)
    made.write_rows("labels.jsonl", [row for row in made.rows("labels.jsonl") if row["key"] not in WRONG])
    reasons = "".join(f'{one} = "a duplicate"\n' for one in WRONG)
    made.file.write_text(made.file.read_text("utf-8") + f"\n[removed]\n{reasons}", "utf-8")
    assert judged(made, ref=None).verdict is Verdict.SHIP
    record = judged(made)
    assert record.verdict is Verdict.VOID
    assert "with --baseline-ref it has to stand in that revision" in record.reasons[0]


ADMITTED = "3 admitted must-pass cases stop"
CHANGED = "golden.json was changed since that revision: the admissions of the revision count"


@pytest.mark.parametrize(
    "edit",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text("{}", "utf-8"),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"times": 20', b'"times": 99')),
    ],
    ids=["removed", "damaged", "edited"],
)
def test_no_edit_of_admissions_counts_before_it_is_in_the_revision(
    tmp_path: Path, edit: Callable[[Path], None]
) -> None:
    """Which cases are known to pass every time is a property of what was accepted."""
    made = flaky(tmp_path / "repo" / "suites" / "s")
    admitted(made)
    commit(made)
    before = judged(made)
    assert before.verdict is not Verdict.VOID
    assert any(one.startswith(ADMITTED) for one in before.notes)
    assert CHANGED not in before.notes
    edit(made.folder / GOLDEN)
    after = judged(made)
    assert (after.verdict, after.notes) == (before.verdict, (*before.notes, CHANGED))


def test_an_admission_that_a_change_adds_waits_for_the_revision(tmp_path: Path) -> None:
    made = flaky(tmp_path / "repo" / "suites" / "s")
    commit(made)
    admitted(made)
    assert any(one.startswith(ADMITTED) for one in judged(made, None).notes)
    record = judged(made)
    assert any(one.startswith("3 of 3 must-pass cases are not admitted") for one in record.notes)
    assert CHANGED in record.notes


def test_damaged_admissions_of_the_revision_are_void(tmp_path: Path) -> None:
    made = flaky(tmp_path / "repo" / "suites" / "s")
    admitted(made)
    whole = (made.folder / GOLDEN).read_bytes()
    (made.folder / GOLDEN).write_bytes(whole.replace(b'"times": 20', b'"times": 99'))
    commit(made)
    (made.folder / GOLDEN).write_bytes(whole)
    record = judged(made)
    assert record.verdict is Verdict.VOID
    assert "golden.json" in record.reasons[0]


def test_a_change_that_edits_what_will_judge_once_it_is_merged_says_so(made: Made, stopship: Command) -> None:
    words = ("gate", str(made.folder), "--baseline-ref", "main")
    assert stopship(*words) == 20
    assert "once it is merged" not in stopship.said
    made.edit("suite.toml", "20pt", "90pt")
    made.edit("suite.toml", "alpha = 0.05", "alpha = 0.01")
    made.edit("suite.toml", "lang = {}", "lang = {}\ntier = {}")
    forget_code()
    assert stopship(*words) == 20  # the margin of main judges
    told = (
        "the change edits what will judge once it is merged: right margin 20pt -> 90pt; [decide]; [cohorts]"
    )
    assert told in stopship.said


def test_edits_of_rules_are_told_by_their_ids(made: Made) -> None:
    before = read_suite(made.file)
    made.edit("suite.toml", "compare =", 'severity = "warn"\nnote = "x"\ncompare =')
    assert edits_of(read_suite(made.file), before) == ["right severity"]
    made.edit("suite.toml", 'id      = "right"', 'id      = "rights"')
    assert edits_of(read_suite(made.file), before) == ["rule right is gone", "rule rights is new"]
