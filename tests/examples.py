"""How many examples a law is tried on: all of them in the slow tests, a seventh in the fast ones."""

from hypothesis import settings

ALL, FEW = "all", "few"
settings.register_profile(ALL, max_examples=100)
settings.register_profile(FEW, max_examples=15)


def tries(most: int) -> int:
    """That many where the profile says all; never fewer than ten."""
    return max(min(most, 10), most * settings().max_examples // 100)
