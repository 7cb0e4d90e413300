"""The sections on the networks and on the runs: the missing ones, and the origin of the others."""

from collections.abc import Iterator
from pathlib import Path

from digitcmp import paper
from digitcmp.config.conf import CONF
from digitcmp.models.backbones import NETWORKS
from digitcmp.report.formats import seeds
from digitcmp.report.loader import MADE_WITH, run_name, sweep_name
from digitcmp.report.pages.section import File, Part, cut_lines
from digitcmp.report.results import Results

MISSING = "Runs of the sweep that are not finished. Start the same sweep again to train them."


def networks(results: Results) -> Iterator[Part]:
    """Yield a line about each registered network of these runs."""
    lines: list[str] = []
    for model, rows in results.cells.groupby("model", sort=False):
        if network := NETWORKS.get(str(model)):
            label, with_aux = (paper.label(network.name, aux) for aux in (False, True))
            name = f"*{label}*, with the auxiliary loss *{with_aux}*" if rows.aux.any() else f"*{label}*"
            lines.append(f"{name}: {network.summary[:1].upper()}{network.summary[1:]}")
    yield lines


def missing(results: Results) -> Iterator[Part]:
    """Yield the runs that are not finished."""
    if results.missing:
        yield MISSING
        yield cut_lines([run_name(folder) for folder in results.missing])


def parts(results: Results) -> Iterator[Part]:
    """Yield the commands that train the runs again, the numbers of runs, and their versions, commits and devices."""
    runs, cells = results.runs, results.cells
    yield File.csv("runs.csv", runs.drop(columns="path").assign(collapsed=results.collapsed), form=None)
    if len(results.code):
        yield File.csv("code.csv", results.code, form=None)
    yield [
        *(command(results, root) for root in results.roots),
        f"{len(runs)} runs: {len(cells)} cells, {seeds(cells.n)} each; {len(results.missing)} missing",
        f"{runs.fit_seconds.sum() / 60:.0f} minutes of training in total, {runs.fit_seconds.mean():.1f} s per run",
        "`digitcmp report FOLDER --command CELL SEED` prints the command of one run of `runs.csv`",
        *(f"{key}: {'; '.join(sorted(runs[key].dropna().unique()))}" for key in MADE_WITH if key in runs),
    ]


def command(results: Results, root: Path) -> str:
    """Return the command that trains the runs of a folder again, with seeds if they differ from the experiment's."""
    name, _, stage = sweep_name(root).partition("/")
    file = CONF / "experiment" / f"{name}.yaml"
    if not file.exists():
        return f"the runs in `{sweep_name(root)}`"
    used = sorted({int(run.seed) for run in results.runs.itertuples() if root in Path(run.path).parents})
    span = ",".join(map(str, used))
    if used and used == list(range(used[0], used[-1] + 1)):
        span = f"range({used[0]},{used[-1] + 1})" if used[0] else f"range({len(used)})"
    own = f"seed: {span}" in file.read_text().replace('"', "")
    if stage or results.missing or own:
        return f"`python train.py -m experiment={name}`"
    return f"`python train.py -m experiment={name} 'seed={span}'`"
