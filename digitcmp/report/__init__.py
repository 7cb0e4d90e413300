"""The report of a folder of runs: tables, statistics and figures."""
