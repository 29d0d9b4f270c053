"""`python -m stopship` is the command `stopship`."""

from stopship.cli.main import entry

if __name__ == "__main__":
    entry()
