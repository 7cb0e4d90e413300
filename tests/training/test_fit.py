"""Tests of train.py from the command line: files, output and errors of a run."""

import inspect
import json
import re
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest
import torch
from conftest import ROOT, Program, Refused, Run, rows, written
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from digitcmp import paper
from digitcmp.commands.evaluate import evaluate
from digitcmp.models import backbones
from digitcmp.models.backbones import NETWORKS, Network
from digitcmp.runs.result import RESULT_KEYS, record_result

QUICK = ("data.train_pairs=40", "data.val_pairs=40", "data.test_pairs=40", "epochs=2", "pictures=false")


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    """Train AL4 with the README's command, and return the run's folder and the process."""
    folder = tmp_path_factory.mktemp("run")
    return folder / "out", Program(folder, "model=ws3", "aux=true", "hydra.run.dir=out").done()


def test_learns(run: tuple[Path, CompletedProcess[str]]) -> None:
    """The accuracies are within .013 of the committed ones, the largest change between two processors so far."""
    found = result(run[0])
    assert found["test_acc"] > 0.88 and found["digit_acc"] > 0.9 and found["argmax_acc"] > 0.9
    committed = pd.read_csv(ROOT / "multirun/table1/report/runs.csv").set_index("config_hash").loc[found["config_hash"]]
    for accuracy in ("val_acc", "test_acc"):
        assert found[accuracy] == pytest.approx(committed[accuracy], abs=0.013)


def test_files_of_a_run(run: tuple[Path, CompletedProcess[str]]) -> None:
    folder, _ = run
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    files = {re.sub(r"(tfevents).*", r"\1", name) for name in names if not name.startswith("pictures/")}
    assert files == {
        "config.yaml",
        "metrics.csv",
        "checkpoints/last.ckpt",
        "events.out.tfevents",
        "result.json",
    }
    found = result(folder)
    assert found | {"label": "AL4", "model": "ws3", "aux": True, "lr": 2e-3, "seed": 0, "params": 162_959} == found
    assert found | {"epochs": 25, "train_pairs": 1000, "dataset": "mnist", "task": "leq", "device": "cpu"} == found
    assert OmegaConf.load(folder / "config.yaml").model.name == "ws3"


def test_metrics_of_a_run(run: tuple[Path, CompletedProcess[str]]) -> None:
    curve, found = rows(run[0]), result(run[0])
    assert [int(row["epoch"]) for row in curve] == list(range(1, 26))
    columns = ["epoch", "train_loss", "train_acc", "val_loss", "val_acc", "test_loss", "test_acc"]
    assert list(curve[0])[:7] == columns
    last = {column: float(value) for column, value in curve[-1].items()}
    assert {column: last[column] for column in columns[1:]} == {column: found[column] for column in columns[1:]}
    assert last["test_digit_acc"] == found["digit_acc"]
    assert last["test_acc"] * 1000 == pytest.approx(round(last["test_acc"] * 1000), abs=1e-6)


def test_events_of_a_run(run: tuple[Path, CompletedProcess[str]]) -> None:
    events = EventAccumulator(str(run[0])).Reload()
    scalars = events.Tags()["scalars"]
    assert {f"{score}/{stage}_{score}" for score in ("loss", "acc") for stage in ("train", "val", "test")} <= set(
        scalars
    )
    steps = [event.step for event in events.Scalars("loss/test_loss")]
    assert steps == list(range(49, 1250, 50))  # the last of an epoch's 50 batches
    for score in ("test_acc", "val_acc"):
        assert events.Scalars(f"final/{score}")[-1].value == pytest.approx(result(run[0])[score])
    kinds = ["mistakes", "error rate by digits", "calibration", "digit confusion"]
    assert events.Tags()["images"] == kinds
    assert sorted(file.stem for file in (run[0] / "pictures").glob("*.png")) == sorted(kinds)


def test_hparams_and_charts_of_a_run(run: tuple[Path, CompletedProcess[str]]) -> None:
    """HParams contains every setting. The custom scalars show train, val and test of a score in one chart."""
    events = EventAccumulator(str(run[0])).Reload()
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    hparams = HParamsPluginData.FromString(content).session_start_info.hparams
    assert result(run[0]).keys() - set(RESULT_KEYS) <= set(hparams)
    assert {hparams[key].string_value for key in ("label", "head", "ema", "aux")} == {"AL4", "mlp", "null", "true"}
    assert (hparams["lr"].number_value, hparams["params"].number_value) == (2e-3, 162_959)
    tensor = events.Tensors("custom_scalars__config__")[0].tensor_proto
    layout = layout_pb2.Layout.FromString(tensor.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for chart in layout.category[0].chart}
    assert list(charts) == ["loss", "acc", "digit_acc", "argmax_acc"]
    assert charts["acc"] == ["acc/train_acc", "acc/val_acc", "acc/test_acc"]
    assert set(charts["acc"]) <= set(events.Tags()["scalars"])


