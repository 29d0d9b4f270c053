"""Calls of a target as they are recorded, anew, in CI, and without secrets."""

import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.test_outside import Shop, accepted, shop
from tests.store.recorded import put

from stopship.model.exchange import Answer, Recording
from stopship.store.recordinglines import recording_of


def test_a_recording_that_ended_early_prints_the_command_that_goes_on_with_it(shop: Shop) -> None:
    """Without `--record` it would be a frozen replay, which has nothing to be served."""
    shop.suite('fidelity = "frozen"\nlimits = { calls = 30 }')
    assert shop("replay", "--record", "new", "--allow-effects", "reserve") == 22
    line = " ".join(shop.stopship.err.split()).rpartition("run again: ")[2]
    assert line.endswith("--record new --allow-effects reserve --allow-blind --resume")
    shop.suite('fidelity = "frozen"')
    assert shop.stopship(*shlex.split(line)[1:]) == 0
    assert "40 told" in shop.stopship.out
    assert shop.reserved == 40


def test_an_explanation_names_the_versions_of_the_present_stack(shop: Shop) -> None:
    shop.record()
    explain = ("cache", "explain", "c00", "--suite", str(shop.folder))
    assert shop.stopship(*explain) == 0
    assert "stock s1 " in shop.stopship.said
    shop.lock("d2")
    assert shop.stopship(*explain) == 0
    assert "(not the present one)" in shop.stopship.said


def test_a_suite_that_records_nothing_says_so(shop: Shop) -> None:
    assert shop.stopship("cache", "explain", "c00", "--suite", str(shop.folder)) == 2
    assert "nothing is recorded in this suite" in shop.stopship.err


def test_in_ci_nothing_is_recorded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert shop("replay", "--record", "all", "--allow-effects", "reserve") == 22
    assert "CI=true: nothing is recorded" in shop.stopship.err
    assert not (shop.folder / "recordings").exists()


def test_recording_all_anew_replaces_what_was_recorded(shop: Shop) -> None:
    shop.record()
    shop.write("stock.txt", "mug\n")
    shop.lock()
    shop.record("--record", "all")
    assert shop.stopship("cache", "check", "--suite", str(shop.folder)) == 0
    assert "240 recordings" in shop.stopship.out  # what the old stock told stays; and a path of each output
    assert shop("replay", "--case", "c00") == 0
    assert "3 of 3 served" in shop.stopship.out


def test_recordings_that_changed_under_the_same_pins_void_the_comparison(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    shop.record("--record", "all")  # tells the same again
    assert shop("gate") == 0
    for path in sorted((shop.folder / "recordings").glob("*/*.jsonl")):
        kept = [recording_of(line) for line in path.read_bytes().splitlines()[1:]]
        path.unlink()
        put(shop.folder / "recordings", *map(otherwise, kept), work=shop.folder / "at-work")
    assert shop("gate") == 22
    assert "the recordings have changed since the baseline was replayed" in shop.stopship.said


def otherwise(one: Recording) -> Recording:
    """The same call, answered otherwise."""
    if one.asked.call.name != "left":
        return one
    return replace(one, answers=(Answer(result=99),))


def test_a_run_of_another_fidelity_is_no_candidate(shop: Shop) -> None:
    shop.record()
    accepted(shop)
    assert shop("replay", "--fidelity", "live", "--allow-effects", "reserve") == 0
    run = shop.stopship.out.split()[1]
    assert shop("gate", "--candidate", run) == 22
    assert "is a live replay, as one that records is: take a replay without --record" in shop.stopship.said


def test_a_run_that_recorded_says_that_it_is_no_baseline_and_what_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.record()
    said = shop.stopship.said
    assert "recorded; the suite replays frozen, so a gate takes a replay of it, and not this run" in said
    monkeypatch.chdir(shop.folder.parent)
    run = shop.stopship.out.split()[1]
    assert shop.stopship("accept", run, "--because", "first", "--suite", str(shop.folder)) == 22
    assert f"then: stopship replay {shop.folder.name}, and accept that run" in shop.stopship.err
    assert "replay again" not in shop.stopship.err


def test_a_secret_of_the_environment_is_never_recorded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "sk-canary-0123456789")
    shop.write("docs.txt", "mug: a cup of sk-canary-0123456789\nplate: flat\n")
    shop.lock()
    shop.record()
    for root, _, files in os.walk(shop.folder / "recordings"):
        for name in files:
            data = (Path(root) / name).read_bytes()
            assert b"sk-canary" not in data
            assert b"[secret SHOP_API_KEY]" in data


def test_a_call_that_holds_a_secret_is_found_again_without_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "sk-canary-0123456789")
    text = (shop.folder / "cases.jsonl").read_text().replace('"mug"', '"mug sk-canary-0123456789"')
    shop.write("cases.jsonl", text)
    shop.record()
    for path in (shop.folder / "recordings").glob("*/*.jsonl"):
        assert b"sk-canary" not in path.read_bytes()
    assert shop("replay") == 0
    assert "0 failed, 0 lost" in shop.stopship.out
    monkeypatch.setenv("SHOP_API_KEY", "sk-another-0123456789")  # then the secret is ordinary text
    shop.write("flags.txt", "other")
    shop.lock()
    assert shop("replay") == 0
    assert "20 lost" in shop.stopship.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--record", "new", "--fidelity", "frozen"), "what is frozen is not made"),
        (("--fidelity", "frosty"), "frosty"),
        (("--record", "sometimes"), "sometimes"),
    ],
)
def test_options_that_do_not_go_together_say_so(shop: Shop, words: tuple[str, ...], said: str) -> None:
    assert shop("replay", *words) == 2
    assert said in " ".join((shop.stopship.out + shop.stopship.err).split())


__all__ = ["accepted", "shop"]
