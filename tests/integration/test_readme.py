"""What the README promises, done as it says."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT

from digitcmp.__main__ import COMMANDS

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The blocks of code in this language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def python(*arguments: str, cwd: Path) -> str:
    """What a Python command prints, in a copy of the project."""
    environment = os.environ | {"PYTHONPATH": str(cwd)}
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the backbones, the head and the experiment that README adds."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("conf", "digitcmp", "hydra_plugins"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "train.py", folder)
    _, backbone, head = blocks("python")
    [changes] = blocks("diff")
    for part in re.split(r"^# ", changes, flags=re.MULTILINE)[1:]:
        name, *lines = part.splitlines()
        before = ""
        for line in lines:  # what is added goes below the line that stands there before
            text = (folder / name).read_text()
            if line.startswith("+"):
                assert text.count(f"{before}\n") == 1
                (folder / name).write_text(text.replace(f"{before}\n", f"{before}\n{line[1:]}\n"))
            before = line[1:]
    for file, code in (("backbones/dense", backbone), ("heads", head)):
        with (folder / f"digitcmp/models/{file}.py").open("a") as stream:
            stream.write(f"\n\n{code}")
    recipe, traffic_signs, experiment = blocks("yaml")
    (folder / "conf/data/gtsrb.yaml").write_text(traffic_signs)
    (folder / "conf/model/pooled.yaml").write_text(recipe)
    (folder / "conf/model/pooled2.yaml").write_text(recipe.replace("name: pooled", "name: pooled2"))
    (folder / "conf/experiment/mine.yaml").write_text(experiment)
    return folder


def test_a_backbone_and_a_head(project: Path) -> None:
    python("train.py", "model=pooled", "head=distance", "bins=12", "epochs=1", "hydra.run.dir=run", cwd=project)
    result = json.loads((project / "run/result.json").read_text())
    assert result["label"] == "pooled+distance" and result["params"] == 16 * 26 + 12 * 17 + 13
    assert (result["lr"], result["width"]) == (1e-3, 16)


def test_a_knob(project: Path) -> None:
    small = ("epochs=1", "data.train_pairs=40", "data.val_pairs=20", "data.test_pairs=20")
    losses = {}
    for noise in ("0.0", "0.5"):
        python("train.py", *small, f"noise={noise}", f"hydra.run.dir=noise{noise}", cwd=project)
        result = json.loads((project / f"noise{noise}/result.json").read_text())
        assert result["noise"] == float(noise) and ("noise" in result["cell"]) is (noise != "0.0")
        losses[noise] = result["train_loss"]
    assert losses["0.0"] != losses["0.5"]
    line = [sys.executable, "train.py", "noise=-1"]
    refused = subprocess.run(line, cwd=project, capture_output=True, text=True)
    assert refused.returncode == 1 and refused.stderr == "noise=-1 is not allowed; expected a number >= 0\n"


def test_an_experiment(project: Path) -> None:
    small = ("seed=0,1", "epochs=1", "data.train_pairs=40", "data.val_pairs=20", "data.test_pairs=20")
    out = python("train.py", "experiment=mine", *small, "hydra/launcher=basic", cwd=project)
    assert out.startswith("8 runs in multirun/mine, 0 finished before") and "[8/8]" in out
    cells = sorted(folder.name for folder in (project / "multirun/mine").iterdir())
    assert [cell.partition(",")[0] for cell in cells] == ["model=pooled"] * 2 + ["model=pooled2"] * 2
    assert sum("width=32" in cell for cell in cells) == 2

    python(
        "-m", "digitcmp", "report", "multirun/mine", cwd=project
    )  # and what sharing, the argument and both together add
    effects = pd.read_csv(project / "multirun/mine/report/effects.csv")
    assert effects.family.value_counts().to_dict() == {"sharing": 2, "width": 2, "interaction": 1}
    assert {"pooled − pooled2", "pooled width=32 − pooled"} <= set(effects.effect) and effects["mean"].notna().all()


def test_a_data_set(project: Path) -> None:
    out = python("train.py", "data=gtsrb", "model=convnet", "dry_run=true", cwd=project)
    assert "dataset=gtsrb" in out and "side=32" in out


def test_from_python(project: Path) -> None:
    code, *_ = blocks("python")
    label, accuracy, folder = python("-c", code, cwd=project).split()
    assert label == "AL4" and 0.5 < float(accuracy) < 1 and (project / folder / "result.json").exists()


def test_a_callback(project: Path) -> None:
    line, _ = blocks("bash")
    program, script, *arguments = shlex.split(line.replace("\\\n", " "))
    assert (program, script) == ("python", "train.py")
    python(script, *arguments, "epochs=30", "lr=0.01", "data.train_pairs=100", "hydra.run.dir=stopped", cwd=project)
    result = json.loads((project / "stopped/result.json").read_text())
    assert result["checkpoint"] == "best" and result["checkpoint_epoch"] <= result["epochs_trained"] < 30


def test_named_callbacks_loggers_and_options(project: Path) -> None:
    _, lines = blocks("bash")
    for line in lines.splitlines():
        program, script, *arguments = shlex.split(line, comments=True)
        assert "would train WS3" in python(script, *arguments, "dry_run=true", cwd=project)


def test_every_experiment_command_and_file_named_is_there() -> None:
    assert all(
        (ROOT / f"conf/experiment/{name}.yaml").exists()
        for name in set(re.findall(r"experiment=([a-z]\w+)", README)) - {"mine"}
    )
    assert all((ROOT / path).exists() for path in re.findall(r"\]\(([\w/.]+)\)", README))
    commands = re.findall(r"(?:^    |`)digitcmp (\w+)", README, flags=re.MULTILINE)
    assert set(commands) <= COMMANDS.keys() and len(commands) > 10


def test_table_i_is_what_the_reports_say() -> None:
    rows = re.findall(r"^\| (\w+) \|.*\| \*\*(\S+)\*\* ± (\S+) \| (\S+) ± (\S+) \|$", README, flags=re.MULTILINE)
    assert len(rows) == 10
    for sweep, columns in (("table1", slice(1, 3)), ("authors", slice(3, 5))):
        report = (ROOT / f"multirun/{sweep}/report/report.md").read_text()
        for label, *numbers in ((row[0], *row[columns]) for row in rows):
            found = re.search(rf"^\| {label} \|.*? 0(\.\d+) ± 0(\.\d+) \|", report, flags=re.MULTILINE)
            assert found and list(found.groups()) == numbers, (sweep, label)
