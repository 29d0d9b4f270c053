"""The command, for tests of what a person sees."""

from tests.cli.conftest import stopship

__all__ = ["stopship"]
