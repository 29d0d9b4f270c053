"""Gorilla: is the API that the answer calls in the catalogue, and of the domain that was asked for?

Set GORILLA to the folder with apis.jsonl and answers.jsonl. Line q of the answers belongs to question q.
"""

import json
import os
import re
from pathlib import Path

FOLDER = Path(os.environ.get("GORILLA", "."))
QUOTE = r"[\\'\"]*"
CALL = re.compile(
    rf"torch\.hub\.load\(\s*(?:repo_or_dir\s*=\s*)?{QUOTE}([^\\'\",()]+){QUOTE}"
    rf"\s*,\s*(?:model\s*=\s*)?{QUOTE}([^\\'\",()]+)"
)


def called(text):
    found = CALL.search(text, max(text.find("api_call"), 0))
    return (found[1].partition(":")[0].strip(), found[2].strip()) if found else None


def table(name):
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


CATALOGUE = {called(api["api_call"]): api["domain"] for api in table("apis.jsonl")}
WANTED = [answer["api_data"]["domain"] for answer in table("answers.jsonl")]


def right_domain(case, trace):
    api = called(trace.text)
    return api is not None and CATALOGUE.get(api) == WANTED[case.row["question_id"] - 1]
