"""How text becomes terms: the one reading of words that index, routing, policy and model share.

Decides case, accents, endings and which words carry no meaning. Knows no article and no question.
"""

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:[.,:][0-9]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'(]?[A-ZÀ-ÖØ-Þ0-9])")
_UMLAUT_SPELLINGS = (("ae", "a"), ("oe", "o"), ("ue", "u"))  # zurueck and zurück are one word

_ENDINGS = {  # longest first; what is left keeps at least four letters
    "en": (
        "ations",
        "ation",
        "ments",
        "ment",
        "ings",
        "ing",
        "ies",
        "ied",
        "ers",
        "er",
        "ed",
        "es",
        "s",
        "e",
        "y",
    ),
    "de": ("ungen", "ung", "est", "ern", "em", "en", "er", "es", "et", "te", "st", "e", "n", "s", "t"),
    "fr": ("ements", "ement", "ations", "ation", "ees", "ee", "er", "ez", "es", "ent", "e", "s"),
}
_EMPTY = {
    "en": """a about after again all also am an and any are as at be because been but by can could did do does
        doing don dont for from get got had has have having hello hey hi how i if im in into is isnt it its
        ive just know let like may me much my need now of off on one or our out please should since so some
        tell than thanks that the their them then there they this to too up us very want was we were what
        when where which while who why will with would you your long many""",
    "de": """aber alle als also am an auch auf aus bei bin bis bitte da dann das dass dem den denn der des die
        dies diese diesen doch du ein eine einem einen einer er es etwas euch fur geht gibt habe haben hallo
        hat ich ihr ihnen ihre ihrem ihren im in ist ja jetzt kann konnen man mein meine meinem meinen
        meiner mich mir mit mochte muss nach nicht noch nun nur ob oder schon sehr sich sie sind so soll
        sonst uber um und uns von vor wann war warum was weil welche welchen wenn wer werde werden wie
        wieder wird wo wurde zu zum zur lange viel hab mal hoch""",
    "fr": """a ai alors au aux avec ce cela ces cette combien comment dans de des du elle en est et faire faut
        il ils j je l la le les ma mes moi mon n ne nous on ou par pas peut peux plus pour qu quand que quel
        quelle quels qui sa se si son sont suis sur un une vos votre vous y d c s m t puis""",
}


def fold(text: str) -> str:
    """Lower case without accents; sharp s is ss."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))


@lru_cache(maxsize=20_000)
def stem(word: str, lang: str) -> str:
    """A folded word without its ending; numbers stay whole."""
    if word[0].isdigit():
        return word.replace(",", ".")
    if lang == "de":
        for spelling, letter in _UMLAUT_SPELLINGS:
            word = word.replace(spelling, letter)
    for ending in _ENDINGS.get(lang, ()):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def terms(text: str, lang: str) -> list[str]:
    """The stems of a text in their order, words without meaning left out."""
    empty = _empty(lang)
    return [stem(word, lang) for word in _WORD.findall(fold(text)) if word not in empty]


def plain_words(text: str) -> list[str]:
    """Every folded word of a text."""
    return _WORD.findall(fold(text))


def sentences(text: str) -> list[str]:
    """A text cut after full stops, question and exclamation marks."""
    return [one for one in _SENTENCE_END.split(" ".join(text.split())) if one]


def parts(term: str, vocabulary: frozenset[str]) -> tuple[str, ...]:
    """The known beginnings and ends of a German compound: ruckgabefrist -> ruckgab, frist.

    A linking `s` or `e` between the two halves is skipped.
    """
    if len(term) < 8:
        return ()
    found: list[str] = []
    for cut in range(4, len(term) - 3):
        head, tail = term[:cut], term[cut:]
        if len(head) >= 5 and head in vocabulary:
            found.append(head)
        if tail in vocabulary:
            found.append(tail)
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=8)
def _empty(lang: str) -> frozenset[str]:
    return frozenset(_EMPTY.get(lang, "").split())