def test_screen_of_a_run(run: tuple[Path, CompletedProcess[str]]) -> None:
    _, done = run
    lines = done.stdout.splitlines()
    assert lines[0].startswith(
        "AL4 (model=ws3 aux=true), 162,959 parameters; mnist, 1,000 + 1,000 + 1,000 pairs; seed 0"
    )
    assert sum(line.startswith("epoch ") for line in lines) == 25
    assert "0.914 ± 0.015" in done.stdout
    assert lines[-1] == "Look inside: tensorboard --logdir " + lines[-1].split()[-1]
    assert done.stderr == ""  # no warnings


def test_same_seed_same_numbers(train: Run, tmp_path: Path) -> None:
    for folder, *arguments in (["a"], ["b"], ["c", "seed=1"]):
        train(*QUICK, f"hydra.run.dir={folder}", *arguments)
    one, two, other = ((tmp_path / folder / "metrics.csv").read_bytes() for folder in "abc")
    assert one == two != other
    weights = [torch.load(tmp_path / f / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for f in "ab"]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_a_finished_run_is_not_overwritten(train: Run, tmp_path: Path) -> None:
    train(*QUICK, "hydra.run.dir=out")
    before = (tmp_path / "out/result.json").stat().st_mtime_ns
    assert "finished" in train(*QUICK, "hydra.run.dir=out").stdout
    refused = train(*QUICK, "seed=1", "hydra.run.dir=out", code=1)
    assert "out holds a finished run with seed=0, not seed=1" in refused.stderr
    assert (tmp_path / "out/result.json").stat().st_mtime_ns == before
    train(*QUICK, "seed=1", "hydra.run.dir=out", "force=true")
    assert result(tmp_path / "out")["seed"] == 1


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        *((bad, f"{bad} is not allowed") for bad in ("epochs=0", "data.val_pairs=-5", "trainer.precision=8")),
        ("force=no", "force='no' is not allowed; input should be a valid boolean"),
        ("-m +solver=sgd,adam", "solver is unknown: --help lists the options"),
        ("-m model=ws2,ws3 model.width=3", "model.width is unknown: expected hidden"),
        ("head=ordinal head.temprature=2", "head.temprature is unknown: did you mean head.temperature?"),
        ("+epochs=3", "An item is already at 'epochs'."),
        ("~schedule", "schedule={} is not allowed; input should have a _target_"),
        ("~model", "model.name is missing"),
        ("-m trainer.fast_dev_run=true", "trainer.fast_dev_run is not allowed in a sweep: it records no result"),
        ("trainer.limit_train_batches=1.5", "You have passed invalid value 1.5 for limit_train_batches"),
        ("-m +trainer.devices=2,3", "trainer.devices is not allowed: a run is one process on one device"),
        ("data.file=a=b.npz", "Quote a special value, in a shell as \"data.file='a=b.npz'\""),
        ("trainer.accelerator=mps", "`MPSAccelerator` can not run on your system"),
        ("model=false", "Config group override must be a string or a list. Got bool"),
        ("lr=${oc.env:NOPE}", "Environment variable 'NOPE' not found"),
        ("hydra.run.dir=${nope}", "Interpolation key 'nope' not found"),
        ("seed=1,2", "Ambiguous value for argument 'seed=1,2'"),
        ("-m seed=interval(0,3)", "seed=interval(0,3) is not allowed; expected a list, range() or choice()"),
        ("model=ws9", "Could not find 'model/ws9' Available options in 'model': convnet"),
        ("hydra.run.dir=/proc/mine", "No such file or directory: '/proc/mine'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(refused: Refused, typed: str, message: str) -> None:
    assert message in refused(*typed.split())


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "experiment",
            "epochs: 2\nmodel: fcnn1\n",
            "experiment is unknown: did you mean # @package _global_, the first line of its file?",
        ),
        ("model", "name: ws3\nwidth: [1\nlr: 2\n", r'while parsing a flow sequence in .*mine.yaml", line 2'),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_a_line(
    refused: Refused, tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / "mine" / name).mkdir(parents=True)
    (tmp_path / "mine" / name / "mine.yaml").write_text(text)
    assert re.match(message, refused("--config-dir=mine", f"{name}=mine"))


SWEEP_OF_RECIPES = """# @package _global_
sweep: mine
{setting}
hydra:
  mode: MULTIRUN
  sweeper:
    grids:
      - {{experiment: best, ema: null, {more}seed: 0}}
"""


def test_an_experiment_in_a_grid_replaces_no_setting_of_the_sweep(train: Run, tmp_path: Path) -> None:
    """The grid overrides the sweep's file, which overrides the recipe. null in a grid is a value."""
    (tmp_path / "mine/experiment").mkdir(parents=True)
    file = tmp_path / "mine/experiment/mine.yaml"
    typed = ("--config-dir=mine", "experiment=mine", "dry_run=true")
    for more, pairs in (("", 5000), ("data.val_pairs: 4000, ", 4000)):
        file.write_text(SWEEP_OF_RECIPES.format(setting="data: {val_pairs: 5000}", more=more))
        planned = train(*typed).stdout
        assert f"val_pairs={pairs}" in planned and "ema" not in planned and "epochs=64" in planned


def test_a_network_that_cannot_train_is_refused_in_a_line(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is convnet2 without the declaration of its batch norm. Its builder does not check `depth`.

    The line names the place in the network's code.
    """

    def mine(depth: int = 1, bins: int = 10) -> object:
        return backbones.build("convnet2", width=8 // depth, bins=bins)

    monkeypatch.setitem(NETWORKS, "mine", Network(mine))
    place = f"({__file__}:{inspect.getsourcelines(mine)[1] + 1})"
    (tmp_path / "conf/model").mkdir(parents=True)
    (tmp_path / "conf/model/mine.yaml").write_text("name: mine\nlr: 1e-3\n")
    for bad, message in (
        ("data.train_pairs=21", "model=mine cannot be trained: ValueError: Expected more than 1 value per channel"),
        ("+model.depth=0", f"ZeroDivisionError: integer division or modulo by zero {place}"),
        ("+model.depth=2.5", "model.depth=2.5 is not allowed; input should be a valid integer"),
        ("+model.depht=2", "model.depht is unknown: did you mean model.depth?"),
    ):
        assert message in refused("--config-dir=conf", "model=mine", bad)


def test_what_only_lightning_refuses_leaves_a_finished_run(train: Run, tmp_path: Path) -> None:
    train(*QUICK, "hydra.run.dir=out")
    before = (tmp_path / "out/result.json").read_text()
    refused = train(*QUICK, "hydra.run.dir=out", "force=true", "trainer.accelerator=mps", code=1)
    assert "can not run on your system" in refused.stderr
    assert (tmp_path / "out/result.json").read_text() == before


def test_an_answer_does_not_wait_for_torch(tmp_path: Path) -> None:
    """Only the last of these lines trains."""
    lines = ["--help"], ["experiment=table1", "dry_run=true"], ["epochs=0"], ["batch_size=4000"], QUICK
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    (tmp_path / "lines.py").write_text(f"""
from digitcmp.__main__ import run
for line in {lines}:
    print("line:", *line)
    try:
        run("train", ["train.py", *line])
    except SystemExit as stop:
        print(stop)
""")
    printed = Program(tmp_path, "lines.py", cold=True, PYTHONPATH=str(ROOT)).done().stdout
    *answers, trained = printed.split("line: ")[1:]
    assert len(answers) == 4 and not any("torch was imported" in answer for answer in answers)
    assert "epochs=0 is not allowed" in answers[2] and "torch was imported" in trained


def test_a_run_says_what_the_majority_answer_would_score(train: Run, tmp_path: Path) -> None:
    """The share of the majority answer is recorded.

    The output marks an accuracy that is not distinguishable from this share.
    """
    rare = train(*QUICK, "task=same", "hydra.run.dir=rare").stdout
    lines = [" ".join(line.split()) for line in rare.splitlines()]
    share = result(tmp_path / "rare")["majority"]
    assert 0.8 < share < 1 and f"majority answer {share:.3f}" in lines
    assert "Are both of the same class?" in lines and any(line.startswith("Not distinguishable") for line in lines)
    even = train("model=ws2", "epochs=5", "hydra.run.dir=even").stdout
    assert "Is the first <= the second?" in even and "Not distinguishable" not in even
    assert 0.5 < result(tmp_path / "even")["majority"] < 0.65


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("training.plots.draw", "drawing the pictures for TensorBoard failed (ValueError: no ink)\n"),
        ("training.loggers.EventsLogger.log_result", "logging the result in TensorBoard failed (ValueError: no ink)\n"),
        ("training.progress.summary", "printing the result failed (ValueError: no ink)\n"),
    ],
)
def test_what_is_only_looked_at_costs_no_result(
    train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, message: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("no\nink")

    monkeypatch.setattr(f"digitcmp.{broken}", fail)
    assert train(*QUICK, "pictures=true", "hydra.run.dir=out").stderr == message
    assert result(tmp_path / "out")["test_acc"] > 0
    assert (tmp_path / "out/checkpoints/last.ckpt").exists()


def test_the_result_is_the_last_thing_written(train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed after writing its result has all its files."""
    before: dict[Path, int] = {}

    def watched(folder: Path, scores: dict) -> dict:
        before.update(written([folder.resolve()]))
        return record_result(folder, scores)

    monkeypatch.setattr("digitcmp.training.fit.record_result", watched)
    train(*QUICK, "pictures=true", "trainer.profiler=simple", "hydra.run.dir=out")
    assert {file.name for file in before} >= {"config.yaml", "metrics.csv", "last.ckpt", "fit-simple-profile.txt"}
    assert before == {file: at for file, at in written([tmp_path / "out"]).items() if file.name != "result.json"}


def test_files_of_others_are_left_alone(train: Run, tmp_path: Path) -> None:
    """Third-party files survive two runs in the same folder, the second of which replaces the first."""
    theirs = ("checkpoints/thesis.ckpt", "events.out.tfevents.1.host.2.0", "data.csv.partial", ".lock", "fit.txt")
    (tmp_path / "mine/checkpoints").mkdir(parents=True)
    for name in theirs:
        (tmp_path / "mine" / name).write_text("mine")
    train(*QUICK, "hydra.run.dir=mine")
    (tmp_path / "mine/later.partial").write_text("mine")
    train(*QUICK, "hydra.run.dir=mine", "seed=1", "force=true")
    assert all((tmp_path / "mine" / name).read_text() == "mine" for name in (*theirs, "later.partial"))
    assert len(list((tmp_path / "mine").glob("events.out.tfevents.*"))) == 2


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv", "result.json", "checkpoints/last.ckpt"])
def test_a_file_of_others_under_a_name_of_ours_is_refused(train: Run, tmp_path: Path, name: str) -> None:
    """The file is rejected even with force=true, and even beside a file with the name of a lock."""
    file = tmp_path / "theirs" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    (tmp_path / "theirs/.lock").touch()
    files = sorted((tmp_path / "theirs").rglob("*"))
    for force in ("true", "false"):
        refused = train(*QUICK, "hydra.run.dir=theirs", f"force={force}", code=1).stderr
        assert refused.endswith(f"theirs contains {name}, a file that no run wrote. Choose another folder.\n")
    assert file.read_text() == "mine" and sorted((tmp_path / "theirs").rglob("*")) == files


def test_a_damaged_run_is_trained_again(train: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    train(*QUICK, "hydra.run.dir=out")
    whole = (out / "metrics.csv").read_bytes()
    (out / "metrics.csv").write_bytes(whole + b"\n")
    train(*QUICK, "hydra.run.dir=out")
    assert (out / "metrics.csv").read_bytes() == whole

    (out / "result.json").write_text("")
    (out / "config.yaml").unlink()
    refused = train(*QUICK, "hydra.run.dir=out", code=1).stderr
    assert refused.endswith("out contains result.json, a file that no run wrote. Choose another folder.\n")
    assert (out / "metrics.csv").read_bytes() == whole


def test_a_refused_run_leaves_no_folder(refused: Refused, tmp_path: Path) -> None:
    for folder in ("a/b", "multirun/sweep"):  # Hydra creates the first, the run the second
        refused(*QUICK, f"hydra.run.dir={folder}", "data=kmnist", "data.root=/proc/none")
    refused(*QUICK, "hydra.run.dir=.", "trainer.accelerator=mps")
    assert tmp_path.exists()


def test_dry_run_and_help(train: Run, tmp_path: Path) -> None:
    assert "would train WS3, model=ws3,aux=false,lr=0.0013, seed 0" in train("dry_run=true").stdout
    text = train("--help").stdout
    for name in [*dict(paper.CELLS), "kmnist", "table1", "python train.py -m"]:
        assert name in text
    assert list(tmp_path.iterdir()) == []


def test_another_task_is_another_run(train: Run, tmp_path: Path) -> None:
    """The paper's accuracy is not printed, and the checkpoint has the scores of its task."""
    out = train(*QUICK, "aux=true", "task=same", "epochs=1", "hydra.run.dir=out").stdout
    assert "paper (" not in out
    same = result(tmp_path / "out")
    assert same["task"] == "same" and ",task=same" in same["cell"]
    _, scores = evaluate({"checkpoint": str(tmp_path / "out")})
    assert {key: scores[key] for key in ("test_acc", "argmax_acc")} == {
        key: same[key] for key in ("test_acc", "argmax_acc")
    }
    assert (
        train("task=same", "head=ordinal", code=1).stderr
        == "head=ordinal is not allowed: it works with task=leq|shuffled_leq only\n"
    )


def test_labels_that_are_no_digits_are_shown_by_their_name(train: Run, tmp_path: Path) -> None:
    """The table contains the accuracy of the parities and no accuracy of compared digits."""
    done = train(*QUICK, "aux=true", "aux_labels=parity", "hydra.run.dir=out")
    assert "accuracy of aux_labels=parity" in done.stdout and "comparing predicted digits" not in done.stdout
    assert "failed" not in done.stderr
    assert result(tmp_path / "out")["argmax_acc"] is None
