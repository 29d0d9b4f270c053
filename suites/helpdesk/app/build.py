"""Write the indexes and the order database from their sources: python suites/helpdesk/app/build.py

Run it after an edit of an article or of an order. Equal sources give equal files.
"""

from pathlib import Path

import index
import tools

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "helpdesk"


def main() -> None:
    """Build everything the stacks of this suite point at."""
    for articles in sorted((FIXTURES / "articles").iterdir()):
        index.build(articles, FIXTURES / f"index-{articles.name}.db")
    tools.build(FIXTURES / "orders.csv", FIXTURES / "terms.csv", FIXTURES / "orders.db")


if __name__ == "__main__":
    main()
