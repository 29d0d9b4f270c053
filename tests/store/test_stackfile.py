"""`stack.toml`: what it may say, and every fault of it with its line."""

from pathlib import Path

import pytest

from stopship.errors import UsageError
from stopship.store.stackfile import StackFile, read_stack_file, together
from stopship.store.stackwords import is_slip, label


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("prompts").mkdir()
    Path("prompts/system.md").write_text("x", encoding="utf-8")


def read(text: str | bytes) -> StackFile:
    data = text.encode() if isinstance(text, str) else text
    Path("stack.toml").write_bytes(data)
    return read_stack_file(Path("stack.toml"))


def faults(text: str) -> list[str]:
    return [str(one) for one in read(text).faults]


def test_every_kind_of_content() -> None:
    file = read(
        '[model]\nversion = "m1"\n[prompt]\nversion = "v1"\nfile = "p.md"\n[index]\nversion = "i"\n'
        'path = "../i"\n'
        '[code]\npaths = ["app", "lib"]\n[budget]\nversion = "b"\nmax = 4\nunit = "usd"\n'
        '[tools]\nversion = "t"\nvalue = [1, 2.0, {a = true}]\n'
        '[rag]\nversion = "r"\nobserve = "o/b.py:served"\n'
    )
    assert not file.faults
    told = {one.name: (one.key, one.paths, one.value, one.function) for one in file.axes}
    assert told == {
        "model": ("", (), b"", ""),
        "prompt": ("file", ("p.md",), b"", ""),
        "index": ("path", ("../i",), b"", ""),
        "code": ("paths", ("app", "lib"), b"", ""),
        "budget": ("value", (), b'{"max":4,"unit":"usd"}', ""),
        "tools": ("value", (), b'[1,2,{"a":true}]', ""),
        "rag": ("observe", ("o/b.py",), b"", "served"),
    }


def test_any_axis_name_dates_and_the_order_of_keys() -> None:
    one = read('["日本 x"]\nversion = "1"\nb = 1979-05-27\na = 07:32:00\n').axes[0]
    other = read('["日本 x"]\na = 07:32:00\nversion = "1"\nb = 1979-05-27\n').axes[0]
    assert (one.name, one.value) == ("日本 x", b'{"a":"07:32:00","b":"1979-05-27"}')
    assert other.value == one.value


