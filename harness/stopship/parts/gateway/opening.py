"""The way to a gateway for those who may not need one: its library is imported here, when it is asked for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stopship.errors import UsageError
from stopship.parts.gateway.seam import Exchange, Limits
from stopship.parts.gateway.upstreams import Upstream

if TYPE_CHECKING:
    from stopship.parts.gateway.server import Gateway


def open_gateway(
    upstreams: Mapping[str, Upstream],
    exchange: Exchange,
    *,
    environ: Mapping[str, str],
    limits: Limits | None = None,
) -> "Gateway":
    """A gateway that listens; close it after use.

    UsageError where its library is missing, or an upstream cannot be used.
    """
    try:
        from stopship.parts.gateway.server import Gateway
    except ModuleNotFoundError as err:
        raise UsageError(
            f"the gateway needs {err.name}, which is not installed", do="pip install 'stopship[gateway]'"
        ) from err
    return Gateway(upstreams, exchange, environ=environ, limits=limits).start()
