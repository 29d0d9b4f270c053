"""Calls that are refused: whatever a target makes of that, its output is lost, or the replay ends."""

import contextvars
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.gating.shelves import MemoryShelf
from tests.gating.test_world import Application, at, calls, recorded, world_of

import stopship
from stopship.boundaries import reads, watch
from stopship.errors import EvidenceError, Missed, UsageError
from stopship.gating.outside import secrets
from stopship.gating.paths import is_path
from stopship.gating.watched import moment
from stopship.model.case import Case
from stopship.model.exchange import CODE, Fidelity, Record, Recording
from stopship.parts.own_code import code_digest
from stopship.parts.targets.python import load_target
from stopship.pinning.stacks import OpenStack


def careless(call: Callable[[], object]) -> Callable[[], object]:
    """A target that catches whatever it meets, and answers all the same."""

    def answer() -> str:
        try:
            call()
        except Exception:  # noqa: BLE001  # what a careless target does
            return "all is well"
        return "well"

    return answer


def test_a_pin_that_the_stack_lacks_ends_the_replay_though_the_target_swallows_it() -> None:
    app = Application()
    with pytest.raises(UsageError, match="names the pin 'orders'"):
        at(world_of(pins={"model": "m"}), careless(lambda: app.stock_of("mug")))


def test_a_value_that_is_no_json_ends_the_replay_though_the_target_swallows_it() -> None:
    @stopship.boundary(kind="tool", effect="read")
    def tool(what: object = None) -> object:
        return {1, 2} if what is None else what

    for call in (tool, lambda: tool(object())):
        with pytest.raises(UsageError, match="the boundary tool"):
            at(world_of(), careless(call))


def test_damaged_recordings_end_the_replay_though_the_target_swallows_it() -> None:
    class Damaged(MemoryShelf):
        def of_ask(self, ask: str) -> tuple[Recording, ...]:
            raise EvidenceError(f"damaged: {ask[:4]}")

    app = Application()
    with pytest.raises(EvidenceError, match="damaged"):
        at(
            world_of(shelf=Damaged(), fidelity=Fidelity.FROZEN),
            careless(lambda: app.stock_of("mug")),
        )


def test_what_ends_the_replay_goes_before_what_loses_an_output() -> None:
    app = Application()

    def answer() -> None:
        careless(lambda: app.order("mug"))()  # a miss
        careless(lambda: app.stock_of("mug"))()  # no such pin

    with pytest.raises(UsageError, match="names the pin"):
        at(world_of(pins={}), answer)


def test_a_call_from_a_thread_without_context_loses_the_outputs_under_way() -> None:
    app = Application()

    def answer() -> str:
        thread = threading.Thread(target=careless(lambda: app.order("mug")))
        thread.start()
        thread.join()
        return "ordered"

    end = watch(is_sealed=False)
    try:
        with pytest.raises(Missed, match="belongs to no output"):
            at(world_of(allowed=frozenset({"order"})), answer)
    finally:
        end()
    assert app.ran == []


def test_code_without_context_on_the_thread_of_an_output_is_its_own() -> None:
    app = Application()
    world = world_of()
    with pytest.raises(Missed, match="tool order"):
        at(world, careless(lambda: contextvars.Context().run(app.order, "mug")))
    assert app.ran == []
    assert [one.source for one in calls(world)] == ["miss"]
    now = at(world, lambda: contextvars.Context().run(stopship.now))
    assert now == at(world, stopship.now)


def test_a_file_that_calls_a_marked_function_while_it_is_loaded_is_no_target(tmp_path: Path) -> None:
    app = tmp_path / "answer.py"
    app.write_text(
        "import pathlib, stopship\n"
        "@stopship.boundary(kind='tool')\n"
        "def book(): pathlib.Path(__file__).with_name('booked').touch()\n"
        "try: book()\n"
        "except Exception: pass\n"
        "def answer(case, stack): return 'yes'\n",
        "utf-8",
    )
    for _ in range(2):  # it is executed once, and refused whenever it is asked for
        with pytest.raises(UsageError, match=r"loading .* calls the marked function 'book'"):
            load_target(app, "answer", "suite.toml")
    assert not (tmp_path / "booked").exists()
    loud = tmp_path / "loud.py"
    loud.write_text(app.read_text("utf-8").replace("except Exception: pass", "finally: pass"), "utf-8")
    with pytest.raises(UsageError, match="calls the marked function 'book'"):
        load_target(loud, "answer", "suite.toml")


