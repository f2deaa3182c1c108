"""The mean cost and its gradient, with a penalty: what solvers call.

Solvers see one flat vector theta, in the variables of a standardisation, and the
samples are raw: an evaluation folds the standardisation and the sigmoid's halves into
the weights (`Folding`), sums over blocks (`BlockSums`), each worker a run of them,
takes the sums back to theta's variables and adds the penalty. Where the samples lie,
and who sums over them, is `partition`'s: here is what theta means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from sk_twolayer._engine.layout import turned
from sk_twolayer._engine.on_device import DevicePartition
from sk_twolayer._engine.partition import Add, Partition, SumsOverSamples
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._typing import Array, Result
from sk_twolayer.network import Parameters


class CrossEntropyObjective:
    """(sum of weighted cross-entropies + 1/2 theta' D theta) / sum of weights.

    The cross-entropies are always those of the original weights, whatever theta's
    variables are; D is the diagonal of `set_precision`, and 0 until then. Since
    W1 = V1 * scale, a penalty of alpha on W1 is one of alpha scale^2 on theta's V1.

    Parameters
    ----------
    partition : SumsOverSamples
        The samples, which answer at theta.
    signs : ndarray of shape (m,), int8, default=None
        Features that Z2 shall rise with are 1, those that it shall fall with -1, others
        0; None is all 0.

    Attributes
    ----------
    n, total, folding, output, workers
        The partition's.
    layout : Layout
        Theta's.
    size : int
        Number of parameters, (m + 1) k + (k + 1) K.
    standardisation : Standardisation or None
        The change of variables.
    bounds : tuple of two ndarray of shape (p,), float64, or None
        Least and largest theta that obey `signs`.
    center, scale : ndarray of shape (m,), float64
        Its own, or zeros and ones.
    penalty : ndarray of shape (p,), float64
        Precision of each variable, over `total`.
    resolution : float
        Relative rounding error of the cost, that of X's dtype.
    """

    def __init__(
        self, partition: SumsOverSamples, *, signs: Array | None = None
    ) -> None:
        self.partition = partition
        self.n, self.total = partition.n, partition.total
        self.output, self.workers = partition.output, partition.workers
        self.folding = partition.folding
        self.layout = self.folding.layout
        self.standardisation = self.folding.standardisation
        (self.m, self.k, self.n_outputs), self.size = self.layout, self.layout.size
        # Theta of the article's own parameters is that of raw features.
        self.center, self.scale = self.standardisation or Standardisation(
            np.zeros(self.m), np.ones(self.m)
        )
        # A scale is above 0, and so the signs are the same in all variables.
        self.signs = signs
        self.bounds = None if signs is None else self.layout.bounds(signs)
        self.resolution = float(np.finfo(self.folding.dtype).eps)
        self.set_precision(np.zeros(self.size))
        self._slope = np.empty(self.size)

    def __reduce__(self) -> tuple[Any, ...]:
        """As a recipe, like the partition."""
        recipe = partial(type(self), self.partition, signs=self.signs)
        return recipe, (), self._precision

    def __setstate__(self, precision: Array) -> None:
        self.set_precision(precision)

    def thinned(self, step: int) -> CrossEntropyObjective:
        """The objective of every step-th sample, without penalty; same variables."""
        return CrossEntropyObjective(self.partition.thinned(step))

    def set_precision(self, precision: Array) -> None:
        """Add precision / 2 theta^2 to the sum of the costs, in place of what was."""
        self._precision = precision
        self.penalty = precision / self.total

    def split(self, theta: Array) -> tuple[Array, Array]:
        """Views of theta: W1' over b1' (m + 1, k), and W2' over b2' (k + 1, K)."""
        return self.layout.split(theta)

    def to_parameters(self, theta: Array) -> Parameters:
        """The article's matrices, on the original features."""
        return self.layout.to_parameters(theta, self.standardisation)

    def from_parameters(self, parameters: Parameters) -> Array:
        """Theta of the article's matrices: `to_parameters`' inverse within the bounds."""
        if self.bounds is not None:
            parameters = turned(parameters)
        theta = self.layout.from_parameters(parameters, self.standardisation)
        return theta if self.bounds is None else np.clip(theta, *self.bounds)

    def at_bound(self, theta: Array) -> Array:
        """Which variables (p,) a bound holds at 0."""
        if self.bounds is None:
            return np.zeros(self.size, dtype=bool)
        return (theta == self.bounds[0]) | (theta == self.bounds[1])

    def value(self, theta: Array) -> float:
        """Cost at theta, in nats."""
        # The penalty is quadratic, and added once for all samples.
        penalty = 0.5 * float(theta @ (self.penalty * theta))
        return self.partition.cost(theta) / self.total + penalty

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Cost at theta, in nats, and its gradient, of theta's layout."""
        # The partition's sums become means, the gradient by the factor it is told.
        total = self.total
        cost, gradient = self.partition.cost_and_gradient(theta, 1 / total)
        return self._with_penalty(theta, cost / total, gradient)

    def batches(
        self, batch_size: int, rng: np.random.RandomState
    ) -> Iterator[tuple[Any, float]]:
        """One epoch of batches, shuffled, and each one's part of all samples."""
        return self._local().batches(batch_size, rng)

    def batch_value_and_gradient(
        self, theta: Array, batch: tuple[Any, float]
    ) -> tuple[float, Array]:
        """Unbiased estimate of cost and gradient from one of `batches`.

        The gradient is in an array that the next call writes to.
        """
        # A batch stands for all samples: its sums are divided by its part of their
        # weight, and the penalty, which is over all of it, stays whole.
        block, part = batch
        total = part * self.total
        found = self._local().batch_cost_and_gradient(theta, block, 1 / total)
        return self._with_penalty(theta, found[0] / total, found[1])

    def visit(
        self, theta: Array, start: Callable[[], Result], add: Add[Result]
    ) -> list[Result]:
        """Sums over blocks of what the forward pass gives: `Partition.visit`."""
        return self.partition.visit(theta, start, add)

    def _local(self) -> Partition | DevicePartition:
        # Rows can be drawn and shuffled of a process's own array alone.
        assert isinstance(self.partition, Partition | DevicePartition)
        return self.partition

    def _with_penalty(
        self, theta: Array, cost: float, gradient: Array
    ) -> tuple[float, Array]:
        """The mean cost and its gradient, with the penalty's."""
        # D theta / n is the penalty's gradient, and half its product with theta the
        # penalty.
        slope = np.multiply(self.penalty, theta, out=self._slope)
        gradient += slope
        return cost + 0.5 * float(theta @ slope), gradient
