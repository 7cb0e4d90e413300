"""A sweep as a SLURM job array: Hydra's submitit launcher, with every job of the array waited for.

submitit ends the waiting at the first job that is lost, or never learns of it where SLURM keeps no accounts.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from digitcmp.config.run import CONF

with contextlib.suppress(ImportError):  # without the extra `slurm`, Hydra says that there is no submitit_slurm
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher

    class ArrayLauncher(SlurmLauncher):
        """The submitit launcher; a job without result is a failure like any other."""

        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
            import submitit

            path = os.environ.get("PYTHONPATH")
            os.environ["PYTHONPATH"] = f"{CONF.parent}:{path}" if path else str(CONF.parent)  # the jobs' hydra_plugins
            submitit.SlurmJob.results = results
            return super().launch(job_overrides, initial_job_idx)


def results(job: Any, lag: float = 15) -> list[JobReturn]:
    """Wait until the job has left its result, or SLURM no longer knows it and `lag` seconds (of NFS) have passed."""
    gone = None
    while not job.paths.result_pickle.exists():
        if queued(job.job_id):
            gone = None
        elif gone is None:
            gone = time.monotonic()
        elif time.monotonic() - gone > lag:
            return [failure(f"SLURM lost job {job.job_id}; its log: {job.paths.stdout}")]
        time.sleep(2)
    outcome, result = job._get_outcome_and_result()
    return [result if outcome == "success" else failure(f"{result.splitlines()[-1]}; its log: {job.paths.stdout}")]


def queued(job: str) -> bool:
    """Whether SLURM still has the job, waiting or running. True too while SLURM does not answer."""
    status = subprocess.run(["squeue", "--noheader", f"--jobs={job}"], capture_output=True, text=True)
    if status.returncode:
        return "Invalid job id" not in status.stderr
    return bool(status.stdout.strip())


def failure(message: str) -> JobReturn:
    returned = JobReturn(status=JobStatus.FAILED)
    returned.return_value = RuntimeError(message)
    return returned
