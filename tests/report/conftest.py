"""The records of every verdict, made once a run."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.report.records import RECORDS

from stopship.model.verdict import Record


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Record]:
    """Every record by name; made in a folder of its own, since reasons name files as they were given."""
    made, home = {}, Path.cwd()
    for name, make in RECORDS.items():
        folder = tmp_path_factory.mktemp(name)
        os.chdir(folder)
        try:
            made[name] = make(folder)
        finally:
            os.chdir(home)
    return made
