"""Write the example's three tables: a support assistant before a change, after it, and after its repair.

Everything is made up. The prompt of `broken` was tightened against giving legal advice; the assistant now
takes German questions about refunds for legal ones. `fixed` is the same prompt with that
sentence taken back. Run from anywhere: python examples/support/generate.py
"""

import json
from pathlib import Path

TIERS = ("free", "free", "paying")

TOPICS = {  # topic -> language -> question, what a right answer must contain, a right answer
    "refund": {
        "en": (
            "Can I send order {n} back?",
            "30 days",
            "Yes. You can return order {n} within {e} for the full price.",
        ),
        "de": (
            "Kann ich Bestellung {n} zurückgeben?",
            "30 Tagen",
            "Ja. Sie können Bestellung {n} innerhalb von {e} zurückgeben.",
        ),
        "fr": (
            "Puis-je renvoyer la commande {n} ?",
            "30 jours",
            "Oui. Vous pouvez renvoyer la commande {n} sous {e}.",
        ),
    },
    "delivery": {
        "en": (
            "When will order {n} arrive?",
            "3 working days",
            "Order {n} leaves our warehouse today and arrives within {e}.",
        ),
        "de": (
            "Wann kommt Bestellung {n} an?",
            "3 Werktagen",
            "Bestellung {n} geht heute hinaus und kommt in {e} an.",
        ),
        "fr": (
            "Quand arrive la commande {n} ?",
            "3 jours ouvrés",
            "La commande {n} part aujourd'hui et arrive sous {e}.",
        ),
    },
    "warranty": {
        "en": (
            "Order {n} broke after a year. Am I covered?",
            "24 months",
            "Yes. Order {n} has a warranty of {e}; send us a picture.",
        ),
        "de": (
            "Bestellung {n} ist nach einem Jahr kaputt. Was nun?",
            "24 Monate",
            "Für Bestellung {n} gilt eine Garantie: {e}. Schicken Sie uns ein Bild.",
        ),
        "fr": (
            "La commande {n} est en panne. Est-ce couvert ?",
            "24 mois",
            "Oui. La commande {n} est garantie {e} ; envoyez-nous une photo.",
        ),
    },
    "invoice": {
        "en": (
            "Where is the invoice for order {n}?",
            "My orders",
            "Open {e} in your account, choose {n}, and download the invoice.",
        ),
        "de": (
            "Wo finde ich die Rechnung zu {n}?",
            "Meine Bestellungen",
            "Öffnen Sie {e} in Ihrem Konto und wählen Sie {n}.",
        ),
        "fr": (
            "Où trouver la facture de {n} ?",
            "Mes commandes",
            "Ouvrez {e} dans votre compte et choisissez {n}.",
        ),
    },
}
COUNTS = {"en": 40, "de": 20, "fr": 15}  # cases a topic

WRONG = {
    "en": "Please have a look at our help pages.",
    "de": "Bitte sehen Sie auf unseren Hilfeseiten nach.",
    "fr": "Veuillez consulter nos pages d'aide.",
}
REFUSAL = "Dabei kann ich Ihnen leider nicht helfen. Bitte wenden Sie sich an eine Rechtsberatung."


def main() -> None:
    folder = Path(__file__).parent
    for name in ("before", "broken", "fixed"):
        lines = [json.dumps(row, ensure_ascii=False) for row in rows(name)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows(name: str) -> list[dict[str, object]]:
    """The table of one version: `before`, `broken` or `fixed`."""
    table: list[dict[str, object]] = []
    for topic, languages in TOPICS.items():
        for lang, texts in languages.items():
            for number in range(COUNTS[lang]):
                table.append(_row(name, topic, lang, number, texts))  # noqa: PERF401  # reads as what it does
    return table


def _row(name: str, topic: str, lang: str, number: int, texts: tuple[str, str, str]) -> dict[str, object]:
    question, expected, answer = texts
    order = 1000 + 7 * number
    right = answer.format(n=order, e=expected)
    draw = (number * 37 + len(topic) * 11 + len(lang + topic) * 5) % 100  # stands in for chance
    given = WRONG[lang] if draw % 25 == (3 if name == "before" else 7) else right
    if name == "broken" and lang == "de" and topic == "refund" and number % 10 < 7:
        given = REFUSAL
    return {
        "id": f"{topic}-{lang}-{number:03d}",
        "lang": lang,
        "tier": TIERS[number % len(TIERS)],
        "question": question.format(n=order),
        "expected": expected,
        "answer": given,
        "latency_ms": 600 + 7 * (draw % 40) + (25 if name != "before" else 0),
    }


if __name__ == "__main__":
    main()
