"""A sweep as a SLURM job array: Hydra's submitit launcher, changed to wait for every job of the array.

submitit stops waiting at the first lost job, and does not notice a lost job if SLURM keeps no accounting. It has no
setting for this, so `launch` replaces a method of its jobs.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from digitcmp.config.conf import CONF

LAG = 15.0  # seconds that a network file system may take to show a result

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


def results(job: Any) -> list[Any]:
    """Wait for a job and return its result, a failure if SLURM has not listed it for LAG seconds."""
    import submitit

    seen = time.monotonic()
    while not job.paths.result_pickle.exists() and time.monotonic() - seen < LAG:
        if queued(job.job_id):
            seen = time.monotonic()
        time.sleep(2)
    problem = f"SLURM lost job {job.job_id}"
    if job.paths.result_pickle.exists():
        problem = f"SLURM job {job.job_id} failed"
        with contextlib.suppress(Exception):
            return submitit.Job.results(job)
    failed = JobReturn(status=JobStatus.FAILED)
    failed.return_value = RuntimeError(f"{problem}. Read its log, {job.paths.stdout}.")
    return [failed]


def queued(job: str) -> bool:
    """Return whether SLURM lists the job as waiting or running, or does not answer."""
    status = subprocess.run(["squeue", "--noheader", f"--jobs={job}"], capture_output=True, text=True)
    if status.returncode:
        return "Invalid job id" not in status.stderr
    return bool(status.stdout.strip())
