"""Training data on another library's device: what `Samples` answers, without moving X.

Labels and weights are NumPy's, some bytes a sample, and so is all that does not grow
with the samples. Of X only the few rows leave the device that the search for alpha
looks at.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sk_twolayer._arrays import place_of
from sk_twolayer._engine.blocks import Block
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.moments import Moments
from sk_twolayer._engine.on_device import (
    Device,
    DevicePartition,
    moments_and_extremes,
    projected,
)
from sk_twolayer._engine.outputs import Output
from sk_twolayer._engine.partition import SumsOverSamples
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.threads import Workers
from sk_twolayer._lots import MOST_SAMPLES, few_rows, line_of
from sk_twolayer._samples import Samples
from sk_twolayer._typing import Array


class DeviceSamples(Samples):
    """Checked training data, X being another library's array."""

    @property
    def place(self) -> Device:
        """Where X lies."""
        found = place_of(self.X)
        assert found is not None
        return found

    @property
    def dtype(self) -> Any:
        """X's dtype, as NumPy's."""
        return self.place.dtype_of(self.X)

    def rows_of_X(self, rows: Array) -> Any:
        """Copy of some rows of X, there."""
        return self.place.xp.take(self.X, self.place.send(rows), axis=0)

    def few(self, scale: Array) -> tuple[Samples, Array]:
        """As of `Samples`, but in this process: they are few."""
        position = projected(self.place, self.X, line_of(scale))
        rows = np.arange(self.n)
        if self.total > MOST_SAMPLES:
            rows = few_rows(self, position)
        taken = self.take(rows)
        X = self.place.fetch(taken.X)
        return Samples._make(taken._replace(X=X)), position[rows]

    def moments(self) -> Moments:
        """Of the features."""
        return moments_and_extremes(self.place, self.X, self.weight)[0]

    def robust_moments(self) -> Moments:
        """Of the features, where no value sets a scale alone."""
        moments, ends = moments_and_extremes(self.place, self.X, self.weight)
        return moments.without_lone_values(self.n, ends)

    def work(self, k: int) -> float:
        """None that is worth a thread of ours: the library has its own."""
        return 0.0

    def workers(self, k: int, n_jobs: int | None) -> Workers:
        """The calling thread."""
        return Workers()

    def partition(
        self,
        layout: Layout,
        output: Output,
        standardisation: Standardisation | None,
        workers: Workers | None,
    ) -> SumsOverSamples:
        """What sums over them, on the device."""
        block = Block(self.X, self.labels.targets, self.weight)
        return DevicePartition(self.place, block, layout, output, standardisation)
