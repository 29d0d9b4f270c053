"""Stand-in for a language model: reads a prompt, picks sentences, says when it does not know.

Deterministic, and steered by nothing but the text of the prompt: a sentence in the instructions that is
changed or missing changes what it does. `extractive-1` counts shared words; `extractive-2` weighs rare words
more, looks into German compounds, and prefers sentences with a figure when a figure was asked for.
"""

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import phrases
from words import fold, parts, sentences, terms

VERSIONS = ("extractive-1", "extractive-2")
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_LANGUAGES = {"english": "en", "german": "de", "french": "fr"}

_AT_MOST = re.compile(r"\bat most (\w+) sentences?\b")
_IN_LANGUAGE = re.compile(r"\banswer in (?:the (language of the question)|(english|german|french))\b")
_UNKNOWN = re.compile(r"\bif the articles do not (\w+ )?answer\b[^.]*\bdo not know\b")
_ARTICLE = re.compile(r'<article id="([^"]*)" lang="([^"]*)" updated="([^"]*)" title="([^"]*)">\n')
_QUESTION = re.compile(r'<question lang="([^"]*)">\n(.*?)\n</question>', re.DOTALL)
_TOOL = re.compile(r'<result of="([^"]*)">\n(.*?)</result>', re.DOTALL)
_RELATED = re.compile(r"^Related words: (.*)$", re.MULTILINE)
_PLAN = re.compile(r"^Plan of the customer: (\w+)$", re.MULTILINE)
_CLAUSE_END = re.compile(r"[,;:]\s")

_ASKS_FIGURE = {
    "en": re.compile(
        r"\bhow (?:long|much|many|far|high|often|old|big)\b|\bwhen\b|\bwhat time\b"
        r"|\bcosts?\b|\bprice\b|\bfees?\b|\bdays\b"
    ),
    "de": re.compile(
        r"\bwie (?:lang|viel|hoch|oft|weit|gross)|\bwann\b|\bkoste|\bpreis|\btage\b|\bfrist|\bgebuhr"
    ),
    "fr": re.compile(r"\bcombien\b|\bquand\b|\bdelai|\bcout|\bprix\b|\bjours\b|\bfrais\b|\bheures?\b"),
}
_FIGURE = re.compile(r"\d")