def test_windows_line_ends_and_a_byte_order_mark_are_nothing() -> None:
    assert read(b'\xef\xbb\xbf[m]\r\nversion = "1"\r\n').axes == read('[m]\nversion = "1"\n').axes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", 'stack.toml: declares no axis\n  write [prompt] with version = "…" and file = "…"'),
        (
            'stor = "x"\n[m]\nversion="1"',
            (
                "stack.toml:1 [stor]: unknown key 'stor'; an axis is a table with a version and its content\n"
                "  did you mean 'store'? write [stor], or store = for the store's folder"
            ),
        ),
        (
            'store = 3\n[m]\nversion="1"',
            'stack.toml:1: store must be the path of a folder\n  write store = "FOLDER"',
        ),
        (
            'store = "s3://x"\n[m]\nversion="1"',
            'stack.toml:1: store must be the path of a folder\n  write store = "FOLDER"',
        ),
        (
            '[[prompt]]\nversion="1"',
            (
                "stack.toml:1 [prompt]: unknown key 'prompt'; "
                "an axis is a table with a version and its content\n"
                "  write [prompt], or store = for the store's folder"
            ),
        ),
        (
            '["a\\nb"]\nversion="1"',
            (
                "stack.toml [a\\nb]: 'a\\nb' cannot name an axis\n"
                "  take printable text of at most 200 characters"
            ),
        ),
        (
            '# x\n[prompt]\nversion = "1"\nfiel = "p.md"',
            (
                "stack.toml:4 [prompt]: unknown key 'fiel'\n"
                "  did you mean 'file'?  keys here: version, file, path, "
                "paths, value, observe; a value of your own goes into value = { … }"
            ),
        ),
        (
            '[prompt]\nversion = "1"\nsystem = "prompts/system.md"',
            (
                "stack.toml:3 [prompt]: 'system' names 'prompts/system.md', which is there, "
                "but would pin its name "
                "alone\n  write file = or path = before it; if it is a mere text, move it into value = { … }"
            ),
        ),
        (
            '[prompt]\nversion = "1"\nfile = "a"\npath = "b"',
            (
                "stack.toml:4 [prompt]: has file and path: a pin has one content\n"
                "  keep one of them, and give the other an axis of its own"
            ),
        ),
        (
            '[prompt]\nversion = "1"\nfile = "a"\ntemperature = 0',
            (
                "stack.toml:4 [prompt]: has file and also 'temperature': a pin has one content\n"
                "  give them an axis of their own"
            ),
        ),
        (
            '[prompt]\nversion = "1"\nvalue = 2\ntemperature = 0',
            (
                "stack.toml:4 [prompt]: has value and also 'temperature': a pin has one content\n"
                "  move them into value = { … }"
            ),
        ),
        (
            '[prompt]\nfile = "a"',
            'stack.toml:1 [prompt]: has no version\n  write version = "…"; only `paths` go without one',
        ),
        (
            "[prompt]",
            'stack.toml:1 [prompt]: has no version\n  write version = "…"; only `paths` go without one',
        ),
        (
            "[m]\nversion = 3\n",
            'stack.toml:2 [m]: version is a number, expected text\n  write version = "3"',
        ),
        (
            "[m]\nversion = 2026-03-01\n",
            'stack.toml:2 [m]: version is a date or time, expected text\n  write version = "2026-03-01"',
        ),
        (
            '[m]\nversion = " "\n',
            (
                "stack.toml:2 [m]: version ' ' is blank, too long or not printable\n"
                "  take printable text of at most 200 characters"
            ),
        ),
        (
            '[c]\npaths = "app"\n',
            'stack.toml:2 [c]: paths must be a list of files and folders\n  write paths = ["app"]',
        ),
        (
            "[c]\npaths = []\n",
            'stack.toml:2 [c]: paths must be a list of files and folders\n  write paths = ["app"]',
        ),
        (
            "[c]\npaths = [3]\n",
            "stack.toml:2 [c]: paths holds a number, expected a path\n  write the path as text",
        ),
        (
            '[c]\nversion = "1"\nfile = ["a"]\n',
            'stack.toml:3 [c]: file is a list, expected one path\n  write paths = ["…"] for several',
        ),
        (
            '[c]\nversion = "1"\nfile = "/etc/hosts"\n',
            (
                "stack.toml:3 [c]: '/etc/hosts' is absolute\n"
                "  write it relative to the stack file, so that it holds elsewhere"
            ),
        ),
        (
            '[c]\nversion = "1"\nfile = "C:/x"\n',
            (
                "stack.toml:3 [c]: 'C:/x' is absolute\n"
                "  write it relative to the stack file, so that it holds elsewhere"
            ),
        ),
        (
            "[c]\nversion = \"1\"\nfile = 'a\\b'\n",
            "stack.toml:3 [c]: 'a\\\\b' has a backslash\n  write / between folders",
        ),
        (
            '[c]\nversion = "1"\npath = "https://x.test/i"\n',
            (
                "stack.toml:3 [c]: 'https://x.test/i' is remote\n"
                '  write observe = "file.py:function", which returns the version that is served'
            ),
        ),
        (
            '[c]\nversion = "1"\nfile = "a\\u0000b"\n',
            (
                "stack.toml:3 [c]: file 'a\\x00b' is blank or not printable\n"
                "  write a path relative to the stack file"
            ),
        ),
        (
            '[c]\nversion = "1"\nobserve = "served"\n',
            (
                "stack.toml:3 [c]: observe is text, expected file.py:function\n"
                '  write observe = "observers.py:index_version"'
            ),
        ),
        (
            '[c]\nversion = "1"\nmax = inf\n',
            "stack.toml:1 [c]: the value at 'max': inf is not a JSON number\n  write it as text",
        ),
    ],
)
def test_a_fault_says_where_what_and_what_to_do(text: str, told: str) -> None:
    assert faults(text) == [told]


def test_all_faults_are_shown_together() -> None:
    file = read('[a]\nversion = 1\n\n[b]\nfile = "x"\n')
    assert str(together(file.path, list(file.faults))) == (
        "stack.toml: 2 faults\n"
        "  stack.toml:2 [a]: version is a number, expected text\n"
        '    write version = "1"\n'
        "  stack.toml:4 [b]: has no version\n"
        '    write version = "…"; only `paths` go without one'
    )


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xff", "stack.toml: byte 1 is not UTF-8\n  save it as UTF-8"),
        (
            b"[a]\n[a]\n",
            "stack.toml: is not TOML: Cannot declare ('a',) twice (at line 2, column 3)\n  mend it there",
        ),
        (b"a = " + b"[" * 100_000, "stack.toml: is not TOML: nested too deeply\n  mend it there"),
        (b"a = " + b"1" * 5000, "stack.toml: is not TOML: Exceeds the limit"),
    ],
    ids=["not UTF-8", "twice", "deep", "digits"],
)
def test_what_is_no_toml_is_one_error(data: bytes, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(data)
    assert str(caught.value).startswith(told)


def test_a_stack_file_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"^no\.toml: there is no such stack file"):
        read_stack_file(Path("no.toml"))
    with pytest.raises(UsageError, match="cannot be read"):
        read_stack_file(Path())


@pytest.mark.parametrize("word", ["fil", "files", "fiel", "File", "tile", "filé"])
def test_slips(word: str) -> None:
    assert is_slip(word, "file")


@pytest.mark.parametrize("word", ["filter", "profile", "name", "f"])
def test_no_slips(word: str) -> None:
    assert not is_slip(word, "file")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a", "a"),
        ("./a//b/", "a/b"),
        ("../../a", "a"),
        ("a/../b", "b"),
        ("..", ""),
        (".", ""),
        ("a/../../b", "b"),
    ],
)
def test_a_name_in_a_lock_never_leads_up(path: str, name: str) -> None:
    assert label(path) == name


def test_a_table_far_too_deep_is_a_fault() -> None:
    (fault,) = read(f"[a]\nversion = '1'\n[a.{'.'.join(['b'] * 5000)}]\nc = 1\n").faults
    assert "nested" in str(fault)
