"""Noise and samples from a cryptographic generator: ChaCha20, keyed by the operating system in the process that draws.

Whoever could guess the generator's state could subtract the noise, so nothing is ever seeded, stored, or carried into
another process. Opacus' own secure mode needs torchcsprng, which no longer installs.
"""

import math
import os

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from numpy.typing import NDArray

_BITS = 53
_TWO_PI = 2 * math.pi


class Randomness:
    """A stream that is this process's alone; a copy of it in a forked child refuses to draw."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._cipher = Cipher(algorithms.ChaCha20(os.urandom(32), bytes(16)), mode=None).encryptor()

    def normals(self, count: int) -> NDArray[np.float64]:
        """Return independent standard normal draws (Box and Muller 1958)."""
        pairs = (count + 1) // 2
        uniforms = (self._integers(2 * pairs) + 0.5) * 2.0**-_BITS  # never 0
        radii = np.sqrt(-2 * np.log(uniforms[:pairs]))
        angles = _TWO_PI * uniforms[pairs:]
        return np.concatenate([radii * np.cos(angles), radii * np.sin(angles)])[:count]

    def sample(self, units: int, rate: float) -> NDArray[np.intp]:
        """Return the positions of a Poisson sample: each unit on its own with probability `rate`, never above it."""
        return np.flatnonzero(self._integers(units) < math.floor(rate * 2**_BITS))

    def seed(self) -> int:
        """Return a seed for chance that is not noise, such as dropout: fresh, so that nobody can replay it."""
        return int(self._integers(1)[0])

    def _integers(self, count: int) -> NDArray[np.uint64]:
        """Return whole numbers below 2^53, evenly."""
        if os.getpid() != self._process:
            raise RuntimeError("this generator was keyed in another process: two processes would draw the same noise")
        drawn = np.frombuffer(self._cipher.update(bytes(8 * count)), dtype=np.uint64)
        return drawn >> np.uint64(64 - _BITS)
