"""Small stacks on disk, for tests."""

from pathlib import Path

STACK = """\
[model]
version = "extractive-2"

[prompt]
version = "v14"
file = "prompts/system.md"

[index]
version = "2026-02-28"
path = "index.db"

[budget]
version = "b1"
max_steps = 4

[code]
paths = ["app"]
"""


def write_files(folder: Path, files: dict[str, bytes | str]) -> Path:
    """The files under the folder, byte for byte."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def make_stack(folder: Path, **changed: bytes | str) -> Path:
    """A stack with a pin of most kinds; its stack file."""
    files: dict[str, bytes | str] = {
        "stack.toml": STACK,
        "prompts/system.md": "Answer.\nBe kind.\n",
        "index.db": b"\0" * 120_000,
        "app/answer.py": "def answer(): ...\n",
        "app/tools.py": "TOOLS = []\n",
    }
    return write_files(folder, files | changed) / "stack.toml"
