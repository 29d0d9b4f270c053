"""Draw the pictures of docs/statistics.md: `python docs/pictures.py`. The same bytes every time.

SVG by hand, with nothing but the standard library: mid-tones on a white ground, to be read in light and dark.
"""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent / "pictures"
WIDTH = 640
INK, SOFT, GRID = "#333333", "#6b7280", "#cbd5e1"
GOOD, BAD, OPEN, BLUE = "#2f8f4e", "#c0392b", "#b7791f", "#3b6fb5"


def text(
    x: float, y: float, words: str, *, at: str = "start", fill: str = INK, size: int = 14, bold: bool = False
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    style = f'text-anchor="{at}" fill="{fill}" font-size="{size}"{weight}'
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(words)}</text>'


def line(
    x1: float, y1: float, x2: float, y2: float, *, stroke: str = SOFT, width: float = 2, dash: str = ""
) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
    return f'<line {ends} stroke="{stroke}" stroke-width="{width:g}"{dashed}/>'


def box(
    x: float, y: float, width: float, height: float, *, fill: str, stroke: str = "none", radius: float = 3
) -> str:
    place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {place} rx="{radius:g}" fill="{fill}" stroke="{stroke}"/>'


def dot(x: float, y: float, radius: float, *, fill: str) -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}"/>'


def curve(points: Sequence[tuple[float, float]], *, stroke: str, dash: str = "") -> str:
    told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{told}" fill="none" stroke="{stroke}" stroke-width="2.5"{dashed}/>'


