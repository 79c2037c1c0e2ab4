"""What recurrent layers keep from one run to the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .memory import aligned_floats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..network import Network


class States:
    """The states of a network's recurrent layers: zeros at first, changed by every run of a plan.

    A run that ends with an error (or Ctrl-C) leaves them as they were before it.
    """

    def __init__(self, network: Network) -> None:
        self._of_layer = {
            layer.index: tuple(aligned_floats(size) for size in layer.state_sizes) for layer in network.layers
        }
        self._arrays = [array for arrays in self._of_layer.values() for array in arrays]
        self._before = [aligned_floats(array.size) for array in self._arrays]
        self._running = False

    @property
    def empty(self) -> bool:
        """Whether the network keeps nothing."""
        return not self._arrays

    def of_layer(self, number: int) -> tuple[NDArray[np.float32], ...]:
        """The arrays of a layer, by its number."""
        return self._of_layer[number]

    def reset(self) -> None:
        """Zeros, as before the first run."""
        self._running = False
        for array in self._arrays:
            array[:] = 0

    @contextmanager
    def run(self) -> Iterator[None]:
        """Around a run: what changes, changes only if the run comes to its end."""
        if self._running:  # a run of a thread that is not there: this process was forked meanwhile
            self._to_before()
        for before, array in zip(self._before, self._arrays, strict=True):
            before[:] = array
        self._running = True
        try:
            yield
        except BaseException:
            self._to_before()
            raise
        finally:
            self._running = False

    @contextmanager
    def last_run_again(self) -> Iterator[None]:
        """Inside, states are what they were before the last run; afterwards, what they are now."""
        now = [array.copy() for array in self._arrays]
        self._to_before()
        try:
            yield
        finally:
            for array, value in zip(self._arrays, now, strict=True):
                array[:] = value

    def _to_before(self) -> None:
        for before, array in zip(self._before, self._arrays, strict=True):
            array[:] = before
