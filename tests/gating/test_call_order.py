"""The calls of an output are told in the order in which they began."""

import asyncio

from tests.gating.shelves import MemoryShelf
from tests.gating.test_world import at, calls, world_of

import stopship
from stopship.model.exchange import Fidelity, Record


def test_calls_are_told_in_the_order_in_which_they_began_whichever_ends_first() -> None:
    ended: list[int] = []

    @stopship.boundary(kind="tool", effect="read")
    async def look(number: int) -> int:
        await asyncio.sleep(0.02 if number == 0 else 0)
        ended.append(number)
        return number

    async def answer() -> list[int]:
        return await asyncio.gather(*(look(number) for number in range(3)))

    shelf = MemoryShelf()
    world = world_of(shelf=shelf, record=Record.NEW)
    assert at(world, lambda: asyncio.run(answer())) == [0, 1, 2]
    assert ended == [1, 2, 0]
    served = world_of(shelf=shelf, fidelity=Fidelity.FROZEN)
    at(served, lambda: [asyncio.run(look(number)) for number in range(3)])
    assert [one.ask for one in calls(world)] == [one.ask for one in calls(served)]
