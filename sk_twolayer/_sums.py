"""One worker's sums over blocks, of the cost and of its gradient: the hot code.

Samples are rows here, as scikit-learn stores them. With T = tanh(Z1 / 2) the
sigmoid is A1 = (1 + T) / 2 and its derivative (1 - T^2) / 4; the halves are
folded into the small weight matrices, so that the (block, k) array costs one
matrix product, one tanh and one square.

Threads hand Python's lock over between array operations, and the hand-over of one
that waits takes longer than a short operation: their number counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sk_twolayer._blocks import (
    Block,
    Group,
    Rows,
    aligned,
    chunks,
    with_ones,
)
from sk_twolayer._forward import activate
from sk_twolayer._outputs import BinarySigmoid, Output

Array = NDArray[Any]


class Layers(NamedTuple):
    """The weights as the blocks use them: halves folded in, in X's dtype.

    Attributes
    ----------
    into : ndarray of shape (m + 1, k), float
        Half of W1' over half of b1'.
    out : ndarray of shape (k, K), float
        Half of W2', divided by the sums' `multiple`.
    offset : ndarray of shape (1, K), float
        b2 and half of the sum of W2 over the neurons, divided by it likewise.
    """

    into: Array
    out: Array
    offset: Array


class _Views(NamedTuple):
    """Parts of a worker's arrays for blocks of one length, made once.

    Attributes
    ----------
    T : ndarray of shape (b, k), float
        Activations.
    T_chunks : tuple of ndarray
        Its chunks.
    dZ2 : ndarray of shape (b, 1), float
        The output's slopes.
    scaled : ndarray of shape (b, m + 1), float
        For diag(dZ2) X.
    products : tuple of tuple of ndarray
        Its chunks' transposes, T's chunks, and where their products go.
    parts : ndarray of shape (number of chunks, m + 1, k), float
        Those products.
    """

    T: Array
    T_chunks: tuple[Array, ...]
    dZ2: Array
    scaled: Array
    products: tuple[tuple[Array, Array, Array], ...]
    parts: Array


class BlockSums:
    """Sums for any output layer, in arrays that are reused from block to block.

    Parameters
    ----------
    rows, group_rows : int
        Most samples of a block and of a group.
    m, k, n_outputs : int
        Features, hidden neurons and output neurons (K).
    output : Output
        The output layer.
    dtype : dtype
        X's, float64 or float32.
    is_sparse : bool
        Whether X is sparse.

    Attributes
    ----------
    X : ndarray of shape (rows, m + 1), float
        For a block that is not kept; its last column is 1.
    cost : float
        Sum of the weighted costs, in nats.
    sums : ndarray of shape ((m + 1) k + (k + 1) K,), float64
        Those of the gradient: `first` (m + 1, k) is the sum of 2 dZ1 by the inputs,
        and `second` (k + 1, K) that of dZ2 by T and 1, both times `multiple`.
    multiple : int
        See `sums`.
    """

    multiple = 1

    def __init__(
        self,
        rows: int,
        group_rows: int,
        m: int,
        k: int,
        n_outputs: int,
        output: Output,
        dtype: Any,
        is_sparse: bool,
    ) -> None:
        self.output, self._n_products = output, (m + 1) * k
        self.X = with_ones(rows, 0 if is_sparse else m, dtype)
        self.T = Rows(aligned((rows, k), dtype), self._n_products)
        self.Z2 = aligned((rows, n_outputs), dtype)
        self.work = np.empty((2, rows, n_outputs), dtype)
        height = 0 if is_sparse else m + 1
        # One more chunk is for what is left of fewer rows.
        n_parts = 1 + sum(len(chunk) for chunk in self.T.first(rows)[1])
        parts = aligned((n_parts * height, k), dtype)
        self._parts = parts.reshape(n_parts, height, k)
        self._parts_sum = aligned((height, k), dtype)
        self._dW2 = aligned((k, n_outputs), dtype)
        self.sums = np.empty((m + 1) * k + (k + 1) * n_outputs)
        cut = (m + 1) * k
        self.first = self.sums[:cut].reshape(m + 1, k)
        self.second = self.sums[cut:].reshape(k + 1, n_outputs)
        self._second_T = self.second[:-1]
        self._allocate(rows, group_rows, dtype)

    def _allocate(self, rows: int, group_rows: int, dtype: Any) -> None:
        n_outputs, k = self._dW2.T.shape
        self._dZ1 = Rows(aligned((rows, k), dtype), self._n_products)
        self._back = np.empty((n_outputs, k), dtype)

    def begin(self, layers: Layers) -> None:
        """Sums of nothing, at these weights."""
        self.layers, self.cost = layers, 0.0
        self.sums.fill(0)
        self._back[...] = layers.out.T

    def forward(self, block: Block) -> tuple[Array, Array]:
        """T (b, k) and Z2 (b, K) of a block, in this worker's arrays."""
        length = block.X.shape[0]
        T, Z2 = self.T.first(length), self.Z2[:length]
        activate(block.X, block.chunks, *self.layers, *T, Z2)
        return T[0], Z2

    def add_cost(self, block: Block) -> tuple[Array, Array]:
        """Forward: add a block's cost; give T (b, k) and its weighted dZ2 (b, K)."""
        T, Z2 = self.forward(block)
        costs = self.output.costs(Z2, block.targets, self.work[:, : len(T)])
        self._add_costs(costs, block.weight)
        if block.weight is not None:
            Z2 *= block.weight[:, None]
        return T, Z2

    def _add_costs(self, costs: Array, weight: Array | None) -> None:
        if weight is not None:
            costs *= weight
        self.cost += float(np.add.reduce(costs, dtype=float))

    def add(self, block: Block) -> None:
        """Forward and backward: add a block's cost and gradient."""
        T, dZ2 = self.add_cost(block)
        X, (dZ1, dZ1_chunks) = block.X, self._dZ1.first(len(T))
        self._second_T += T.T.dot(dZ2, out=self._dW2)
        self.second[-1] += dZ2.sum(axis=0)
        dZ2.dot(self._back, out=dZ1)
        np.multiply(T, T, out=T)
        np.subtract(1, T, out=T)
        dZ1 *= T
        if sparse.issparse(X):
            self.first[:-1] += X.T @ dZ1
            self.first[-1] += dZ1.sum(axis=0)
        else:
            products, parts = self._products(block.chunks, dZ1_chunks)
            self.first += self._sum(products, parts)

    def end_group(self, group: Group | Block) -> None:
        """After the last block of a group: add what is left of it."""

    def end(self) -> None:
        """After the last group: add what is left of all."""

    def _products(
        self, A: Iterable[Array], B: Iterable[Array]
    ) -> tuple[list[tuple[Array, Array, Array]], Array]:
        """For A' B: factors of each chunk and where their product goes, and all those."""
        products, n = [], 0
        for rows, others in zip(A, B, strict=True):
            end = n + len(rows)
            products.append((rows.transpose(0, 2, 1), others, self._parts[n:end]))
            n = end
        return products, self._parts[:n]

    def _sum(
        self, products: Iterable[tuple[Array, Array, Array]], parts: Array
    ) -> Array:
        """A' B, from `_products`."""
        for transposed, others, part in products:
            np.matmul(transposed, others, out=part)
        if len(parts) == 1:
            return np.asarray(parts[0])
        return np.asarray(np.add.reduce(parts, axis=0, out=self._parts_sum))


