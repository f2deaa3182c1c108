"""The cost and its gradient as a sum over blocks of samples: what solvers call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sk_twolayer._blocks import (
    Block,
    SampleBlocks,
    Standardisation,
    aligned,
    choose_block_rows,
)
from sk_twolayer._outputs import BinarySigmoid, Output
from sk_twolayer._sums import BlockSums, Layers, OneOutputSums
from sk_twolayer._threads import Workers, share
from sk_twolayer.network import Parameters

Array = NDArray[Any]
Sums = TypeVar("Sums")


class CrossEntropyObjective:
    """(sum of weighted cross-entropies + alpha/2 (|W1|^2 + |W2|^2)) / sum of weights.

    Solvers see one flat vector theta: the matrix (m + 1, k) that holds W1' over b1',
    then the matrix (k + 1, K) that holds W2' over b2'. With a standardisation these
    belong to inputs that are centred and scaled, the features by it and the hidden
    activations by 1/2 (centred at 1/2); `to_parameters` undoes it, and the cost is
    always that of the original weights.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, m), float64 or float32
        Samples in rows, used where they lie.
    targets : ndarray of shape (n,) or (n, K), integer
        Targets, as `output` takes them.
    n_hidden : int
        Hidden neurons, k.
    n_outputs : int
        Output neurons, K.
    output : Output
        The output layer, sigmoid or softmax.
    alpha : float, default=0.0
        L2 penalty.
    sample_weight : ndarray of shape (n,), float64, default=None
        Weights; None is all ones.
    standardisation : Standardisation, default=None
        The change of variables; None trains on the article's own parameters.
    workers : Workers, default=None
        Threads; None is the calling one.
    block_rows : int, default=None
        Samples in a block; None chooses from m, k and the cache.

    Attributes
    ----------
    size : int
        Number of parameters, (m + 1) k + (k + 1) K.
    resolution : float
        Relative rounding error of the cost, that of X's dtype.
    """

    def __init__(
        self,
        X: Any,
        targets: Array,
        n_hidden: int,
        n_outputs: int,
        output: Output,
        *,
        alpha: float = 0.0,
        sample_weight: Array | None = None,
        standardisation: Standardisation | None = None,
        workers: Workers | None = None,
        block_rows: int | None = None,
    ) -> None:
        m = X.shape[1]
        self.m, self.k, self.n_outputs = m, n_hidden, n_outputs
        self.size = (m + 1) * n_hidden + (n_hidden + 1) * n_outputs
        self.output, self.dtype = output, X.dtype
        self.resolution = float(np.finfo(self.dtype).eps)
        self.centred = standardisation is not None
        self.center, self.scale = standardisation or Standardisation(
            np.zeros(m), np.ones(m)
        )
        self.workers = workers or Workers()
        self._samples = SampleBlocks(
            X,
            targets,
            output,
            sample_weight,
            standardisation,
            block_rows or choose_block_rows(X, n_hidden, self.workers.n_threads),
            (m + 1) * n_hidden,
        )
        self.n, self.total = self._samples.n, self._samples.total
        self._sparse = self._samples.is_sparse
        precision = np.zeros(self.size)
        first, second = self.split(precision)
        first[:-1] = alpha * self.scale[:, None] ** 2
        second[:-1] = alpha
        self.set_precision(precision)
        # Softmax of one output, where y has one class, has no slopes.
        self._one_output = isinstance(output, BinarySigmoid) and not self._sparse
        self._sums = [
            self._make_sums(self._samples.rows, self._samples.group_rows)
            for _ in range(min(self.workers.n_threads, len(self._samples)))
        ]
        self._multiple = self._sums[0].multiple
        self._batch_sums: BlockSums | None = None
        self._slope = np.empty(self.size)
        shapes = [(m + 1, n_hidden), (n_hidden, n_outputs), (1, n_outputs)]
        self._exact = Layers(*(aligned(shape, np.float64) for shape in shapes))
        self._layer = self._exact
        if self.dtype != np.float64:
            self._layer = Layers(*(aligned(shape, self.dtype) for shape in shapes))

    def _make_sums(self, rows: int, group_rows: int) -> BlockSums:
        kind = OneOutputSums if self._one_output else BlockSums
        shape = (rows, group_rows, self.m, self.k, self.n_outputs)
        return kind(*shape, self.output, self.dtype, self._sparse)

    def thinned(self, step: int) -> CrossEntropyObjective:
        """The objective of every step-th sample, without penalty.

        Parameters
        ----------
        step : int
            At least 1.

        Returns
        -------
        CrossEntropyObjective
            With the same variables and threads.
        """
        samples, few = self._samples, slice(None, None, step)
        weight = samples.sample_weight
        scales = Standardisation(self.center, self.scale) if self.centred else None
        return CrossEntropyObjective(
            samples.X[few],
            samples.targets[few],
            self.k,
            self.n_outputs,
            self.output,
            sample_weight=None if weight is None else weight[few],
            standardisation=scales,
            workers=self.workers,
        )

    def set_precision(self, precision: Array) -> None:
        """Penalise each variable by itself, in place of `alpha`.

        Parameters
        ----------
        precision : ndarray of shape (size,), float64
            Added to the sum of the cross-entropies is precision / 2 theta^2.
        """
        self._penalty = precision / self.total

    def split(self, theta: Array) -> tuple[Array, Array]:
        """View a flat vector as its two matrices.

        Parameters
        ----------
        theta : ndarray of shape (size,), float64
            Flat parameters.

        Returns
        -------
        first : ndarray of shape (m + 1, k), float64
            W1' over b1'.
        second : ndarray of shape (k + 1, K), float64
            W2' over b2'.
        """
        cut = (self.m + 1) * self.k
        return (
            theta[:cut].reshape(self.m + 1, self.k),
            theta[cut:].reshape(self.k + 1, self.n_outputs),
        )

    def to_parameters(self, theta: Array) -> Parameters:
        """The article's matrices, on the original features.

        Parameters
        ----------
        theta : ndarray of shape (size,), float64
            Flat parameters.

        Returns
        -------
        Parameters
            W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1), float64.
        """
        first, second = self.split(theta)
        W1 = np.ascontiguousarray((first[:-1] * self.scale[:, None]).T)
        b1 = first[-1][:, None] - (W1 @ self.center)[:, None]
        W2 = np.ascontiguousarray(second[:-1].T)
        b2 = second[-1][:, None].copy()
        if self.centred:
            b2 -= 0.5 * W2.sum(axis=1, keepdims=True)
        return Parameters(W1, b1, W2, b2)

    def from_parameters(self, parameters: Parameters) -> Array:
        """Flat vector of the article's matrices; the inverse of `to_parameters`.

        Parameters
        ----------
        parameters : Parameters
            W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1).

        Returns
        -------
        ndarray of shape (size,), float64
            Flat parameters.
        """
        W1, b1, W2, b2 = (np.asarray(p, dtype=float) for p in parameters)
        theta = np.empty(self.size)
        first, second = self.split(theta)
        first[:-1] = W1.T / self.scale[:, None]
        first[-1] = b1[:, 0] + W1 @ self.center
        second[:-1] = W2.T
        second[-1] = b2[:, 0]
        if self.centred:
            second[-1] += 0.5 * W2.sum(axis=1)
        return theta

    def value(self, theta: Array) -> float:
        """Cost at `theta`.

        Parameters
        ----------
        theta : ndarray of shape (size,), float64
            Flat parameters.

        Returns
        -------
        float
            The cost, in nats.
        """
        parts = self._over_blocks(theta, lambda sums, block: sums.add_cost(block))
        penalty = 0.5 * float(theta @ (self._penalty * theta))
        return sum(part.cost for part in parts) / self.total + penalty

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Cost and gradient at `theta`.

        Parameters
        ----------
        theta : ndarray of shape (size,), float64
            Flat parameters.

        Returns
        -------
        cost : float
            The cost, in nats.
        gradient : ndarray of shape (size,), float64
            Its gradient, of `theta`'s layout.
        """
        parts = self._over_blocks(theta, self._add_block, with_gradient=True)
        cost, sums = parts[0].cost, parts[0].sums.copy()
        for other in parts[1:]:
            cost += other.cost
            sums += other.sums
        return self._finish(theta, cost, sums, self.total)

    def batches(
        self, batch_size: int, rng: np.random.RandomState
    ) -> Iterator[tuple[Block, float]]:
        """One epoch of batches for `batch_value_and_gradient`.

        Parameters
        ----------
        batch_size : int
            Samples in a batch.
        rng : RandomState
            Shuffles the samples.

        Returns
        -------
        iterator of (Block, float)
            Batches, and each one's part of all samples.
        """
        if self._batch_sums is None or len(self._batch_sums.X) < batch_size:
            self._batch_sums = self._make_sums(batch_size, batch_size)
        return self._samples.batches(batch_size, rng)

    def batch_value_and_gradient(
        self, theta: Array, batch: tuple[Block, float]
    ) -> tuple[float, Array]:
        """Unbiased estimate of cost and gradient from one batch.

        Parameters
        ----------
        theta : ndarray of shape (size,), float64
            Flat parameters.
        batch : tuple of (Block, float)
            From `batches`.

        Returns
        -------
        cost : float
            The batch's mean cost and the penalty, in nats.
        gradient : ndarray of shape (size,), float64
            Its gradient, in an array that the next call writes to.
        """
        block, share = batch
        sums = self._batch_sums
        assert sums is not None
        sums.begin(self._layers(theta))
        self._add_block(sums, block)
        sums.end_group(block)
        sums.end()
        return self._finish(theta, sums.cost, sums.sums, share * self.total)

    def visit(
        self,
        theta: Array,
        start: Callable[[], Sums],
        add: Callable[[Block, Array, Array, Sums], None],
    ) -> list[Sums]:
        """Sums over blocks of what the forward pass gives, a worker's each.

        Parameters
        ----------
        theta : ndarray of shape (size,), float64
            Flat parameters.
        start : callable
            Gives a worker's sums to begin with.
        add : callable
            Takes a block, its T (b, k) and Z2 (b, K), and adds to the sums.

        Returns
        -------
        list
            The workers' sums, in a fixed order.
        """
        found = {sums: start() for sums in self._sums}

        def visit_block(sums: BlockSums, block: Block) -> None:
            add(block, *sums.forward(block), found[sums])

        self._over_blocks(theta, visit_block)
        return list(found.values())

    def _add_block(self, sums: BlockSums, block: Block) -> None:
        sums.add(block)

    def _over_blocks(
        self,
        theta: Array,
        add: Callable[[BlockSums, Block], Any],
        with_gradient: bool = False,
    ) -> list[BlockSums]:
        """Each worker's sums over its run of blocks, in a fixed order."""
        layers = self._layers(theta)
        n_workers, n_blocks = len(self._sums), len(self._samples)

        def part(worker: int) -> BlockSums:
            sums = self._sums[worker]
            sums.begin(layers)
            blocks = share(n_blocks, worker, n_workers)
            for group in self._samples.groups(blocks, sums.X):
                for block in group.blocks:
                    add(sums, block)
                if with_gradient:
                    sums.end_group(group)
            if with_gradient:
                sums.end()
            return sums

        return self.workers.run(part, n_workers)

    def _layers(self, theta: Array) -> Layers:
        first, second = self.split(theta)
        into, out, offset = self._exact
        np.multiply(first, 0.5, out=into)
        np.multiply(second[:-1], 0.5 / self._multiple, out=out)
        np.multiply(second[-1], 1 / self._multiple, out=offset[0])
        if not self.centred:
            offset += out.sum(axis=0)
        if self._sparse:
            # A sparse X stays as it is: its weights are scaled and shifted instead.
            into[:-1] *= self.scale[:, None]
            into[-1] -= self.center @ into[:-1]
        if self._layer is not self._exact:
            for rounded, exact in zip(self._layer, self._exact, strict=True):
                rounded[...] = exact
        return self._layer

    def _finish(
        self, theta: Array, cost: float, sums: Array, total: float
    ) -> tuple[float, Array]:
        """Turn sums over samples into the mean cost with its penalty, and gradient."""
        first, second = self.split(sums)
        if self._sparse:
            first[:-1] -= self.center[:, None] * first[-1]
            first[:-1] *= self.scale[:, None]
        elif self._one_output:
            # W2 in each row. (Copied first, since NumPy would buffer a broadcast factor.)
            rows = self._exact.into
            np.copyto(rows, self._exact.out.T)
            first *= rows
        if not self.centred:
            second[:-1] += second[-1]
        # What is left of the halves.
        if self._multiple == 1:
            second[-1] *= 2
        else:
            second[:-1] *= 1 / self._multiple
        sums *= 0.5 / total
        slope = np.multiply(self._penalty, theta, out=self._slope)
        sums += slope
        return cost / total + 0.5 * float(theta @ slope), sums
