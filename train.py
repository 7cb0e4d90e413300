"""Train one network on one draw of pairs (python train.py model=ws3 aux=true), or sweep with -m."""

import logging
import multiprocessing
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import env_override
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from digitcmp import runs
from digitcmp.config import Settings, cell, cell_name, config_hash, resolve

if TYPE_CHECKING:  # they bring torch, which an answer need not wait for
    from lightning import Trainer
    from rich.console import Console

    from digitcmp.data import PairData
    from digitcmp.module import DigitComparison


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    """Check the configuration, take the run's folder, and train unless it holds the finished run already."""
    settings = resolve(OmegaConf.to_container(config, resolve=True))
    folder = Path(HydraConfig.get().runtime.output_dir)
    single = HydraConfig.get().mode is RunMode.RUN
    if not single and multiprocessing.parent_process():  # a worker, which its sweep ends at Ctrl-C
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with runs.lock(folder):
            if not config.force and (result := runs.finished(folder, settings)):
                if single:
                    label, accuracy = result["label"], result["test_acc"]
                    print(f"{folder} holds this run, finished: {label}, test accuracy {accuracy:.4f}")
                return
            train(config, settings, folder, show=single)
    except (runs.RunError, FloatingPointError) as error:
        raise CompactHydraException(str(error)) from None
    except OSError as error:  # a full disk, a folder that cannot be written
        where = f": {error.filename}" if error.filename else ""
        raise CompactHydraException(f"{folder}: {error.strerror or error}{where}") from None


def train(config: DictConfig, settings: Settings, folder: Path, show: bool) -> None:
    """Assemble -> clear the folder -> fit -> checkpoint -> result.json, in that order."""
    import torch
    from lightning.pytorch.utilities.exceptions import MisconfigurationException, SIGTERMException
    from rich.console import Console

    from digitcmp import callbacks, paper, screen

    warnings.filterwarnings("ignore", "`isinstance.treespec, LeafSpec.` is deprecated")  # Lightning 2.6 of torch 2.14
    warnings.filterwarnings("ignore", "The `srun` command is available")  # where SLURM is installed
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    torch.set_num_threads(config.threads)
    torch.set_flush_denormal(True)  # Adam's moments of dead pixels go denormal, and those are slow

    console = Console()
    origin = runs.provenance()
    try:
        data, module, trainer = assemble(config, settings, folder, console if show else None)
    except (ValueError, TypeError, MisconfigurationException) as error:  # what only a network or Lightning can refuse
        raise runs.RunError(str(error).splitlines()[0]) from None
    device = str(trainer.strategy.root_device)
    if show:
        console.print(screen.header(settings, module.params, device), highlight=False, soft_wrap=True)
    runs.clear(folder)
    runs.write(folder / runs.CONFIG, OmegaConf.to_yaml(config, resolve=True))
    # on the CPU, torch 2.15 looks for a GPU driver in every step, a tenth of its time, unless no GPU is visible
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if config.trainer.accelerator == "cpu" else {}
    start = time.perf_counter()
    try:
        with env_override(hidden):
            trainer.fit(module, data)
    except MisconfigurationException as error:  # what Lightning refuses only now
        raise runs.RunError(str(error).splitlines()[0]) from None
    except SIGTERMException:  # a SystemExit of status 0, which would pass for success
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
    except SystemExit as stop:  # Lightning turns Ctrl-C into status 1
        sys.exit(130 if stop.code == 1 else stop.code)
    fit_seconds = time.perf_counter() - start

    scores = callbacks.scores(trainer)
    if trainer.current_epoch < config.epochs or not {"train_loss", "val_loss", "test_loss"} <= scores.keys():
        raise runs.RunError(f"{folder}: an option of the trainer kept the last epoch from being trained and evaluated")
    result: dict[str, Any] = {
        **settings,
        "cell": cell_name(settings),
        "label": paper.label(config.model.name, config.aux, config.head),
        "params": module.params,
        **{
            f"{split}_{score}": scores[f"{split}_{score}"]
            for split in ("train", "val", "test")
            for score in ("loss", "acc")
        },
        "digit_acc": scores.get("test_digit_acc"),
        "argmax_acc": scores.get("test_argmax_acc"),
        "fit_seconds": fit_seconds,
        "device": device,
        **origin,
        "config_hash": config_hash(settings),
    }
    trainer.save_checkpoint(folder / runs.CHECKPOINT, weights_only=True)
    runs.record(folder, result)
    if show:
        screen.summary(result, folder, console)


def assemble(
    config: DictConfig, settings: Settings, folder: Path, console: "Console | None"
) -> "tuple[PairData, DigitComparison, Trainer]":
    """The pairs, the network and the trainer of a run; it shows itself on the console, if there is one."""
    from lightning import Callback, Trainer
    from lightning.pytorch.plugins.environments import LightningEnvironment

    from digitcmp import callbacks, paper
    from digitcmp.data import PairData
    from digitcmp.module import DigitComparison

    data = PairData(seed=config.seed, data_seed=config.data.seed, **without(config.data, "seed"))
    data.setup()
    mean, std = data.moments if config.normalize else (0.0, 1.0)
    module = DigitComparison(
        backbone=config.model.name,
        arguments=without(config.model, "name", "lr", "lr_aux"),
        head=config.head,
        aux=config.aux,
        aux_weight=config.aux_weight,
        lr=settings["lr"],
        batch_size=config.batch_size,
        mean=mean,
        std=std,
        seed=config.seed,
        gradient_clip_val=config.trainer.gradient_clip_val,
        gradient_clip_algorithm=config.trainer.gradient_clip_algorithm,
        **{
            key: config[key]
            for key in ("bins", "weight_decay", "schedule", "label_smoothing", "ema", "tta", "ensemble")
        },
    )
    label = paper.label(config.model.name, config.aux, config.head)
    hparams = cell(settings) | {"label": label, "head": config.head, "seed": config.seed, "params": module.params}
    events = callbacks.Events(folder)
    shown: list[Callback] = [callbacks.EpochProgress(console)] if console else []
    if bool(console) if config.pictures is None else config.pictures:
        shown.append(callbacks.Pictures(data, events))
    trainer = Trainer(
        **without(config.trainer, "gradient_clip_val", "gradient_clip_algorithm"),
        devices=1,  # on a machine with several GPUs Lightning would take them all, for one small network
        plugins=[LightningEnvironment()],  # one process a run, in a SLURM job too
        max_epochs=config.epochs,
        logger=events,
        callbacks=[callbacks.Record(folder / runs.METRICS, hparams), *shown],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    return data, module, trainer


def without(config: DictConfig, *keys: str) -> dict[str, Any]:
    """A group of the configuration as keyword arguments, less these."""
    return {key: value for key, value in OmegaConf.to_container(config, resolve=True).items() if key not in keys}


if __name__ == "__main__":
    main()
