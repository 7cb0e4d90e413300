"""A sweep: skip the finished runs, train the others, list the failed ones and print a table."""

import os
import shlex
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from digitcmp.errors import RunError, StaleError
from digitcmp.files import outcome
from digitcmp.runs.folder import remove_old_lock
from digitcmp.runs.result import DATA_REMARKS, finished_result, remarks_on
from digitcmp.sweeps.job import Job
from digitcmp.sweeps.launch import Launch, LaunchQueue
from digitcmp.sweeps.watcher import SweepProgress

STOPPED = "stopped. Start the sweep again to train the unfinished runs."
LONGEST_END = 30.0  # seconds that ending the workers may take, usually below one
Finished = tuple[Job, dict[str, Any]]  # with the keys of its result that `remarks_on` needs, to save memory


def sweep(
    jobs: Sequence[Job],
    launch: Launch,
    root: Path,
    force: bool,
    dry_run: bool,
    stop_on_failure: bool,
    options: Sequence[str],
) -> None:
    """Skip the finished runs, train the others and list those that failed. Exit with 1 if any did.

    Args:
        jobs: the runs of the sweep.
        launch: trains jobs and returns an error or None for each.
        root: the sweep's folder.
        force: whether to train finished runs again.
        dry_run: whether to print the plan and train nothing.
        stop_on_failure: whether to stop at the first run that fails.
        options: the arguments that the command of a single run needs before its overrides.

    Raises:
        RunError: if a folder holds a run with other settings.
        StaleError: if other code finished a run and `stale` is ask.
        OSError: if a folder cannot be read or written.
    """
    to_do, finished, stale = sort_jobs(jobs, force)
    if dry_run:
        print_plan(jobs, to_do)
    if stale:
        files = list(dict.fromkeys(name for error in stale for name in error.files))
        raise StaleError(f"{len(stale)} of {len(jobs)} runs were finished by", files)
    if not dry_run:
        print(f"{len(jobs)} runs in {root}, {len(finished)} finished before", flush=True)
    for line in remarks_on([result for _, result in finished]):
        print(line, flush=True)
    if dry_run:
        return
    for job, _ in finished:
        remove_old_lock(job.folder)
    progress = SweepProgress(to_do, len(jobs), stop_on_failure)
    try:
        with stop_signals():
            for job in to_do:
                job.folder.mkdir(parents=True, exist_ok=True)  # a report counts an empty folder as a missing run
            with progress:
                failures = LaunchQueue(to_do, launch).run()
    except SystemExit:
        errors = [f"{folder.parent.name} {folder.name}: {error}" for folder, error in progress.failed.items()]
        outcome(error=errors[-1] if errors else STOPPED)
        if stop_on_failure and progress.failed:
            sys.exit("stopped at the first failure. Start the sweep again to train the unfinished runs.")
        print(STOPPED, file=sys.stderr)
        raise
    outcome(folder=str(root), failures=[f"{job.title}: {error}" for job, error in failures])
    print_table(root)
    if failures:
        print_failures(failures, options)
        sys.exit(1)


def sort_jobs(jobs: Sequence[Job], force: bool) -> tuple[list[Job], list[Finished], list[StaleError]]:
    """Return the jobs to train, the finished jobs, and an error for each job that other code finished."""
    to_do: list[Job] = []
    finished: list[Finished] = []
    stale: list[StaleError] = []
    for job in jobs:
        try:
            result = None if force else finished_result(job.folder, job.run)
        except StaleError as error:
            stale.append(error)
            continue
        if result:
            finished.append((job, {"versions": result["versions"]}))
        else:
            to_do.append(job)
    return to_do, finished, stale


@contextmanager
def stop_signals() -> Iterator[None]:
    """End the program at Ctrl-C or SIGTERM within this block, and restore the handlers after it.

    Further signals are ignored while the program ends, because the launcher is ending its workers.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in handlers.items():
        if handler != signal.SIG_IGN:  # background jobs of a shell ignore it
            signal.signal(number, stop)
    ending = False
    try:
        yield
    except SystemExit:
        ending = True
        raise
    finally:
        if not ending:
            for number, handler in handlers.items():
                signal.signal(number, handler)


def stop(number: int, _: object) -> None:
    """End the program at the first Ctrl-C or SIGTERM, and ignore further ones."""
    for following in (signal.SIGINT, signal.SIGTERM):
        signal.signal(following, signal.SIG_IGN)
    # joblib can wait forever for a worker that a signal ended; the workers end with this process
    last = threading.Timer(LONGEST_END, end_now, (128 + number,))
    last.daemon = True
    last.start()
    sys.exit(128 + number)


def end_now(code: int) -> None:
    """End the program with this exit status without waiting for its launcher."""
    print(STOPPED, file=sys.stderr, flush=True)
    os._exit(code)


def print_failures(failures: Sequence[tuple[Job, str]], options: Sequence[str]) -> None:
    """Print the failed runs on stderr, each with its error and the command that trains it alone."""
    print(f"\n{len(failures)} not finished:", file=sys.stderr)
    for job, error in failures:
        command = shlex.join([*program(), "-m", *options, *job.overrides])
        print(f"  {job.title}: {error}\n    {command}", file=sys.stderr)


def program() -> list[str]:
    """Return the program as it was typed: digitcmp train, or python train.py."""
    return ["digitcmp", "train"] if sys.argv[0] == "digitcmp train" else ["python", "train.py"]


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
