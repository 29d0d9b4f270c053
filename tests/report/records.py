"""Records of every verdict, made from small tables on the real path."""

from collections.abc import Callable
from pathlib import Path

from tests.making import verdict_on, write_jsonl
from tests.report.suites import SUITES

from stopship.model.columns import Columns
from stopship.model.verdict import Record
from stopship.pipeline import Options

HOSTILE = (
    "::error::pwned",
    "##[error]##vso[task.complete]##teamcity[x]",
    "::stop-commands::x",
    "\x1b[31mred\x1b[0m \x9b31m\r\nsection_start:1:x\r\x1b[0K",
    "\u202eevil\u2066\u200b\ufeff\U000e0041\U000e0042",
    "\ud800 lone \udfff",
    "\x00\ufffe\uffff\U0001ffff",
    "| a | b |\n# heading\n- [ ] task\n[^1]: note",
    "`code` [link](https://evil.example) ![i](//evil.example/x.png)",
    "<script>alert(1)</script><!-- stopship --><img src=x onerror=y>]]>&amp;",
    "@team #123 GH-7 org/repo#9 www.evil.example https://evil.example a@evil.example",
    "$x^2$ %0A%0D %25 ,:",
    "\u0338\u0301 e" + "\u0301" * 20 + "\u3164\ufe0f\U000e0101",
    "漢字 한글 🛑 ❤️ עברית",
)
GOOD, BAD = "yes, within 30 days", "I cannot help with that."
LANGUAGES = (("de", 41), ("en", 160), ("fr", 90), ("nl", 9))
Row = dict[str, object]


def rows(wrong: set[int], *, slower: int = 0) -> list[Row]:
    """300 cases in four languages, of which those in `wrong` are answered wrongly."""
    named = [language for language, count in LANGUAGES for _ in range(count)]
    return [
        {
            "id": f"refund-{language}-{i:03d}",
            "lang": language,
            "output": BAD if i in wrong else GOOD,
            "expected": GOOD,
            "latency_ms": 900 + i * 37 % 200 + slower,
        }
        for i, language in enumerate(named)
    ]


BEFORE = rows({5, 60, 90, 120})
BY_LANG = Columns(key="id", cohorts=("lang",))


def ship(folder: Path) -> Record:
    return verdict_on(folder, BEFORE, rows({5, 60, 90, 121}), "exact margin=5pt", columns=BY_LANG)


def ship_improved(folder: Path) -> Record:
    return verdict_on(folder, rows(set(range(50, 110))), rows({60}), "exact margin=5pt", columns=BY_LANG)


def ship_warning(folder: Path) -> Record:
    rules = ("exact margin=5pt", "latency margin=10% severity=warn")
    return verdict_on(folder, BEFORE, rows({5, 60, 90}, slower=150), *rules, columns=BY_LANG)


def stop(folder: Path) -> Record:
    after = rows({*range(12), 60, 70, 299}, slower=150)
    rules = ("exact margin=5pt at_least=0.97", "latency margin=10% severity=warn")
    return verdict_on(folder, BEFORE, after, *rules, columns=BY_LANG)


def undecided(folder: Path) -> Record:
    return verdict_on(folder, BEFORE[:40], rows({6})[:40], "exact margin=5pt", columns=BY_LANG)


def undecided_allowed(folder: Path) -> Record:
    options = Options(allow_undecided=True)
    return verdict_on(
        folder, BEFORE[:40], rows({5})[:40], "exact margin=5pt", columns=BY_LANG, options=options
    )


def void_unpaired(folder: Path) -> Record:
    return verdict_on(folder, BEFORE, BEFORE[:100], "exact", columns=BY_LANG)


def void_unreadable(folder: Path) -> Record:
    cut = write_jsonl(folder / "cut.jsonl", BEFORE[:100])
    cut.write_text(cut.read_text() + "{", encoding="utf-8")
    from stopship.cli.options import rules_of
    from stopship.pipeline import compare_files

    before = write_jsonl(folder / "before.jsonl", BEFORE)
    return compare_files(before, Path(cut.name), BY_LANG, rules_of(["exact"]), Options())


def hostile(folder: Path) -> Record:
    """Hostile keys, cohorts, labels and outputs; the candidate breaks in the hostile cohorts."""
    before: list[Row] = []
    for i in range(30 * len(HOSTILE)):
        text = HOSTILE[i % len(HOSTILE)]
        before.append({"id": f"{text}{i}", "lang": text, "output": f"{text} good", "want": 1, "blank": None})
    after = [
        {**row, "output": f"{row['lang']} bad" if i % 3 == 0 else row["output"]}
        for i, row in enumerate(before)
    ]
    rules = ("contains('good') margin=5pt", "contains('##[::error::|@team') better=lower margin=50pt")
    return verdict_on(folder, before, after, *rules, columns=Columns(key="id", cohorts=("lang",)))


def skewed(*, slow_every: int = 0, cases: int = 300) -> list[Row]:
    """Cases with a long tail of latencies; every so many one takes four times as long."""
    return [
        {
            "id": f"case-{i:03d}",
            "output": GOOD,
            "latency_ms": wait * (4 if slow_every and not i % slow_every else 1),
        }
        for i in range(cases)
        for wait in [round(100 * 1.012 ** (i * 71 % 300))]
    ]


TAILS = (
    "latency tail=p95 margin=25% at_most=4000",
    "latency tail=cvar90 margin=60%",
)


def tails_ship(folder: Path) -> Record:
    return verdict_on(folder, skewed(), skewed(), *TAILS, columns=Columns(key="id"))


def tails_stop(folder: Path) -> Record:
    return verdict_on(folder, skewed(), skewed(slow_every=12), *TAILS, columns=Columns(key="id"))


def tails_blind(folder: Path) -> Record:
    few = skewed(cases=120)
    return verdict_on(folder, few, few, *TAILS, columns=Columns(key="id"))


RECORDS: dict[str, Callable[[Path], Record]] = {
    "ship": ship,
    "ship-improved": ship_improved,
    "ship-warning": ship_warning,
    "stop": stop,
    "undecided": undecided,
    "undecided-allowed": undecided_allowed,
    "void-unpaired": void_unpaired,
    "void-unreadable": void_unreadable,
    "tails-ship": tails_ship,
    "tails-stop": tails_stop,
    "tails-blind": tails_blind,
    "hostile": hostile,
    **SUITES,
}
