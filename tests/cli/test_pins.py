"""`stopship pins` as a person and a build see it: exit code first, then every line."""

import os
from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.pinning.folders import STACK, make_stack, write_files

NEXT = (
    STACK.replace("v14", "v15").replace("2026-02-28", "2026-03-01").replace("max_steps = 4", "max_steps = 6")
)


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STOPSHIP_STORE", raising=False)


def make_next(folder: str) -> Path:
    files: dict[str, bytes | str] = {
        "stack.toml": NEXT,
        "prompts/system.md": "Answer.\nBe brief.\nBe kind.\nNever guess.\n",
        "index.db": b"\0" * 130_000,
        "app/answer.py": "def answer():\n    return 1\n",
        "app/new.py": "",
    }
    return make_stack(Path(folder), **files)


def test_lock_says_what_is_new_and_then_what_changed(stopship: Command) -> None:
    make_stack(Path())
    assert stopship("pins", "lock", "stack.toml") == 0
    assert stopship.out == (
        "locked 5 pins   stack 55a0331058ed   stack.lock.json\n"
        "  budget b1 new\n"
        "  code new\n"
        "  index 2026-02-28 new\n"
        "  model extractive-2 new\n"
        "  prompt v14 new\n"
    )
    assert stopship("pins", "lock", "stack.toml") == 0
    assert stopship.out == "locked 5 pins   stack 55a0331058ed   stack.lock.json\n  nothing changed\n"
    make_next(".")
    assert stopship("pins", "lock", "stack.toml") == 0
    assert stopship.out == (
        "locked 5 pins   stack 72d0a0df0f92   stack.lock.json\n"
        "  budget b1 changed without a new version (2 lines: +1 -1)\n"
        "  code (2 files: app/answer.py +2 -1, app/new.py new)\n"
        "  index 2026-02-28 -> 2026-03-01 (binary, 120 KB -> 130 KB)\n"
        "  prompt v14 -> v15 (2 lines: +2 -0)\n"
        "  model same\n"
    )
    assert stopship.err == ""


def test_a_lock_in_conflict_is_written_anew(stopship: Command) -> None:
    make_stack(Path())
    Path("stack.lock.json").write_text("<<<<<<< ours\n", encoding="utf-8")
    assert stopship("pins", "verify", "stack.toml") == 22
    assert stopship("pins", "lock", "stack.toml") == 0
    assert stopship.out.splitlines()[1].startswith(
        "  the earlier lock could not be read, so everything is new: broken JSON at character 1"
    )
    assert stopship("pins", "verify", "stack.toml") == 0


def test_verify_names_every_drift(stopship: Command) -> None:
    make_stack(Path())
    assert stopship("pins", "verify", "stack.toml") == 22
    assert stopship.err == (
        "error: stack.lock.json: the stack is not locked: there is no such file\n"
        "  lock it: stopship pins lock stack.toml\n"
    )
    stopship("pins", "lock", "stack.toml")
    assert stopship("pins", "verify", "stack.toml") == 0
    assert stopship.out == "locked   5 pins   stack 55a0331058ed   stack.toml\n"
    make_next(".")
    text = NEXT.replace('[model]\nversion = "extractive-2"', '[policy]\nversion = "p1"')
    write_files(Path(), {"stack.toml": text})
    Path("app/tools.py").unlink()
    Path("index.db").unlink()
    assert stopship("pins", "verify", "stack.toml") == 22
    assert stopship.out == (
        "VOID   6 pins drifted from the lock   stack.toml   exit 22\n"
        "  budget b1: value 0f9ad20b5d50 -> 12315e700291\n"
        "  code: app/answer.py 04742fd85c8e -> dd46cb2f80fe\n"
        "  code: app/new.py is new\n"
        "  code: app/tools.py is gone\n"
        "  index 2026-02-28: index.db: there is no such file\n"
        "  model extractive-2: locked, but no longer in the stack file\n"
        "  policy p1: in the stack file, but not locked\n"
        "  prompt: version v14 -> v15\n"
        "  prompt v14: prompts/system.md 3d43b512f07c -> 234121e87055\n"
        "  put back what was locked, or give each drifted pin a new version and lock it:\n"
        "  stopship pins lock stack.toml\n"
    )


