"""Put every captured case to a stack and write the answers as a table, ready for `stopship compare`.

    python suites/helpdesk/record.py suites/helpdesk/stacks/good.toml good.jsonl

Reads the stack as pinned: what differs from its lock, where there is one, stops it.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parents[1] / "fixtures" / "helpdesk"
sys.path.insert(0, str(HERE / "app"))

from answer import answer  # noqa: E402  # the app is code of the suite, not a package

from stopship.errors import StopshipError  # noqa: E402
from stopship.model.case import Case  # noqa: E402
from stopship.pinning.lock import verify_stack  # noqa: E402
from stopship.pinning.stacks import OpenStack, open_stack  # noqa: E402
from stopship.store.atomic import write_atomically  # noqa: E402
from stopship.store.lockfile import lock_path  # noqa: E402


def main(stack_file: Path, target: Path) -> None:
    stack = opened(stack_file)
    labels = {row["key"]: row for row in table("labels")}
    lines = []
    for row in table("cases"):
        case = Case(key=row["key"], row=row, input=row["question"])
        trace = answer(case, stack)
        recorded = {**row, **labels[row["key"]], "output": trace["output"], "usage": trace["usage"]}
        lines.append(json.dumps(recorded, ensure_ascii=False))
    write_atomically(target, ("\n".join(lines) + "\n").encode())
    print(f"{len(lines)} answers of stack {stack.stack_id[:12]} in {target}")


def opened(stack_file: Path) -> OpenStack:
    if lock_path(stack_file).exists():
        _, drifts = verify_stack(stack_file)
        if drifts:
            axes = ", ".join(one.axis for one in drifts)
            raise SystemExit(f"{stack_file} differs from its lock in {axes}: run stopship pins verify")
    return open_stack(stack_file)


def table(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (FIXTURES / f"{name}.jsonl").read_text("utf-8").splitlines()]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python suites/helpdesk/record.py STACK.toml OUT.jsonl")
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except StopshipError as err:
        raise SystemExit(f"error: {err}") from err
