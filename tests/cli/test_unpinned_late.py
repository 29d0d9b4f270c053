"""What is read at another time or elsewhere: by threads that a target starts as it is loaded, by commands
whose words name it, by modules that a scorer has loaded before.
"""

from pathlib import Path

import pytest
from tests.cli.test_unpinned import Desk, refused
from tests.families import first_fast

HEAD = """
import os, subprocess, sys, threading, time
from pathlib import Path
HERE = Path(__file__).parents[1]
"""
THREAD = """
READ = {}
def ahead():
    time.sleep(WAIT)
    READ["text"] = (HERE / "rules.txt").read_text()
THREAD = threading.Thread(target=ahead)
THREAD.start()
def answer(case, stack):
    THREAD.join()
    return READ["text"]
"""
RUNS = "def answer(case, stack):\n    return {} and 'refund'\n"
READS = {
    "by a word": RUNS.format("subprocess.run(['cat', str(HERE / 'rules.txt')], capture_output=True)"),
    "from its folder": RUNS.format("subprocess.run(['cat', 'rules.txt'], cwd=HERE, capture_output=True)"),
    "by an option": RUNS.format("subprocess.run(['true', f'--rules={HERE}/rules.txt'])"),
    "by the shell": RUNS.format("subprocess.run('cat rules.txt >&2', shell=True, cwd=HERE)"),
    "popen": RUNS.format("os.popen(f'cat {HERE}/rules.txt').read()"),
    "posix_spawn": RUNS.format("os.posix_spawn('/bin/true', ['true', str(HERE / 'rules.txt')], os.environ)"),
    "at load": "subprocess.run(['cat', HERE / 'rules.txt'])\n" + RUNS.format("1"),
}
HARMLESS = {
    "pinned": RUNS.format("subprocess.run([sys.executable, str(HERE / 'app/tool.py')])"),
    "elsewhere": RUNS.format("subprocess.run(['cat', '/etc/hosts'], capture_output=True)"),
    "written to": RUNS.format("subprocess.run('echo 1 > rules.txt', shell=True, cwd=HERE)"),
    "its folder": RUNS.format("subprocess.run(['git', '-C', str(HERE), 'status'], capture_output=True)"),
    "a text": RUNS.format("subprocess.run(['true', 'look at rules.txt, please'], cwd=HERE)"),
    "no words": RUNS.format('subprocess.run("echo \' it is", shell=True, stderr=subprocess.DEVNULL)'),
}


SHARED = "from pathlib import Path\nTEXT = (Path(__file__).parent / 'rules.txt').read_text()\n"
ANSWER = "def answer(case, stack):\n    return shared.TEXT\n"
RIGHT = "def right(case, trace):\n    return 'refund' in trace['output']\n"
OWN = "from pathlib import Path\nRUBRIC = (Path(__file__).parent / 'rubric.txt').read_text()\n"
FILES = {  # what scores, and the files that there are
    "of the repository": (
        "scorers.py",
        {"scorers.py": "import shared\n" + RIGHT, "../../shared.py": SHARED, "../../rules.txt": "we refund"},
    ),
    "beside the target": (
        "app/scorers.py",
        {"app/scorers.py": "import shared\n" + RIGHT, "app/shared.py": SHARED, "app/rules.txt": "we refund"},
    ),
    "the target itself": (
        "app/answer.py",
        {"app/answer.py": SHARED + RIGHT + ANSWER.replace("shared.", "")},
    ),
}


def made(tmp_path: Path, code: str) -> Desk:
    desk = Desk(tmp_path / "repo").made(HEAD + code)
    (desk.folder / "app/tool.py").write_text("print('hello')\n")
    (desk.folder / "rules.txt").write_text("we refund")
    (desk.folder / "rules.py").write_text("print('we refund')")
    assert desk.run("pins", "lock", str(desk.folder / "stack.toml")).returncode == 0
    return desk


@pytest.mark.parametrize("wait", first_fast([0, 0.001, 0.005, 0.01, 0.02]))
def test_what_a_thread_reads_that_was_started_at_load_needs_a_pin(wait: float, tmp_path: Path) -> None:
    desk = made(tmp_path, THREAD.replace("WAIT", str(wait)))
    for _ in range(2):
        refused(desk.replay(), "the target opens rules.txt, which no pin of the stack holds")
        assert desk.sealed() == 0
        assert not list(desk.folder.glob(".stopship/**/journal*.jsonl"))  # another time it may read nothing


@pytest.mark.parametrize("way", first_fast(READS))
def test_a_file_that_a_command_of_the_target_names_needs_a_pin(way: str, tmp_path: Path) -> None:
    desk = made(tmp_path, READS[way])
    refused(desk.replay(), "the target opens rules.txt, which no pin of the stack holds")
    assert desk.sealed() == 0


@pytest.mark.slow
@pytest.mark.parametrize("words", ["[sys.executable, str(HERE / 'rules.py')]", "[str(HERE / 'rules.py')]"])
def test_a_program_that_it_starts_is_its_code(words: str, tmp_path: Path) -> None:
    desk = made(tmp_path, RUNS.format(f"subprocess.run({words})"))
    (desk.folder / "rules.py").chmod(0o755)
    refused(desk.replay(), "no pin of the stack holds rules.py", '[code] paths = ["app", "rules.py"]')


@pytest.mark.parametrize("way", first_fast(HARMLESS))
def test_a_command_that_names_nothing_unpinned_may_be_run(way: str, tmp_path: Path) -> None:
    desk = made(tmp_path, HARMLESS[way])
    for words in ((), ("--fresh",)):
        done = desk.replay(*words)
        assert done.returncode == 0, done.stdout + done.stderr


def scored(tmp_path: Path, scorer: str, files: dict[str, str], paths: str) -> Desk:
    """A suite whose scorer is loaded before its target."""
    desk = Desk(tmp_path / "repo", {"PYTHONPATH": str(tmp_path / "repo")})
    desk.made("import shared\n" + ANSWER)
    for name, text in files.items():
        (desk.folder / name).write_text(text)
    stack, suite = desk.folder / "stack.toml", desk.folder / "suite.toml"
    suite.write_text(suite.read_text().replace("contains(text=refund)", f"{scorer}:right"))
    stack.write_text(stack.read_text().replace('["app"]', paths))
    assert desk.run("pins", "lock", str(stack)).returncode == 0
    return desk


@pytest.mark.parametrize("way", first_fast(FILES))
def test_what_a_module_read_as_a_scorer_loaded_it_needs_a_pin(way: str, tmp_path: Path) -> None:
    scorer, files = FILES[way]
    code = [f'"{name}"' for name in files if name.endswith(".py")]
    paths = dict.fromkeys(['"app/answer.py"', *code])
    desk = scored(tmp_path, scorer, files, f"[{', '.join(paths)}]")
    (desk.folder / "app/rules.txt").write_text("we refund")
    refused(desk.replay(), "rules.txt, which no pin of the stack holds")
    assert desk.sealed() == 0


@pytest.mark.parametrize("way", first_fast(["pinned", "the scorer's own"]))
def test_what_only_a_scorer_read_needs_none(way: str, tmp_path: Path) -> None:
    scorer, files = FILES["of the repository"]
    if way != "pinned":
        files = {**files, "scorers.py": OWN + files["scorers.py"], "rubric.txt": "strict"}
    desk = scored(tmp_path, scorer, files, '["app", "../../shared.py", "../../rules.txt"]')
    done = desk.replay()
    assert done.returncode == 0, done.stdout + done.stderr
