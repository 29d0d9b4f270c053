"""What a replay says of a process that its target started stays said, whoever else begins the same replay."""

from pathlib import Path

import pytest

from stopship.gating import isolating
from stopship.model.exchange import Fidelity
from stopship.store.journal import Writer

SAID = "not isolated: the target started true, which nothing watches over"


@pytest.mark.parametrize("is_at_work", [True, False], ids=["at work", "left over"])
def test_it_is_forgotten_only_where_nobody_is_at_work(tmp_path: Path, *, is_at_work: bool) -> None:
    with Writer(tmp_path, "plan") as writer:
        assert writer.claim("a", 0)
        isolating.loose(tmp_path, "true")
        if not is_at_work:
            writer.close()  # with nothing filed
        isolating.note(None, Fidelity.FROZEN, tmp_path)
        assert isolating.told(None, Fidelity.FROZEN, tmp_path, ()) == (SAID if is_at_work else "")
