"""Tests of the suggestions for unknown options, and of the help."""

import pytest
from conftest import Run

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("fast_dev_run=true", "fast_dev_run is unknown: did you mean trainer.fast_dev_run?"),
        ("lambda=2", "lambda is unknown: did you mean aux_weight?"),
        ("learning_rate=0.1", "learning_rate is unknown: did you mean lr?"),
        ("+learning_rate=0.1", "learning_rate is unknown: did you mean lr?"),
        ("modle=ws3", "modle is unknown: did you mean model?"),
        ("model.optimizer.lr=0.1", "model.optimizer is unknown: did you mean lr, or optimizer=NAME?"),
        ("max_epochs=3", "max_epochs is unknown: did you mean epochs?"),
        ("trainer.max_epochs=3", "trainer.max_epochs is not allowed: use epochs"),
        ("trainer.max_step=3", "trainer.max_step is unknown: did you mean trainer.max_steps?"),
        ("trainer.max_steps=a", "trainer.max_steps=a is not allowed; input should be a valid integer"),
        ("momentum=0.9", "momentum is unknown: did you mean optimizer.momentum?"),
        ("data.batch_size=9", "data.batch_size is unknown: did you mean batch_size?"),
        ("debug=3", "Config group override must be a string or a list. Got int"),
        (
            "optimizer=sdg",
            "In 'config': Could not find 'optimizer/sdg' Available options in 'optimizer': adam",
        ),
        (
            "callbacks=[early_stoping]",
            "In 'config': Could not load 'callbacks/early_stoping'.",
        ),
        (
            "callbacks.early_stopping.patience=5",
            'callbacks.early_stopping={"patience":5} is not allowed; input should have a _target_, a class; '
            "select a file that has one, such as callbacks=early_stopping",
        ),
        ("experiment=[table1,figure5]", "experiment=[table1,figure5] is not allowed: both are sweeps; start one"),
        ("hydra.run.dir=out/été 1", "hydra.run.dir=out/été 1 cannot be parsed: "),
    ],
)
@pytest.mark.parametrize("sweep", [False, True])
def test_the_nearest_option_by_meaning(train: Run, typed: str, message: str, sweep: bool) -> None:
    refused = train(*["-m"] * sweep, typed, code=1).stderr
    assert refused.startswith(message) and refused.count("\n") == 1


def test_help_lists_the_arguments_of_networks_and_heads(train: Run) -> None:
    said = train("--help", "model=fcnn3").stdout
    lines = [" ".join(line.split()) for line in said.splitlines()]
    at = next(i for i, line in enumerate(lines) if line.startswith("fcnn3 "))
    assert lines[at + 1] == "hidden: null # width of a branch; null: the paper's 500"
    assert "same Are both of the same class?" in lines
    at = next(i for i, line in enumerate(lines) if line.startswith("ordinal "))
    assert lines[at + 1] == "temperature: 1.0 # of the softmax over the bins"
