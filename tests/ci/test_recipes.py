"""The recipes for CI are sound by a schema of our own, keep what they must, and their commands run."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from tests.ci.scripts import GATE, ROOT, RUN, Shell
from tests.families import first_fast

HERE = Path(__file__).parent
GITHUB, GITLAB = ROOT / "ci" / "github-actions.yml", ROOT / "ci" / "gitlab-ci.yml"
SCHEMAS = {GITHUB: HERE / "github-actions.schema.json", GITLAB: HERE / "gitlab-ci.schema.json"}


class Loader(yaml.SafeLoader):
    """YAML as CI services read it: `on` is a word, and only true and false are booleans."""


Loader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool"]
    for sign, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def read(path: Path) -> dict[str, Any]:
    document = yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506  # a safe loader
    assert isinstance(document, dict)
    return document


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    document = read(path)
    found = document["jobs"] if path == GITHUB else document
    return {
        name: one for name, one in found.items() if isinstance(one, dict) and {"steps", "script"} & {*one}
    }


def step(job: str, name: str) -> dict[str, Any]:
    return next(one for one in jobs(GITHUB)[job]["steps"] if one.get("name") == name)


def faults(path: Path, document: Any) -> list[str]:
    schema = json.loads(SCHEMAS[path].read_text(encoding="utf-8"))
    return [one.message for one in jsonschema_rs.validator_for(schema).iter_errors(document)]


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_a_recipe_holds_nothing_that_its_schema_does_not_know(path: Path) -> None:
    assert faults(path, read(path)) == []


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (GITHUB, "contents: read", "contents: write"),
        (GITHUB, "  pull_request:", "  pull_request_target:"),
        (GITHUB, "actions/checkout@v6", "actions/checkout@main"),
        (GITHUB, "actions/checkout@v6", "somebody/checkout@v6"),
        (GITHUB, "runs-on", "run-on"),
        (GITHUB, "STOPSHIP_BASELINE_REF: origin/", "STOPSHIP_BASELINE_REF: ${{ secrets.REF }}/"),
        (GITHUB, 'gate.sh "$SUITE" ||', 'gate.sh "${{ github.head_ref }}" ||'),
        (GITHUB, "    timeout-minutes: 15\n", ""),
        (GITLAB, "when: always", "when: on_success"),
        (GITLAB, "  parallel:", "  parallell:"),
        (GITLAB, "python:3.12", "python"),
        (GITLAB, "  timeout: 15 minutes\n", ""),
    ],
)
def test_the_schema_sees_a_slip(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    assert faults(path, yaml.load(text.replace(old, new, 1), Loader))  # noqa: S506  # a safe loader


def test_reports_are_kept_whatever_the_verdict() -> None:
    for name, job in jobs(GITHUB).items():
        kept = [one for one in job["steps"] if one.get("uses", "").startswith("actions/upload-artifact")]
        assert [one["if"] for one in kept] == ["${{ always() }}"], name
        assert [one["with"]["path"] for one in kept] == ["stopship-reports"]
    for name, job in jobs(GITLAB).items():
        reports = job.get("variables", {}).get("STOPSHIP_REPORTS", "stopship-reports")
        assert job["artifacts"]["paths"] == [f"{reports}/"], name


def test_a_failed_shard_does_not_keep_the_judge_from_saying_so() -> None:
    assert jobs(GITHUB)["gate"]["if"] == "${{ !cancelled() }}"
    assert jobs(GITHUB)["gate"]["needs"] == "replay"
    assert jobs(GITLAB)["stopship-gate"]["needs"] == [{"job": "stopship-replay", "artifacts": True}]


def test_as_many_shards_are_replayed_as_are_told() -> None:
    shards = jobs(GITHUB)["replay"]["strategy"]["matrix"]["shard"]
    assert shards == [1, 2, 3]
    told = step("replay", "Replay a shard")["env"]["STOPSHIP_SHARD"]
    assert told == f"${{{{ matrix.shard }}}}/{len(shards)}"


def test_the_judge_has_the_history_that_the_target_branch_needs() -> None:
    assert jobs(GITHUB)["gate"]["steps"][0]["with"]["fetch-depth"] == 0
    assert jobs(GITLAB)["stopship-gate"]["variables"]["GIT_DEPTH"] == "0"
    assert "-slim" not in read(GITLAB)["default"]["image"]


def _repository(tmp_path: Path, code: int = 0) -> Shell:
    shell = Shell(tmp_path, codes={"*": code})
    (tmp_path / "ci").mkdir()
    shutil.copy(GATE, tmp_path / "ci" / "gate.sh")
    shell.suite("suites/support")
    shell.env["SUITE"] = "suites/support"
    for name in ("git", "python"):  # what the recipes call beside the script
        stub = tmp_path / "bin" / name
        stub.write_text("#!/bin/sh\nexit 0\n")
        stub.chmod(0o755)
    return shell


def _github(shell: Shell, job: str, name: str, **context: str) -> int:
    """Run a step as its service does: expressions first, then `bash -e`."""
    found = step(job, name)
    outputs = shell.folder / "outputs.txt"
    for key, value in found.get("env", {}).items():
        shell.env[key] = re.sub(r"\$\{\{ (.+?) \}\}", lambda it: context[it[1]], value)
    shell.env["GITHUB_OUTPUT"] = str(outputs)
    done = shell.command(["bash", "-e", "-c", found["run"]])
    for key in found.get("env", {}):
        del shell.env[key]
    shell.env["SAID"] = done.stdout
    return done.returncode


@pytest.mark.parametrize("code", first_fast([20, 0, 2, 21, 22, 70]))
def test_the_github_recipe_replays_shards_and_judges_them_together(tmp_path: Path, code: int) -> None:
    shell = _repository(tmp_path)
    for shard in ("1", "2", "3"):
        assert _github(shell, "replay", "Replay a shard", **{"matrix.shard": shard}) == 0
    shutil.copytree(tmp_path / "stopship-reports", tmp_path / "shards")
    shell.codes = {"*": code}
    assert _github(shell, "gate", "Judge", **{"github.base_ref": "main"}) == code
    judged = shell.calls[-1]
    assert [one[-1] for one in shell.calls[:3]] == ["1/3", "2/3", "3/3"]
    assert judged.count("--candidate") == 3
    assert judged[judged.index("--baseline-ref") + 1] == "origin/main"
    assert (tmp_path / "outputs.txt").read_text() == f"code={code}\n"


@pytest.mark.parametrize(
    ("code", "says"),
    [("20", "STOP"), ("21", "UNDECIDED"), ("22", "VOID"), ("2", "Wrong command"), ("137", "No verdict")],
)
def test_the_github_recipe_says_who_has_to_act(tmp_path: Path, code: str, says: str) -> None:
    shell = _repository(tmp_path)
    assert _github(shell, "gate", "Say who has to act", **{"steps.gate.outputs.code": code}) == 0
    assert shell.env["SAID"].startswith(f"::error title={says}::")


@pytest.mark.parametrize("code", first_fast([20, 0, 2, 21, 22, 70]))
def test_the_gitlab_recipe_replays_shards_and_judges_them_together(tmp_path: Path, code: int) -> None:
    shell = _repository(tmp_path)
    replay, judge = jobs(GITLAB)["stopship-replay"], jobs(GITLAB)["stopship-gate"]
    for shard in ("1", "2", "3"):
        shell.env |= {"CI_NODE_INDEX": shard, "CI_NODE_TOTAL": "3"}
        assert shell.command(["sh", "-e", "-c", "\n".join(replay["script"])]).returncode == 0
    target = {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "release/1"}
    for key, value in judge["variables"].items():
        shell.env[key] = re.sub(r"\$(\w+)", lambda it: target[it[1]], value)
    shell.env |= target
    shell.codes = {"*": code}
    assert shell.command(["sh", "-e", "-c", "\n".join(judge["script"])]).returncode == code
    judged = shell.calls[-1]
    assert judged.count("--candidate") == 3
    assert judged[judged.index("--baseline-ref") + 1] == "origin/release/1"
    told = shell.command(["sh", "-e", "-c", "\n".join(judge["after_script"])])
    assert told.stdout == f"{code}\tsuites/support\n"
    assert (tmp_path / "stopship-verdict" / "support" / "junit.xml").exists() == (code not in (2, 70))


def test_the_stand_in_prints_the_run_as_the_real_command_does() -> None:
    """The script reads the id of a shard's run from `stopship replay`."""
    from stopship.model.run import Run, RunHead
    from stopship.model.stack import Stack
    from stopship.report.runs import run_lines

    head = RunHead(suite="x", target="x", cases="", planned={}, stack=Stack(()))
    run = Run(id=RUN, head=head, rows={}, outcomes=(), place="x")
    found = [one for one in run_lines(run) if re.fullmatch(r"  id  *[0-9a-f]{64}", one)]
    assert found == [f"  id       {RUN}"]
