"""Sweeps: plan the runs, train them, and report their progress."""
