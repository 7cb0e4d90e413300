"""Runs on disk: folder, result, fingerprint of the code, checkpoint; a folder of runs as one table."""
