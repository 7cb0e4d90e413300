"""experiment=study: the paper's ten networks on anybody's images, from the sizes of the data to the findings."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digitcmp.errors import ConfigError, DataError
from digitcmp.sweeps.selection import Plan, key_of, value

NAME = "study"  # of the experiment
PAIRS = 1000  # the paper's number of training, validation and test pairs
STEPS = 1250  # the paper's number of optimizer steps
FIRST_SEED = 10  # seeds below select the rates
LARGEST = 28  # larger images are resized to this side, which keeps a study within minutes
PAIR_KEYS = ("data.train_pairs", "data.val_pairs", "data.test_pairs")
SELECTING = 10  # runs of each network that select its rate: four rates x two seeds, and about one extension
OVERHEAD = 0.5  # seconds of a run beside its training
LEAST_TRAINING, LEAST_TEST = 180, 100  # images; with fewer an accuracy says little


def pairs(train_images: int, test_images: int) -> tuple[int, int, int]:
    """Return the numbers of training, validation and test pairs for these numbers of images.

    No image is in two pairs. A third of the pairs of training images are validation pairs.

    Raises:
        DataError: if there are too few images for a study.
    """
    if train_images < LEAST_TRAINING or test_images < LEAST_TEST:
        raise DataError(
            f"{train_images:,} training and {test_images:,} test images are too few for a study; at least "
            f"{LEAST_TRAINING} and {LEAST_TEST} are expected. Add images."
        )
    both = train_images // 2
    val = min(both // 3, PAIRS)
    return min(both - val, PAIRS), val, min(test_images // 2, PAIRS)


def minutes(side: int, steps: int, seeds: int, workers: int) -> int:
    """Return about how many minutes a study takes, from the times of the committed studies.

    Args:
        side: height and width of the images.
        steps: optimizer steps of a run.
        seeds: seeds of each network at its selected rate.
        workers: the number of runs that are trained at once.
    """
    pixels = (side / LARGEST) ** 2
    per_step = 6 * (1e-3 + 2.5e-3 * pixels) + 4 * (2e-3 + 11e-3 * pixels)  # seconds: six dense networks, four CNNs
    return max(round((SELECTING + seeds) * (steps * per_step + 10 * OVERHEAD) / workers / 60), 1)


def arguments(typed: Sequence[str], plan: Plan, root: Path) -> list[str]:
    """Print the sizes of a study in one line and return the overrides that set them. Typed ones stay.

    Args:
        typed: the typed overrides.
        plan: plans the runs of some grids.
        root: the folder of the sweep.

    Raises:
        ConfigError: if there are several data sets or sizes.
        DataError: if the data set cannot be read or has too few images.
    """
    from joblib import cpu_count  # slow imports

    from digitcmp.data import datasets

    typed_keys = {key_of(text) for text in typed}
    jobs = plan([dict(zip(PAIR_KEYS, (400, 100, 100), strict=True))], [*typed, "lr=1"], root)
    run, options = jobs[0].run, jobs[0].run.data
    if any((job.run.data, job.run.epochs) != (options, run.epochs) for job in jobs):
        raise ConfigError(
            "several data sets or sizes in one study; one of each is expected. Start a study for each, with sweep=NAME."
        )
    data = datasets.load(**options.model_dump(include={*datasets.OPTIONS}))
    side = data.images.side
    if options.file is not None and "data.side" not in typed_keys:
        side = min(side, LARGEST)
    sizes: dict[str, Any] = dict(zip(PAIR_KEYS, pairs(len(data.train.labels), len(data.test.labels)), strict=True))
    sizes |= {key: value(jobs[0], key) for key in (*PAIR_KEYS, "epochs") if key in typed_keys}
    batches = math.ceil(sizes["data.train_pairs"] / run.batch_size)
    sizes.setdefault("epochs", max(round(STEPS / batches), 1))
    images = f"{len(data.train.labels):,} training and {len(data.test.labels):,} test images"
    numbers = "{} training, {} validation and {} test pairs".format(*(sizes[key] for key in PAIR_KEYS))
    print(
        f"{data.name}: {images} of {data.images.classes} classes. {numbers} of {side}x{side} pixels, "
        f"{sizes['epochs']} epochs, {run.study.seeds} seeds"
    )
    workers = cpu_count()
    duration = minutes(side, sizes["epochs"] * batches, run.study.seeds, workers)
    print(f"about {duration} minutes on {workers} cores that do nothing else", flush=True)
    sizes |= {"data.side": side} if side != data.images.side else {}
    chosen = sizes | {"seed": f"range({FIRST_SEED},{FIRST_SEED + run.study.seeds})"}
    return [f"{key}={number}" for key, number in chosen.items() if key not in typed_keys]


def conclude(root: Path) -> None:
    """Write the report of a study and print its findings."""
    from digitcmp.report.pages import output, summary
    from digitcmp.report.results import Results
    from digitcmp.report.sections import sections

    results = Results.load([root])
    if results.runs.empty:
        return
    output.write(root / "report", output.report_files(results, sections(results)))
    print(f"\n{summary.conclusion(results)}\n\nWritten to {root / 'report' / 'report.html'}", flush=True)
