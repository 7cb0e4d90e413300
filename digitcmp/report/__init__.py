"""From a folder of runs to tables, statistics and figures: `digitcmp report multirun/table1`."""
