"""Pins whose texts are kept elsewhere, at a URL or in a store that is named."""

from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.cli.test_pins import in_folder
from tests.pinning.folders import make_stack, write_files


@pytest.mark.parametrize("url", ["memory://{name}/kept", "file://{path}/kept"], ids=["memory", "file"])
@pytest.mark.parametrize("how", ["option", "environment"])
def test_texts_go_through_a_url_and_come_back_from_it(
    stopship: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, how: str
) -> None:
    url = url.format(name=tmp_path.name, path=tmp_path / "elsewhere")
    option = ["--store", url] if how == "option" else []
    if how == "environment":
        monkeypatch.setenv("STOPSHIP_STORE", url)
    make_stack(Path("s"))
    before = {one.as_posix() for one in Path().rglob("*")}
    assert stopship("pins", "lock", "s/stack.toml", *option) == 0
    made = {one.as_posix() for one in Path().rglob("*")} - before
    assert {one for one in made if not one.startswith("elsewhere")} == {"s/stack.lock.json"}
    kept = Path("s/stack.lock.json").read_text(encoding="utf-8")
    write_files(Path("s"), {"prompts/system.md": "Answer.\n"})
    assert stopship("pins", "diff", "s/stack.lock.json", "s/stack.toml", "--lines", *option) == 0
    assert "-Be kind." in stopship.out
    assert stopship("pins", "show", "s/stack.lock.json", "prompt", *option) == 0
    assert stopship.out == "Answer.\nBe kind.\n"
    assert stopship("pins", "restore", "s/stack.lock.json", "old", *option) == 22
    assert stopship.out.startswith("restored 4 of 5 pins   old/stack.toml\n")
    assert Path("old/prompts/system.md").read_text(encoding="utf-8") == "Answer.\nBe kind.\n"
    assert Path("s/stack.lock.json").read_text(encoding="utf-8") == kept


def test_a_diff_names_each_side_s_own_file(stopship: Command) -> None:
    """A version that is another file beside the old one: v1.md -> v2.md."""
    for name, text in (("v1", "Answer.\n"), ("v2", "Answer!\n")):
        stack = f'[prompt]\nversion = "{name}"\nfile = "prompts/{name}.md"\n'
        write_files(Path(), {f"{name}.toml": stack, f"prompts/{name}.md": text})
    assert stopship("pins", "diff", "v1.toml", "v2.toml", "--lines") == 0
    assert stopship.out == (
        "prompt v1 -> v2 (2 lines: +1 -1)\n"
        "--- prompt/prompts/v1.md\n"
        "+++ prompt/prompts/v2.md\n"
        "@@ -1 +1 @@\n"
        "-Answer.\n"
        "+Answer!\n"
    )


def test_a_lock_is_not_written_where_the_url_keeps_nothing(stopship: Command) -> None:
    make_stack(Path())
    assert stopship("pins", "lock", "stack.toml", "--store", "nowhere://user:secret@bucket/x") == 22
    assert "nowhere://…@bucket/x: the store cannot be reached" in stopship.err
    assert "secret" not in stopship.err
    assert not Path("stack.lock.json").exists()


__all__ = ["in_folder"]
