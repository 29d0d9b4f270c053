"""Sealed runs that lie on the disk while they are in use tell what they tell in memory."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from tests.gating.making import make

from stopship.errors import EvidenceError
from stopship.store import lines
from stopship.store.runcodec import MANIFEST, TIMINGS, manifest_bytes
from stopship.store.runs import read_run

FORMS: dict[str, Callable[[bytes], bytes]] = {
    "spaces": lambda line: json.dumps(json.loads(line)).encode() + b"\n",
    "another order": lambda line: (
        json.dumps(dict(reversed(json.loads(line).items())), separators=(",", ":")).encode() + b"\n"
    ),
    "a space behind it": lambda line: line[:-1] + b" \n",
    "two times": lambda line: line[:-2] + b',"took_ms":7}\n',
}


@pytest.mark.parametrize("form", FORMS)
def test_times_that_are_written_otherwise_are_read_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    folder = made.place.runs / made.replay().id
    path = folder / TIMINGS
    data = b"".join(FORMS[form](line) for line in path.read_bytes().splitlines(keepends=True))
    path.write_bytes(data)
    document = json.loads((folder / MANIFEST).read_bytes())
    document["beside"]["timings"].update(size=len(data), digest=sha256(data).hexdigest())
    (folder / MANIFEST).write_bytes(manifest_bytes(document))
    held = read_run(folder)
    monkeypatch.setattr(lines, "MOST", 0)
    assert [one.took_ms for one in read_run(folder).outcomes] == [one.took_ms for one in held.outcomes]


REPEATED = "the key 'c03' stands twice, first at a place that is not there any more"


def test_a_repeated_key_is_told_where_the_file_cannot_be_read_once_more(tmp_path: Path) -> None:
    made = make(tmp_path / "s", is_accepted=False)
    path = made.folder / "cases.jsonl"
    text = path.read_text("utf-8")
    path.unlink()
    os.mkfifo(path)
    feeding = threading.Thread(
        target=lambda: path.write_text(text + text.splitlines()[3] + "\n", "utf-8"), daemon=True
    )
    feeding.start()
    with pytest.raises(EvidenceError, match=REPEATED):
        made.open()
    feeding.join(10)


@pytest.mark.slow
def test_however_many_runs_are_read_few_files_are_open(tmp_path: Path) -> None:
    made = make(tmp_path / "s", replay="deterministic = false", is_accepted=False)
    for _ in range(4):
        made.replay(fresh=True)
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))\n"
        "from stopship.store import lines\nfrom stopship.store.runs import read_run\nlines.MOST = 0\n"
        "folders = [one for one in Path(sys.argv[1]).iterdir() if len(one.name) == 64]\n"
        "runs = [read_run(one) for _ in range(9) for one in folders]\n"
        "print(len(folders), sum(len(list(one.outcomes)) for one in runs))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(made.place.runs)], capture_output=True, text=True, check=False
    )
    assert (found.stdout.split(), found.stderr) == (["4", str(4 * 9 * 60)], "")
