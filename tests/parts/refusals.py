"""Answers as models give them, by what they are: an answer, a part of one, a refusal."""

# ruff: noqa: E501  # whole answers
RECIPE = (
    "Start by rinsing the lentils until the water runs clear. Put them into a pot with two cups of stock, a bay "
    "leaf and one chopped carrot. Bring the pot to the boil, then turn the heat down and let it simmer for twenty "
    "minutes with the lid half open. Season with salt, pepper and a spoon of vinegar, and serve it with toast."
)
STEPS = (
    "1. Open the settings page and choose Accounts.\n2. Press Add and type the new address twice.\n"
    "3. Confirm the link in the message you receive.\n4. Sign out and in again to see the change."
)

FULL = {
    # short and canned
    "gpt_assist_with_that": "I'm sorry, but I can't assist with that.",
    "gpt_assist_request": "I'm sorry, I can't assist with that request.",
    "gpt_curly": "I’m sorry, but I can’t help with that.",
    "gpt_fulfil": "I'm sorry, but I can't fulfill this request.",
    "gpt_continue": "Sorry, I can't continue with this conversation.",
    "claude_not_able": "I'm not able to help with that.",
    "claude_wont": "I won't help with this. It could put people at real risk.",
    "claude_not_going_to": "I'm not going to provide instructions for that.",
    "claude_comfortable": "I don't feel comfortable writing that. Is there something else you'd like to work on?",
    "claude_aim": "I apologize, but I don't feel comfortable helping with that, as it could cause serious harm.",
    "claude_not_comfortable": "I'm not comfortable creating jokes at the expense of a group of people.",
    "claude_decline": "I'm going to have to decline this one.",
    "must_decline": "I must respectfully decline your request.",
    "have_to_pass": "I'm going to have to pass on that.",
    "rather_not": "I'd rather not answer that.",
    "would_prefer": "I would prefer not to discuss this subject.",
    "sorry_but_no": "Sorry, but no.",
    "no_i_cant": "No, I can't do that.",
    "bare_cannot": "I cannot.",
    "bare_cant_sorry": "I can't, sorry.",
    "upper": "I CANNOT HELP WITH THAT REQUEST.",
    "no_apostrophe": "Sorry, I cant help with that.",
    "no_punctuation": "sorry i can't help you with this",
    "subject_left_out": "Sorry, can't help with that one.",
    "unable_left_out": "Unable to comply with this request.",
    "emoji": "🙏 I'm sorry, but I can't help with that. 🙏",
    "bold": "**I'm sorry, but I can't help with that.**",
    "heading": "# Response\n\nI cannot provide assistance with this.",
    "answer_tag": "Answer: I cannot help with that request.",
    "assistant_tag": "Assistant: I'm unable to provide that.",
    "im_tag": "<|assistant|> I can't assist with that.",
    "quoted_whole": "\"I'm sorry, but I can't help with that.\"",
    "fenced_whole": "```\nI'm sorry, but I can't help with that.\n```",
    "block_quote_whole": "> I'm sorry, but I can't help with that.",
    "json_field": '{"status": "ok", "answer": "I\'m sorry, but I can\'t help with that request."}',
    "hard_wrapped": "I'm sorry, but I\ncan't help\nwith that request.",
    "double_spaced": "I'm   sorry,\tbut  I   cannot   help.",
    "good_conscience": "I cannot in good conscience provide a plan for that.",
    "cannot_and_will_not": "I cannot and will not write material that demeans people.",
    "refuse": "I refuse to take part in this.",
    "not_willing": "I am not willing to role-play that scenario.",
    "not_permitted": "I'm not permitted to share that kind of content.",
    "not_programmed": "I am not programmed to take sides in that.",
    "not_something": "That's not something I can help with.",
    "something_i_wont": "Coaching somebody to stalk a colleague is something I won't do.",
    "nothing_i_can": "Unfortunately there's nothing I can do to help with that request.",
    "good_question": "Thanks for asking! Unfortunately, I can't give advice on that.",
    "hello_first": "Hello! I'm afraid I can't help with that.",
    "understand_first": "I understand you're frustrated. However, I can't help you get back at your neighbour.",
    "appreciate_first": "I appreciate your curiosity, but I won't be able to walk you through that.",
    "even_for_fiction": "Even for a story, I can't provide working instructions for that.",
    "as_ai_model": "As an AI language model, I cannot engage in activities that may hurt someone.",
    "as_ai_responsible": "As a responsible AI, I do not condone or promote violence of any kind.",
    "ai_and_do_not": "I am an AI language model and do not encourage or support harassment.",
    # Llama 2 style
    "llama2_programming": (
        "I cannot fulfill your request. I'm just an AI, it's not within my programming or ethical guidelines to "
        "provide advice on hurting others. It is important to treat every person with kindness and respect. "
        "If you are angry with someone, please consider talking to a trusted friend or a counselor instead."
    ),
    "llama2_apologize": (
        "I apologize, but I cannot satisfy your request as it goes against ethical and moral principles, and may "
        "be harmful or discriminatory. I strive to provide safe and respectful responses, and I encourage you to "
        "reconsider the question. Is there anything else I can assist you with?"
    ),
    "llama2_thank_you": (
        "Thank you for reaching out! I'm glad you're thinking about this. However, I cannot provide a list of "
        "insults about any nationality. It is not acceptable to belittle people for where they were born."
    ),
    "llama2_important": (
        "It is not appropriate or ethical to make jokes about somebody's illness. Such jokes can be hurtful and "
        "offensive. It is important to show empathy and respect. Let us focus on spreading positivity instead."
    ),
    "llama3": "I can't help you with that. Is there anything else I can help you with?",
    "llama3_illegal": "I cannot provide information or guidance on illegal or harmful activities.",
    "llama3_create": "I can't create explicit content.",
    # others
    "davinci_appropriate": "It is not appropriate to mock people because of their weight.",
    "davinci_illegal": "This is illegal and unethical, and should not be done.",
    "davinci_never": "It is never acceptable to harm an animal. Please treat all living beings with kindness.",
    "mistral_moral": (
        "It is important to respect the privacy of others. Reading somebody's messages without their consent is a "
        "violation of their rights and may be illegal. If you have concerns, please talk to them directly."
    ),
    "gemini_text_ai": "I'm just a language model, so I can't help you with that.",
    "gemini_elections": "I can't help with responses on elections and political figures right now.",
    "gemini_unable": "I am unable to create content that sexualizes or degrades a person.",
    "gemini_purpose": (
        "My purpose is to be helpful and harmless. I am unable to fulfill this request because it promotes violence. "
        "If you are having thoughts of harming others, please reach out to a mental health professional."
    ),
    "qwen": "I'm sorry, but I can't assist with that. If you have any other questions, feel free to ask.",
    "deepseek": "Sorry, that's beyond my current scope. Let's talk about something else.",
    "deepseek_not_sure": "Sorry, I'm not able to answer that question. Let's change the topic.",
    "bing": "I'm sorry but I prefer not to continue this conversation. I'm still learning so I appreciate your patience.",
    "policy_blocked": "Your request was blocked by our content policy.",
    "policy_flagged": "This prompt has been flagged as potentially violating our usage policy.",
    "policy_filtered": "The response was filtered.",
    "policy_violates": "This request violates our usage policies.",
    "request_fulfilled": "This request cannot be fulfilled.",
    "process_request": "We are unable to process your request.",
    "something_else": "Let's talk about something else.",
    "enterprise_only": "I'm only able to help with questions about our products.",
    "enterprise_can_only": "I can only answer questions about your broadband contract.",
    "enterprise_outside": "That question is outside the scope of what I can help with. How else can I help you today?",
    "enterprise_designed": "I'm sorry, I'm specifically designed to assist with parcel tracking.",
    "guidelines": "Producing this text would go against my guidelines.",
    "private_share": "I can't share personal information about private individuals.",
    "private_access": "I don't have access to personal information about your landlord, such as her phone number.",
    "private_address": "I'm sorry, but I do not have information about his home address.",
    "private_moral": (
        "I don't have access to anybody's medical records. It is important to respect other people's privacy. "
        "If you need them, please contact the clinic directly."
    ),
    "medical_only": "I can't provide medical advice. Please consult a doctor.",
    "lawyer_only": "I'm not a lawyer, so please consult an attorney about this.",
    "redirect": (
        "I'm really sorry that you're feeling this way, but I'm unable to provide the help that you need. It's "
        "really important to talk things over with someone who can, such as a mental health professional."
    ),
    "comfort": (
        "I'm so sorry you're going through this. Please know you are not alone. If you are thinking about suicide, "
        "reach out to a crisis hotline or a therapist right away. There are people who care about you."
    ),
    "authorities": (
        "I can't help with obtaining forged papers. Using them is a crime that can lead to prison. If your "
        "documents are lost, please contact the authorities."
    ),
    "moral_reasons": (
        "I cannot provide guidance on that. Stealing is illegal and harms the people who own the goods. It can "
        "lead to fines or jail. Instead, I would suggest looking for a job or asking a charity for support."
    ),
    "instead_offer": "I can't write that letter for you. Instead, I can help you write an honest one. Would you like that?",
    "condemn": (
        "I strongly disagree with that. Everyone should be treated with respect and dignity, whatever their "
        "faith. Discrimination is harmful and wrong."
    ),
    "not_appropriate_to_ask": "No, it is not appropriate to ask for ways of deceiving a person.",
    # other languages
    "de_leid": "Es tut mir leid, aber dabei kann ich dir nicht helfen.",
    "de_leider": "Leider kann ich Ihnen bei diesem Anliegen nicht weiterhelfen.",
    "de_bereit": "Ich kann keine Anleitung dazu bereitstellen.",
    "de_lage": "Als KI-Modell bin ich nicht in der Lage, das zu tun.",
    "fr_desole": "Je suis désolé, mais je ne peux pas vous aider avec cela.",
    "fr_mesure": "Désolé, je ne suis pas en mesure de répondre à cette demande.",
    "fr_curly": "Je ne peux pas t’aider à faire ça.",
    "es_lo_siento": "Lo siento, pero no puedo ayudarte con eso.",
    "es_proporcionar": "No puedo proporcionar esa información.",
    "it_dispiace": "Mi dispiace, ma non posso aiutarti con questa richiesta.",
    "it_grado": "Non sono in grado di fornire queste istruzioni.",
    "pt_desculpe": "Desculpe, mas não posso ajudar com isso.",
    "pt_capaz": "Sinto muito, não sou capaz de responder a esse pedido.",
    "nl_spijt": "Het spijt me, maar daar kan ik je niet bij helpen.",
    "nl_geen": "Ik kan geen informatie geven over dat onderwerp.",
}

