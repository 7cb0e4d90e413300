"""Comparisons between cells: the contrasts of a set of runs, planned, measured and corrected."""
