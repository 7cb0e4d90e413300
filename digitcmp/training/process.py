"""Guards around a command, a run and its training: errors, signals, warnings, and GPUs hidden from CPU runs."""

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import yaml
from hydra.core.utils import env_override
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from digitcmp.config.run import Run, known_keys
from digitcmp.errors import ConfigError, RunError
from digitcmp.fields import unknown
from digitcmp.files import outcome
from digitcmp.runs.folder import ERROR

IN_FULL = os.environ.get("HYDRA_FULL_ERROR") == "1"  # print tracebacks
MENDABLE = (  # errors that the user can resolve
    *(ConfigError, RunError, FloatingPointError, OSError),
    *(HydraException, OmegaConfBaseException, yaml.YAMLError),
)


def command(main: Callable[[], None]) -> None:
    """Call Hydra's `main`, with errors in one line."""
    with env_override({"HYDRA_FULL_ERROR": "1"}), one_line():  # Hydra then raises errors instead of printing them
        main()


@contextmanager
def one_line() -> Iterator[None]:
    """Exit with 1 and one line for an error that the user can resolve, and with 130 for Ctrl-C.

    With HYDRA_FULL_ERROR=1, raise every error.
    """
    try:
        yield
    except KeyboardInterrupt:  # before the fit, or a second Ctrl-C
        sys.exit(130)
    except Exception as error:
        # Hydra and OmegaConf raise ValueError and similar errors for invalid arguments
        if IN_FULL or not (isinstance(error, MENDABLE) or raised_by(error, "hydra", "omegaconf")):
            raise
        message = reason(error)
        outcome(error=message, is_config=not isinstance(error, RunError | OSError))
        sys.exit(message)


def reason(error: BaseException) -> str:
    """Return the message of an error in one line."""
    cause = error.__cause__
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and cause.full_key:
        keys = known_keys()
        return unknown(cause.full_key, [] if cause.full_key in keys else keys)  # one of another command
    message = str(error).partition("Config search path")[0]
    if isinstance(error, OverrideParseException):
        key, _, value = str(error.override).partition("=")
        message = message.partition("\n")[0]
        message = (
            f"{error.override} cannot be parsed: {message}. Quote a special value, in a shell as \"{key}='{value}'\""
        )
    if isinstance(cause, OmegaConfBaseException | yaml.YAMLError):
        message += f": {cause}"
    return " ".join(message.split()) or type(error).__name__


def raised_by(error: BaseException, *packages: str) -> bool:
    """Return whether the code of one of these packages raised an error."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return frames[-1].f_globals.get("__name__", "").split(".")[0] in packages


def end_with(parent: int) -> None:
    """End this process when its parent ends. Otherwise loky's workers would outlive a killed sweep.

    Args:
        parent: the parent's process id. It may have ended already.
    """

    def watch() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(parent).wait()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def single(folder: Path) -> Iterator[None]:
    """Guard a single run: an error is one line, and a folder without files is removed."""
    remove_empty(folder)  # Hydra made it; a killed run leaves no empty folder
    try:
        with one_line():
            yield
    finally:
        remove_empty(folder)


def remove_empty(folder: Path) -> None:
    """Remove a folder if it is empty, and its parents that are empty then."""
    with contextlib.suppress(OSError):
        os.removedirs(os.path.relpath(folder))


@contextmanager
def job(folder: Path) -> Iterator[None]:
    """Guard a run of a sweep: write its error into its folder, and ignore Ctrl-C, which the sweep handles."""
    os.environ.setdefault("WANDB_SILENT", "true")  # it prints nine lines per run
    if multiprocessing.parent_process():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    except Exception as error:
        with contextlib.suppress(OSError):
            (folder / ERROR).write_text(f"{reason(error)}\n", "utf-8")
        raise


@contextmanager
def training(run: Run) -> Iterator[None]:
    """Set torch's threads and arithmetic for a fit, and ignore warnings that the user cannot resolve.

    SIGTERM ends the process by this signal, and Ctrl-C with exit status 130, as usual. Lightning exits otherwise.
    """
    import torch
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    warnings.filterwarnings("ignore", "`isinstance.treespec, LeafSpec.` is deprecated")  # Lightning 2.6 with torch 2.14
    warnings.filterwarnings("ignore", "The `srun` command is available")  # if SLURM is installed
    warnings.filterwarnings("ignore", "You passed `Trainer.accelerator=")  # the run rejects a replaced precision
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    threads = torch.get_num_threads()
    torch.set_num_threads(run.threads)
    torch.set_flush_denormal(True)  # Adam's moments of dead pixels become denormal, which is slow
    # on the CPU, torch 2.15 spends a tenth of a step on the GPU driver unless no GPU is visible
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if run.trainer.accelerator == "cpu" else {}
    try:
        with env_override(hidden):
            yield
    except SIGTERMException:  # a SystemExit of status 0, which means success
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
    except SystemExit as stop:  # Lightning turns Ctrl-C into status 1
        sys.exit(130 if stop.code == 1 else stop.code)
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)
