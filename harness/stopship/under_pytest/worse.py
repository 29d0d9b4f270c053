"""Which cases got worse in a suite's last gate, for `--stopship-worse`.

Working state beside the suite: where it is missing or damaged there are none. Decides nothing.
"""

import json

from stopship.errors import StopshipError
from stopship.model.verdict import Record
from stopship.store.atomic import write_atomically
from stopship.under_pytest.watch import Watch

_LAST = "last-worse.json"


def last_worse(watch: Watch) -> frozenset[str]:
    """Keys of the cases that got worse in the last gate of the suite."""
    if watch.place is None:
        return frozenset()
    try:
        known = json.loads((watch.place.folder / _LAST).read_text("utf-8"))
    except (OSError, ValueError):
        return frozenset()
    return frozenset(one for one in known if isinstance(one, str)) if isinstance(known, list) else frozenset()


def remember_worse(watch: Watch, record: Record) -> None:
    """Note them. A verdict does not hang on it: where nothing can be written, nothing is."""
    if watch.place is None:
        return
    compared = [one for one in record.findings if one.kind != "limit"]  # outside one is not worse than before
    worse = sorted({key for one in compared for key in one.worse_keys})
    try:
        write_atomically(watch.place.made() / _LAST, json.dumps(worse).encode())
    except StopshipError:
        return
