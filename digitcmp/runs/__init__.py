"""Runs on disk: folder, result, origin, checkpoint; a folder of runs as one table."""
