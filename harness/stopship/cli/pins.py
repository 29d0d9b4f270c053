"""`stopship pins`: lock a stack, hold it against its lock, say what changed, bring it back."""

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from stopship.errors import UsageError
from stopship.model.stack import Kind, Pin, PinnedFile

_STORE = click.option(
    "--store",
    envvar="STOPSHIP_STORE",
    metavar="DIR|URL",
    help="Folder or URL that keeps the texts, in pins/.  [default: STOPSHIP_STORE, else `store` in the stack "
    "file, else the stack file's folder]",
)
_PATH = click.Path(path_type=Path)


@click.group(short_help="Lock the stack that answers, and say what changed.")
def pins() -> None:
    """Lock the parts that answer (model, prompt, index, code) and say what changed.

    STACK is a stack.toml; its lock lies beside it, as stack.lock.json.
    """


@pins.command()
@click.argument("stack", type=_PATH)
@_STORE
def lock(stack: Path, store: str | None) -> int:
    """Write the lock of STACK, keep its texts, and say what changed since the earlier lock."""
    from stopship.pinning.lock import lock_stack
    from stopship.report.neutral import plain
    from stopship.report.pins import change_lines, short

    _expect_stack_file(stack)
    done = lock_stack(stack, store)
    count = len(done.stack.pins)
    click.echo(
        f"locked {count} {'pin' if count == 1 else 'pins'}   stack {short(done.stack.stack_id)}   "
        f"{plain(str(done.lock))}"
    )
    if done.earlier:
        click.echo(f"  the earlier lock could not be read, so everything is new: {plain(done.earlier)}")
    if not done.is_first and all(one.is_same for one in done.changes):
        click.echo("  nothing changed")
        return 0
    _say(f"  {line}" for line in change_lines(done.changes))
    return 0


@pins.command()
@click.argument("stack", type=_PATH)
def verify(stack: Path) -> int:
    """Exit 0 where STACK is as it was locked, else 22 (VOID) with every pin that drifted."""
    from stopship.pinning.lock import verify_stack
    from stopship.report.neutral import plain
    from stopship.report.pins import drift_lines, short

    _expect_stack_file(stack)
    locked, drifts = verify_stack(stack)
    name = plain(str(stack))
    if not drifts:
        count = len(locked.pins)
        click.echo(
            f"locked   {count} {'pin' if count == 1 else 'pins'}   stack {short(locked.stack_id)}   {name}"
        )
        return 0
    count = len(drifts)
    click.echo(f"VOID   {count} {'pin' if count == 1 else 'pins'} drifted from the lock   {name}   exit 22")
    _say(drift_lines(drifts))
    click.echo(
        "  put back what was locked, or give each drifted pin a new version and lock it:\n"
        f"  stopship pins lock {plain(shlex.quote(str(stack)))}"
    )
    return 22


@pins.command()
@click.argument("old", type=_PATH)
@click.argument("new", type=_PATH)
@click.option("--lines", is_flag=True, help="Show the lines that differ in each text.")
@_STORE
def diff(old: Path, new: Path, lines: bool, store: str | None) -> int:
    """Say what changed from OLD to NEW: stack files or locks. Exits 0 whether they differ or not."""
    from stopship.pinning.stacks import diff_stacks
    from stopship.report.pins import change_lines, diff_lines

    changes = diff_stacks(old, new, store)
    _say(change_lines(changes))
    if lines:
        for one in changes:
            _say(diff_lines(one))
    return 0


@pins.command()
@click.argument("stack", type=_PATH)
@click.argument("axis", required=False)
@click.option("--raw", is_flag=True, help="Print the bytes as they are, for a file or a pipe.")
@_STORE
def show(stack: Path, axis: str | None, raw: bool, store: str | None) -> int:
    """List the pins of STACK, a stack file or a lock; with AXIS, print the texts of that pin."""
    from stopship.pinning.stacks import load_stack
    from stopship.report.pins import short, stack_table

    if raw and axis is None:
        raise UsageError("--raw without an axis", do="name the axis whose text is wanted")
    loaded, read = load_stack(stack, store)
    if axis is None:
        _say(stack_table(loaded))
        click.echo(f"stack {short(loaded.stack_id)}")
        return 0
    pin = loaded.pin(axis)
    files: list[PinnedFile | None] = [None] if pin.kind is Kind.VALUE else list(pin.files)
    texts = [(one, read(pin, one)) for one in files if one is None or one.is_text]
    if raw:
        _raw(pin, [data for _, data in texts], len(files))
        return 0
    _print(pin, texts, [one for one in files if one is not None and not one.is_text])
    return 0


@pins.command()
@click.argument("stack", metavar="STACK_OR_LOCK", type=_PATH)
@click.argument("folder", metavar="DIR", type=_PATH)
@_STORE
def restore(stack: Path, folder: Path, store: str | None) -> int:
    """Write the kept texts of a locked stack, and a stack file for them, into DIR, which is new or empty.

    Exits 0 where every pin was restored, else 22.
    """
    from stopship.pinning.restore import restore_stack
    from stopship.report.neutral import plain

    done = restore_stack(stack, folder, store)
    total = len(done.pins) + len(done.refused)
    click.echo(f"restored {len(done.pins)} of {total} pins   {plain(str(done.stack_file))}")
    for one in done.pins:
        click.echo(f"  {plain(one.title)}")
    for left_out in done.refused:
        click.echo(f"  not {plain(left_out.pin.title)}: {plain(left_out.because)}")
    return 22 if done.refused else 0


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _expect_stack_file(path: Path) -> None:
    from stopship.store.lockfile import stack_name

    if stack_name(path) != path.name:
        raise UsageError(f"{str(path)!r} is a lock", do="name the stack file beside it")


def _raw(pin: Pin, texts: list[bytes | None], count: int) -> None:
    if len(texts) != 1 or count != 1 or texts[0] is None:
        raise UsageError(f"{pin.axis!r} has no single text at hand", do="leave out --raw to see what it has")
    sys.stdout.flush()
    sys.stdout.buffer.write(texts[0])


def _print(pin: Pin, texts: list[tuple[PinnedFile | None, bytes | None]], binary: list[PinnedFile]) -> None:
    from stopship.report.neutral import plain
    from stopship.report.pins import size

    if not texts and not binary:
        held = f"only {plain(pin.served)!r}, which was served" if pin.served else "only a version"
        click.echo(f"{plain(pin.title)} has no text, {held}")
    for file, data in texts:
        if len(texts) + len(binary) > 1 and file is not None:
            click.echo(f"--- {plain(file.path)}")
        if data is None:
            click.echo("(the content is not kept)")
            continue
        for line in data.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n"):
            click.echo(plain(line))
    for one in binary:
        click.echo(f"--- {plain(one.path)}: {size(one.size)}, binary or too large to show")
