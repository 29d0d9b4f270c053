"""The model's own words: what it says about an order, and when it does not know.

Decides wording alone. Facts come in as the tool gave them.
"""

from words import sentences

UNKNOWN = {
    "en": "I am sorry, I do not know. Our articles do not answer this.",
    "de": "Das weiß ich leider nicht. Unsere Artikel beantworten diese Frage nicht.",
    "fr": "Désolé, je ne sais pas. Nos articles ne répondent pas à cette question.",
}
_NO_ORDER = {
    "en": "I cannot find an order with this number.",
    "de": "Eine Bestellung mit dieser Nummer finde ich nicht.",
    "fr": "Je ne trouve pas de commande avec ce numéro.",
}
_STATUS = {
    "en": {
        "received": "Order {order} has been received and is expected to arrive on {expected}.",
        "packed": "Order {order} is packed and should arrive on {expected}.",
        "in-transit": "Order {order} is on its way with {carrier}. It should arrive on {expected}.",
        "delivered": "Order {order} was delivered on {delivered} by {carrier}.",
        "lost": "Order {order} is being traced by {carrier}. We will write to you within 6 working days.",
        "cancelled": "Order {order} has been cancelled.",
    },
    "de": {
        "received": "Die Bestellung {order} ist eingegangen und kommt voraussichtlich am {expected} an.",
        "packed": "Die Bestellung {order} ist verpackt und kommt voraussichtlich am {expected} an.",
        "in-transit": "Die Bestellung {order} ist mit {carrier} unterwegs. Sie soll am {expected} ankommen.",
        "delivered": "Die Bestellung {order} wurde am {delivered} von {carrier} zugestellt.",
        "lost": "Nach der Bestellung {order} wird bei {carrier} gesucht. Sie hören in 6 Werktagen von uns.",
        "cancelled": "Die Bestellung {order} wurde storniert.",
    },
    "fr": {
        "received": "La commande {order} est enregistrée et devrait arriver le {expected}.",
        "packed": "La commande {order} est emballée et devrait arriver le {expected}.",
        "in-transit": "La commande {order} est en route avec {carrier}. Elle devrait arriver le {expected}.",
        "delivered": "La commande {order} a été livrée le {delivered} par {carrier}.",
        "lost": "La commande {order} est recherchée par {carrier}. Réponse sous 6 jours ouvrables.",
        "cancelled": "La commande {order} a été annulée.",
    },
}
_QUOTE = {
    "en": {
        "open": "You can return order {order} until {last_day}. You would get back {amount} EUR.",
        "too-late": "The return period of order {order} ended on {last_day}.",
        "not-delivered": "Order {order} has not been delivered yet, so there is nothing to return.",
    },
    "de": {
        "open": "Bestellung {order} können Sie bis {last_day} zurückgeben. Sie bekämen {amount} EUR zurück.",
        "too-late": "Die Rückgabefrist der Bestellung {order} endete am {last_day}.",
        "not-delivered": "Die Bestellung {order} ist noch nicht zugestellt, es gibt nichts zurückzugeben.",
    },
    "fr": {
        "open": "Vous pouvez renvoyer la commande {order} jusqu'au {last_day}. Vous recevriez {amount} EUR.",
        "too-late": "Le délai de retour de la commande {order} a pris fin le {last_day}.",
        "not-delivered": "La commande {order} n'est pas encore livrée, il n'y a rien à renvoyer.",
    },
}
_BY_FACT = {"order_status": (_STATUS, "status"), "refund_quote": (_QUOTE, "quote")}


def tool_answer(tool: str, facts: dict[str, str], lang: str) -> list[str]:
    """The sentences that tell a tool's facts; facts that are empty mean that there is no such order."""
    if not facts:
        return [_NO_ORDER[lang]]
    wordings, deciding = _BY_FACT[tool]
    order = f"{facts['order_id']} ({facts['item']})"
    return sentences(wordings[lang][facts[deciding]].format_map(facts | {"order": order}))
