"""The gateway of a replay: requests of any SDK put to the desk of the output that they belong to.

Decides which desk answers a request. Never opens a recording, and never makes a call itself.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stopship.boundaries import ports
from stopship.errors import Missed, StopshipError
from stopship.gating.desk import OutputDesk
from stopship.gating.heard import Heard
from stopship.model.exchange import Answer, Call
from stopship.model.stack import Stack
from stopship.model.suite import UpstreamPlan
from stopship.parts.gateway.opening import open_gateway
from stopship.parts.gateway.seam import Go, Miss, Place
from stopship.parts.gateway.upstreams import Upstream

if TYPE_CHECKING:
    from stopship.parts.gateway.server import Admission, Gateway


_HERE = "127.0.0.1"
_SPARED = ("NO_PROXY", "no_proxy")  # hosts that a proxy of the environment is not asked for


def _without_proxy() -> Callable[[], None]:
    """From now on clients of this process, and of those that it starts, reach the gateway itself; gives the
    way back."""
    before = {name: os.environ.get(name) for name in _SPARED}
    for name, told in before.items():
        os.environ[name] = f"{told},{_HERE}" if told else _HERE

    def undo() -> None:
        for name, told in before.items():
            if told is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = told

    return undo


@dataclass(kw_only=True)
class Waypoint:
    """One gateway, and the outputs that are let in."""

    upstreams: Mapping[str, Upstream]
    environ: Mapping[str, str] = field(repr=False)  # holds keys
    stack: Stack
    _gateway: "Gateway | None" = None
    _desks: dict[Place, OutputDesk] = field(default_factory=dict)
    _ways: "dict[Place, Admission]" = field(default_factory=dict)
    _heard: dict[Place, Heard] = field(default_factory=dict)

    def opened(self) -> Callable[[], None]:
        """Raises UsageError where its library is missing or an upstream cannot be used."""
        gateway = open_gateway(self.upstreams, self, environ=self.environ)
        self._gateway = gateway
        ports().add(gateway.port)
        spared = _without_proxy()

        def shut() -> None:
            spared()
            gateway.close()
            ports().discard(gateway.port)
            if gateway.bug is not None:
                raise gateway.bug

        return shut

    def admit(self, desk: OutputDesk) -> None:
        assert self._gateway is not None  # noqa: S101  # opened before the first output
        place = Place(desk.key, desk.sample)
        way = self._gateway.admit(place)
        self._desks[place], self._ways[place], self._heard[place] = desk, way, Heard(self.stack)
        desk.base_urls, desk.api_key = dict(way.base_urls), way.key
        desk.door = None if desk.is_live else self._gateway

    def dismiss(self, desk: OutputDesk) -> Heard:
        place = Place(desk.key, desk.sample)
        if self._gateway is not None and place in self._ways:
            self._gateway.dismiss(self._ways.pop(place))
        self._desks.pop(place, None)
        heard = self._heard.pop(place, None) or Heard(self.stack)
        if heard.refusal is not None:
            desk.end(heard.refusal)
        return heard

    async def answer(self, call: Call, place: Place, go: Go, /) -> Answer:
        """As the output's desk says; a request that comes after its end is nobody's."""
        desk, heard = self._desks.get(place), self._heard.get(place)
        if desk is None or heard is None:
            raise Miss("the output that this request belongs to has ended")
        try:
            turn = desk.ask(call)
        except (StopshipError, Missed) as err:  # the desk keeps it, and ends the output by it
            raise Miss(str(err)) from err
        if turn.answer is not None:
            if turn.place is None:  # else it is the recorded decision that the target goes on with
                heard.told(call, turn.answer)
            return turn.answer
        try:
            told = await go(turn.place is not None)  # a decision is not what the target goes on with
        except BaseException as err:
            desk.left(turn)
            if isinstance(err, StopshipError):  # nothing was asked: that ends the replay, of whatever output
                desk.end(err)
            raise
        told = heard.told(call, told)
        try:
            return desk.made(turn, told)
        except (StopshipError, Missed) as err:
            raise Miss(str(err)) from err

    def refused(self, place: Place, why: str, /) -> None:
        """The output is lost, whatever its target makes of the refusal."""
        if (desk := self._desks.get(place)) is not None:
            desk.lose(why)


def waypoint_to(upstreams: Sequence[UpstreamPlan], stack: Stack) -> Waypoint | None:
    """The gateway to the APIs that a suite names; none where it names none."""
    usual = tuple(pin.axis for pin in stack.pins if pin.axis == "model")
    found = {
        one.name: Upstream(url=one.url, key_env=one.key_env, pins=one.pins or usual, ignore=one.ignore)
        for one in upstreams
    }
    return Waypoint(upstreams=found, environ=os.environ, stack=stack) if found else None
