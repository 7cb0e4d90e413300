"""Tests of hydra/launcher=slurm with a SLURM of three nodes on this machine, started by tests/integration/slurm.sh."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, Run, Start, numbers, until, written

from digitcmp.runs.folder import CONFIG, LOCK, RESULT, lock
from digitcmp.runs.result import read_result

QUICK = ("model=ws2", "epochs=1", "data.train_pairs=40", "data.val_pairs=40", "data.test_pairs=40")
SWEEP = ("-m", *QUICK, "seed=range(12)")
SLURM = ("hydra/launcher=slurm", "hydra.launcher.mem_gb=2")
CELL = "model=ws2,aux=false,lr=0.0005,epochs=1,test_pairs=40,train_pairs=40,val_pairs=40"

needs_slurm = pytest.mark.skipif(
    shutil.which("sbatch") is None, reason="no SLURM here: apt-get install slurm-wlm munge"
)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start SLURM and yield its folder. Stop it at the end."""
    folder = tmp_path_factory.mktemp("slurm")
    script = str(Path(__file__).with_name("slurm.sh"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        try:
            subprocess.run([script, "start", str(folder)], check=True)
            yield folder
        finally:
            subprocess.run([script, "stop", str(folder)], check=True)


def kill_node(slurm: Path, node: str) -> None:
    """Kill slurmd of a node and all its processes at once, as in a power failure."""
    os.kill(int((slurm / "pid" / f"slurmd.{node}").read_text()), signal.SIGKILL)
    jobs = subprocess.run(["squeue", "-h", f"--nodelist={node}", "--format=%A"], capture_output=True, text=True).stdout
    steps = tuple(f"slurmstepd: [{job}.".encode() for job in jobs.split())
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            of_a_step = f"SLURMD_NODENAME={node}".encode() in (process / "environ").read_bytes().split(b"\0")
            if of_a_step or (process / "cmdline").read_bytes().startswith(steps or (b"no step",)):
                os.kill(int(process.name), signal.SIGKILL)


def running_on(node: str) -> str:
    command = ["squeue", "-h", f"--nodelist={node}", "--states=RUNNING", "--format=%A"]
    return subprocess.run(command, capture_output=True, text=True).stdout


@pytest.mark.slurm
@needs_slurm
def test_a_node_dies_in_the_middle_of_a_sweep(slurm: Path, start: Start, command: Run, tmp_path: Path) -> None:
    """A node dies after 2 of 12 runs. The next start trains the lost runs; all results equal those of a local sweep."""
    folders = [tmp_path / "multirun" / "sweep" / CELL / f"seed={seed}" for seed in range(12)]
    sweep = start(*SWEEP, *SLURM)
    until(lambda: sum((folder / RESULT).exists() for folder in folders) >= 2)
    until(lambda: running_on("n1"))
    kill_node(slurm, "n1")
    before = written(folder for folder in folders if read_result(folder))
    done = sweep.done(None)
    lost = [folder for folder in folders if not read_result(folder)]
    assert done.returncode == bool(lost), done.stdout + done.stderr
    assert all(f"seed={folder.name[5:]}: SLURM lost job" in done.stderr for folder in lost)

    assert "12 runs in multirun/sweep" in command(*SWEEP, *SLURM).stdout
    assert all(read_result(folder) for folder in folders)
    assert sorted(tmp_path.rglob(RESULT)) == sorted(folder / RESULT for folder in folders)
    assert before.items() <= written(folders).items()

    command(*SWEEP, "sweep=local")
    for folder in folders:
        assert numbers(folder) == numbers(tmp_path / "multirun" / "local" / CELL / folder.name)


@pytest.mark.slurm
@needs_slurm
def test_jobs_that_fail_and_jobs_that_are_lost(slurm: Path, start: Start, command: Run, tmp_path: Path) -> None:
    """A diverged run and a cancelled job are listed as not finished. The next start trains the cancelled one."""
    sweep = ("-m", *QUICK, "lr=1e-3,1e30", *SLURM)
    good, diverges = (tmp_path / "multirun/sweep" / CELL.replace("0.0005", lr) / "seed=0" for lr in ("0.001", "1e+30"))
    with lock(good):  # keeps its job waiting until it is cancelled
        process = start(*sweep)
        until(lambda: (good / LOCK).exists() and (diverges / CONFIG).exists())
        until(lambda: (jobs := running_jobs()) and all(job.endswith("_0") for job in jobs))
        subprocess.run(["scancel", *running_jobs()], check=True)
        err = process.done(1).stderr
    assert "2 not finished:" in err and "SLURM lost job" in err and "training diverged" in err
    again = command(*sweep, code=1)
    assert "1 not finished:" in again.stderr and read_result(good)


def running_jobs() -> list[str]:
    """Return the ids of the jobs in the queue. A task of an array is listed as 12_0."""
    return subprocess.run(["squeue", "-h", "--array", "--format=%i"], capture_output=True, text=True).stdout.split()


def test_without_the_extra(tmp_path: Path) -> None:
    """Without the plugin, Hydra's error names the missing launcher; a sweep with the default launcher is planned."""
    script = f"""
import runpy, sys
sys.modules["hydra_plugins.hydra_submitit_launcher"] = None
sys.path.insert(0, {str(ROOT)!r})
sys.argv[0] = "train.py"
runpy.run_path({str(ROOT / "train.py")!r}, run_name="__main__")
"""

    def without(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-W", "ignore", "-c", script, "-m", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    refused = without("hydra/launcher=slurm")
    assert refused.returncode == 1 and "Could not load 'hydra/launcher/submitit_slurm'" in refused.stderr
    assert "Traceback" not in refused.stderr
    planned = without("dry_run=true")
    assert planned.returncode == 0 and planned.stderr == ""
