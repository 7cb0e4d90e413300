"""Measure the overhead of Lightning and Hydra: `digitcmp benchmark`.

A fit is compared with a loop written by hand (`fit_ratio`, ours / hand) and with a LightningModule in the style of
tutorials (`common_ratio`, common / ours). Each measurement is a new process. The compared programs take turns, because
the load of the machine changes. A table and benchmark.json report median, minimum and maximum over the repetitions.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from digitcmp.models.network import PairModel

TRAIN = ("-m", "digitcmp", "train")
CELLS = {"AL4": ("ws3", True), "WS2": ("ws2", False), "FCNN1": ("fcnn1", False)}
SWEEP = ("-m", "model=ws2", "seed=range(40)", "sweep=s")
DEVICES = {"cpu": "cpu", "gpu": "cuda"}  # Lightning's name -> torch's

Numbers = dict[str, list[float]]


class Cell(NamedTuple):
    """The parts of a run that all ways of training share: data, network and learning rate.

    Attributes:
        sets: by split, pairs (N, 2, H, W), target (N,) and digits (N, 2), normalized and on the device.
        network: the network, on the device.
        lr: the learning rate of the paper (Table II).
    """

    sets: "dict[str, tuple[Tensor, Tensor, Tensor]]"
    network: "PairModel"
    lr: float


def prepare(model: str, aux: bool, seed: int, device: str) -> Cell:
    """Return the parts of the run `train.py model=... aux=... seed=...`, and set torch's threads as that run does."""
    import torch

    from digitcmp import paper
    from digitcmp.data.datamodule import PairData
    from digitcmp.models.network import PairModel

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # as train.py does
    data = PairData("mnist", 1000, 1000, 1000, seed)
    data.setup()
    mean, std = data.moments
    sets = {
        split: (((pairs - mean) / std).to(device), target.to(device), digits.to(device))
        for split, (pairs, target, digits) in data.sets.items()
    }
    lr = paper.LEARNING_RATES[paper.label(model, aux)]
    return Cell(sets, PairModel(model, {}, "mlp", aux).to(device), lr)


