"""Noise and samples from a cryptographic generator: ChaCha20, keyed by the operating system in the process that draws.

Whoever could guess the generator's state could subtract the noise, so nothing is ever seeded, stored, or carried into
another process. Opacus' own secure mode needs torchcsprng, which no longer installs.
"""

import math
import os
from itertools import pairwise

import numpy as np
import torch
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from numpy.typing import NDArray

_BITS, _FIRST = 53, 8
_AT_ONCE, _UNITS_AT_ONCE, _SAMPLES_AT_ONCE = 2**15, 2**18, 16
"""So many normal draws cost little more than a few, and so many units' bytes; no more samples are kept than this."""
_TWO_PI = 2 * math.pi
_ZEROS = bytes(8 * _AT_ONCE)
"""What is enciphered: for the key stream itself. Made once, for making it takes longer than enciphering it."""


class Randomness:
    """A stream that is this process's alone; a copy of it in a forked child refuses to draw."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._cipher = Cipher(algorithms.ChaCha20(os.urandom(32), bytes(16)), mode=None).encryptor()
        self._ready: NDArray[np.float64] = np.empty(0)
        self._samples_of: tuple[int, float] = (0, 0.0)
        self._samples: list[NDArray[np.intp]] = []

    def normals(self, count: int) -> NDArray[np.float64]:
        """Return independent standard normal draws, each handed out once."""
        if count > len(self._ready):
            self._ready = self._drawn(max(count, _AT_ONCE))
        found, self._ready = self._ready[:count], self._ready[count:]
        self._refuse_if_copied()
        return found

    def _drawn(self, count: int) -> NDArray[np.float64]:
        """Return normal draws (Box and Muller 1958)."""
        pairs = (count + 1) // 2
        uniforms = self._integers(2 * pairs).astype(np.float64)
        radii, angles = uniforms[:pairs], torch.from_numpy(uniforms[pairs:]).mul_(_TWO_PI * 2.0**-_BITS)
        radii += 0.5  # never 0
        radii *= 2.0**-_BITS
        np.log(radii, out=radii)
        radii *= -2
        np.sqrt(radii, out=radii)
        drawn = np.empty((2, pairs))
        cosines, sines = torch.from_numpy(drawn)
        torch.cos(angles, out=cosines)  # torch's sine takes half the time of numpy's
        torch.sin(angles, out=sines)
        drawn *= radii
        return drawn.reshape(-1)

    def sample(self, units: int, rate: float) -> NDArray[np.intp]:
        """Return the positions of a Poisson sample: each unit on its own with probability `rate`, never above it.

        Several are drawn at once, and each is handed out once.
        """
        if self._samples_of != (units, rate) or not self._samples:
            self._samples_of, self._samples = (units, rate), self._drawn_samples(units, rate)
        self._refuse_if_copied()
        return self._samples.pop()

    def _drawn_samples(self, units: int, rate: float) -> list[NDArray[np.intp]]:
        """Return samples, at least one.

        Each unit has a whole number below 2^53, and takes part where that is below `rate * 2^53`. Its first 8 bits
        decide for almost all; the other 45 are drawn for those where they are equal to the limit's.
        """
        limit = math.floor(rate * 2**_BITS)
        first, others = divmod(limit, 2 ** (_BITS - _FIRST))
        if first >= 2**_FIRST:
            return [np.arange(units)]
        times = min(max(1, _UNITS_AT_ONCE // max(1, units)), _SAMPLES_AT_ONCE)
        drawn = self._bytes(times * units)
        candidates = np.flatnonzero(drawn <= first)
        undecided = np.flatnonzero(drawn[candidates] == first)
        chosen = np.ones(len(candidates), np.bool_)
        chosen[undecided] = self._integers(len(undecided)) >> np.uint64(_FIRST) < others
        found = candidates[chosen]
        ends = np.searchsorted(found, np.arange(times + 1) * units)
        return [found[start:end] - at * units for at, (start, end) in enumerate(pairwise(ends))]

    def seed(self) -> int:
        """Return a seed for chance that is not noise, such as dropout: fresh, so that nobody can replay it."""
        return int(self._integers(1)[0])

    def _integers(self, count: int) -> NDArray[np.uint64]:
        """Return whole numbers below 2^53, evenly."""
        return self._bytes(8 * count).view(np.uint64) >> np.uint64(64 - _BITS)

    def _bytes(self, count: int) -> NDArray[np.uint8]:
        self._refuse_if_copied()
        found = np.empty(count, np.uint8)
        zeros = memoryview(_ZEROS)[:count] if count <= len(_ZEROS) else bytes(count)
        self._cipher.update_into(zeros, found.data)
        return found

    def _refuse_if_copied(self) -> None:
        if os.getpid() != self._process:
            raise RuntimeError("this generator was keyed in another process: two processes would draw the same noise")
