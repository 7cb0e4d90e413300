"""The options of lightning.Trainer: their names, types and defaults."""

from functools import cache

from digitcmp.fields import Group, arguments_of

ONE_PROCESS = "a run is one process on one device; a sweep trains a run on every core"
REJECTED = {  # options of lightning.Trainer that a run rejects -> the reason
    **dict.fromkeys(("devices", "num_nodes", "strategy", "sync_batchnorm", "use_distributed_sampler"), ONE_PROCESS),
    "max_epochs": "use epochs",
    "default_root_dir": "hydra.run.dir=FOLDER sets the folder of a run",
    "barebones": "it disables the loggers that write metrics.csv",
    "logger": "use logger=NAME",
    "callbacks": "use callbacks=NAME",
}
OBSERVING = {  # options that cannot change a result
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
