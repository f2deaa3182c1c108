"""One worker's sums over blocks, of the cost and of its gradient: the hot code.

The forward pass is that of `layers`, with T = tanh(Z1 / 2). The sigmoid's derivative is
(1 - T^2) / 4, so the backward pass needs one square of the (b, k) array and no other
function. Everything else is matrix products, or of the size of the samples or of the
weights; rows of the table in docs/inside.rst are named beside each.

Threads hand Python's lock over between array operations, and the hand-over of one
that waits takes longer than a short operation: their number counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from sk_twolayer._engine.blocks import Block, Group, Rows, aligned, chunks
from sk_twolayer._engine.layers import Folding, ForwardPass, Layers
from sk_twolayer._engine.outputs import BinarySigmoid, Output
from sk_twolayer._typing import Array

Products = tuple[tuple[Array, Array, Array], ...]


class _Views(NamedTuple):
    """Parts of a worker's arrays for blocks of one length, made once.

    Attributes
    ----------
    dZ2 : ndarray of shape (b, 1), float
        The output's slopes.
    scaled : ndarray of shape (b, m + 1), float
        For diag(dZ2) X.
    products : tuple of tuple of ndarray
        Its chunks' transposes, T's chunks, and where their products go.
    parts : ndarray of shape (number of chunks, m + 1, k), float
        Those products.
    """

    dZ2: Array
    scaled: Array
    products: Products
    parts: Array


class BlockSums(ForwardPass):
    """Sums for any output layer, in arrays that are reused from block to block.

    They are complete after `begin`, for each group its blocks' `add` and `end_group`,
    and `end`.

    Parameters
    ----------
    folding : Folding
        Tells sizes and dtype, and how samples are loaded.
    output : Output
        The output layer.
    rows, group_rows : int
        Most samples of a block and of a group.

    Attributes
    ----------
    cost : float
        Sum of the weighted costs, in nats.
    sums : ndarray of shape ((m + 1) k + (k + 1) K,), float64
        Its gradient by `Layers`, in theta's layout: `by_W1` (m + 1, k) by half_W1, and
        `by_W2` (k + 1, K) by half_W2 over c2.
    """

    def __init__(
        self, folding: Folding, output: Output, rows: int, group_rows: int
    ) -> None:
        super().__init__(folding, rows)
        layout, dtype = folding.layout, folding.dtype
        self.output, self._n_products = output, layout.first_size
        self.Z2 = aligned((rows, layout.K), dtype)
        height = 0 if self.is_sparse else layout.m + 1
        # Each chunk's product goes to a place of its own, and one sum adds them up; one
        # more place is for what is left of fewer rows.
        n_parts = 1 + sum(len(chunk) for chunk in self._T.first(rows)[1])
        parts = aligned((n_parts * height, layout.k), dtype)
        self._parts = parts.reshape(n_parts, height, layout.k)
        self._parts_sum = aligned((height, layout.k), dtype)
        self._dW2 = aligned((layout.k, layout.K), dtype)
        self.sums = np.empty(layout.size)
        self.by_W1, self.by_W2 = layout.split(self.sums)
        self._by_weights = self.by_W2[:-1]
        self._allocate(rows, group_rows)

    def _allocate(self, rows: int, group_rows: int) -> None:
        """Arrays of this kind of sums."""
        (k, K), dtype = self._dW2.shape, self.Z2.dtype
        self._dZ1 = Rows(aligned((rows, k), dtype), self._n_products)
        self._work = np.empty((2, rows, K), dtype)

    def begin(self, layers: Layers) -> None:
        """Sums of nothing, at these weights."""
        self.layers, self.cost = layers, 0.0
        self.sums.fill(0)

    def activations(self, block: Block) -> tuple[Any, Array, Array]:
        """X as loaded, T (b, k) and Z2 (b, K) of a block, in this worker's arrays."""
        Z2 = self.Z2[: block.X.shape[0]]
        return *self.forward(block, self.layers, Z2), Z2

    def add_cost(self, block: Block) -> None:
        """Forward: add a block's cost."""
        self._cost_to_slopes(self.activations(block)[-1], block)

    def _cost_to_slopes(self, Z2: Array, block: Block) -> None:
        """Add the cost; Z2 (b, K) becomes dZ2 = A2 - Y, times the weights."""
        costs = self.output.costs(Z2, block.targets, self._work[:, : len(Z2)])
        self._add_costs(costs, block.weight)
        if block.weight is not None:
            Z2 *= block.weight[:, None]

    def _add_costs(self, costs: Array, weight: Array | None) -> None:
        if weight is not None:
            costs *= weight
        self.cost += float(np.add.reduce(costs, dtype=float))

    def add(self, block: Block) -> None:
        """Forward and backward: add a block's cost and gradient."""
        half_W2 = self.layers.half_W2
        X, X_chunks, T, _ = self.hidden(block, self.layers)
        dZ1, dZ1_chunks = self._dZ1.first(len(T))
        dZ2 = self.Z2[: len(T)]
        # The table's second row, and its third: Z2 becomes dZ2 where it lies.
        T.dot(half_W2, out=dZ2)
        dZ2 += self.layers.c2
        self._cost_to_slopes(dZ2, block)
        # The fourth row: T' dZ2, and the sum of dZ2, which is c2's.
        self._by_weights += T.T.dot(dZ2, out=self._dW2)
        self.by_W2[-1] += dZ2.sum(axis=0)
        # Below the table: dZ1 = (dZ2 W2) * (1 - T^2), here with half_W2. The article's
        # is half of that, sigma' = (1 - T^2) / 4 being a quarter; `Folding.gradient`
        # knows.
        dZ2.dot(half_W2.T, out=dZ1)
        np.multiply(T, T, out=T)
        np.subtract(1, T, out=T)
        dZ1 *= T
        # The fifth row: X' dZ1, of which the last row of a dense X' sums dZ1.
        if self.is_sparse:
            self.by_W1[:-1] += X.T @ dZ1
            self.by_W1[-1] += dZ1.sum(axis=0)
        else:
            products, parts = self._products(X_chunks, dZ1_chunks)
            self.by_W1 += self._sum(products, parts)

    def end_group(self, group: Group | Block) -> None:
        """After the last block of a group: add what is left of it."""

    def end(self) -> None:
        """After the last group: add what is left of all."""

    def _products(
        self, A: Iterable[Array], B: Iterable[Array]
    ) -> tuple[Products, Array]:
        """For A' B: factors of each chunk and where their product goes, and all those."""
        products, n = [], 0
        for rows, others in zip(A, B, strict=True):
            end = n + len(rows)
            products.append((rows.transpose(0, 2, 1), others, self._parts[n:end]))
            n = end
        return tuple(products), self._parts[:n]

    def _sum(self, products: Products, parts: Array) -> Array:
        """A' B, from `_products`."""
        # One call of matmul for a stack of chunks, BLAS being called for each of them.
        for transposed, others, part in products:
            np.matmul(transposed, others, out=part)
        if len(parts) == 1:
            return parts[0]
        return np.add.reduce(parts, axis=0, out=self._parts_sum)


