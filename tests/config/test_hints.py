"""Tests of the suggestions for unknown options, and of the help."""

import pytest
from conftest import Run

from digitcmp.config import hints
from digitcmp.config.run import groups, known_keys
from digitcmp.training.messages import files

pytestmark = pytest.mark.pure
OF_HYDRA = {"hydra.run.dir", "hydra.launcher.n_jobs"}


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("fast_dev_run=true", "fast_dev_run is unknown: did you mean trainer.fast_dev_run?"),
        ("lambda=2", "lambda is unknown: did you mean aux_weight?"),
        ("learning_rate=0.1", "learning_rate is unknown: did you mean lr?"),
        ("+learning_rate=0.1", "learning_rate is unknown: did you mean lr?"),
        ("model.optimizer.lr=0.1", "model.optimizer.lr is unknown: did you mean lr?"),
        ("max_epochs=3", "max_epochs is unknown: did you mean epochs?"),
        ("data.batch_size=9", "data.batch_size is unknown: did you mean batch_size?"),
        ("trainer.gpus=1", "trainer.gpus is unknown: did you mean trainer.accelerator?"),
        ("paths.output_dir=x", "paths.output_dir is unknown: did you mean hydra.run.dir?"),
        (
            "ckpt_path=x",
            "ckpt_path is unknown: a run always starts from its seed. digitcmp evaluate checkpoint=RUN scores a saved",
        ),
        ("data.num_workers=4", "data.num_workers is unknown: the pairs are in memory; there are no data workers."),
        ("debug=true", "debug=true is unknown: did you mean debug=fdr?"),
        ("debug=default", "debug=default is unknown: did you mean debug=fdr?"),
        ("debug=3", "debug=3 is unknown; expected fdr, limit, overfit, profiler."),
        ("trainer=gpus", "trainer=gpus is unknown: did you mean trainer=gpu?"),
        ("model=al4", "model=al4 is unknown: did you mean model=ws3 aux=true?"),
        ("data=cifar", "data=cifar is unknown: did you mean data=cifar10?"),
        ("callbacks=[early_stoping]", "callbacks=early_stoping is unknown: did you mean callbacks=early_stopping?"),
        (
            "callbacks.early_stopping.patience=5",
            "callbacks.early_stopping.patience is unknown: early_stopping is not selected. "
            "Add callbacks=early_stopping.",
        ),
        (
            "callbacks.patience=5",
            "callbacks.patience is unknown: did you mean callbacks.early_stopping.patience? "
            "It needs callbacks=early_stopping.",
        ),
        (
            "callbacks.early_stopping.strictly=true",
            "callbacks.early_stopping.strictly is unknown: the file of early_stopping has monitor, mode, min_delta, "
            "patience, check_finite. Type +callbacks.early_stopping.strictly=VALUE to add an argument.",
        ),
        (
            "callbacks=[{patience:3}]",
            'callbacks=[{"patience":3}] is not allowed: every item needs a _target_, the name',
        ),
    ],
)
@pytest.mark.parametrize("sweep", [False, True])
def test_the_nearest_option_by_meaning(train: Run, typed: str, message: str, sweep: bool) -> None:
    refused = train(*["-m"] * sweep, typed, code=1).stderr
    assert refused.startswith(message) and refused.count("\n") == 1


def test_every_suggestion_exists() -> None:
    """No name stands for two options, and none is an option itself."""
    options = {*known_keys(), *groups(), *OF_HYDRA}
    assert hints.LIKE.keys() <= options
    names = [name for names in hints.LIKE.values() for name in names] + list(hints.ANSWERS)
    assert len(names) == len(set(names)) and not options & set(names)
    for option, choices in hints.CHOICES.items():
        for typed in choices.values():
            key, _, value = typed.split()[0].partition("=")
            assert key == option and {*value.strip("[]").split(",")} <= files(option).keys()


def test_a_sweep_is_one_wherever_its_flag_stands(train: Run) -> None:
    """-m is accepted before, between and after the overrides. Hydra alone rejects overrides on both sides of a flag."""
    for line in (("-m", "model=ws2", "seed=0,1"), ("model=ws2", "-m", "seed=0,1"), ("model=ws2", "seed=0,1", "-m")):
        assert "2 runs, 0 finished" in train(*line, "dry_run=true").stdout


def test_help_lists_the_arguments_of_networks_and_heads(train: Run) -> None:
    said = train("--help", "model=fcnn3").stdout
    lines = [" ".join(line.split()) for line in said.splitlines()]
    at = next(i for i, line in enumerate(lines) if line.startswith("fcnn3 "))
    assert lines[at + 1] == "model.hidden=null a whole number >= 1, or null: width of a branch; null: the paper's 500"
    assert "same Are both of the same class?" in lines
    at = next(i for i, line in enumerate(lines) if line.startswith("ordinal "))
    assert lines[at + 1] == "head.temperature=1.0 a number > 0"
