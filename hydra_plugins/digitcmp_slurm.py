"""A sweep as a SLURM job array: Hydra's submitit launcher, changed to wait for every job of the array.

submitit stops waiting at the first lost job, and does not notice a lost job if SLURM keeps no accounting.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from digitcmp.config.conf import CONF

with contextlib.suppress(ImportError):  # without the extra `slurm`, Hydra reports the missing launcher
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher

    class ArrayLauncher(SlurmLauncher):
        """The submitit launcher. A job without a result counts as failed."""

        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
            import submitit

            path = os.environ.get("PYTHONPATH")
            os.environ["PYTHONPATH"] = f"{CONF.parent}:{path}" if path else str(CONF.parent)  # the jobs' hydra_plugins
            submitit.SlurmJob.results = results
            return super().launch(job_overrides, initial_job_idx)


def results(job: Any, lag: float = 15) -> list[JobReturn]:
    """Wait for a job and return its result.

    A job is lost if SLURM has not listed it for `lag` seconds, the delay of a network file system.
    """
    gone = None
    while not job.paths.result_pickle.exists():
        if queued(job.job_id):
            gone = None
        elif gone is None:
            gone = time.monotonic()
        elif time.monotonic() - gone > lag:
            return [failure(f"SLURM lost job {job.job_id}. Read its log, {job.paths.stdout}.")]
        time.sleep(2)
    outcome, result = job._get_outcome_and_result()  # the public result() adds lines behind the error
    return [
        result if outcome == "success" else failure(f"{result.splitlines()[-1]}. Read its log, {job.paths.stdout}.")
    ]


def queued(job: str) -> bool:
    """Return whether SLURM lists the job as waiting or running, or does not answer."""
    status = subprocess.run(["squeue", "--noheader", f"--jobs={job}"], capture_output=True, text=True)
    if status.returncode:
        return "Invalid job id" not in status.stderr
    return bool(status.stdout.strip())


def failure(message: str) -> JobReturn:
    returned = JobReturn(status=JobStatus.FAILED)
    returned.return_value = RuntimeError(message)
    return returned