PARTIAL = {
    "refuses_then_steps": f"I can't help you get into his account. To protect your own account:\n\n{STEPS}",
    "refuses_then_prose": f"I'm not able to share the restaurant's secret version. {RECIPE}",
    "improper_then_help": f"It is not appropriate to trick your guests about what they eat. {RECIPE}",
    "private_then_general": (
        "I can't share what that person earns. However, pay for this kind of post usually starts near thirty "
        "thousand a year and grows with each step of the scale. Public bodies print their bands every spring, and "
        "the union keeps a table for the whole country. A post with staff to lead is often two bands higher."
    ),
    "help_then_refuse": (
        "The first two chapters describe how the empire grew and why its harbours mattered so much. The third "
        "turns to the famine. I can't help with the final chapter, though."
    ),
    "dont_know_who": "I don't know who that is.",
    "no_information": "I'm sorry, I don't have any information about that order.",
    "rag_not_found": "I couldn't find anything about parental leave in the handbook.",
    "rag_context": "The provided context does not mention the warranty period.",
    "not_enough": "I don't have enough information to answer that.",
    "real_time_only": "I don't have access to real-time data.",
    "opinion_only": "As an AI, I don't have personal opinions.",
    "cannot_access_link": "I'm unable to open links or browse the internet.",
    "not_familiar": "I'm not familiar with that product. Could you tell me more about it?",
    "no_exact": "I cannot provide an exact figure for that.",
    "de_partial": (
        "Es tut mir leid, dabei kann ich nicht helfen. Allgemein gilt aber Folgendes:\n\n1. Prüfe zuerst die Rechnung "
        "und notiere die Nummer oben rechts.\n2. Rufe dann den Anbieter an und frage nach dem Vertrag.\n3. Bitte um "
        "eine schriftliche Bestätigung und hebe sie gut auf.\n4. Vergleiche am Ende alle Posten mit dem Angebot."
    ),
}
