"""The captured cases, their labels and the articles: enough of them, varied, and consistent."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.helpdesk import desk

FOLDERS = ("2026-02-01", "2026-03-01")


def _articles(folder: str) -> dict[str, Any]:
    paths = (desk.FIXTURES / "articles" / folder).glob("*.md")
    return {path.stem: desk.app()["index"].read_article(path) for path in paths}


@pytest.mark.parametrize("folder", FOLDERS)
def test_there_are_enough_articles_in_each_language(folder: str) -> None:
    articles = _articles(folder)
    langs = Counter(one.lang for one in articles.values())
    assert len(articles) >= 60
    assert langs["de"] >= 14
    assert langs["fr"] >= 5
    assert all(60 <= len(one.body.split()) <= 200 for one in articles.values())
    assert all(one.updated < folder for one in articles.values())


def test_march_changes_adds_and_removes_articles() -> None:
    before, after = (_articles(folder) for folder in FOLDERS)
    assert len(set(after) - set(before)) >= 3
    assert len(set(before) - set(after)) >= 3
    assert sum(before[name].body != after[name].body for name in set(before) & set(after)) >= 30


def test_no_two_articles_share_a_sentence_of_some_length() -> None:
    split = desk.app()["words"].sentences
    counts = Counter(
        sentence
        for one in _articles("2026-03-01").values()
        for sentence in split(one.body)
        if len(sentence) > 40
    )
    assert [sentence for sentence, count in counts.items() if count > 1] == []


def test_cases_are_many_and_none_is_asked_twice() -> None:
    rows = desk.rows("cases")
    assert len(rows) >= 300
    assert len({row["key"] for row in rows}) == len(rows)
    assert len({" ".join(row["question"].casefold().split()) for row in rows}) == len(rows)
    assert 10 <= sum(row["tag"] == "incident" for row in rows) <= 20
    assert max(Counter(row["conversation"] for row in rows).values()) > 1


def test_every_label_belongs_to_a_case_and_can_be_met_by_a_cited_article() -> None:
    articles = _articles("2026-03-01")
    labels = desk.rows("labels")
    assert [one["key"] for one in labels] == [row["key"] for row in desk.rows("cases")]
    for label in labels:
        assert label["refusal"] in ("required", "forbidden")
        cited = label["citations"]
        assert label["refusal"] == "forbidden" or not (cited or label["fact"])
        texts = [articles[name].body.casefold() for name in cited]
        assert not cited or any(label["fact"].casefold() in text for text in texts), label


def test_the_committed_databases_are_what_the_sources_build(tmp_path: Path) -> None:
    """By content: the bytes also carry the version of SQLite."""
    app = desk.app()
    for folder in FOLDERS:
        app["index"].build(desk.FIXTURES / "articles" / folder, tmp_path / "index.db")
        assert _dump(tmp_path / "index.db") == _dump(desk.FIXTURES / f"index-{folder}.db")
    app["tools"].build(desk.FIXTURES / "orders.csv", desk.FIXTURES / "terms.csv", tmp_path / "orders.db")
    assert _dump(tmp_path / "orders.db") == _dump(desk.FIXTURES / "orders.db")


def _dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as database:
        names = [one for (one,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        kept = [one for one in names if not one.startswith("search_")]
        return {one: sorted(database.execute(f"SELECT * FROM {one}")) for one in kept}  # noqa: S608  # own names
