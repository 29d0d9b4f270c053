"""The pytest plugin `stopship`: `suite.toml` files are collected, and each gate reports itself.

Decides nothing. Imported in every pytest run of an environment, so it holds options and hooks alone; what
works is imported when the first suite is met.
"""

from pathlib import Path
from typing import Any

import pytest

SUITE_FILE = "suite.toml"
ITEMS = "stopship_items"
_KEEPER = pytest.StashKey[Any]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("stopship", "replay gates (stopship)")
    add = group.addoption
    add("--stopship-stack", metavar="FILE", help="Replay with this stack file instead of the suite's.")
    add("--stopship-json", metavar="FILE", help="Write the verdict records of all suites.")
    add(
        "--stopship-gate",
        choices=("auto", "require", "off"),
        default="auto",
        help="auto: a partial selection skips the gate with its reason, in CI it is VOID; require: VOID "
        "everywhere, no suite at all included; off: cases only.",
    )
    add("--stopship-worse", action="store_true", help="Only the cases that got worse in the last gate.")
    add("--stopship-live", action="store_true", help="Replay suites over the network, named or not.")
    add("--stopship-new-suite", action="store_true", help="Without a baseline, limits and must-pass decide.")
    add("--stopship-baseline-ref", metavar="GITREF", help="Take rules, labels and pointer from a revision.")
    add("--stopship-allow-blind", action="store_true", help="Go on with rules that can never decide.")
    parser.addini(
        ITEMS, "Cases up to which every case is an item of its own; past it, items hold 100.", default="1000"
    )


def pytest_configure(config: pytest.Config) -> None:
    items = str(config.getini(ITEMS))
    if not (items.isascii() and items.isdecimal() and int(items)):
        raise pytest.UsageError(f"{ITEMS} = {items[:60]!r}: expected a whole number above 0")
    target = config.getoption("--stopship-json")
    if target and not is_worker(config):
        _make_way(Path(config.invocation_params.dir, target))


def _make_way(path: Path) -> None:
    """A run that ends without a verdict must not leave an earlier, green one."""
    try:
        if path.is_dir() or not path.parent.is_dir():
            raise pytest.UsageError(f"--stopship-json {str(path)!r}: no file can be written there")
        if path.is_file():
            path.resolve().unlink()
    except OSError as err:
        raise pytest.UsageError(f"--stopship-json {str(path)!r}: {err.strerror}") from err


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of xdist's workers; the other one gives the verdicts."""
    return hasattr(config, "workerinput")


def keeper(config: pytest.Config) -> Any:
    """The gatekeeper of this process, made when the first suite is met."""
    if _KEEPER not in config.stash:
        from stopship.under_pytest.gatekeeper import Gatekeeper

        config.stash[_KEEPER] = Gatekeeper(config)
    return config.stash[_KEEPER]


def settle(config: pytest.Config) -> None:
    """File what is under way in this process, where any suite was met."""
    if _KEEPER in config.stash:
        config.stash[_KEEPER].settle()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.name != SUITE_FILE:
        return None
    from stopship.under_pytest.memory import uncollected

    with uncollected():
        from stopship.under_pytest.items import suite_file

    collected: pytest.Collector = suite_file(parent, file_path)
    return collected


def pytest_collectstart(collector: pytest.Collector) -> None:
    met = getattr(collector, "stopship_met", None)  # a suite counts as met even where --lf skips its file
    if met is not None:
        met()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _KEEPER in config.stash:
        config.stash[_KEEPER].choose(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    if _KEEPER in session.config.stash:
        session.config.stash[_KEEPER].collected(session.items)


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    lines: list[str] = config.stash[_KEEPER].outlooks() if _KEEPER in config.stash else []
    return lines


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    if _KEEPER in session.config.stash:
        session.config.stash[_KEEPER].announce(session)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist, on the controller: every worker knows what was named on the command line."""
    named = node.config.args_source is pytest.Config.ArgsSource.ARGS
    node.workerinput["stopship_named"] = [str(one) for one in node.config.args] if named else []


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """xdist, on the controller: what a worker will run."""
    if any(f"{SUITE_FILE}::" in one for one in ids):
        keeper(node.config).assigned(ids)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:  # noqa: ARG001  # xdist's signature
    """xdist, on the controller: which suites a worker met, deselected ones included, and their faults."""
    told = getattr(node, "workeroutput", {}).get("stopship_suites", {})
    if told:
        keeper(node.config).left(told)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if is_worker(config):
        if _KEEPER in config.stash:
            output: dict[str, Any] = config.workeroutput  # type: ignore[attr-defined]  # given by xdist
            output["stopship_suites"] = config.stash[_KEEPER].leave()
        return
    if _KEEPER in config.stash or config.getoption("--stopship-gate") == "require":
        keeper(config).finish(session)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if _KEEPER in config.stash:
        config.stash[_KEEPER].summarise(terminalreporter)


@pytest.fixture(scope="session")
def stopship_run(request: pytest.FixtureRequest) -> Any:
    """Replay and judge a suite inside a test: `stopship_run("suites/support")` gives scores and findings."""
    from stopship.under_pytest.fixture import runner

    return runner(request.config)