def test_diff_reads_stack_files_and_locks_alike(stopship: Command) -> None:
    make_stack(Path("a"))
    make_next("b")
    expected = (
        "budget b1 changed without a new version (2 lines: +1 -1)\n"
        "code (2 files: app/answer.py +2 -1, app/new.py new)\n"
        "index 2026-02-28 -> 2026-03-01 (binary, 120 KB -> 130 KB)\n"
        "prompt v14 -> v15 (2 lines: +2 -0)\n"
        "model same\n"
    )
    assert stopship("pins", "diff", "a/stack.toml", "b/stack.toml") == 0
    assert stopship.out == expected
    for name in "ab":
        stopship("pins", "lock", f"{name}/stack.toml")
    assert stopship("pins", "diff", "a/stack.lock.json", "b/stack.lock.json") == 0
    assert stopship.out == expected
    assert stopship("pins", "diff", "a/stack.lock.json", "a/stack.toml") == 0
    assert stopship.out == "budget, code, index, model, prompt same\n"


def test_diff_shows_the_lines_and_neutralises_them(stopship: Command) -> None:
    make_stack(Path("a"), **{"prompts/system.md": "Answer.\n"})
    hostile = "Answer.\r\n\x1b[31m::error::x\n"
    changed: dict[str, bytes | str] = {"prompts/system.md": hostile, "app/answer.py": b"\xff"}
    make_stack(Path("b"), **changed)
    Path("b/app/tools.py").unlink()
    assert stopship("pins", "diff", "a/stack.toml", "b/stack.toml", "--lines") == 0
    assert stopship.out == (
        "code (2 files: app/answer.py 18 bytes -> 1 byte, app/tools.py gone)\n"
        "prompt v14 changed without a new version (3 lines: +2 -1)\n"
        "budget, index, model same\n"
        "--- code/app/tools.py\n"
        "+++ (gone)\n"
        "@@ -1 +0,0 @@\n"
        "-TOOLS = []\n"
        "--- prompt/prompts/system.md\n"
        "+++ prompt/prompts/system.md\n"
        "@@ -1 +1,2 @@\n"
        "-Answer.\n"
        "+Answer.\\r\n"
        "+\\x1b[31m: :error: :x\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            '[a]\nversion = "1"',
            '[a]\nversion = "1"\nvalue = 1',
            "a 1 changed without a new version (version alone -> value)",
        ),
        (
            '[a]\nversion = "1"\nx = 1',
            '[a]\nversion = "2"\nx = 1.0',
            "a 1 -> 2 with the same content",
        ),
        ('[a]\nversion = "1"', '[a]\nversion = "2"', "a 1 -> 2"),
        ('[a]\nversion = "1"', '[b]\nversion = "1"', "a 1 removed\nb 1 new"),
        (
            '[a]\nversion = "1"\npath = "x"',
            '[a]\nversion = "2"\npath = "y"',
            "a 1 -> 2 (1 line: +1 -0)",
        ),
        (
            '[a]\nversion = "1"\npath = "x"',
            '[a]\nversion = "2"\npath = "d"',
            "a 1 -> 2 (data file -> data folder; 2 files: e new, x gone)",
        ),
        (
            '[a]\nversion = "1"\nfile = "big"',
            '[a]\nversion = "2"\nfile = "bigger"',
            "a 1 -> 2 (300 KB -> 1.2 MB)",
        ),
        ('[a]\npaths = ["many"]', '[a]\npaths = ["x"]', ("a (13 files: "
                "many/00 gone, many/01 gone, many/02 gone, "
         "many/03 gone, many/04 gone, many/05 gone, many/06 gone, many/07 gone, and 5 more)")),
        (
            '[a]\nversion = "1"\npaths = ["x"]',
            '[a]\npaths = ["x"]',
            "a 1 -> (no version) with the same content",
        ),
        (
            '[a]\nversion = "1"\nobserve = "o.py:one"',
            '[a]\nversion = "1"\nobserve = "o.py:two"',
            "a 1 changed without a new version (served 'i1' -> 'i2\\x1b')",
        ),
    ],
)  # fmt: skip
def test_each_change_has_its_words(stopship: Command, old: str, new: str, told: str) -> None:
    write_files(
        Path(),
        {
            "old.toml": old,
            "new.toml": new,
            "x": "",
            "y": "1\n",
            "d/e": "",
            "big": b"x" * 300_000,
            "bigger": b"x" * 1_234_567,
            "o.py": "def one(): return 'i1'\ndef two(): return 'i2\\x1b'\n",
            **{f"many/{i:02}": "" for i in range(12)},
        },
    )
    assert stopship("pins", "diff", "old.toml", "new.toml") == 0
    assert stopship.out == f"{told}\n"


