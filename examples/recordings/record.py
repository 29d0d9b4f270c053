"""Record three calls of a case into the folder of a store, as a replay does.

python examples/recordings/record.py STORE
"""

import sys
from pathlib import Path

from stopship.model.exchange import Answer, Asked, Call, CallKind, Effect, Recording
from stopship.store.recorder import Recorder

LOOKUP = Call(kind=CallKind.TOOL, name="lookup", request={"order": 4711}, effect=Effect.READ)
CHAT = Call(
    kind=CallKind.MODEL,
    name="POST /v1/chat/completions",
    request={"model": "m-1", "messages": [{"role": "user", "content": "Key sk-0123456789. Where is 4711?"}]},
    effect=Effect.READ,
    pins=("model",),
)
PINS = {"model": "3fa0" * 16}


def main() -> None:
    store = Path(sys.argv[1])
    with Recorder(store / "at-work", {"API_KEY": "sk-0123456789"}) as recorder:
        before = Asked(call=LOOKUP, case="refund-de-017")
        recorder.add(Recording(asked=before, answers=(Answer(result={"state": "sent"}),)))
        after = Asked(call=LOOKUP, case="refund-de-017", world=1)  # one write later
        late = Answer(error="TimeoutError: 30 s", is_reusable=False)
        recorder.add(Recording(asked=after, answers=(late, Answer(result={"state": "refunded"}))))
        asked = Asked(call=CHAT, case="refund-de-017", world=1, pins=PINS)
        recorder.add(Recording(asked=asked, answers=(Answer(result="It was refunded.", status=200),)))
        recorder.sealed(store / "recordings")


if __name__ == "__main__":
    main()
