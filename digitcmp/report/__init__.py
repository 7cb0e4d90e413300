"""From a folder of runs to tables, statistics and figures: `python -m digitcmp.report multirun/table1`."""
