"""Fields of a request that the suite leaves out are no part of the call."""

import pytest
from tests.endpoints.running import Endpoint
from tests.parts.gateway.asking import admitted, before, chat, openai_at
from tests.parts.gateway.memory import Memory

from stopship.parts.gateway.upstreams import Upstream

pytestmark = pytest.mark.slow


def test_an_ignored_field_changes_nothing_of_the_call(endpoint: Endpoint) -> None:
    endpoint.plan()
    memory = Memory()
    up = Upstream(url=endpoint.url, ignore=("metadata.request_id",))
    with before(endpoint, memory, up=up) as gateway:
        client = openai_at(admitted(gateway))
        for metadata in ({"request_id": "1"}, {"request_id": "2"}, {"request_id": "2", "user": "a"}):
            chat(client, metadata=metadata)
    asked = [one.call.request for one in memory.asked]
    assert [isinstance(one, dict) and one["metadata"] for one in asked] == [{}, {}, {"user": "a"}]
    assert len({one.key for one in memory.asked}) == 2