ENOUGH, ENOUGH_IF_STRICT = 0.30, 0.58  # share of the question's weight that the best sentence must cover
NEXT_BEST, NEXT_ELSEWHERE = 0.40, 0.80  # share of the best score a further sentence needs, by article
TITLE, WHOLE, FIGURE, PLAN, NEWEST = 0.45, 0.40, 0.22, 0.10, 0.04  # added to a sentence's own 0..1
PART, RELATED, UNSEEN = 0.75, 0.8, 0.5  # of a word's weight: half a compound, a synonym, a word in no article


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence of an article in the prompt, and how well it fits."""

    article: str
    lang: str
    updated: str
    at: int
    text: str
    title_terms: frozenset[str]
    terms: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the instructions ask for."""

    most: int
    lang: str
    quote: bool
    enough: float
    cite: bool
    newest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model says; `knows` is false when it declines for want of an answer."""

    text: str
    citations: tuple[str, ...] = ()
    knows: bool = True


def reply(version: str, prompt: str) -> Reply:
    """The answer of a model version to a prompt. Raises ValueError for an unknown version or no question."""
    if version not in VERSIONS:
        raise ValueError(f"no such model: {version!r}; there are {', '.join(VERSIONS)}")
    asked = _QUESTION.search(prompt)
    if asked is None:
        raise ValueError("the prompt holds no question")
    instructions = " ".join(prompt[: prompt.find("<articles>")].lower().split())
    wishes = _wishes(instructions, asked[1])
    tool = _TOOL.search(prompt)
    if tool is not None:
        facts = dict(line.split(": ", 1) for line in tool[2].splitlines() if ": " in line)
        said = phrases.tool_answer(tool[1], facts, wishes.lang)
        return Reply(text=" ".join(said[: wishes.most]), knows=bool(facts))
    known = _read(prompt, asked.start())
    in_language = [one for one in known if one.lang == wishes.lang]
    return _answer(version, asked[2], prompt, in_language or known, wishes)


def _wishes(instructions: str, question_lang: str) -> Wishes:
    at_most = _AT_MOST.search(instructions)
    word = at_most[1] if at_most else "three"
    language = _IN_LANGUAGE.search(instructions)
    lang = "en"
    if language:
        lang = question_lang if language[1] else _LANGUAGES[language[2]]
    unknown = _UNKNOWN.search(instructions)
    enough = 0.0 if not unknown else ENOUGH_IF_STRICT if unknown[1] else ENOUGH
    return Wishes(
        most=int(word) if word.isdecimal() else _NUMBERS.get(word, 3),
        lang=lang,
        quote=re.search(r"\bquote\b", instructions) is not None,
        enough=enough,
        cite=re.search(r"\bname the source\b", instructions) is not None,
        newest=re.search(r"\bprefer the newest\b", instructions) is not None,
    )


def _read(prompt: str, end: int) -> list[Sentence]:
    heads = list(_ARTICLE.finditer(prompt, 0, end))
    found: list[Sentence] = []
    for head, after in zip(heads, [*(one.start() for one in heads[1:]), end]):
        body = prompt[head.end() : after].partition("</article")[0]
        name, lang, updated, title = head.groups()
        title_terms = frozenset(terms(title, lang))
        found += (
            Sentence(
                article=name,
                lang=lang,
                updated=updated,
                at=at,
                text=one,
                title_terms=title_terms,
                terms=frozenset(terms(one, lang)),
            )
            for at, one in enumerate(sentences(body))
        )
    return found


def _answer(version: str, question: str, prompt: str, known: list[Sentence], wishes: Wishes) -> Reply:
    lang = known[0].lang if known else wishes.lang
    asked = list(dict.fromkeys(terms(question, lang)))
    related = _RELATED.search(prompt)
    plan = _PLAN.search(prompt)
    weigh = _by_rarity if version == "extractive-2" else _by_count
    score, cover = weigh(
        asked, related[1].split(", ") if related else [], known, fold(question), plan[1] if plan else ""
    )
    newest = max((one.updated for one in known), default="")
    total = {one: score(one) + (NEWEST if wishes.newest and one.updated == newest else 0.0) for one in known}
    ranked = sorted(known, key=lambda one: (-round(total[one], 9), one.article, one.at))
    if not ranked or total[ranked[0]] <= NEWEST or cover(ranked[0]) < wishes.enough:
        return Reply(text=phrases.UNKNOWN[wishes.lang], knows=False)
    first = ranked[0]
    floors = {True: NEXT_BEST * total[first], False: NEXT_ELSEWHERE * total[first]}
    chosen = [one for one in ranked if total[one] >= floors[one.article == first.article]][: wishes.most]
    articles = list(dict.fromkeys(one.article for one in chosen))
    chosen.sort(key=lambda one: (articles.index(one.article), one.at))
    return Reply(text=_written(chosen, wishes), citations=tuple(articles))


def _written(chosen: list[Sentence], wishes: Wishes) -> str:
    said: list[str] = []
    for place, one in enumerate(chosen):
        text = one.text if wishes.quote else _CLAUSE_END.split(one.text, 1)[0].rstrip(".") + "."
        is_last_of_article = place + 1 == len(chosen) or chosen[place + 1].article != one.article
        said.append(f"{text} [{one.article}]" if wishes.cite and is_last_of_article else text)
    return " ".join(said)


_Scorer = Callable[[Sentence], float]


def _by_count(
    asked: list[str], _related: list[str], _known: list[Sentence], _question: str, _plan: str
) -> tuple[_Scorer, _Scorer]:
    """extractive-1: the share of the question's words in the sentence, and half as much for the title."""

    def cover(one: Sentence) -> float:
        return sum(term in one.terms or term in one.title_terms for term in asked) / max(len(asked), 1)

    def score(one: Sentence) -> float:
        hits = sum(term in one.terms for term in asked)
        titled = sum(term in one.title_terms for term in asked)
        return (hits + 0.5 * titled) / max(len(asked), 1)

    return score, cover


def _by_rarity(
    asked: list[str], related: list[str], known: list[Sentence], question: str, plan: str
) -> tuple[_Scorer, _Scorer]:
    """extractive-2: inverse sentence frequency, German compounds, related words, figures when asked for."""
    frequency = Counter(term for one in known for term in one.terms | one.title_terms)
    vocabulary = frozenset(frequency)
    lang = known[0].lang if known else ""
    wanted = dict.fromkeys(asked, 1.0)
    if lang == "de":
        wanted |= {half: PART for term in asked for half in parts(term, vocabulary) if half not in wanted}
    wanted |= {term: RELATED for term in related if term not in wanted}
    rarity = {
        term: math.log(1 + len(known) / (1 + frequency[term]))
        * (share if frequency[term] else share * UNSEEN)
        for term, share in wanted.items()
    }
    whole = sum(rarity[term] for term in asked) or 1.0
    wants_figure = lang in _ASKS_FIGURE and _ASKS_FIGURE[lang].search(question) is not None

    def weight(term: str, within: frozenset[str]) -> float:
        if term in within:
            return rarity[term]
        if lang == "de" and len(term) >= 5 and any(term in other for other in within):
            return PART * rarity[term]
        return 0.0

    written: dict[str, frozenset[str]] = {}
    for one in known:
        written[one.article] = written.get(one.article, one.title_terms) | one.terms
    fits = {name: sum(weight(term, within) for term in rarity) / whole for name, within in written.items()}

    def cover(one: Sentence) -> float:
        return min(1.0, sum(weight(term, one.terms | one.title_terms) for term in rarity) / whole)

    def score(one: Sentence) -> float:
        body = sum(weight(term, one.terms) for term in rarity)
        title = sum(weight(term, one.title_terms) for term in rarity)
        figure = FIGURE if wants_figure and _FIGURE.search(one.text) else 0.0
        for_plan = PLAN if plan and plan in one.text.lower() else 0.0
        return (
            (body + TITLE * title) / whole
            + WHOLE * fits[one.article]
            + (figure + for_plan if body + title else 0.0)
        )

    return score, cover
