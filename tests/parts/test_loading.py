"""A user's file is executed once, whole, for everybody who asks for it."""

import threading
from pathlib import Path

from stopship.parts.user_code import Loaded, load


def test_threads_that_ask_for_a_file_at_once_all_get_the_whole_of_it(tmp_path: Path) -> None:
    file = tmp_path / "slow.py"
    file.write_text("import time\ntime.sleep(0.2)\ndef now():\n    return 'v1'\n", "utf-8")
    found: list[tuple[Loaded, bool]] = []

    def ask() -> None:
        loaded = load(file, "here")
        found.append((loaded, hasattr(loaded.outcome, "now")))  # as it is in this moment

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [is_whole for _, is_whole in found] == [True] * 6
    assert len({id(one.outcome) for one, _ in found}) == 1
