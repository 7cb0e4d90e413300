"""Read the runs of some folders as tables."""
