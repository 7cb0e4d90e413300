"""What the README promises, done as it says."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

README = (ROOT / "README.md").read_text()


def block(language: str) -> str:
    """The one block of code in this language."""
    [code] = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return code


def test_a_backbone_is_one_definition_and_one_yaml(tmp_path: Path) -> None:
    for name in ("conf", "digitcmp", "hydra_plugins"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "train.py", tmp_path)
    with (tmp_path / "digitcmp/backbones.py").open("a") as file:
        file.write(f"\n\n{block('python')}")
    (tmp_path / "conf/model/pooled.yaml").write_text(block("yaml"))
    command = [sys.executable, "train.py", "model=pooled", "head=ordinal", "bins=12", "epochs=1", "hydra.run.dir=run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=None)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert result["label"] == "pooled+ordinal" and result["params"] == 16 * 26 + 12 * 17 and result["lr"] == 1e-3


def test_every_experiment_command_and_file_named_is_there() -> None:
    assert all(
        (ROOT / f"conf/experiment/{name}.yaml").exists() for name in re.findall(r"experiment=([a-z]\w+)", README)
    )
    assert all((ROOT / path).exists() for path in re.findall(r"\]\(([\w/.]+)\)", README))
    modules = re.findall(r"python -m digitcmp\.(\w+)", README)
    assert all(list((ROOT / "digitcmp").glob(f"{name}*")) for name in modules)


def test_table_i_is_what_the_reports_say() -> None:
    rows = re.findall(r"^\| (\w+) \|.*\| \*\*(\S+)\*\* ± (\S+) \| (\S+) ± (\S+) \|$", README, flags=re.MULTILINE)
    assert len(rows) == 10
    for sweep, columns in (("table1", slice(1, 3)), ("authors", slice(3, 5))):
        report = (ROOT / f"multirun/{sweep}/report/report.md").read_text()
        for label, *numbers in ((row[0], *row[columns]) for row in rows):
            found = re.search(rf"^\| {label} \|.*? 0(\.\d+) ± 0(\.\d+) \|", report, flags=re.MULTILINE)
            assert found and list(found.groups()) == numbers, (sweep, label)
