"""The options of lightning.Trainer: their names, types and defaults."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from digitcmp.config.groups import Target
from digitcmp.errors import ConfigError
from digitcmp.fields import Count, Group, Natural, Positive, arguments_of, validate

Precision = Literal["32-true", "16-mixed", "bf16-mixed", "64-true", "16-true", "bf16-true"]
PRECISIONS = {"64": "64-true", "32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}  # Lightning's short names

ONE_PROCESS = "a run is one process on one device; a sweep trains a run on every core"
REJECTED = {  # options of lightning.Trainer that a run rejects -> the reason
    **dict.fromkeys(("devices", "num_nodes", "strategy", "sync_batchnorm", "use_distributed_sampler"), ONE_PROCESS),
    "max_epochs": "use epochs",
    "default_root_dir": "hydra.run.dir=FOLDER sets the folder of a run",
    "barebones": "it disables the loggers that write metrics.csv",
    "logger": "use logger=NAME",
    "callbacks": "use callbacks=NAME",
}
OBSERVING = {  # options that cannot change a result: no part of a run's identity
    *("check_val_every_n_epoch", "val_check_interval", "limit_val_batches", "limit_test_batches"),
    *("limit_predict_batches", "num_sanity_val_steps", "fast_dev_run", "log_every_n_steps", "inference_mode"),
    *("enable_checkpointing", "enable_progress_bar", "enable_model_summary", "enable_autolog_hparams"),
    *("profiler", "detect_anomaly", "model_registry", "reload_dataloaders_every_n_epochs"),
}


@cache
def options() -> type[Group]:
    """Return the options that a run accepts, with the types and defaults of Trainer's signature.

    Call it only for options without a field in TrainerConfig: importing Lightning takes seconds.
    """
    from lightning import Trainer

    return arguments_of(Trainer, left_out=REJECTED)


class TrainerConfig(Group):
    """The options of lightning.Trainer, with Lightning's names, types and meanings.

    Only those that conf/config.yaml sets or a run uses have a field, because importing Lightning takes seconds.
    """

    model_config = ConfigDict(extra="allow")

    accelerator: Literal["cpu", "gpu", "cuda", "mps", "tpu", "hpu", "auto"]
    precision: Annotated[Precision, BeforeValidator(lambda value: PRECISIONS.get(str(value), value))]
    gradient_clip_val: Positive | None
    gradient_clip_algorithm: Literal["norm", "value"]
    deterministic: bool | Literal["warn"]
    num_sanity_val_steps: int | None
    log_every_n_steps: Natural | None
    enable_progress_bar: bool | None
    enable_model_summary: bool | None
    check_val_every_n_epoch: Count | None = 1
    limit_val_batches: Natural | Annotated[float, Field(ge=0, le=1)] | None = None  # their number, or their share
    fast_dev_run: bool | Natural = False
    enable_checkpointing: bool | None = None
    profiler: Literal["simple", "advanced", "pytorch"] | Target | None = None
    plugins: list[Target] = []

    @model_validator(mode="before")
    @classmethod
    def check_options(cls, config: Any) -> Any:
        """Check the other options by the signature of Trainer.

        Raises:
            ConfigError: for an option that is unknown, that a run rejects, or of another type.
        """
        others = {key: config[key] for key in config if key not in cls.model_fields} if isinstance(config, dict) else {}
        for key in others:
            if reason := REJECTED.get(key):
                raise ConfigError(f"trainer.{key} is not allowed: {reason}")
        if others:
            validate(options(), others, "trainer.")
        return config
