"""Ask for what was recorded, and for what was not, and say why not.

python examples/recordings/miss.py STORE
"""

import sys
from dataclasses import replace
from pathlib import Path

from record import LOOKUP  # the script beside this one

from stopship.model.exchange import Asked
from stopship.report.misses import miss_lines
from stopship.steps.misses import explain_miss
from stopship.store.recordings import Recordings


def main() -> None:
    found = Recordings(Path(sys.argv[1]) / "recordings")
    for call, world in ((LOOKUP, 0), (LOOKUP, 2), (replace(LOOKUP, request={"order": 4712}), 1)):
        asked = Asked(call=call, case="refund-de-017", world=world)
        served = found.of_ask(asked.ask)
        if served:
            print(f"served: {served[0].answers[0].result}")
        else:
            print("\n".join(miss_lines(explain_miss(asked, found.of_case(asked.case)))))


if __name__ == "__main__":
    main()