class OneOutputSums(BlockSums):
    """Sums for dense samples and one output, without an (n, k) dZ1.

    X' diag(dZ2)(1 - T^2) is X' dZ2 less (diag(dZ2) X)' T^2, and the factor W2 scales
    the sum's columns at the end: `first` lacks it here.
    """

    # Of dZ2 = A2 - Y, which is half of tanh(Z2 / 2) - (2 Y - 1).
    multiple = 2
    output: BinarySigmoid

    def _allocate(self, rows: int, group_rows: int, dtype: Any) -> None:
        height = len(self.first)
        self._dZ2 = aligned((rows, 1), dtype)
        self._XdZ2, self._XdZ2_sum = aligned((height, 1), dtype), np.empty((height, 1))
        self._columns = np.empty(self.first.shape)
        self._scaled = aligned((rows, height), dtype)
        self._views: dict[int, _Views] = {}
        self._halves = np.empty((group_rows, 1), dtype)
        self.work = np.empty((2, group_rows, 1), dtype)

    def begin(self, layers: Layers) -> None:
        """Sums of nothing, at these weights."""
        self.layers, self.cost = layers, 0.0
        self.sums.fill(0)
        self._XdZ2_sum.fill(0)
        self._n_halves = 0

    def forward(self, block: Block) -> tuple[Array, Array]:
        """T (b, k) and Z2 (b, 1) of a block, in this worker's arrays."""
        T, Z2 = super().forward(block)
        Z2 *= self.multiple
        return T, Z2

    def _views_of(self, length: int) -> _Views:
        if length not in self._views:
            T, T_chunks = self.T.first(length)
            scaled = self._scaled[:length]
            products, parts = self._products(chunks(scaled, self._n_products), T_chunks)
            self._views[length] = _Views(
                T, T_chunks, self._dZ2[:length], scaled, tuple(products), parts
            )
        return self._views[length]

    def add(self, block: Block) -> None:
        """Forward and backward: add a block's gradient; its cost comes with its group's."""
        X, targets, weight, X_chunks = block
        start = self._n_halves
        self._n_halves = end = start + len(X)
        T, T_chunks, dZ2, scaled, products, parts = self._views_of(len(X))
        halves = self._halves[start:end]
        activate(X, X_chunks, *self.layers, T, T_chunks, halves)
        self.output.slopes(halves, targets, dZ2)
        if weight is not None:
            dZ2 *= weight[:, None]
        self._second_T += T.T.dot(dZ2, out=self._dW2)
        self._XdZ2_sum += X.T.dot(dZ2, out=self._XdZ2)
        np.multiply(T, T, out=T)
        # Copied first, since NumPy would buffer a broadcast factor.
        np.copyto(scaled, dZ2)
        scaled *= X
        self.first -= self._sum(products, parts)

    def end_group(self, group: Group | Block) -> None:
        """Add the group's cost."""
        halves, self._n_halves = self._halves[: self._n_halves], 0
        work = self.work[:, : len(halves)]
        costs = self.output.costs_of_halves(halves, group.targets, work)
        self._add_costs(costs, group.weight)

    def end(self) -> None:
        """After the last group: add X' dZ2."""
        np.copyto(self._columns, self._XdZ2_sum)
        self.first += self._columns
        self.second[-1] += self._XdZ2_sum[-1]
