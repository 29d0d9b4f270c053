"""Answer a rider's question: what `stopship` puts every case to. Replace it by a call of your own assistant.

    question -> policy -> tool or search -> prompt -> model -> trace

Everything that may change lies in a pin of the stack and is read from there; nothing here knows a label.
The model is a stand-in that obeys its prompt and picks sentences: the suite runs offline, alike each time.
"""

import re
import tomllib
from pathlib import Path
from string import Template
from typing import Any

MODELS = {"picker-1": 4, "picker-2": 5}  # how many letters of a word must be alike
ENOUGH = 0.34  # share of the question's words that a sentence must hold, its title counting half
ALSO = 0.75  # share of the best sentence's score that a further one needs
UNKNOWN = {"en": "I am afraid I do not know that.", "de": "Das weiß ich leider nicht."}
NUMBERS = {"one": 1, "two": 2, "three": 3}
_SMALL_WORDS = """
a about after all am an and any are as at be been but by can could did do does for from get got had has have
hello help hey hi how i if in into is it its just me my need no not now of off on one or our out please she
should so some than that the their them then there they this to too up want was we what when where which who
why will with would you your
aber alle als am an auch auf aus bei bin bis bitte da dann das dass dem den denn der des die du ein eine
einem einen einer er es für gibt hab habe haben hallo hat ich ihr im in ist ja jetzt kann kein keine man
mein meine meinem meinen meiner mich mir mit muss nach nicht noch nun nur ob oder schon sein sich sie sind
so soll um und uns von vom was wann warum war wer wenn werden wie wieder will wird wo zu zum zur über
"""  # they say nothing about what is asked
SMALL_WORDS = frozenset(_SMALL_WORDS.split())


def answer(case: Any, stack: Any) -> dict[str, Any]:
    """The trace of one case. `case.row` is a line of cases.jsonl, without its labels."""
    budget = stack.value("budget")
    question = str(case.row["question"])[: budget["max_question"]].replace("<", "(")  # no article of its own
    lang = "de" if case.row.get("lang") == "de" else "en"
    steps: list[dict[str, Any]] = []
    trace: dict[str, Any] = {
        "citations": [],
        "steps": steps,
        "documents": [],
        "usage": {"input_total": 0, "output_total": 0},
        "observed": {"model": stack.version("model")},  # what really answered; held against the lock
    }
    declined = policy(tomllib.loads(stack.text("policy")), question, lang)
    action = "block" if declined else "none"
    steps.append({"kind": "guardrail", "name": "policy", "input": question, "output": {"action": action}})
    if declined:
        return trace | {"output": declined, "refusal": "policy"}

    result = fare(tomllib.loads(stack.text("tools")), question, lang, str(case.row.get("tier")))
    if result:
        steps.append({"kind": "tool", "name": "fare", "input": question, "output": result["body"]})
    found = search(stack.path("index"), question, lang, budget["max_articles"])
    steps.append(
        {"kind": "retrieval", "name": "search", "input": question, "output": [one["id"] for one in found]}
    )
    trace["documents"] = [result, *found] if result else found  # a tool's result stands first

    articles = "\n".join('<{id}> "{title}"\n{body}'.format(**one) for one in trace["documents"])
    prompt = Template(stack.text("prompt")).substitute(articles=articles, lang=lang, question=question)
    output, citations = model(stack.version("model"), prompt)
    steps.append({"kind": "model", "name": stack.version("model"), "input": prompt, "output": output})
    trace["usage"] = {"input_total": len(prompt.split()), "output_total": len(output.split())}
    return trace | {
        "output": output,
        "citations": citations,
        "refusal": "none" if citations else "capability",
    }


def policy(rules: dict[str, Any], question: str, lang: str) -> str:
    """What is said instead of an answer; empty where no rule stands against one."""
    asked = question.casefold()
    for rule in rules["rule"]:
        if any(word in asked for word in rule[lang]["words"]):
            return str(rule[lang]["say"])
    return ""


def fare(fares: dict[str, Any], question: str, lang: str, tier: str) -> dict[str, str] | None:
    """The price of a ride where one is asked for, as one more article; a tool call in a larger assistant."""
    minutes = re.search(r"(\d{1,4})[ -]?min", question.casefold())
    if minutes is None or not any(word in question.casefold() for word in fares[lang]["asks"]):
        return None
    price = fares["plus" if tier == "plus" else "free"]
    euros = f"{price['start'] + price['minute'] * int(minutes[1]):.2f}"
    said = Template(fares[lang]["say"]).substitute(minutes=minutes[1], euros=euros)
    return {"id": "fares", "title": fares[lang]["title"], "body": said}


def search(folder: Path, question: str, lang: str, most: int) -> list[dict[str, str]]:
    """The articles of a language that share the most words with the question; rare words count more."""
    articles = [read(path) for path in sorted(folder.glob(f"*.{lang}.md"))]
    held = [stems(f"{one['title']} {one['body']}", 5) for one in articles]
    asked = stems(question, 5)
    weight = {word: 1 / max(1, sum(word in words for words in held)) for word in asked}
    ranks = [sum(weight[word] for word in sorted(asked & words)) for words in held]
    best = sorted(range(len(articles)), key=lambda i: (-ranks[i], i))
    return [articles[i] for i in best[:most] if ranks[i] > 0]


def read(path: Path) -> dict[str, str]:
    """An article: its file's name, its first line, and the rest as one paragraph."""
    title, _, body = path.read_text(encoding="utf-8").partition("\n")
    return {"id": path.stem, "title": title.strip("# "), "body": " ".join(body.split())}


def model(version: str, prompt: str) -> tuple[str, list[str]]:
    """The answer and the articles it cites. Knows nothing but the prompt, and does what it says."""
    wishes, _, rest = prompt.partition("<articles>")
    rest, _, asked = rest.partition("</articles>")
    lang, _, question = asked.partition("Question (")[2].partition("):")
    letters = 99 if "in the rider's own words" in wishes else MODELS[version]
    most = re.search(r"at most (\w+) sentence", wishes)
    words = stems(question, letters)
    scored = []
    for article, title, body in re.findall(r'<(.+)> "(.*)"\n(.*)', rest):
        for sentence in re.split(r"(?<=[.!?]) ", body):
            hits = len(words & stems(sentence, letters))
            about = len(words & stems(title, letters) - stems(sentence, letters))
            scored.append(((hits + about / 2) / max(1, len(words)), article, sentence))
    best = max(scored, default=(0.0, "", ""), key=lambda one: one[0])
    if not best[0] or (best[0] < ENOUGH and "say that you do not know" in wishes):
        return UNKNOWN["de" if lang == "de" and "language of the question" in wishes else "en"], []
    near = [one for one in scored if one[1] == best[1] and one[0] >= ALSO * best[0]]
    near.sort(key=lambda one: -one[0])
    said = " ".join(one[2] for one in near[: NUMBERS.get(most[1], 3) if most else 3])
    return (f"{said} [{best[1]}]" if "in brackets" in wishes else said), [best[1]]


def stems(text: str, letters: int) -> frozenset[str]:
    """The words of a text that mean something, cut to their first letters."""
    found = re.findall(r"\w+", text.casefold())
    return frozenset(one[:letters] for one in found if one not in SMALL_WORDS)
