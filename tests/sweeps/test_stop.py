"""Test of stopping a sweep whose launcher does not end."""

import signal
import subprocess
import sys

HANGING = """
import threading
from digitcmp.sweeps import sweep

sweep.LONGEST_END = 0.1
sweep.end_at_signals()
try:
    print("ready", flush=True)
    threading.Event().wait(600)
finally:
    threading.Event().wait(600)  # as joblib sometimes waits for a worker that a signal ended
"""


def test_a_launcher_that_never_ends_does_not_hold_the_sweep() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 143
    assert err == "stopped. Start the sweep again to train the unfinished runs.\n"