def test_show_lists_pins_and_prints_texts(stopship: Command) -> None:
    make_stack(Path(), **{"prompts/system.md": "Answer.\x1b[2J\r\n"})
    stopship("pins", "lock", "stack.toml")
    for name in ("stack.toml", "stack.lock.json"):
        assert stopship("pins", "show", name) == 0
        assert stopship.out == (
            " axis    version       kind           digest        content\n"
            " budget  b1            value          4d83c309e61c\n"
            " code                  files          63011ca740f7  2 files, 29 bytes\n"
            " index   2026-02-28    data file      845339d6873e  index.db, 120 KB, binary\n"
            " model   extractive-2  version alone  e825db742918\n"
            " prompt  v14           file           52a475d3b530  prompts/system.md, 13 bytes\n"
            "stack f4bb20fc613b\n"
        )
        assert stopship("pins", "show", name, "prompt") == 0
        assert stopship.out == "Answer.\\x1b[2J\\r\n"
        assert stopship("pins", "show", name, "prompt", "--raw") == 0
        assert stopship.out.encode() == b"Answer.\x1b[2J\r\n"
        assert stopship("pins", "show", name, "budget") == 0
        assert stopship.out == '{"max_steps":4}\n'
        assert stopship("pins", "show", name, "code") == 0
        assert stopship.out == "--- app/answer.py\ndef answer(): ...\n--- app/tools.py\nTOOLS = []\n"
        assert stopship("pins", "show", name, "index") == 0
        assert stopship.out == "--- index.db: 120 KB, binary or too large to show\n"
        assert stopship("pins", "show", name, "model") == 0
        assert stopship.out == "model extractive-2 has no text, only a version\n"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("lock", "stack.lock.json"), 2, "'stack.lock.json' is a lock\n  name the stack file beside it"),
        (("lock", "no.toml"), 2, "no.toml: there is no such stack file\n  check the path"),
        (("lock", "."), 2, ".: is neither a stack file nor a lock\n  name NAME.toml or NAME.lock.json"),
        (("verify", "stack.lock.json"), 2, "'stack.lock.json' is a lock\n  name the stack file beside it"),
        (("show", "stack.toml", "promt"), 2, ("the stack has no axis 'promt'\n  did you mean 'prompt'?  "
         "there are: budget, code, index, model, prompt")),
        (("show", "stack.toml", "--raw"), 2, "--raw without an axis\n  name the axis whose text is wanted"),
        (("show", "stack.toml", "code", "--raw"), 2,
         "'code' has no single text at hand\n  leave out --raw to see what it has"),
        (("show", "no.lock.json"), 22, "no.lock.json: there is no such lock\n  stopship pins lock STACK"),
        (("restore", "stack.toml", "app"), 2,
         "app: is there already and is not an empty folder\n  name a new folder"),
        (("diff", "baseline", "stack.toml"), 2,
         ("baseline: is neither a stack file nor a lock\n  name NAME.toml or NAME.lock.json"
         "; of runs: stopship diff baseline RUN")),
        (("diff", "stack.toml", "index.db"), 2,
         "index.db: is neither a stack file nor a lock\n  name NAME.toml or NAME.lock.json"),
    ],
)  # fmt: skip
def test_a_wrong_command_says_what_to_do(
    stopship: Command, words: tuple[str, ...], code: int, told: str
) -> None:
    make_stack(Path())
    stopship("pins", "lock", "stack.toml")
    assert stopship("pins", *words) == code
    assert stopship.err == f"error: {told}\n"
    assert stopship.out == ""


def test_a_lock_edited_by_hand_is_void_everywhere(stopship: Command) -> None:
    make_stack(Path())
    stopship("pins", "lock", "stack.toml")
    lock = Path("stack.lock.json")
    lock.write_text(lock.read_text(encoding="utf-8").replace('"v14"', '"v15"'), encoding="utf-8")
    for words in (
        ("verify", "stack.toml"),
        ("show", "stack.lock.json"),
        ("restore", "stack.toml", "out"),
        ("diff", "stack.lock.json", "stack.toml"),
    ):
        assert stopship("pins", *words) == 22
        assert stopship.err.startswith("error: stack.lock.json: damaged or edited: pins.prompt.digest: is '")
    assert not Path("out").exists()


