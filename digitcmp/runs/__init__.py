"""Runs on disk: folder, manifest, result, fingerprint of the code, checkpoint."""
