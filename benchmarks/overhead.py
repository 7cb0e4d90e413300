"""Compare a run of train.py with a hand-written loop that does the same work: python benchmarks/overhead.py

`fit` divides the seconds of `Trainer.fit` by those of the loop, `process` the seconds of both complete processes.
Each measurement is a new process, and the two programs take turns, because the load of a machine changes. A table
reports median, minimum and maximum over the repetitions.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
CELLS = {"AL4": ("ws3", True), "WS2": ("ws2", False), "FCNN1": ("fcnn1", False)}
N, BATCH = 1000, 20  # pairs of each split, and of a mini-batch


def hand_loop(model: str, aux: bool, epochs: int = 25, seed: int = 0) -> float:
    """Return the seconds of a plain PyTorch loop that does the work of `train.py model=... aux=...`, step for step.

    Network, pairs, batches and fused Adam are the same. Every epoch computes the loss and the accuracy of all training,
    validation and test pairs. The loop shows no progress and writes no files.
    """
    import torch
    from torch.nn import functional as F

    from digitcmp import paper
    from digitcmp.data.datamodule import PairData
    from digitcmp.data.pairs import EVALUATION_ROWS
    from digitcmp.models.network import PairEnsemble

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    data = PairData("mnist", N, N, N, seed)
    data.setup()
    mean, std = data.moments
    sets = {split: ((pairs - mean) / std, target, digits) for split, (pairs, target, digits) in data.sets.items()}
    network = PairEnsemble(model, aux=aux).networks[0]
    lr = paper.LEARNING_RATES[paper.label(model, aux)]
    optimizer = torch.optim.Adam(network.parameters(), lr=lr, fused=True)
    history = []
    start = time.perf_counter()
    for _ in range(epochs):
        network.train()
        order = torch.randperm(N)
        total, right = torch.zeros(()), torch.zeros(())
        for pairs, target, digits in zip(*(tensor[order].split(BATCH) for tensor in sets["train"]), strict=True):
            compare, named = network(pairs)
            bce = F.binary_cross_entropy_with_logits(compare, target)
            loss = bce if named is None else bce + 2 * F.cross_entropy(named.flatten(0, 1), digits.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += bce.detach() * len(target)
            right += ((compare.detach() > 0) == (target > 0)).sum()
        row = [total.item() / N, right.item() / N]
        network.eval()
        with torch.inference_mode():
            for split in ("val", "test"):
                pairs, target, _ = sets[split]
                compare = torch.cat([network(rows).compare for rows in pairs.split(EVALUATION_ROWS)])
                row.append(F.binary_cross_entropy_with_logits(compare, target).item())
                row.append(((compare > 0) == (target > 0)).float().mean().item())
        history.append(row)
    return time.perf_counter() - start


def process(*command: str, folder: str) -> tuple[float, str]:
    """Run `python *command` in a folder. Return its seconds and its output. Exit with its output if it fails."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}")
    return seconds, done.stdout


def measure(label: str) -> dict[str, float]:
    """Return the seconds of a run and of the loop for one of CELLS, each in a process of its own, and their ratios."""
    model, aux = CELLS[label]
    options = [f"model={model}", f"aux={str(aux).lower()}", "pictures=false"]
    with tempfile.TemporaryDirectory() as folder:
        run, _ = process(str(ROOT / "train.py"), *options, "hydra.run.dir=run", folder=folder)
        fit = json.loads(Path(folder, "run/result.json").read_text())["fit_seconds"]
        hand, output = process(__file__, "--loop", label, folder=folder)
    loop = float(output.splitlines()[-1])
    return {"fit, s": fit, "fit / loop": fit / loop, "process, s": run, "process / loop": run / hand}


def main() -> None:
    """Measure and print a table, or run the loop alone in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5, metavar="N", help="of each measurement (default: 5)")
    parser.add_argument("--loop", choices=CELLS, help="run the hand-written loop and print its seconds")
    given = parser.parse_args()
    sys.path.insert(0, str(ROOT))  # the loop uses the networks and the data of this project
    if given.loop:
        print(hand_loop(*CELLS[given.loop]))
        return
    measured: dict[str, list[float]] = defaultdict(list)
    for _ in range(given.repetitions):
        for label in CELLS:
            for name, value in measure(label).items():
                measured[f"{label:<6}{name}"].append(value)
    print(f"{'':<24}{'median':>8}{'min':>8}{'max':>8}   (n = {given.repetitions})")
    for name, values in measured.items():
        print(f"{name:<24}{median(values):>8.2f}{min(values):>8.2f}{max(values):>8.2f}")


if __name__ == "__main__":
    main()
