"""The cost and its gradient as a sum over blocks of samples: what solvers call.

Solvers see one flat vector theta, in the variables of a standardisation, and the
samples are raw: an evaluation folds the standardisation and the sigmoid's halves into
the weights (`Folding`), sums over blocks, each worker a run of them (`BlockSums`), adds
the workers' sums, takes them back to theta's variables and adds the penalty. One path
serves dense samples and sparse ones, in memory or in a memory map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sk_twolayer._engine.blocks import (
    Block,
    Group,
    SampleBlocks,
    choose_block_rows,
    is_kept,
)
from sk_twolayer._engine.layers import Folding
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.outputs import Output
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.sums import BlockSums, make_sums
from sk_twolayer._engine.threads import Workers, share
from sk_twolayer.network import Parameters

Array = NDArray[Any]
Result = TypeVar("Result")


class CrossEntropyObjective:
    """(sum of weighted cross-entropies + alpha/2 (|W1|^2 + |W2|^2)) / sum of weights.

    The cost is always that of the original weights, whatever theta's variables are.
    A copy, and what a pickle gives back, is made anew from the arguments.

    Parameters
    ----------
    samples : Block
        All samples, used where they lie, with integer targets as `output` takes them,
        and weights in float64.
    layout : Layout
        Theta's.
    output : Output
        The output layer, sigmoid or softmax.
    alpha : float, default=0.0
        L2 penalty.
    standardisation : Standardisation, default=None
        The change of variables; None trains on the article's own parameters.
    workers : Workers, default=None
        Threads; None is the calling one.
    block_rows : int, default=None
        Samples in a block; None chooses from m, k and the cache.

    Attributes
    ----------
    layout : Layout
        Theta's.
    size : int
        Number of parameters, (m + 1) k + (k + 1) K.
    standardisation : Standardisation or None
        The change of variables.
    center, scale : ndarray of shape (m,), float64
        Its own, or zeros and ones.
    resolution : float
        Relative rounding error of the cost, that of X's dtype.
    """

    def __init__(
        self,
        samples: Block,
        layout: Layout,
        output: Output,
        *,
        alpha: float = 0.0,
        standardisation: Standardisation | None = None,
        workers: Workers | None = None,
        block_rows: int | None = None,
    ) -> None:
        self.layout, self.output, self.standardisation = layout, output, standardisation
        (self.m, self.k, self.n_outputs), self.size = layout, layout.size
        self.center, self.scale = standardisation or Standardisation(
            np.zeros(self.m), np.ones(self.m)
        )
        self.workers = workers or Workers()
        X = samples.X
        self.resolution = float(np.finfo(X.dtype).eps)
        self._folding = Folding(
            layout, standardisation, X.dtype, sparse.issparse(X), is_kept(X)
        )
        self._block_rows = block_rows
        rows = block_rows or choose_block_rows(X, self.k, self.workers.n_threads)
        loading = self._folding.loading
        self._samples = SampleBlocks(samples, output, rows, loading, layout.first_size)
        self.n, self.total = self._samples.n, self._samples.total
        precision = np.zeros(self.size)
        by_W1, by_W2 = self.split(precision)
        # W1 = V1 * scale, so alpha |W1|^2 is a penalty of alpha scale^2 on theta's V1.
        by_W1[:-1] = alpha * self.scale[:, None] ** 2
        by_W2[:-1] = alpha
        self.set_precision(precision)
        # A worker's buffers are made once, not in each evaluation; and no more workers
        # than there are blocks.
        group_rows = self._samples.group_rows
        self._sums = [
            make_sums(self._folding, output, self._samples.rows, group_rows)
            for _ in range(min(self.workers.n_threads, len(self._samples)))
        ]
        self._slope = np.empty(self.size)
        self._batch_sums: tuple[int, BlockSums] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """As a recipe: copied as they are, buffers and their views would share nothing."""
        arguments = {
            "samples": self._samples.samples,
            "layout": self.layout,
            "output": self.output,
            "standardisation": self.standardisation,
            # Threads that run stay with this one.
            "workers": Workers(self.workers.n_threads),
            "block_rows": self._block_rows,
        }
        return _rebuilt, (type(self), arguments, self._precision)

    def thinned(self, step: int) -> CrossEntropyObjective:
        """The objective of every step-th sample, without penalty; same variables."""
        X, targets, weight, _ = self._samples.samples
        few = slice(None, None, step)
        return CrossEntropyObjective(
            Block(X[few], targets[few], None if weight is None else weight[few]),
            self.layout,
            self.output,
            standardisation=self.standardisation,
            workers=self.workers,
        )

    def set_precision(self, precision: Array) -> None:
        """Add precision / 2 theta^2 to the sum of the costs, in place of `alpha`'s."""
        self._precision = precision
        self._penalty = precision / self.total

    def split(self, theta: Array) -> tuple[Array, Array]:
        """Views of theta: W1' over b1' (m + 1, k), and W2' over b2' (k + 1, K)."""
        return self.layout.split(theta)

    def to_parameters(self, theta: Array) -> Parameters:
        """The article's matrices, on the original features."""
        return self.layout.to_parameters(theta, self.standardisation)

    def from_parameters(self, parameters: Parameters) -> Array:
        """Theta of the article's matrices; the inverse of `to_parameters`."""
        return self.layout.from_parameters(parameters, self.standardisation)

    def value(self, theta: Array) -> float:
        """Cost at theta, in nats."""

        def work(sums: BlockSums, groups: Iterable[Group]) -> float:
            for group in groups:
                for block in group.blocks:
                    sums.add_cost(block)
            return sums.cost

        # The penalty is quadratic, and added once for all samples.
        penalty = 0.5 * float(theta @ (self._penalty * theta))
        return sum(self._over_samples(theta, work)) / self.total + penalty

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Cost at theta, in nats, and its gradient, of theta's layout."""

        def work(sums: BlockSums, groups: Iterable[Group]) -> BlockSums:
            for group in groups:
                for block in group.blocks:
                    sums.add(block)
                sums.end_group(group)
            sums.end()
            return sums

        # A copy, since the solver keeps the gradient while the next one is summed; and
        # in the workers' order, so that rounding does not depend on who was first.
        first, *others = self._over_samples(theta, work)
        cost, gradient = first.cost, first.sums.copy()
        for sums in others:
            cost += sums.cost
            gradient += sums.sums
        return self._with_penalty(theta, cost, gradient, self.total)

    def batches(
        self, batch_size: int, rng: np.random.RandomState
    ) -> Iterator[tuple[Block, float]]:
        """One epoch of batches, shuffled, and each one's part of all samples."""
        # A batch is too short to be shared: one worker's sums, made for the largest.
        if self._batch_sums is None or self._batch_sums[0] < batch_size:
            sums = make_sums(self._folding, self.output, batch_size, batch_size)
            self._batch_sums = batch_size, sums
        return self._samples.batches(batch_size, rng)

    def batch_value_and_gradient(
        self, theta: Array, batch: tuple[Block, float]
    ) -> tuple[float, Array]:
        """Unbiased estimate of cost and gradient from one of `batches`.

        The gradient is in an array that the next call writes to.
        """
        block, part = batch
        assert self._batch_sums is not None
        sums = self._batch_sums[1]
        sums.begin(self._folding.layers(theta))
        sums.add(block)
        sums.end_group(block)
        sums.end()
        return self._with_penalty(theta, sums.cost, sums.sums, part * self.total)

    def visit(
        self,
        theta: Array,
        start: Callable[[], Result],
        add: Callable[[Block, Array, Array, Result], None],
    ) -> list[Result]:
        """Sums over blocks of what the forward pass gives, a worker's each.

        Parameters
        ----------
        theta : ndarray of shape (size,), float64
            Flat parameters.
        start : callable
            Gives a worker's sums to begin with.
        add : callable
            Takes a block, its X as loaded (see `standardised`), its T (b, k) and Z2
            (b, K), and adds to the sums.

        Returns
        -------
        list
            The workers' sums, in a fixed order.
        """

        def work(sums: BlockSums, groups: Iterable[Group]) -> Result:
            found = start()
            for group in groups:
                for block in group.blocks:
                    X, T, Z2 = sums.activations(block)
                    add(block._replace(X=X), T, Z2, found)
            return found

        return self._over_samples(theta, work)

    def standardised(self, X: Any) -> Array:
        """Rows of a visited block's X as derivatives take them: (b, m + 1), float64."""
        return self._folding.standardised(X)

    def _over_samples(
        self, theta: Array, work: Callable[[BlockSums, Iterable[Group]], Result]
    ) -> list[Result]:
        """Each worker's result from its run of blocks, in a fixed order."""
        # The weights are folded once, and all workers read them.
        layers = self._folding.layers(theta)
        n_workers, n_blocks = len(self._sums), len(self._samples)

        def of_worker(worker: int) -> Result:
            sums = self._sums[worker]
            sums.begin(layers)
            return work(sums, self._samples.groups(share(n_blocks, worker, n_workers)))

        return self.workers.run(of_worker, n_workers)

    def _with_penalty(
        self, theta: Array, cost: float, sums: Array, total: float
    ) -> tuple[float, Array]:
        """The mean cost and its gradient by theta, in place of the sums, and penalty."""
        # From by half_W1, half_W2 and c2 to by theta, the mean's factor in the same
        # pass.
        self._folding.gradient(sums, 1 / total)
        slope = np.multiply(self._penalty, theta, out=self._slope)
        sums += slope
        return cost / total + 0.5 * float(theta @ slope), sums


def _rebuilt(
    kind: type[CrossEntropyObjective], arguments: dict[str, Any], precision: Array
) -> CrossEntropyObjective:
    objective = kind(**arguments)
    objective.set_precision(precision)
    return objective
