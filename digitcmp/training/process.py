"""What guards a process that trains: its errors, its signals, its warnings, and the GPU that it must not look for."""

import contextlib
import inspect
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
from typing import Any

import hydra
import psutil
from hydra.core.utils import env_override
from omegaconf import OmegaConf

from digitcmp import paper
from digitcmp.config import help
from digitcmp.config.run import Run
from digitcmp.errors import RunError
from digitcmp.runs.folder import ERROR, IN_A_SWEEP
from digitcmp.training.messages import MENDABLE, reason

HYDRA: Any = {"version_base": "1.3"}
if "execution_whitelist" in inspect.signature(hydra.main).parameters:  # 1.4, which warns of the one and asks for this
    HYDRA = {"execution_whitelist": ["hydra_plugins.*"]}
register: Any = OmegaConf.register_new_resolver if "version_base" in HYDRA else OmegaConf.register_resolver
register("digitcmp_help", help.text, replace=True)
register("digitcmp_label", paper.label, replace=True)


def command(main: Callable[[], None]) -> None:
    """Call Hydra's `main`; what can be mended is one line and exit status 1, in full with HYDRA_FULL_ERROR=1."""
    in_full = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra leaves errors to us
    try:
        main()
    except KeyboardInterrupt:  # before Lightning took over, or a second one
        sys.exit(130)
    except Exception as error:
        # Hydra and OmegaConf raise ValueError and the like for what was typed
        if in_full or not (isinstance(error, MENDABLE) or raised_by(error, "hydra", "omegaconf")):
            raise
        sys.exit(reason(error))


def raised_by(error: BaseException, *packages: str) -> bool:
    """Return whether an error was raised by the code of one of these packages."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return frames[-1].f_globals.get("__name__", "").split(".")[0] in packages


def end_with(parent: int) -> None:
    """End this process as soon as its parent has ended, whatever it is doing then: loky's workers would stay for ever.

    parent: its process id, which tells even of one that ended before this process came to ask.
    """

    def watch() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(parent).wait()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def guarded(run: Run, folder: Path, worker: bool) -> Iterator[None]:
    """Around a run that Hydra started: its worker leaves Ctrl-C to the sweep and a failure in a file.

    No way out leaves an empty folder.
    """
    if worker:
        os.environ.setdefault("WANDB_SILENT", "true")  # it prints nine lines a run
        if multiprocessing.parent_process():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not worker:
        remove_empty(folder)  # which Hydra made; a kill from now on finds none until there is something to write
    try:
        named = worker and run.data.file and IN_A_SWEEP.search(folder.as_posix())  # other sweepers choose other folders
        if named and folder.parent.name != run.cell_name:  # which has the checksum of the file
            raise RunError(f"{run.data.file} is not what it was when the sweep began")
        yield
    except Exception as error:
        if worker:
            with contextlib.suppress(OSError):
                (folder / ERROR).write_text(f"{reason(error)}\n", "utf-8")
        if worker or not isinstance(error, MENDABLE):
            raise
        remove_empty(folder)
        sys.exit(reason(error))


def remove_empty(folder: Path) -> None:
    """Remove a folder that holds nothing, and above it, inside the working folder, what then holds nothing."""
    if folder == Path.cwd():
        return
    with contextlib.suppress(OSError):
        folder.rmdir()
        if folder.is_relative_to(Path.cwd()):
            os.removedirs(os.path.relpath(folder.parent))


@contextmanager
def training(run: Run) -> Iterator[None]:
    """Around a fit: torch's threads and arithmetic as the run wants them, no warnings that only developers can mend.

    Lightning's way out is made the usual one: SIGTERM ends the process by itself, Ctrl-C with exit status 130.
    """
    import torch
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    warnings.filterwarnings("ignore", "`isinstance.treespec, LeafSpec.` is deprecated")  # Lightning 2.6 of torch 2.14
    warnings.filterwarnings("ignore", "The `srun` command is available")  # where SLURM is installed
    warnings.filterwarnings("ignore", "When using the `ThroughputMonitor`, you need to define a `flops_per_batch`")
    warnings.filterwarnings("ignore", "You passed `Trainer.accelerator=")  # another precision, which the run refuses
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    threads = torch.get_num_threads()
    torch.set_num_threads(run.threads)
    torch.set_flush_denormal(True)  # Adam's moments of dead pixels go denormal, and those are slow
    # on the CPU, torch 2.15 looks for a GPU driver in every step, a tenth of its time, unless no GPU is visible
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if run.trainer.accelerator == "cpu" else {}
    try:
        with env_override(hidden):
            yield
    except SIGTERMException:  # a SystemExit of status 0, which would pass for success
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
    except SystemExit as stop:  # Lightning turns Ctrl-C into status 1
        sys.exit(130 if stop.code == 1 else stop.code)
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)
