"""Names of options in Lightning, lightning-hydra-template and other projects, and the options here."""

from collections.abc import Iterable
from difflib import get_close_matches

LIKE = {  # an option -> its names elsewhere
    "lr": ("learning_rate", "eta", "rate"),
    "epochs": ("max_epochs", "num_epochs", "n_epochs"),
    "batch_size": ("bs", "batch", "train_batch_size", "minibatch_size", "mini_batch_size"),
    "aux": ("auxiliary", "auxiliary_loss", "aux_loss", "use_aux"),
    "aux_weight": ("lambda", "lambda_", "lambda_aux", "aux_lambda", "alpha", "loss_weight", "aux_loss_weight"),
    "optimizer.weight_decay": ("wd", "l2"),
    "schedule": ("scheduler", "lr_scheduler", "lr_schedule"),
    "label_smoothing": ("smoothing",),
    "ema": ("ema_decay", "averaging", "weight_averaging"),
    "ensemble": ("num_models", "n_models", "ensemble_size"),
    "bins": ("embedding_dim", "embedding_size", "embed_dim", "latent_dim"),
    "seed": ("random_seed", "random_state", "manual_seed", "global_seed"),
    "model": ("net", "network", "arch", "architecture", "backbone"),
    "data": ("datamodule", "data_module"),
    "data.augment": ("augmentation", "augmentations", "transforms", "transform"),
    "data.root": ("data_dir", "data_path", "dataset_path"),
    "data.train_pairs": ("n_train", "num_train", "train_size", "train_samples"),
    "data.val_pairs": ("n_val", "num_val", "val_size", "val_samples"),
    "data.test_pairs": ("n_test", "num_test", "test_size", "test_samples"),
    "force": ("overwrite", "retrain"),
    "sweep": ("task_name", "exp_name", "experiment_name", "run_name"),
    "hydra.run.dir": ("output_dir", "out_dir", "log_dir", "save_dir", "default_root_dir", "weights_save_path"),
    "hydra.launcher.n_jobs": ("n_jobs", "jobs", "max_workers", "parallel"),
    "trainer.fast_dev_run": ("fast_dev_run",),
    "trainer.max_steps": ("max_steps", "steps", "num_steps"),
    "trainer.accelerator": ("gpus", "gpu", "device", "tpu_cores", "use_gpu"),
    "trainer.precision": ("amp", "fp16", "bf16", "mixed_precision", "amp_backend"),
    "trainer.gradient_clip_val": ("grad_clip", "clip_grad", "clip_grad_norm", "gradient_clip", "max_grad_norm"),
    "trainer.accumulate_grad_batches": ("grad_accum", "gradient_accumulation_steps", "accumulation_steps"),
    "trainer.check_val_every_n_epoch": ("val_every", "eval_every", "val_every_n_epochs"),
}
ANSWERS = {  # names without an option here -> the advice
    **dict.fromkeys(
        ("ckpt_path", "checkpoint_path", "load_from_checkpoint", "weights"),
        "a run always starts from its seed. digitcmp evaluate checkpoint=RUN scores a saved network.",
    ),
    **dict.fromkeys(
        ("resume", "resume_from_checkpoint"),
        "a run cannot be resumed. A sweep that is started again trains the unfinished runs.",
    ),
    **dict.fromkeys(
        ("test", "eval", "evaluate", "validate"),
        "every run is tested when it ends. digitcmp evaluate checkpoint=RUN scores a saved network.",
    ),
    **dict.fromkeys(
        ("early_stopping", "early_stop", "patience"),
        "add callbacks=early_stopping callbacks.early_stopping.patience=5.",
    ),
    **dict.fromkeys(
        ("hparams_search", "optimized_metric", "n_trials"),
        "experiment=table1_tuned selects learning rates by validation accuracy.",
    ),
    **dict.fromkeys(
        ("num_workers", "pin_memory", "persistent_workers"), "the pairs are in memory; there are no data workers."
    ),
    **dict.fromkeys(("compile", "torch_compile"), "networks of this size are not compiled."),
    **dict.fromkeys(("extras", "print_config"), "--cfg job prints the configuration."),
}
OPTIONS = {name: option for option, names in LIKE.items() for name in names}
CHOICES = {  # by option, a value in other projects or in the paper -> the arguments to type
    "debug": dict.fromkeys(("default", "true", "True", "fast_dev_run"), "debug=fdr") | {"profile": "debug=profiler"},
    "trainer": dict.fromkeys(("gpus", "cuda", "ddp", "ddp_spawn"), "trainer=gpu") | {"default": "trainer=cpu"},
    "model": {
        **{f"al{i}": f"model={name} aux=true" for i, name in enumerate(("fcnn3", "ws1", "ws2", "ws3"), start=1)},
        **dict.fromkeys(("cnn", "conv", "lenet", "resnet", "vgg"), "model=convnet"),
        **dict.fromkeys(("mlp", "dense"), "model=fcnn3"),
    },
    "data": {"cifar": "data=cifar10", "fashion": "data=fashion_mnist", "emnist": "data=emnist_letters"},
    "logger": dict.fromkeys(("many_loggers", "default", "true"), "logger=[tensorboard,csv]"),
    "callbacks": dict.fromkeys(("default", "true"), "callbacks=[model_checkpoint,early_stopping]"),
    "experiment": {"example": "experiment=table1"},
}


def unknown(key: str) -> str | None:
    """Return the error message for an unknown option that other projects have, None for any other.

    Args:
        key: the option as it was typed, 'model.optimizer.learning_rate'.
    """
    names = [*key.split(".")[::-1]]
    for name in (names[0], names[-1]):  # 'extras.print_config' matches by either part
        if name in OPTIONS and OPTIONS[name] != key:
            return f"{key} is unknown: did you mean {OPTIONS[name]}?"
        if name in ANSWERS:
            return f"{key} is unknown: {ANSWERS[name]}"
    return None


def unknown_choice(option: str, value: str, known: Iterable[str]) -> str:
    """Return the error message for a name without a file in an option's folder.

    Args:
        option: 'debug', 'model'.
        value: the name that was typed.
        known: the names of the files.
    """
    known = sorted(known)
    suggestion = CHOICES.get(option, {}).get(value)
    if suggestion is None and (near := get_close_matches(value, known, n=1)):
        suggestion = f"{option}={near[0]}"
    if suggestion:
        return f"{option}={value} is unknown: did you mean {suggestion}?"
    return f"{option}={value} is unknown; expected {', '.join(known)}."