def test_two_functions_of_one_name_are_refused_and_one_that_is_made_twice_is_not() -> None:
    class Orders:
        @stopship.boundary(kind="tool", effect="read", ignore=("self",))
        def find(self) -> str:
            return "order"

    class Users:
        @stopship.boundary(kind="tool", effect="read", ignore=("self",))
        def find(self) -> str:
            return "user"

    with pytest.raises(
        UsageError, match=r"two marked functions are the tool 'find' \(Orders.find, Users.find\)"
    ):
        at(world_of(), careless(lambda: (Orders().find(), Users().find())))
    world = world_of()
    assert [at(world, lambda: Application().stock_of("mug")) for _ in range(2)]


def test_the_code_of_a_function_is_its_source_and_that_of_what_it_names_beside_it(tmp_path: Path) -> None:
    digests = []
    text = "def near(): return {0}\nclass Far:\n    def go(self): return near()\n"
    text += "def tool(): return Far().go(){1}\n"
    for number, words in enumerate([(1, ""), (1, ""), (2, ""), (1, "  # well")]):
        path = tmp_path / f"v{number}.py"
        path.write_text(text.format(*words), "utf-8")
        spec = stopship_import(path)
        digests.append(code_digest(spec))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def stopship_import(path: Path) -> Callable[..., object]:
    import importlib.util
    import sys

    spec = importlib.util.spec_from_file_location("code_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["code_under_test"] = module
    spec.loader.exec_module(module)
    found: Callable[..., object] = module.tool
    code_digest(found)  # while it is the module of its name
    return found


def test_a_function_whose_body_changed_is_not_served_what_the_old_one_gave_unseen() -> None:
    def shop(price: int) -> Callable[[], object]:
        @stopship.boundary(kind="tool", effect="read", name="cost")
        def one() -> int:
            return 1

        @stopship.boundary(kind="tool", effect="read", name="cost")
        def two() -> int:
            return 2

        found: Callable[[], object] = one if price == 1 else two
        return found

    shelf = recorded(Application(), shop(1))
    assert all(CODE in one.asked.pins for one in shelf.kept.values() if not is_path(one))
    live = world_of(shelf=shelf)
    assert at(live, shop(2)) == 2
    frozen = world_of(shelf=shelf, fidelity=Fidelity.FROZEN)
    assert at(frozen, shop(2)) == 1
    assert [one.source for one in calls(frozen)] == ["other-pin"]  # which makes the run VOID
    same = world_of(shelf=shelf, fidelity=Fidelity.FROZEN)
    assert at(same, shop(1)) == 1
    assert [one.source for one in calls(same)] == ["recording"]


def test_a_recorded_answer_of_a_model_that_is_not_executed_is_no_second_draw() -> None:
    @stopship.boundary(kind="model")  # not declared: it writes, and is not made again
    def model(prompt: str) -> str:
        return f"about {prompt}"

    shelf = MemoryShelf()
    allowed = frozenset({"model"})
    at(world_of(shelf=shelf, record=Record.NEW, allowed=allowed), lambda: model("x"))
    assert at(world_of(shelf=shelf), lambda: model("x")) == "about x"
    for other in ({"epoch": 1}, {}):
        with pytest.raises(Missed):
            at(world_of(shelf=shelf, **other), lambda: model("x"), sample=0 if other else 1)
    assert at(world_of(shelf=shelf, epoch=1, fidelity=Fidelity.FROZEN), lambda: model("x")) == "about x"


def test_what_comes_after_a_recorded_error_goes_on_from_it() -> None:
    app = Application()
    ask = careless(lambda: app.flaky(None, 1))
    shelf = recorded(app, ask)
    at(world_of(shelf=shelf, record=Record.NEW), ask)
    (one,) = (one for one in shelf.kept.values() if not is_path(one))
    assert [answer.error for answer in one.answers] == ["ConnectionError: reset by peer", ""]


def test_a_call_within_a_call_that_is_made_is_no_write_of_the_output() -> None:
    app = Application()

    @stopship.boundary(kind="tool", effect="write")
    def book(item: str) -> str:
        return str(app.order(item))

    def answer() -> object:
        return [book("mug"), app.stock_of("mug")]

    shelf = MemoryShelf()
    at(world_of(shelf=shelf, record=Record.NEW, allowed=frozenset({"order", "book"})), answer)
    frozen = at(world_of(shelf=shelf, fidelity=Fidelity.FROZEN), answer)
    assert frozen == ["ordered 1 mug", {"item": "mug", "left": 2}]
    assert app.ran == [("order", "mug"), ("stock", "mug")]


SECRET_NAMES = [
    "OPENAI_API_KEY",
    "PGPASSWORD",
    "DB_PASS",
    "MYSQL_PWD",
    "X_TOKEN",
    "token",
    "AWS_SECRET_ACCESS_KEY",
]
PLAIN_NAMES = ["PWD", "OLDPWD", "BYPASS", "KEYBOARD", "PASSENGER", "PATH", "TOKENIZERS_PARALLELISM"]


@pytest.mark.parametrize("name", [*SECRET_NAMES, *PLAIN_NAMES])
def test_secrets_are_told_by_the_names_of_variables(name: str) -> None:
    assert bool(secrets({name: "abcdefgh"})) == (name in SECRET_NAMES)


@pytest.mark.parametrize("told", ["yesterday", 2**60, -(2.0**60), True, "2026-13-01", [1]])
def test_a_time_that_cannot_be_read_is_refused(told: object) -> None:
    row = json.loads(json.dumps({"at": told}))
    with pytest.raises(EvidenceError, match=r"at is .*, which is no time"):
        moment(Case("a", row, None, None), "at")


@pytest.mark.parametrize("told", [0, -1.5, "2026-03-01", " 2026-03-01T10:00:00Z "])
def test_a_time_is_read_as_seconds_or_a_date(told: object) -> None:
    row = json.loads(json.dumps({"at": told}))
    assert moment(Case("a", row, None, None), "at") is not None
    assert moment(Case("a", {"at": ""}, None, None), "at") is None
    assert moment(Case("a", row, None, None), None) is None


def test_a_call_that_reads_a_pin_which_it_does_not_name_ends_the_replay(tmp_path: Path) -> None:
    class Stack(OpenStack):
        def __init__(self) -> None:  # no file is read
            pass

        def version(self, axis: str) -> str:
            reads(axis)
            return f"{axis} v1"

    docs, other = tmp_path / "docs.txt", tmp_path / "other.txt"
    for path in (docs, other):
        path.write_text("mug", "utf-8")
    (tmp_path / "link").symlink_to(docs)
    stack = Stack()

    @stopship.boundary(kind="tool", effect="read", pins=("orders",))
    def tool(how: str) -> str:
        if how in ("orders", "docs", "flags"):
            return stack.version(how)
        return (tmp_path / how).read_text("utf-8")

    world = world_of(pins={"orders": "o", "docs": "d"}, files={str(docs.resolve()): "docs"})
    end = world.entered()
    try:
        for how in ("orders", "other.txt", "flags"):
            assert at(world, lambda how=how: tool(how))  # type: ignore[misc]
        for how in ("docs", "docs.txt", "link"):
            with pytest.raises(UsageError, match="tool tool reads the pin 'docs', which it does not name"):
                at(world, careless(lambda how=how: tool(how)))  # type: ignore[misc]
        assert at(world, lambda: stack.version("docs") + docs.read_text("utf-8"))  # the target itself may
    finally:
        end()
    named = world_of(pins={"orders": "d"}, files={str(docs.resolve()): "orders"})
    assert at(named, lambda: tool("docs.txt")) == "mug"
