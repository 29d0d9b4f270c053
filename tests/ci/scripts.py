"""Run `ci/gate.sh` with a stand-in for `stopship` that notes how it was called, or with the real one."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GATE = ROOT / "ci" / "gate.sh"
RUN = "ab" * 32  # the id of the run that the stand-in says it sealed

STAND_IN = f"""#!{sys.executable}
import json, os, pathlib, sys
words = sys.argv[1:]
suite = words[1]
with open(os.environ["CALLS"], "a", encoding="utf-8", errors="surrogateescape") as calls:
    calls.write(json.dumps(words) + "\\n")
codes = json.loads(os.environ["CODES"])
code = codes.get(suite, codes.get("*", 0))
if words[0] == "replay" and (code == 0 or os.environ.get("SEALS")):
    kept = pathlib.Path(suite) / ".stopship" / "runs" / "{RUN}"
    kept.mkdir(parents=True, exist_ok=True)
    (kept / "run.json").write_text("sealed")
    print("run abababababab  suite x\\n  id       {RUN}\\n  target   x")
for option in ("--json", "--markdown", "--junit"):
    if option in words and code in (0, 20, 21, 22):
        verdict = f' "exit_code": {{code}},\\n' if option == "--json" and not os.environ.get("SILENT") else ""
        pathlib.Path(words[words.index(option) + 1]).write_text(f"# {{option[2:]}} {{suite}}\\n{{verdict}}")
print("verdict of", suite)
sys.exit(code)
"""


@dataclass
class Shell:
    """A folder with suites in it, and a PATH on which `stopship` is the stand-in."""

    folder: Path
    codes: dict[str, int] = field(default_factory=dict)  # suite -> exit code of the gate; `*` for any
    env: dict[str, str] = field(default_factory=dict)
    shell: str = "sh"

    def __post_init__(self) -> None:
        bin_dir = self.folder / "bin"
        bin_dir.mkdir()
        (bin_dir / "stopship").write_text(STAND_IN, encoding="utf-8")
        (bin_dir / "stopship").chmod(0o755)
        self.path = f"{bin_dir}{os.pathsep}/usr/bin{os.pathsep}/bin"

    def suite(self, name: str) -> str:
        (self.folder / name).mkdir(parents=True)
        (self.folder / name / "suite.toml").write_text("")
        return name

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.command([self.shell, str(GATE), *words])

    def command(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": self.path,
            "CALLS": str(self.calls_file),
            "CODES": json.dumps(self.codes),
            "LC_ALL": "C.UTF-8",
            **self.env,
        }
        return subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, check=False, encoding="utf-8"
        )

    @property
    def calls_file(self) -> Path:
        return self.folder / "calls.jsonl"

    @property
    def calls(self) -> list[list[str]]:
        """How the stand-in was called, call by call."""
        if not self.calls_file.exists():
            return []
        return [json.loads(line) for line in self.calls_file.read_text(encoding="utf-8").splitlines()]
