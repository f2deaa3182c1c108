"""The cost and its gradient as a sum over blocks of samples: the only hot code.

Samples are rows here, as scikit-learn stores them. With T = tanh(Z1 / 2) the
sigmoid is A1 = (1 + T) / 2 and its derivative (1 - T^2) / 4; the halves are
folded into the small weight matrices, so that the (block, k) array costs one
matrix product, one tanh and one square.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sk_twolayer._blocks import (
    CHUNK_ROWS,
    Block,
    SampleBlocks,
    Standardisation,
    aligned,
    choose_block_rows,
    chunks,
    with_ones,
)
from sk_twolayer._forward import activate
from sk_twolayer._outputs import Output
from sk_twolayer._threads import Workers, share
from sk_twolayer.network import Parameters

Array = NDArray[Any]
Sums = TypeVar("Sums")


class _Buffers:
    """One worker's arrays, reused from block to block: no other array is made."""

    def __init__(
        self, rows: int, m: int, k: int, n_outputs: int, n_product: int, dtype: Any
    ) -> None:
        self.X = with_ones(rows, m, dtype)
        self.T = aligned((rows, k), dtype)
        self.Z2 = aligned((rows, n_outputs), dtype)
        self.work = np.empty((2, rows, n_outputs), dtype)
        self.product = aligned((rows, n_product), dtype)
        n_chunks = max(1, rows // CHUNK_ROWS)
        self.dW1 = aligned((n_chunks * (m + 1), k), dtype).reshape(n_chunks, m + 1, k)
        self.dW1_sum = aligned((m + 1, k), dtype)
        self.dW2 = aligned((k, n_outputs), dtype)
        self.XdZ2 = aligned((m + 1, n_outputs), dtype)


class _Layers(NamedTuple):
    """The weights as the blocks use them: halves folded in, in X's dtype."""

    into: Array
    half: Array
    offset: Array
    back: Array | None


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
        )
        self.n, self.total = self._samples.n, self._samples.total
        self._sparse = self._samples.is_sparse
        precision = np.zeros(self.size)
        first, second = self.split(precision)
        first[:-1] = alpha * self.scale[:, None] ** 2
        second[:-1] = alpha
        self.set_precision(precision)
        self._n_products = (m + 1) * n_hidden
        # With one output diag(dZ2) X is enough; else all of dZ1 is needed.
        self._needs_dZ1 = self._sparse or n_outputs > 1
        self._buffers = [
            self._make_buffers(self._samples.rows)
            for _ in range(min(self.workers.n_threads, len(self._samples)))
        ]
        self._batch_buffers: _Buffers | None = None
        self._batch_sums = np.empty(self.size)
        self._slope = np.empty(self.size)
        shapes = [(m + 1, n_hidden), (n_hidden, n_outputs), (1, n_outputs)]
        self._halved = [aligned(shape, np.float64) for shape in shapes]
        into, half, offset = (aligned(shape, self.dtype) for shape in shapes)
        back = np.empty((n_outputs, n_hidden), self.dtype)
        self._layer = _Layers(into, half, offset, back if self._needs_dZ1 else None)

    def _make_buffers(self, rows: int) -> _Buffers:
        m = 0 if self._sparse else self.m
        n_product = self.k if self._needs_dZ1 else m + 1
        return _Buffers(rows, m, self.k, self.n_outputs, n_product, self.dtype)

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
        layers = self._layers(theta)
        parts = self._over_blocks(
            lambda: None,
            lambda block, buffers, _: self._activate(block, layers, buffers)[0],
        )
        penalty = 0.5 * float(theta @ (self._penalty * theta))
        return sum(cost for cost, _ in parts) / self.total + penalty

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
        layers = self._layers(theta)
        parts = self._over_blocks(
            lambda: np.zeros(self.size),
            lambda block, buffers, sums: self._add_block(
                block, layers, buffers, *self.split(sums)
            ),
        )
        cost, sums = parts[0]
        for other_cost, other in parts[1:]:
            cost += other_cost
            sums += other
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
        if self._batch_buffers is None or len(self._batch_buffers.T) < batch_size:
            self._batch_buffers = self._make_buffers(batch_size)
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
        assert self._batch_buffers is not None
        sums = self._batch_sums
        sums.fill(0)
        layers = self._layers(theta)
        cost = self._add_block(block, layers, self._batch_buffers, *self.split(sums))
        return self._finish(theta, cost, sums, share * self.total)

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
        layers = self._layers(theta)

        def visit_block(block: Block, buffers: _Buffers, sums: Sums) -> float:
            add(block, *self._forward(block, layers, buffers), sums)
            return 0.0

        return [sums for _, sums in self._over_blocks(start, visit_block)]

    def _over_blocks(
        self,
        start: Callable[[], Sums],
        add: Callable[[Block, _Buffers, Sums], float],
    ) -> list[tuple[float, Sums]]:
        """Each worker's cost and sums over its run of blocks, in a fixed order."""
        n_workers, n_blocks = len(self._buffers), len(self._samples)

        def part(worker: int) -> tuple[float, Sums]:
            sums, cost, buffers = start(), 0.0, self._buffers[worker]
            for i in share(n_blocks, worker, n_workers):
                cost += add(self._samples.load(i, buffers.X), buffers, sums)
            return cost, sums

        return self.workers.run(part, n_workers)

    def _layers(self, theta: Array) -> _Layers:
        first, second = self.split(theta)
        into, half, offset = self._halved
        np.multiply(first, 0.5, out=into)
        np.multiply(second[:-1], 0.5, out=half)
        offset[...] = second[-1]
        if not self.centred:
            offset += half.sum(axis=0)
        if self._sparse:
            # A sparse X stays as it is: its weights are scaled and shifted instead.
            into[:-1] *= self.scale[:, None]
            into[-1] -= self.center @ into[:-1]
        layer = self._layer
        for rounded, exact in zip(layer[:3], self._halved, strict=True):
            rounded[...] = exact
        if layer.back is not None:
            layer.back[...] = half.T
        return layer

    def _forward(
        self, block: Block, layers: _Layers, buffers: _Buffers
    ) -> tuple[Array, Array]:
        """T (b, k) and Z2 (b, K) of a block."""
        length = block.X.shape[0]
        T, Z2 = buffers.T[:length], buffers.Z2[:length]
        activate(block.X, layers.into, layers.half, layers.offset, T, Z2)
        return T, Z2

    def _activate(
        self, block: Block, layers: _Layers, buffers: _Buffers
    ) -> tuple[float, Array, Array]:
        """Forward: the sum of a block's costs, T (b, k), and its weighted dZ2 (b, K)."""
        _, targets, weight = block
        T, Z2 = self._forward(block, layers, buffers)
        costs = self.output.costs(Z2, targets, buffers.work[:, : len(T)])
        if weight is not None:
            costs *= weight
            Z2 *= weight[:, None]
        return float(costs.sum(dtype=float)), T, Z2

    def _add_block(
        self,
        block: Block,
        layers: _Layers,
        buffers: _Buffers,
        first: Array,
        second: Array,
    ) -> float:
        """Backward: add a block's gradient to the sums; return its cost."""
        cost, T, dZ2 = self._activate(block, layers, buffers)
        X = block.X
        second[:-1] += np.dot(T.T, dZ2, out=buffers.dW2)
        np.multiply(T, T, out=T)
        product = buffers.product[: len(T)]
        if layers.back is None:
            # One output: X' diag(dZ2)(1 - T^2) needs no (n, k) dZ1, and the
            # factor W2 / 2 scales the result's columns at the end.
            # (Copied first, since NumPy would buffer a broadcast factor.)
            np.copyto(product, dZ2)
            product *= X
            XdZ2 = np.dot(X.T, dZ2, out=buffers.XdZ2)
            second[-1] += XdZ2[-1]
            dW1 = self._transposed_product(product, T, buffers)
            rows = buffers.dW1[0]
            np.copyto(rows, XdZ2)
            rows -= dW1
            first += rows
            return cost
        second[-1] += dZ2.sum(axis=0)
        dZ1 = np.dot(dZ2, layers.back, out=product)
        np.subtract(1, T, out=T)
        dZ1 *= T
        if self._sparse:
            first[:-1] += X.T @ dZ1
            first[-1] += dZ1.sum(axis=0)
        else:
            first += self._transposed_product(X, dZ1, buffers)
        return cost

    def _finish(
        self, theta: Array, cost: float, sums: Array, total: float
    ) -> tuple[float, Array]:
        """Turn sums over samples into the mean cost with its penalty, and gradient."""
        first, second = self.split(sums)
        if self._sparse:
            first[:-1] -= self.center[:, None] * first[-1]
            first[:-1] *= self.scale[:, None]
        elif self.n_outputs == 1:
            rows, half, _ = self._halved
            np.copyto(rows, half.T)
            first *= rows
        if not self.centred:
            second[:-1] += second[-1]
        # What is left of the halves: b2 alone has none.
        second[-1] *= 2
        sums *= 0.5 / total
        slope = np.multiply(self._penalty, theta, out=self._slope)
        sums += slope
        return cost / total + 0.5 * float(theta @ slope), sums

    def _transposed_product(self, A: Array, B: Array, buffers: _Buffers) -> Array:
        """A' B."""
        A, B = chunks(A, self._n_products), chunks(B, self._n_products)
        if A.ndim == 2:
            return np.dot(A.T, B, out=buffers.dW1_sum)
        parts = np.matmul(A.transpose(0, 2, 1), B, out=buffers.dW1[: len(A)])
        return np.sum(parts, axis=0, out=buffers.dW1_sum)
