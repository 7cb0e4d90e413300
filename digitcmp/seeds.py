"""Independent random streams from one seed."""

import zlib

import numpy as np


def derive(seed: int, purpose: str) -> int:
    """Return a 63-bit seed for one purpose ('pairs', 'weights', 'order', ...), independent of all other purposes."""
    sequence = np.random.SeedSequence([seed, zlib.crc32(purpose.encode())])
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)