class OneOutputSums(BlockSums):
    """Sums for dense samples and one output, without an (n, k) dZ1.

    With one output dZ1 = dZ2 W2 * (1 - T^2) has the factor dZ2 for each sample and W2
    for each neuron. So X' dZ1 is X' dZ2 - (diag(dZ2) X)' T^2, times W2: the (b, k)
    array needs its square alone, dZ2 multiplies the narrower X, and W2 scales the
    columns of the sum, once an evaluation in `end`. (The table's last row.)

    And dZ2 = A2 - Y is half of tanh(Z2 / 2) - (2 Y - 1), so blocks compute half of Z2,
    by halves of half_W2 and c2, and twice dZ2.
    """

    output: BinarySigmoid

    def _allocate(self, rows: int, group_rows: int) -> None:
        dtype, (height, k) = self.Z2.dtype, self.by_W1.shape
        self._quarter_W2, self._half_c2 = aligned((k, 1), dtype), aligned((1, 1), dtype)
        self._dZ2 = aligned((rows, 1), dtype)
        self._XdZ2, self._XdZ2_sum = aligned((height, 1), dtype), np.empty((height, 1))
        self._columns = np.empty(self.by_W1.shape)
        self._scaled = aligned((rows, height), dtype)
        self._views: dict[int, _Views] = {}
        self._half_Z2 = np.empty((group_rows, 1), dtype)
        self._work = np.empty((2, group_rows, 1), dtype)

    def begin(self, layers: Layers) -> None:
        """Sums of nothing, at these weights."""
        super().begin(layers)
        np.multiply(layers.half_W2, 0.5, out=self._quarter_W2)
        np.multiply(layers.c2, 0.5, out=self._half_c2)
        self._XdZ2_sum.fill(0)
        self._n_in_group = 0

    def _views_of(self, T_chunks: tuple[Array, ...], length: int) -> _Views:
        if length not in self._views:
            dZ2, scaled = self._dZ2[:length], self._scaled[:length]
            products, parts = self._products(chunks(scaled, self._n_products), T_chunks)
            self._views[length] = _Views(dZ2, scaled, products, parts)
        return self._views[length]

    def add(self, block: Block) -> None:
        """Forward and backward: add a block's gradient; its cost comes with its group's."""
        X, _, T, T_chunks = self.hidden(block, self.layers)
        dZ2, scaled, products, parts = self._views_of(T_chunks, len(X))
        start = self._n_in_group
        self._n_in_group = end = start + len(X)
        half_Z2 = self._half_Z2[start:end]
        # Half of the second row.
        T.dot(self._quarter_W2, out=half_Z2)
        half_Z2 += self._half_c2
        # Twice the third row, times the weights.
        self.output.slopes(half_Z2, block.targets, dZ2)
        if block.weight is not None:
            dZ2 *= block.weight[:, None]
        # The fourth row, T' dZ2; and the fifth's first term, X' dZ2, whose last entry
        # is the sum of dZ2.
        self._by_weights += T.T.dot(dZ2, out=self._dW2)
        self._XdZ2_sum += X.T.dot(dZ2, out=self._XdZ2)
        # The fifth row's second term, - (diag(dZ2) X)' T^2. The factor is copied first,
        # since NumPy would buffer a broadcast one.
        np.multiply(T, T, out=T)
        np.copyto(scaled, dZ2)
        scaled *= X
        self.by_W1 -= self._sum(products, parts)

    def end_group(self, group: Group | Block) -> None:
        """Add the group's cost: for many samples at a time, as its operations are short."""
        half_Z2, self._n_in_group = self._half_Z2[: self._n_in_group], 0
        work = self._work[:, : len(half_Z2)]
        costs = self.output.costs_of_halves(half_Z2, group.targets, work)
        self._add_costs(costs, group.weight)

    def end(self) -> None:
        """After the last group: add X' dZ2; then the factor W2, and half of twice dZ2."""
        # X' dZ2 is the same for each neuron, that is in each column.
        np.copyto(self._columns, self._XdZ2_sum)
        self.by_W1 += self._columns
        self.by_W2[-1] = self._XdZ2_sum[-1]
        # The blocks had twice dZ2 everywhere: here that is taken back, and in by_W1 by
        # a quarter of W2 where other sums have half_W2.
        self.by_W2 *= 0.5
        # Here too the factor is copied first, into each row.
        np.copyto(self._columns, self._quarter_W2.T)
        self.by_W1 *= self._columns


def make_sums(
    folding: Folding, output: Output, rows: int, group_rows: int
) -> BlockSums:
    """Of the kind that is fastest for this output and these samples."""
    # Softmax of one output, where y has one class, has no slopes.
    one_output = isinstance(output, BinarySigmoid) and not folding.is_sparse
    kind = OneOutputSums if one_output else BlockSums
    return kind(folding, output, rows, group_rows)
