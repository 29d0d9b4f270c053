"""`stopship scorers` and `stopship doctor`: what there is, and what is installed for it."""

import click
from tabulate import tabulate


@click.command(short_help="List the scorers and what they need.")
def scorers() -> int:
    """List the scorers: range, which end is good, what they need."""
    from stopship import catalog

    for one in catalog.kinds():
        click.echo(one.name + (f"({one.arguments})" if one.arguments else ""))
        click.echo(f"    {one.summary}")
        click.echo(f"    range {one.range}   better {one.better}   needs {one.needs}")
    return 0


_OPTIONAL = (
    ("aiohttp", "gateway", "the gateway, and [replay.openai], [replay.anthropic], [replay.http]"),
    ("jinja2", "openai", "prompts of [replay.openai] and [replay.anthropic]"),
    ("genai-prices", "prices", "limits in dollars"),
)


@click.command(short_help="Say what is installed, and what is missing for what.")
def doctor() -> int:
    """Say what is installed, and what is missing for what. Exits 1 where something is missing.

    What only some targets need is told, too, and is no fault where it is not there.
    """
    import platform
    from importlib import metadata

    from stopship import __version__

    rows, missing = [], 0
    for name, use in (
        ("click", "the command line"),
        ("tabulate", "the list of scorers"),
        ("numpy", "every comparison"),
        ("pytest", "suites as tests"),
        ("fsspec", "stores behind a URL"),
        ("rfc8785", "digests of rows"),
        ("pyarrow", "Parquet files"),
        ("rapidfuzz", "the scorer similarity"),
        ("jsonschema-rs", "the scorer json_schema"),
    ):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version, missing = "MISSING", missing + 1
        rows.append((name, version, use))
    for name, extra, use in _OPTIONAL:
        try:
            rows.append((name, metadata.version(name), use))
        except metadata.PackageNotFoundError:
            rows.append((name, "not there", f"{use}: pip install 'stopship[{extra}]'"))
    system = f"{platform.system()} {platform.machine()}"
    click.echo(f"stopship {__version__} on Python {platform.python_version()}, {system}")
    click.echo(
        tabulate(rows, headers=("package", "version", "needed for"), tablefmt="plain", disable_numparse=True)
    )
    if missing:
        click.echo(f"{missing} missing: run `pip install --force-reinstall stopship`", err=True)
    return 1 if missing else 0
