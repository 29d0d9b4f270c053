"""How fast recordings are written and read: records a second, and as ratios to plain JSON with SHA-256.

    python benchmarks/recordings.py [--records 50000] [--rounds 3] [--check]

Records batches of 500 calls with requests of about 300 bytes and answers of about 130 into a journal, seals
it, opens the folder (which checks every digest), and reads every recording, case by case, into objects (which
checks every digest again). CPU seconds of this process, the better of the rounds, the disk included as far as
the system charges it. Plain JSON writes and reads the same records in the same rounds: json.dumps with sorted
keys and SHA-256 of each; SHA-256 and json.loads of each. Exits with 1 below 25 000 records written or 100 000
read a second; with `--check` the ratios alone are held, as seconds are another machine's.
"""

import argparse
import gc
import json
import random
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from hashlib import sha256
from itertools import islice
from pathlib import Path
from time import process_time

from stopship.model.exchange import Answer, Asked, Call, CallKind, Effect, Recording
from stopship.store.recorder import Recorder
from stopship.store.recordings import Recordings

BATCH, A_CASE = 500, 10
WRITTEN, READ = 25_000, 100_000  # records a second, at least
WRITING_TIMES, READING_TIMES = 6.0, 3.5  # of plain JSON, at most
_WORDS = ("order", "refund", "article", "please", "policy", "where", "since", "invoice", "late", "answer")
_SECRETS = {"API_KEY": "sk-0123456789abcdef", "TOKEN": "tok-0123456789abcdef"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="hold the ratios alone")
    chosen = parser.parse_args()
    recordings = made(chosen.records)
    plain = [as_plain(one) for one in recordings]
    gc.freeze()  # what the benchmark itself holds is nothing to collect, in anybody's time
    print(f"{len(recordings):,} records, requests of {request_size(recordings)} bytes on average")
    with tempfile.TemporaryDirectory() as folder:
        best = rounds(Path(folder), recordings, plain, chosen.rounds)
        memory(Path(folder))
    for what, seconds in best.items():
        print(f"{what:<34} {len(recordings) / seconds:>10,.0f} a second")
    written = best["write: record and seal"]
    read = best["read: every recording, by case"]
    writing, reading = written / best["plain: dumps and SHA-256"], read / best["plain: SHA-256 and loads"]
    print(f"writing takes {writing:.1f} x plain JSON, reading {reading:.1f} x")
    is_slow = len(recordings) / written < WRITTEN or len(recordings) / read < READ
    if writing > WRITING_TIMES or reading > READING_TIMES or (is_slow and not chosen.check):
        print("a promise is broken")
        sys.exit(1)


def rounds(folder: Path, recordings: list[Recording], plain: list[object], count: int) -> dict[str, float]:
    """The best CPU seconds of each piece of work."""
    best: dict[str, float] = {}
    cases = sorted({one.asked.case for one in recordings})

    def timed(what: str, work: Callable[[], object]) -> object:
        start = process_time()
        done = work()
        best[what] = min(best.get(what, float("inf")), process_time() - start)
        return done

    for number in range(count):
        at, work = folder / "recordings", folder / f"at-work-{number}"
        timed("write: record and seal", lambda at=at, work=work: write(at, work, recordings))  # type: ignore[misc]  # the defaults are the point
        opened = timed("open: check every digest, index", lambda at=at: Recordings(at))  # type: ignore[misc]  # ditto
        assert isinstance(opened, Recordings)
        assert len(opened) == len(recordings)
        timed("read: every recording, by case", lambda it=opened: [len(it.of_case(one)) for one in cases])  # type: ignore[misc]  # ditto
        lines = timed("plain: dumps and SHA-256", lambda: [dumped(one) for one in plain])
        assert isinstance(lines, list)
        timed("plain: SHA-256 and loads", lambda it=lines: sum(len(loaded(one)) for one in it))  # type: ignore[misc]  # ditto
    return best


def write(at: Path, work: Path, recordings: list[Recording]) -> None:
    """Record in batches, with secrets to look for, and seal."""
    several = iter(recordings)
    with Recorder(work, _SECRETS) as recorder:
        while batch := list(islice(several, BATCH)):
            recorder.add_all(batch)
        recorder.sealed(at)


def memory(folder: Path) -> None:
    """Say what an opened folder holds in memory."""
    tracemalloc.start()
    found = Recordings(folder / "recordings")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = sum(one.stat().st_size for one in (folder / "recordings").glob("*/*.jsonl"))
    print(
        f"{size / len(found):,.0f} bytes a record on disk; {held / len(found):,.0f} bytes of index in memory"
    )


def dumped(one: object) -> tuple[bytes, str]:
    data = json.dumps(one, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return data, sha256(data).hexdigest()


def loaded(one: tuple[bytes, str]) -> dict[str, object]:
    data, digest = one
    assert sha256(data).hexdigest() == digest
    found: dict[str, object] = json.loads(data)
    return found


def made(count: int) -> list[Recording]:
    """Calls of cases in turn: ten a case, each with a request of its own."""
    draw = random.Random(0)
    return [one(draw, number) for number in range(count)]


def one(draw: random.Random, number: int) -> Recording:
    content = " ".join(draw.choices(_WORDS, k=22))
    request: dict[str, object] = {
        "model": "m-1",
        "temperature": 0.2,
        "messages": [
            {"role": "system", "content": "Answer briefly, and cite the article."},
            {"role": "user", "content": f"{content} {number}"},
        ],
    }
    call = Call(
        kind=CallKind.MODEL,
        name="POST /v1/chat/completions",
        request=request,
        effect=Effect.READ,
        pins=("model", "prompt"),
    )
    asked = Asked(
        call=call,
        case=f"case-{number // A_CASE:06d}",
        world=number % 3,
        pins={"model": "a" * 64, "prompt": "b" * 64},
    )
    result = {"text": " ".join(draw.choices(_WORDS, k=14)), "usage": {"input": 91, "output": number % 50}}
    return Recording(asked=asked, answers=(Answer(result=result, status=200),))


def as_plain(it: Recording) -> object:
    call, asked = it.asked.call, it.asked
    return {
        "kind": call.kind.value,
        "name": call.name,
        "request": call.request,
        "effect": call.effect.value,
        "case": asked.case,
        "sample": asked.sample,
        "world": asked.world,
        "pins": dict(asked.pins),
        "answers": [
            {"result": a.result, "error": a.error, "status": a.status, "is_reusable": a.is_reusable}
            for a in it.answers
        ],
    }


def request_size(recordings: list[Recording]) -> int:
    sample = recordings[:100]
    return sum(len(json.dumps(one.asked.call.request)) for one in sample) // len(sample)


if __name__ == "__main__":
    main()
