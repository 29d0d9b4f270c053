"""What a replay would draw and cost, as people read it before anything is asked.

Decides wording only; what is foreseen is estimated elsewhere, and an estimate is said to be one.
"""

from collections.abc import Sequence

from stopship.report.layout import wrapped
from stopship.report.neutral import plain

_NAME, _AXES = 60, 8


def plan_lines(  # noqa: PLR0913  # one argument for each thing that is told
    *,
    outputs: int,
    drawn: int,
    known: int,
    served: int,
    made: Sequence[tuple[str, int, int]],
    doubtful: int,
    changed: Sequence[str],
    tokens: Sequence[tuple[str, float, float]],
    usd: tuple[float, float] | None,
    priced: int,
    endpoint: str,
) -> list[str]:
    """What a replay would draw, and what that takes by the accepted run; `endpoint`: a target that is one.

    Of two numbers the first is the least, the second the most.
    """
    left = outputs - drawn
    lines = [
        f"plan     {left} of {outputs} outputs would be drawn" + (f", {drawn} are there" if drawn else "")
    ]
    if not left:
        return lines
    unknown = "not known: there is no accepted run to go by"
    if endpoint:
        lines.append(f"  calls    {left} of {endpoint}, retries aside")
    if not known:
        return [*lines, f"  cost     {unknown}" if endpoint else f"  calls    {unknown}"]
    share = "" if known == left else f" (of {known} of them)"
    least, most = sum(low for _, low, _ in made), sum(high for _, _, high in made)
    calls = ", ".join(f"{plain(name)} {_span(low, high)}" for name, low, high in made)
    if not endpoint:
        at_least = served - (most - least) - doubtful
        said = f"{_span(at_least, served)} served from recordings, {_span(least, most)} made"
        lines.append(f"  calls    {said}{share}")
    lines += [f"  made     {calls}"] if calls else []
    if tokens:
        told = ", ".join(f"{name} {_span(low, high)}" for name, low, high in tokens)
        lines.append(f"  tokens   {told}{share}")
    share = "" if priced == left else f" (of {priced} of them)"
    lines.append("  cost     not told" if usd is None else f"  cost     {_dollars(*usd)}{share}")
    return lines + _guess_lines(changed, most - least, doubtful, endpoint)


def _guess_lines(changed: Sequence[str], either: int, doubtful: int, endpoint: str) -> list[str]:
    """That the plan goes by another stack, and what hangs on it."""
    if not changed:
        return []
    axes = ", ".join(plain(one, _NAME) for one in changed[:_AXES])
    axes += f" and {len(changed) - _AXES} more" if len(changed) > _AXES else ""
    said = [f"an estimate from the accepted run, whose stack has another {axes}"]
    if not endpoint and either:
        said.append(f"{_calls(either)} may be asked otherwise for it: served where not, else made")
    if not endpoint and doubtful:
        said.append(
            f"{_calls(doubtful)} may be asked otherwise for it: served where not, else lost by a miss"
        )
    return [
        line
        for first, one in zip(("  basis    ", *["           "] * 2), said, strict=False)
        for line in wrapped(one, first=first, then="           ").splitlines()
    ]


def _calls(number: int) -> str:
    return f"{number} call{'s' if number != 1 else ''}"


def _span(least: float, most: float) -> str:
    return f"{most:.0f}" if least == most else f"{least:.0f} to {most:.0f}"


def _dollars(least: float, most: float) -> str:
    return f"${most:.4g}" if least == most else f"${least:.4g} to ${most:.4g}"