def hand_loop(model: str, aux: bool, seed: int, accelerator: str = "cpu", epochs: int = 25) -> float:
    """Return the seconds of a plain PyTorch loop that does the work of `train.py model=... aux=...`, step for step.

    Network, pairs, batches and fused Adam are the same. Every epoch computes the loss and the accuracy of all training,
    validation and test pairs. The loop shows no progress and writes no files.
    """
    import torch
    from torch.nn import functional as F

    from digitcmp.data.pairs import EVALUATION_ROWS

    device = DEVICES[accelerator]
    sets, network, lr = prepare(model, aux, seed, device)
    optimizer = torch.optim.Adam(network.parameters(), lr=lr, fused=True)
    history = []
    start = time.perf_counter()
    for _ in range(epochs):
        network.train()
        order = torch.randperm(1000).to(device)
        total, right = torch.zeros((), device=device), torch.zeros((), device=device)
        batches = zip(*(tensor[order].split(20) for tensor in sets["train"]), strict=True)
        for pairs, target, digits in batches:
            compare, named = network(pairs)
            bce = F.binary_cross_entropy_with_logits(compare, target)
            loss = bce if named is None else bce + 2 * F.cross_entropy(named.flatten(0, 1), digits.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += bce.detach() * len(target)
            right += ((compare.detach() > 0) == (target > 0)).sum()
        row = [total.item() / 1000, right.item() / 1000]
        network.eval()
        with torch.inference_mode():
            for split in ("val", "test"):
                pairs, target, _ = sets[split]
                compare = torch.cat([network(rows).compare for rows in pairs.split(EVALUATION_ROWS)])
                row.append(F.binary_cross_entropy_with_logits(compare, target).item())
                row.append(((compare > 0) == (target > 0)).float().mean().item())
        history.append(row)
    return time.perf_counter() - start


def common_module(model: str, aux: bool, seed: int, accelerator: str = "cpu", epochs: int = 25) -> float:
    """Return the seconds of `Trainer.fit` for the same work in a LightningModule in the style of tutorials.

    It shares with a run of this project: network, pairs, loss, batch sizes, epochs, evaluations, one thread, denormal
    numbers flushed to zero. It differs as tutorials do: a DataLoader over a TensorDataset in the main process, plain
    Adam, `self.log` and torchmetrics updates in every step, ModelCheckpoint, TensorBoard, the TQDM progress bar and
    the Trainer's other defaults. It computes no digit accuracy. Its files are written into the working folder.
    """
    import torch
    from lightning import LightningModule, Trainer
    from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
    from lightning.pytorch.loggers import TensorBoardLogger
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, TensorDataset
    from torchmetrics.classification import BinaryAccuracy

    from digitcmp.data.pairs import EVALUATION_ROWS

    sets, network, lr = prepare(model, aux, seed, DEVICES["cpu"])  # Lightning moves the batches

    class CommonModule(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.train_acc, self.val_acc, self.test_acc = BinaryAccuracy(), BinaryAccuracy(), BinaryAccuracy()

        def training_step(self, batch: "list[Tensor]", batch_idx: int) -> "Tensor":
            pairs, target, digits = batch
            compare, named = self.network(pairs)
            bce = F.binary_cross_entropy_with_logits(compare, target)
            loss = bce if named is None else bce + 2 * F.cross_entropy(named.flatten(0, 1), digits.flatten())
            self.train_acc(compare, target.int())
            self.log("train_loss", bce, on_step=True, on_epoch=True, prog_bar=True)
            self.log("train_acc", self.train_acc, on_step=True, on_epoch=True, prog_bar=True)
            return loss

        def validation_step(self, batch: "list[Tensor]", batch_idx: int, dataloader_idx: int = 0) -> None:
            pairs, target, _ = batch
            stage, accuracy = (("val", self.val_acc), ("test", self.test_acc))[dataloader_idx]
            compare = self.network(pairs).compare
            loss = F.binary_cross_entropy_with_logits(compare, target)
            accuracy(compare, target.int())
            self.log(f"{stage}_loss", loss, prog_bar=True, add_dataloader_idx=False)
            self.log(f"{stage}_acc", accuracy, prog_bar=True, add_dataloader_idx=False)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=lr)

    train = DataLoader(TensorDataset(*sets["train"]), batch_size=20, shuffle=True, num_workers=0)
    evaluated = [
        DataLoader(TensorDataset(*sets[split]), batch_size=EVALUATION_ROWS, num_workers=0) for split in ("val", "test")
    ]
    trainer = Trainer(
        accelerator=accelerator,
        devices=1,
        max_epochs=epochs,
        callbacks=[ModelCheckpoint(monitor="val_acc", mode="max"), TQDMProgressBar()],
        logger=TensorBoardLogger("."),
    )
    start = time.perf_counter()
    trainer.fit(CommonModule(), train, evaluated)
    return time.perf_counter() - start


WAYS = {"hand": hand_loop, "common": common_module}  # of training, compared with a run


def process(*command: str, folder: str, code: int = 0) -> tuple[float, float, str]:
    """Run `python *command` in a folder and return its wall seconds, peak resident MB and output.

    Exit with its output if its exit status is not `code`.
    """
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen([sys.executable, *command], cwd=folder, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        out.seek(0)
        output = out.read()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != code:
        sys.exit(f"{' '.join(command)} failed:\n{output}")
    return seconds, usage.ru_maxrss / 1024, output


def alone(way: str, *arguments: str, folder: str) -> float:
    """Return the seconds of a way of training (a name in WAYS), measured in a process of its own."""
    output = process("-m", "digitcmp", "benchmark", "--way", way, *arguments, folder=folder)[2]
    return float(output.splitlines()[-1])


def measure_fit(numbers: Numbers, accelerator: str) -> None:
    """Measure for each of CELLS a run / the hand-written loop, and the common module / a run, in seconds of the fit."""
    for label, (model, aux) in CELLS.items():
        with tempfile.TemporaryDirectory() as folder:
            flag = str(aux).lower()
            ours = f"model={model}", f"aux={flag}", f"trainer.accelerator={accelerator}", "pictures=false"
            process(*TRAIN, *ours, "hydra.run.dir=run", folder=folder)
            seconds = json.loads(Path(folder, "run/result.json").read_text())["fit_seconds"]
            hand, common = (alone(way, model, flag, "0", accelerator, folder=folder) for way in WAYS)
            numbers[f"fit_ratio {label}"].append(seconds / hand)
            numbers[f"common_ratio {label}"].append(common / seconds)
            numbers[f"fit_s {label}"].append(seconds)


def measure_start(numbers: Numbers) -> None:
    """Measure the seconds to a run's first step and of commands without training, and the memory of a run."""
    with tempfile.TemporaryDirectory() as folder:
        imported, import_memory, _ = process("-c", "import lightning", folder=folder)
        began = time.time()
        one_step = "epochs=1", "data.train_pairs=20", "data.val_pairs=1", "data.test_pairs=1", "hydra.run.dir=one"
        process(*TRAIN, *one_step, folder=folder)
        first_step = Path(folder, "one/metrics.csv").stat().st_mtime - began
        run_memory = process(*TRAIN, "aux=true", "hydra.run.dir=run", folder=folder)[1]
        numbers["import_lightning_s"].append(imported)
        numbers["first_step_s"].append(first_step)
        numbers["first_step_beyond_import_s"].append(first_step - imported)
        numbers["rss_mb"].append(run_memory)
        numbers["rss_beyond_import_mb"].append(run_memory - import_memory)
        for name, code, arguments in (
            ("help_s", 0, ["--help"]),
            ("dry_run_table1_s", 0, ["experiment=table1", "dry_run=true"]),
            ("bad_value_s", 1, ["epochs=0"]),
        ):
            numbers[name].append(process(*TRAIN, *arguments, folder=folder, code=code)[0])


def measure_sweep(numbers: Numbers) -> None:
    """Measure the speedup of 40 runs on all cores, and the overhead of a trained and of a skipped run."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = {}
        for launcher in ("basic", "local"):
            sweep = *TRAIN, *SWEEP, f"hydra/launcher={launcher}", f"hydra.sweep.dir={launcher}"
            process(*sweep, folder=folder)
            results = sorted(Path(folder, launcher).rglob("result.json"), key=lambda file: file.stat().st_mtime)
            starts = [file.with_name("config.yaml").stat().st_mtime for file in results]
            ends = [file.stat().st_mtime for file in results]
            seconds[launcher] = max(ends) - min(starts)
            if launcher == "basic":
                fits = [json.loads(file.read_text())["fit_seconds"] for file in results]
                gaps = [end - before - fit for before, end, fit in zip(ends, ends[1:], fits[1:], strict=False)]
                numbers["per_cell_overhead_s"].append(median(gaps))
                nothing = process(*TRAIN, *SWEEP[:2], "seed=0", f"hydra.sweep.dir={launcher}", folder=folder)[0]
                skipped = process(*sweep, folder=folder)[0]
                numbers["skip_s_per_run"].append((skipped - nothing) / (len(results) - 1))
        numbers["sweep_speedup"].append(seconds["basic"] / seconds["local"])


def measure_table1(numbers: Numbers) -> None:
    """Measure experiment=table1 and its report against the hand-written loops of its runs, both on all cores."""
    from digitcmp import paper

    with tempfile.TemporaryDirectory() as folder:
        ours = process(*TRAIN, "experiment=table1", folder=folder)[0]
        ours += process("-m", "digitcmp", "report", "multirun/table1", folder=folder)[0]
        start = time.perf_counter()
        with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn")) as pool:
            list(pool.map(hand_loop, *zip(*((*cell, seed) for cell in paper.CELLS for seed in range(10)), strict=True)))
        numbers["table1_s"].append(ours)
        numbers["table1_over_hand_loop"].append(ours / (time.perf_counter() - start))


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="digitcmp benchmark", description=__doc__)
    parser.add_argument(
        "--repetitions",
        type=int,
        default=5,
        help="repetitions of each measurement (default: 5); table1 is measured once",
    )
    parser.add_argument(
        "--accelerator", default="cpu", choices=("cpu", "gpu"), help="device of the fits (default: cpu)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("benchmark.json"), help="the JSON file to write (default: benchmark.json)"
    )
    parser.add_argument(
        "--only", nargs="*", choices=("fit", "start", "sweep", "table1"), help="parts to measure (default: all)"
    )
    parser.add_argument("--way", nargs=5, help=argparse.SUPPRESS)
    return parser


def main() -> None:
    """Measure, print the table and write the JSON file."""
    from rich.console import Console
    from rich.table import Table

    given = command_line().parse_args()
    if given.way:
        way, model, aux, seed, accelerator = given.way
        return print(WAYS[way](model, aux == "true", int(seed), accelerator))

    parts = given.only or ("fit", "start", "sweep", "table1")
    numbers: Numbers = defaultdict(list)
    for _ in range(given.repetitions):
        if "fit" in parts:
            measure_fit(numbers, given.accelerator)
        if "start" in parts:
            measure_start(numbers)
        if "sweep" in parts:
            measure_sweep(numbers)
    if "table1" in parts:
        measure_table1(numbers)

    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("", "median", "min", "max", "n"):
        table.add_column(column, justify="right" if column else "left")
    summary = {}
    for name, values in numbers.items():
        summary[name] = {"median": median(values), "min": min(values), "max": max(values), "n": len(values)}
        table.add_row(name, *(f"{value:.3f}" for value in list(summary[name].values())[:3]), str(len(values)))
    Console().print(table)
    given.out.write_text(json.dumps(summary, indent=1) + "\n")
    print(f"Written to {given.out}")
