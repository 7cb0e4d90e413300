"""A sweep: skip the finished runs, train the others, list the failed ones and print a table."""

import os
import shlex
import signal
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from digitcmp.errors import RunError, StaleError
from digitcmp.files import outcome
from digitcmp.runs.provenance import remarks_on
from digitcmp.runs.result import DATA_REMARKS, finished_result
from digitcmp.sweeps.jobs import Job, Launch, launch_all
from digitcmp.sweeps.watcher import SweepProgress

STOPPED = "stopped. Start the sweep again to train the unfinished runs."
LONGEST_END = 30.0  # seconds that ending the workers may take, usually below one


def sweep(jobs: Sequence[Job], launch: Launch, root: Path, options: Sequence[str]) -> None:
    """Skip the finished runs, train the others and list those that failed. Exit with 1 if any did.

    Args:
        jobs: the runs of the sweep, which have the same `force`, `dry_run` and `stop_on_failure`.
        launch: trains jobs and returns an error or None for each.
        root: the sweep's folder.
        options: the arguments that the command of a single run needs before its overrides.

    Raises:
        RunError: if a folder holds a run with other settings.
        StaleError: if other code finished a run and `stale` is ask.
        OSError: if a folder cannot be read or written.
    """
    run = jobs[0].run
    to_do, versions, changed = [], [], []
    for job in jobs:
        try:
            if result := None if run.force else finished_result(job.folder, job.run):
                versions.append(result["versions"])
            else:
                to_do.append(job)
        except StaleError as error:
            changed.append(error.files)
    if run.dry_run:
        print_plan(jobs, to_do)
    if changed:
        files = list(dict.fromkeys(name for names in changed for name in names))
        raise StaleError(f"{len(changed)} of {len(jobs)} runs were finished by", files)
    if run.dry_run:
        return
    print(f"{len(jobs)} runs in {root}, {len(versions)} finished before", flush=True)
    for line in remarks_on(versions):
        print(line, flush=True)
    end_at_signals()
    for job in to_do:
        job.folder.mkdir(parents=True, exist_ok=True)  # a report counts an empty folder as a missing run
    try:
        with SweepProgress(to_do, len(jobs), run.stop_on_failure):
            launch_all(to_do, launch)
    except SystemExit:
        outcome(error=(errors(to_do) or [STOPPED])[-1])
        raise
    outcome(folder=str(root), failures=errors(to_do))
    print_table(root)
    if failed := [job for job in to_do if job.error]:
        print_failures(failed, options)
        sys.exit(1)


def errors(jobs: Sequence[Job]) -> list[str]:
    """Return the names and errors of the failed runs."""
    return [f"{job.title}: {job.error}" for job in jobs if job.error]


def end_at_signals() -> None:
    """End the program at Ctrl-C or SIGTERM, unless they are ignored, as in the background jobs of a shell."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


def end(number: int, _: object) -> None:
    """End the program. Ignore further signals, because the launcher is ending its workers."""
    for following in (signal.SIGINT, signal.SIGTERM):
        signal.signal(following, signal.SIG_IGN)
    print(STOPPED, file=sys.stderr, flush=True)
    # joblib can wait forever for a worker that a signal ended; the workers end with this process
    last = threading.Timer(LONGEST_END, os._exit, (128 + number,))
    last.daemon = True
    last.start()
    sys.exit(128 + number)


def print_failures(failed: Sequence[Job], options: Sequence[str]) -> None:
    """Print the failed runs on stderr, each with its error and the command that trains it alone."""
    program = ["digitcmp", "train"] if sys.argv[0] == "digitcmp train" else ["python", "train.py"]
    print(f"\n{len(failed)} not finished:", file=sys.stderr)
    for job in failed:
        command = shlex.join([*program, "-m", *options, *job.overrides])
        print(f"  {job.title}: {job.error}\n    {command}", file=sys.stderr)


def print_table(root: Path) -> None:
    """Print a table of the sweep's cells with the paper's values, and the remarks on its data."""
    from rich.console import Console

    from digitcmp.report.results import Results  # pandas takes a second, which a dry run need not wait for
    from digitcmp.report.sections import accuracy

    try:
        results = Results.load([root])
    except RunError:  # no run is finished
        return
    print()
    accuracy.table(results).show(Console(highlight=False, soft_wrap=True))
    if DATA_REMARKS in results.runs:
        for remark in results.runs[DATA_REMARKS].dropna().unique():
            print(f"data: {remark}")
    print(f"\nStatistics and figures: digitcmp report {shlex.quote(str(root))}")


def print_plan(jobs: Sequence[Job], to_do: Sequence[Job]) -> None:
    """Print the cells of a sweep and their finished runs."""
    every, left = Counter(job.cell for job in jobs), Counter(job.cell for job in to_do)
    for cell, n in every.items():
        print(f"{n - left[cell]:>4} of {n} finished  {cell}")
    print(f"{len(jobs)} runs, {len(jobs) - len(to_do)} finished")
