"""Build a search index from a folder of articles, and search it.

One SQLite file with an FTS5 table. Equal articles give equal bytes: rows go in sorted, nothing records a
time, and the file is packed at the end. A question can never reach the query language of FTS5: only stems,
each in quotes, are put into it.
"""

import sqlite3
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from words import parts, terms

TITLE_WEIGHT, BODY_WEIGHT, PART_WEIGHT = 3.0, 1.0, 0.6  # of a match, in bm25
_FIELDS = ("id", "title", "lang", "topic", "updated")
_SCHEMA = """
    PRAGMA page_size = 4096;
    CREATE TABLE article (id TEXT PRIMARY KEY, title TEXT, lang TEXT, topic TEXT, updated TEXT, body TEXT);
    CREATE TABLE vocabulary (lang TEXT, term TEXT, PRIMARY KEY (lang, term)) WITHOUT ROWID;
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
    CREATE VIRTUAL TABLE search USING fts5(title, body, parts, lang UNINDEXED, tokenize = 'unicode61');
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One help article. `updated` is a date, YYYY-MM-DD."""

    id: str
    title: str
    lang: str
    topic: str
    updated: str
    body: str


def read_article(path: Path) -> Article:
    """An article file: front matter between two lines `---`, then the text.

    Raises ValueError when a field is missing or unknown.
    """
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    if set(fields) != set(_FIELDS) or fields["id"] != path.stem:
        raise ValueError(f"{path}: the front matter must be {', '.join(_FIELDS)}, with the file's name as id")
    return Article(**fields, body=" ".join(body.split()))


def build(articles: Path, target: Path) -> None:
    """Write the index of a folder of articles; a file already there is replaced."""
    rows = [read_article(path) for path in sorted(articles.glob("*.md"))]
    vocabulary = {lang: _vocabulary(rows, lang) for lang in sorted({row.lang for row in rows})}
    target.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(target)
    try:
        database.executescript(_SCHEMA)
        database.execute("INSERT INTO meta VALUES ('articles', ?)", (articles.name,))
        for lang, known in vocabulary.items():
            database.executemany(
                "INSERT INTO vocabulary VALUES (?, ?)", ((lang, one) for one in sorted(known))
            )
        for row in rows:
            values = (row.id, row.title, row.lang, row.topic, row.updated, row.body)
            database.execute("INSERT INTO article VALUES (?, ?, ?, ?, ?, ?)", values)
            database.execute("INSERT INTO search VALUES (?, ?, ?, ?)", _searchable(row, vocabulary[row.lang]))
        database.execute("INSERT INTO search (search) VALUES ('optimize')")
        database.commit()
        database.execute("VACUUM")
    finally:
        database.close()


class Index:
    """An index opened for reading."""

    def __init__(self, path: Path) -> None:
        where = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        self._database = sqlite3.connect(where, uri=True, check_same_thread=False)  # closed by any thread
        weakref.finalize(self, self._database.close)
        self.version: str = self._database.execute(
            "SELECT value FROM meta WHERE name = 'articles'"
        ).fetchone()[0]
        self._vocabulary = {
            lang: frozenset(one for (one,) in self._database.execute(_TERMS, (lang,)))
            for (lang,) in self._database.execute("SELECT DISTINCT lang FROM vocabulary ORDER BY lang")
        }

    def search(self, wanted: Iterable[str], lang: str, top_k: int) -> list[Article]:
        """The best articles of a language for some terms, best first; equal ranks in the order of ids."""
        known = self._vocabulary.get(lang, frozenset())
        asked = list(dict.fromkeys(wanted))
        if lang == "de":
            asked += [part for term in asked for part in parts(term, known)]
        match = " OR ".join(f'"{term}"' for term in dict.fromkeys(asked) if term.replace(".", "").isalnum())
        if not match:
            return []
        weights = (TITLE_WEIGHT, BODY_WEIGHT, PART_WEIGHT, 0.0)
        return [
            Article(**dict(zip(_COLUMNS, row)))
            for row in self._database.execute(_SEARCH, (*weights, match, lang, top_k))
        ]


_TERMS = "SELECT term FROM vocabulary WHERE lang = ?"
_COLUMNS = ("id", "title", "lang", "topic", "updated", "body")
_SEARCH = """
    SELECT a.id, a.title, a.lang, a.topic, a.updated, a.body
    FROM (SELECT rowid, bm25(search, ?, ?, ?, ?) AS rank FROM search WHERE search MATCH ? AND lang = ?)
        AS found
    JOIN article AS a ON a.rowid = found.rowid
    ORDER BY round(found.rank, 9), a.id LIMIT ?
"""


@lru_cache(maxsize=64)
def _opened(path: Path, _written_ns: int, _size: int, _thread: int) -> Index:
    return Index(path)


def opened(path: Path) -> Index:
    """The index at a path, opened once a thread while the file stays the same."""
    stat = path.stat()
    return _opened(path, stat.st_mtime_ns, stat.st_size, threading.get_ident())


def _vocabulary(rows: Iterable[Article], lang: str) -> frozenset[str]:
    return frozenset(
        one for row in rows if row.lang == lang for one in terms(f"{row.title} {row.body}", lang)
    )


def _searchable(row: Article, vocabulary: frozenset[str]) -> tuple[str, str, str, str]:
    title, body = terms(row.title, row.lang), terms(row.body, row.lang)
    halves = [half for term in title + body for half in parts(term, vocabulary)] if row.lang == "de" else []
    return " ".join(title), " ".join(body), " ".join(halves), row.lang