def test_faults_of_file_and_content_are_shown_together(stopship: Command) -> None:
    write_files(Path(), {"stack.toml": '[a]\nversion = "1"\nfile = "no"\n[b]\nversion = 2\n'})
    assert stopship("pins", "lock", "stack.toml") == 2
    assert stopship.err == (
        "error: stack.toml: 2 faults\n"
        "  stack.toml:5 [b]: version is a number, expected text\n"
        '    write version = "2"\n'
        "  stack.toml:1 [a]: no: there is no such file\n"
        "    check the path in the stack file; paths are relative to it\n"
    )
    write_files(Path(), {"stack.toml": '[a]\nversion = "1"\nfile = "no"\n'})
    assert stopship("pins", "lock", "stack.toml") == 22


def test_restore_brings_back_what_was_kept(stopship: Command) -> None:
    make_stack(Path("s"))
    stopship("pins", "lock", "s/stack.toml")
    assert stopship("pins", "restore", "s/stack.lock.json", "out") == 22
    assert stopship.out == (
        f"restored 4 of 5 pins   {Path('out/stack.toml')}\n"
        "  budget b1\n"
        "  code\n"
        "  model extractive-2\n"
        "  prompt v14\n"
        "  not index 2026-02-28: it is data, of which a lock keeps only the digest\n"
    )
    assert Path("out/prompts/system.md").read_bytes() == Path("s/prompts/system.md").read_bytes()
    assert stopship("pins", "diff", "s/stack.toml", "out/stack.toml") == 0
    assert stopship.out == "index 2026-02-28 removed\nbudget, code, model, prompt same\n"
    Path("s/index.db").unlink()
    text = STACK.replace('[index]\nversion = "2026-02-28"\npath = "index.db"\n', "")
    write_files(Path("s"), {"stack.toml": text})
    stopship("pins", "lock", "s/stack.toml")
    assert stopship("pins", "restore", "s/stack.toml", "again") == 0
    stopship("pins", "lock", "again/stack.toml")
    locks = [Path(name, "stack.lock.json").read_bytes() for name in ("s", "again")]
    assert locks[0] == locks[1]


def test_the_store_is_named_by_option_environment_or_stack_file(
    stopship: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_stack(Path())
    stopship("pins", "lock", "stack.toml", "--store", "one")
    assert Path("one/pins/sha256").is_dir()
    monkeypatch.setenv("STOPSHIP_STORE", "two")
    stopship("pins", "lock", "stack.toml")
    assert Path("two/pins/sha256").is_dir()
    assert not Path("pins").exists()
    monkeypatch.delenv("STOPSHIP_STORE")
    assert stopship("pins", "show", "stack.lock.json", "prompt") == 0
    assert stopship.out == "(the content is not kept)\n"
    assert stopship("pins", "show", "stack.lock.json", "prompt", "--store", "one") == 0
    assert stopship.out == "Answer.\nBe kind.\n"
    monkeypatch.setenv("STOPSHIP_STORE", "")
    assert stopship("pins", "lock", "stack.toml") == 0
    assert Path("pins/sha256").is_dir()


def test_hostile_names_never_act_on_the_terminal(stopship: Command) -> None:
    name = os.fsdecode(b"\x1b[2J\xff") + "\n::error::x"
    write_files(Path(), {"stack.toml": '["a b::c"]\npaths = ["app"]\n', f"app/{name}": "1"})
    assert stopship("pins", "lock", "stack.toml") == 0
    write_files(Path(), {f"app/{name}": "2\x1b[2J"})
    for words in (
        ("verify", "stack.toml"),
        ("diff", "stack.lock.json", "stack.toml", "--lines"),
        ("show", "stack.toml"),
        ("restore", "stack.toml", "out"),
    ):
        stopship("pins", *words)
        assert "\x1b" not in stopship.out + stopship.err
        assert "\n::" not in stopship.out + stopship.err
        assert "Traceback" not in stopship.err