def picture(title: str, told: str, height: int, parts: Sequence[str]) -> str:
    """A whole file: what it shows stands in `title` and `desc` for those who cannot see it."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" '
        'role="img" aria-labelledby="title told" font-family="Helvetica, Arial, sans-serif">'
    )
    body = [
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="told">{escape(told)}</desc>',
        box(0, 0, WIDTH, height, fill="#ffffff", radius=0),
        *parts,
    ]
    return "\n".join([head, *body, "</svg>", ""])


def paired() -> str:
    parts = [text(20, 28, "baseline", fill=SOFT), text(20, 118, "candidate", fill=SOFT)]
    outcomes = [("pass", "pass")] * 6 + [("pass", "fail")] * 3 + [("fail", "pass")] + [("fail", "fail")] * 2
    for i, (old, new) in enumerate(outcomes):
        x = 120 + i * 40
        parts += [
            line(x, 36, x, 100, stroke=GRID if old == new else BAD if new == "fail" else GOOD, width=3),
            dot(x, 24, 10, fill=GOOD if old == "pass" else BAD),
            dot(x, 112, 10, fill=GOOD if new == "pass" else BAD),
        ]
    parts += [
        text(120 + 7 * 40, 150, "3 worse", at="middle", fill=BAD, bold=True),
        text(120 + 9 * 40, 150, "1 better", at="middle", fill=GOOD, bold=True),
        text(120 + 2.5 * 40, 150, "no change says little", at="middle", fill=SOFT),
    ]
    return picture(
        "Each case is compared with itself",
        "Twelve cases; three got worse, one better, eight are equal.",
        170,
        parts,
    )


def _interval(y: float, name: str, low: float, mid: float, high: float, fill: str, told: str) -> list[str]:
    return [
        text(20, y + 5, name, fill=fill, bold=True),
        line(low, y, high, y, stroke=fill, width=4),
        line(low, y - 8, low, y + 8, stroke=fill, width=4),
        dot(mid, y, 7, fill=fill),
        text(625, y + 5, told, at="end", fill=SOFT, size=13),
    ]


def bounds() -> str:
    zero, margin = 400, 250
    parts = [
        line(zero, 40, zero, 205),
        line(margin, 40, margin, 205, stroke=BAD, dash="6 4"),
        text(zero, 28, "no change", at="middle", fill=SOFT),
        text(margin, 28, "margin -5 pt", at="middle", fill=BAD),
        text(140, 225, "worse", fill=SOFT, size=13),
        text(450, 225, "better", at="end", fill=SOFT, size=13),
        *_interval(65, "pass", 300, 375, 450, GOOD, "worst still within"),
        *_interval(105, "regression", 150, 225, 300, BAD, "proven worse"),
        *_interval(145, "inconclusive", 190, 340, 470, OPEN, "could be either"),
        *_interval(185, "suspect", 140, 240, 340, OPEN, "looks broken"),
    ]
    return picture(
        "The bound against the margin",
        "A pass has its lower bound inside the margin; a regression lies below zero and reaches beyond it; "
        "inconclusive spans both.",
        240,
        parts,
    )


def smallest() -> str:
    left, top, low = 90, 30, 210

    def y(loss: float) -> float:
        return top + loss * (low - top) / 0.12

    points = [(left + n * 2.4, y(2.7055 / (n + 2.7055))) for n in range(20, 206, 5)]
    parts = [
        line(left, top, left + 510, top),
        text(left - 10, top + 5, "0", at="end", fill=SOFT),
        text(left - 10, y(0.05) + 5, "-5 pt", at="end", fill=BAD),
        text(left - 10, y(0.1) + 5, "-10 pt", at="end", fill=SOFT),
        line(left, y(0.05), left + 510, y(0.05), stroke=BAD, dash="6 4"),
        curve(points, stroke=BLUE),
        line(left + 52 * 2.4, top, left + 52 * 2.4, low, stroke=SOFT, dash="3 3"),
        text(left + 52 * 2.4, low + 20, "52 cases", at="middle", bold=True),
        text(left + 20, low + 20, "blind", at="middle", fill=OPEN, bold=True),
        text(left + 340, low + 20, "an unchanged build can pass", at="middle", fill=GOOD, bold=True),
        text(left + 500, y(0.05) + 22, "the margin", at="end", fill=BAD, size=13),
        text(left + 250, y(0.036), "what cases without any change leave open", fill=BLUE, size=13),
    ]
    return picture(
        "Too few cases are blind",
        "With fewer than 52 cases and nothing changed, a loss of 5 points cannot be ruled out.",
        245,
        parts,
    )


def cohorts() -> str:
    parts = [
        text(20, 35, "alpha: one false STOP in twenty builds, shared by all checks", bold=True),
        box(20, 50, 600, 30, fill=BLUE),
        text(320, 70, "5 %", at="middle", fill="#ffffff", bold=True),
        box(20, 92, 298, 30, fill=BLUE),
        text(169, 112, "half: all cases", at="middle", fill="#ffffff"),
    ]
    for i in range(10):
        broken = i == 6
        parts.append(box(322 + i * 30, 92, 27, 30, fill=BAD if broken else SOFT))
    parts += [
        text(322, 145, "half: the cohorts", fill=SOFT),
        line(516, 125, 516, 165, stroke=BAD),
        text(600, 185, "one cohort lost 40 points; the average lost 4", at="end", fill=BAD, bold=True),
    ]
    return picture(
        "Cohorts share the error rate with the whole",
        "Half of alpha goes to all cases, half to the cohorts; one broken cohort stops the build.",
        205,
        parts,
    )


def repeats() -> str:
    parts = []
    for side, (title, sizes) in enumerate(
        (("5 cases asked 6 times", (5, 6)), ("30 cases asked once", (30, 1)))
    ):
        x0 = 30 + side * 310
        parts.append(text(x0, 30, title, bold=True))
        for i in range(sizes[0]):
            for j in range(sizes[1]):
                column, row = (j, i) if sizes[1] > 1 else (i % 6, i // 6)
                hue = (
                    (BLUE, GOOD, OPEN, BAD, SOFT)[i % 5]
                    if sizes[1] > 1
                    else (BLUE, GOOD, OPEN, BAD, SOFT)[(i * 7 + i // 5) % 5]
                )
                parts.append(box(x0 + column * 34, 45 + row * 26, 28, 20, fill=hue))
    parts += [
        text(30, 200, "5 pieces of evidence,", fill=SOFT),
        text(30, 218, "each less noisy", fill=SOFT),
        text(340, 200, "30 pieces of evidence", fill=SOFT),
    ]
    return picture(
        "Repeats are not cases",
        "Thirty outputs of five cases are five pieces of evidence, not thirty.",
        235,
        parts,
    )


def rounds() -> str:
    parts = [text(20, 30, "outputs a case", fill=SOFT), text(20, 175, "alpha spent so far", fill=SOFT)]
    spent = (0.0, 0.002, 0.011, 0.05)
    for i, (outputs, share) in enumerate(zip((1, 2, 3, 5), spent, strict=True)):
        x = 150 + i * 120
        parts += [
            text(x + 30, 30, str(outputs), at="middle", bold=True),
            *(box(x + j * 13, 45, 10, 22, fill=BLUE) for j in range(outputs)),
            box(x, 150 - 1200 * share, 60, max(1.5, 1200 * share), fill=BAD),
            text(x + 30, 175, "almost 0" if share == 0 else f"{100 * share:g} %", at="middle", fill=BAD),
        ]
        if i < 3:
            parts.append(text(x + 92, 62, "open?", at="middle", fill=OPEN, size=13))
    parts.append(line(130, 150, 620, 150))
    return picture(
        "Rounds spend the error rate bit by bit",
        "Looks after 1, 2, 3 and 5 outputs a case; together they spend 5 percent, most of it at the last.",
        195,
        parts,
    )


def retries() -> str:
    parts = [
        text(150, 28, "first try", at="middle", fill=SOFT),
        text(330, 28, "only failures again", at="middle", fill=SOFT),
    ]
    for y, name, shares, fill in (
        (60, "baseline: passes 9 in 10", (0.9, 0.99), GOOD),
        (120, "candidate: passes 7 in 10", (0.7, 0.91), BAD),
    ):
        parts.append(text(30, y - 8, name, fill=fill, size=13))
        for i, share in enumerate(shares if fill == BAD else shares[:1]):
            x = 30 + i * 190
            parts += [
                box(x, y, 180, 20, fill=GRID),
                box(x, y, 180 * share, 20, fill=fill),
                text(x + 8, y + 15, f"{share:.2f}", fill="#ffffff", bold=True, size=13),
            ]
    parts += [
        text(430, 135, "better than the baseline!", fill=BAD, bold=True),
        text(30, 175, "Asking again in both arms, whatever came out, keeps the comparison fair.", fill=SOFT),
    ]
    return picture(
        "Retrying only failures hides regressions",
        "A candidate that passes 7 in 10 shows 91 percent once its failures are retried; the baseline 90.",
        195,
        parts,
    )


def floor() -> str:
    heights = (4, 10, 24, 48, 78, 96, 78, 48, 24, 10, 4)
    parts = [line(60, 160, 600, 160)]
    for i, height in enumerate(heights):
        parts.append(box(142 + i * 36, 160 - height, 30, height, fill=BLUE))
    parts += [
        text(337, 178, "0", at="middle", fill=SOFT),
        text(337, 40, "the baseline against itself", at="middle", fill=BLUE, bold=True),
        line(100, 70, 100, 160, stroke=BAD, width=4),
        text(100, 60, "a real drop", at="middle", fill=BAD, bold=True),
        text(337, 200, "differences as large as these mean nothing here", at="middle", fill=SOFT),
    ]
    return picture(
        "The noise floor",
        "The baseline against itself differs by chance around zero; a real drop lies outside.",
        215,
        parts,
    )


def anchor() -> str:
    steps = [(70 + i * 50, 50 + i * 14) for i in range(11)]
    stairs = [(x, y) for (x, a), (_, b) in zip(steps, [steps[0], *steps[:-1]], strict=True) for y in (b, a)]
    parts = [
        curve(stairs, stroke=BLUE),
        line(70, 50, 600, 50, stroke=SOFT, dash="4 4"),
        line(70, 92, 600, 92, stroke=BAD, dash="6 4"),
        text(600, 40, "the last release: the anchor", at="end", fill=SOFT),
        text(600, 86, "cumulative margin -3 pt", at="end", fill=BAD),
        dot(steps[3][0], 92, 7, fill=BAD),
        text(steps[3][0] - 8, 118, "STOP", at="end", fill=BAD, bold=True),
        text(
            320,
            215,
            "ten builds, each 1 point worse than the one before: each step passes",
            at="middle",
            fill=SOFT,
        ),
    ]
    return picture(
        "The anchor stands against slow decay",
        "Ten small losses each pass; measured from the last release the third reaches the cumulative margin.",
        230,
        parts,
    )


def wealth() -> str:
    good = (0, 0.1, -0.2, -0.3, -0.2, -0.5, -0.6, -0.4, -0.7, -0.8, -0.9, -0.8)
    bad = (0, 0.2, 0.1, 0.5, 0.9, 0.8, 1.2, 1.7, 2.0, 2.5, 2.9, 3.3)

    def points(values: Sequence[float]) -> list[tuple[float, float]]:
        return [(80 + i * 46, 150 - v * 34) for i, v in enumerate(values)]

    limit = 150 - 3.0 * 34
    parts = [
        line(80, 150, 600, 150),
        line(80, limit, 600, limit, stroke=BAD, dash="6 4"),
        text(70, limit + 5, "20", at="end", fill=BAD),
        text(70, 155, "1", at="end", fill=SOFT),
        text(90, limit - 10, "e-value 20 = 1 / alpha: STOP", fill=BAD, size=13),
        curve(points(good), stroke=GOOD),
        curve(points(bad), stroke=BAD),
        text(600, 205, "unchanged", at="end", fill=GOOD, bold=True),
        text(410, 72, "worse", at="end", fill=BAD, bold=True),
        text(80, 205, "night after night", fill=SOFT),
    ]
    return picture(
        "The e-process may be looked at every night",
        "A bet against the candidate: it loses money while nothing changed and passes 20 where it got worse.",
        220,
        parts,
    )


PICTURES: dict[str, Callable[[], str]] = {
    "paired": paired,
    "bounds": bounds,
    "blind": smallest,
    "cohorts": cohorts,
    "repeats": repeats,
    "rounds": rounds,
    "retries": retries,
    "noise-floor": floor,
    "anchor": anchor,
    "e-process": wealth,
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(draw(), encoding="utf-8", newline="\n")
