"""A sweep: its runs launched until all are done, those that failed listed, its table."""

import shlex
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from digitcmp.errors import StaleError
from digitcmp.runs.folder import CONFIG, remove_old_lock
from digitcmp.runs.result import DATA_REMARKS, finished_result, remarks_on
from digitcmp.sweep.estimate import Estimate, clock, cores, total
from digitcmp.sweep.job import Job
from digitcmp.sweep.progress import SweepProgress

ENDED = "no result: its process ended before it was finished"
LAUNCHES = 5  # in vain, one after the other: each time its workers ended before any of them began a run


def sweep(
    jobs: Sequence[Job],
    launch: Callable[[Sequence[Job]], Iterable[str | None]],
    root: Path,
    force: bool,
    dry_run: bool,
    stop_on_failure: bool,
    options: Sequence[str],
    workers: int,
) -> None:
    """Skip what is finished, launch the rest, list what failed. Exits with 1 if anything did.

    Raises RunError, StaleError for runs that other code finished, OSError.

    launch: trains jobs and returns an error or None for each. options: what to type besides, to train one alone.
    workers: the runs that are trained at once, 0 for one on each core that this process may use.
    """
    to_do, finished, changes = [], [], []
    for job in jobs:
        try:
            result = None if force else finished_result(job.folder, job.run)
        except StaleError as stale:
            changes.append(stale.functions)
            continue
        if result:
            finished.append(result)
            if not dry_run:
                remove_old_lock(job.folder)
        else:
            to_do.append(job)
    estimate = Estimate()
    estimate.learn_folder(root.parent)
    if dry_run:
        print_plan(jobs, to_do, estimate, workers)
    if changes:
        functions = list(dict.fromkeys(name for functions in changes for name in functions))
        raise StaleError(f"{len(changes)} of {len(jobs)} runs were finished by", functions)
    if not dry_run:
        print(f"{len(jobs)} runs in {root}, {len(finished)} finished before", flush=True)
    for line in remarks_on(finished):
        print(line, flush=True)
    if dry_run:
        return
    progress = SweepProgress(to_do, len(jobs), estimate, stop_on_failure, workers)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in handlers.items():
        if handler != signal.SIG_IGN:  # as for a shell's background jobs
            signal.signal(number, stop)
    try:
        for job in to_do:
            job.folder.mkdir(parents=True, exist_ok=True)  # an empty folder is a run that is still missing
        with progress:
            errors = launch_until_done(to_do, launch)
    except SystemExit:
        if stop_on_failure and progress.failed:
            sys.exit("stopped at the first failure: start the sweep again to train what is not finished")
        print("stopped: start the sweep again to train what is not finished", file=sys.stderr)
        raise
    for number, handler in handlers.items():
        signal.signal(number, handler)
    print_table(root)
    if errors:
        print(f"\n{len(errors)} not finished:", file=sys.stderr)
        for job, error in errors:
            command = shlex.join(["python", "train.py", "-m", *job.overrides, *options])
            print(f"  {job.title}: {error}\n    {command}", file=sys.stderr)
        sys.exit(1)


def stop(number: int, _: object) -> None:
    """End the program at the first Ctrl-C or kill; a second one must not keep the launcher from ending its workers."""
    for following in (signal.SIGINT, signal.SIGTERM):
        signal.signal(following, signal.SIG_IGN)
    sys.exit(128 + number)


def launch_until_done(
    jobs: Sequence[Job], launch: Callable[[Sequence[Job]], Iterable[str | None]]
) -> list[tuple[Job, str]]:
    """Launch the jobs, and again what a killed worker took along; return those that are not finished, and why.

    What was being trained when the worker died comes last then; and when that does not help, each of those alone, so
    that one that kills its worker takes no other along. Workers that end before they begin a run, while they import,
    are launched again too, `LAUNCHES` times in all.
    """
    errors: dict[Path, tuple[Job, str]] = {}
    launches = 0  # in vain

    def train(jobs: Sequence[Job]) -> list[Job]:
        """Launch these, note what failed, and return what is neither finished nor failed."""
        try:
            for job, error in zip(jobs, launch(jobs), strict=True):
                if error is not None and job.unfinished:
                    errors[job.folder] = (job, error)
        except Exception as error:  # whatever a launcher raises when it loses a worker or cannot start
            print(f"the launcher stopped: {(str(error) or repr(error)).splitlines()[0]}", flush=True)
        return [job for job in jobs if job.folder not in errors and job.unfinished]

    left = list(jobs)
    while left:
        before, left = left, train(left)
        started = [job for job in left if job.wrote(CONFIG)]
        launches = 0 if started or len(left) < len(before) else launches + 1
        if len(left) < len(before):
            left = [job for job in left if job not in started] + started
        elif started:
            for job in started:
                for lost in train([job]):
                    errors[lost.folder] = (lost, ENDED)
            left = [job for job in left if job.folder not in errors and job.unfinished]
        elif launches == LAUNCHES:
            break
    return [*errors.values(), *((job, ENDED) for job in left)]


def print_table(root: Path) -> None:
    """Print the sweep's cells, with mean test accuracies beside the paper's, and the remarks on its data."""
    from rich.console import Console

    from digitcmp.report import tables  # pandas takes a second, which a dry run need not wait for
    from digitcmp.report.results import Results

    results = Results.load([root])
    if len(results.runs):
        print()
        tables.show(tables.cells(results), Console(highlight=False, soft_wrap=True))
        if DATA_REMARKS in results.runs:
            for text in results.runs[DATA_REMARKS].dropna().unique():
                print(f"data: {text}")
        print(f"\nStatistics and figures: digitcmp report {shlex.quote(str(root))}")


def print_plan(jobs: Sequence[Job], to_do: Sequence[Job], estimate: Estimate, workers: int) -> None:
    """The cells of a sweep, how many runs of each are finished, and how long the others will take on this machine."""
    every, left = Counter(job.cell for job in jobs), Counter(job.cell for job in to_do)
    for cell, n in every.items():
        print(f"{n - left[cell]:>4} of {n} finished  {cell}")
    rest = ""
    if to_do:
        workers = workers or cores()
        seconds = total((estimate.seconds(job.run.settings) for job in to_do), workers)
        rest = f"; the others take about {clock(seconds)}, {at_once(workers)}"
    print(f"{len(jobs)} runs, {len(jobs) - len(to_do)} finished{rest}")


def at_once(workers: int) -> str:
    """Return how many runs are trained at once, in words."""
    return "one run after the other" if workers == 1 else f"{workers} runs at once"
