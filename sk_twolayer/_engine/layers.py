"""The forward pass of a block of samples, in training and in prediction.

Samples are rows here, as scikit-learn stores them. Since sigma(z) = 1/2 + 1/2 tanh(z/2),
the sigmoid is A1 = (1 + T) / 2 with T = tanh(Z1 / 2), and the halves belong into the
small weight matrices: then the (b, k) array of a block sees one matrix product and one
tanh, in place of a dozen operations. The standardisation is folded into the same
matrices, so that the samples are used as they are. See docs/inside.rst, whose table
these formulas follow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sk_twolayer._engine.blocks import Block, Rows, aligned, with_ones
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.standardisation import Loading, Standardisation
from sk_twolayer._typing import Array


class Layers(NamedTuple):
    """The weights as the blocks use them, in X's dtype.

    Attributes
    ----------
    half_W1 : ndarray of shape (m + 1, k), float
        Half of W1' over half of b1', of the features as they are loaded.
    half_W2 : ndarray of shape (k, K), float
        Half of W2'.
    c2 : ndarray of shape (1, K), float
        b2 and half of the sum of W2 over the neurons: Z2 is T half_W2 + c2.
    """

    half_W1: Array
    half_W2: Array
    c2: Array


class Folding:
    """Takes theta to `Layers`, and the gradient by those back to the one by theta.

    Parameters
    ----------
    layout : Layout
        Theta's.
    standardisation : Standardisation or None
        The change of variables; None is for theta of the article's own parameters.
    dtype : dtype
        X's, float64 or float32.
    is_sparse : bool
        Whether X is sparse.
    is_kept : bool, default=False
        Whether samples are loaded once, and not in each evaluation.

    Attributes
    ----------
    layout, standardisation, dtype, is_sparse, is_kept
        As given.
    loading : Loading
        What is done to samples as they are loaded.
    """

    def __init__(
        self,
        layout: Layout,
        standardisation: Standardisation | None,
        dtype: Any,
        is_sparse: bool,
        is_kept: bool = False,
    ) -> None:
        self.layout, self.dtype, self.is_sparse = layout, np.dtype(dtype), is_sparse
        self.standardisation, self.is_kept = standardisation, is_kept
        self.loading, self._folded = Loading(), standardisation
        # With a standardisation the hidden activations are centred, too, at 1/2.
        self._is_centred = standardisation is not None
        if standardisation is not None:
            divided = standardisation.divide(dtype, is_sparse, is_kept)
            self.loading, self._folded = divided
        m, k, K = layout
        shapes = [(m + 1, k), (k, K), (1, K)]
        self._exact = Layers(*(aligned(shape, np.float64) for shape in shapes))
        # float32 rounds what is folded, not each step of the folding.
        self._rounded = self._exact
        if self.dtype != np.float64:
            self._rounded = Layers(*(aligned(shape, dtype) for shape in shapes))

    def __reduce__(self) -> tuple[Any, ...]:
        """As a recipe, like all that has buffers."""
        given = self.layout, self.standardisation, self.dtype
        return Folding, (*given, self.is_sparse, self.is_kept)

    def layers(self, theta: Array) -> Layers:
        """The weights of theta, in arrays that the next call writes to."""
        first, second = self.layout.split(theta)
        half_W1, half_W2, c2 = self._exact
        # The table's first row: Z1 / 2 is X times half of W1' over b1'.
        np.multiply(first, 0.5, out=half_W1)
        # And its second: Z2 is T times half of W2', and c2 = b2 + 1/2 sum of W2.
        np.multiply(second[:-1], 0.5, out=half_W2)
        c2[0] = second[-1]
        if not self._is_centred:
            # Else theta's second layer is for A1 - 1/2 = T / 2, and its bias c2
            # already.
            c2 += half_W2.sum(axis=0)
        if self._folded is not None:
            self._folded.fold(half_W1)
        if self._rounded is not self._exact:
            for rounded, exact in zip(self._rounded, self._exact, strict=True):
                rounded[...] = exact
        return self._rounded

    def gradient(self, sums: Array, factor: float, work: Array | None = None) -> None:
        """The gradient by `Layers`, in theta's layout, becomes factor times theta's.

        `work` (m + 1, k) is used; None uses the layers, which are then no more.
        """
        first, second = self.layout.split(sums)
        # half_W1 and half_W2 change half as much as W1 and W2 do, and c2 as b2 does.
        sums *= 0.5 * factor
        second[-1] *= 2
        if not self._is_centred:
            # c2 is b2 and half the sum of W2.
            second[:-1] += 0.5 * second[-1]
        if self._folded is not None:
            work = self._exact.half_W1 if work is None else work
            self._folded.fold_gradient(first, work)

    def standardised(self, X: Any) -> Array:
        """Samples as the derivatives by theta take them, dense and in float64.

        From loaded ones (b, m + 1), or sparse ones (b, m): (b, m + 1), beside a 1.
        """
        # Raw samples are changed; those that were standardised as they were loaded have
        # nothing left in `_folded`.
        if self.is_sparse:
            rows = with_ones(X.shape[0], X.shape[1], float)
            rows[:, :-1] = X.toarray()
        else:
            rows = X.astype(float)
        if self._folded is not None:
            rows[:, :-1] -= self._folded.center
            rows[:, :-1] *= self._folded.scale
        return rows


class ForwardPass:
    """The forward pass of blocks of up to so many samples, in arrays that are reused.

    Parameters
    ----------
    folding : Folding
        Tells sizes and dtype, and how samples are loaded.
    rows : int
        Most samples of a block.
    """

    def __init__(self, folding: Folding, rows: int) -> None:
        layout, dtype = folding.layout, folding.dtype
        self.is_sparse = folding.is_sparse
        n_products, columns = layout.first_size, 0 if self.is_sparse else layout.m
        self._inputs = Rows(with_ones(rows, columns, dtype), n_products)
        self._T = Rows(aligned((rows, layout.k), dtype), n_products)
        self._loading = folding.loading

    def hidden(
        self, block: Block, layers: Layers
    ) -> tuple[Any, tuple[Array, ...], Array, tuple[Array, ...]]:
        """X as loaded, and T = tanh(X half_W1) (b, k), each with its chunks.

        Sparse samples have none. Dense ones are copied beside a column of ones, which
        carries b1 through the same matrix products. Multiplied where they lie they
        would need b1 added, and its gradient summed, in two passes over (b, k) of their
        own, and that costs more than the copy, which brings them into the cache
        besides: docs/benchmarks/tried.py.
        """
        X, X_chunks = block.X, block.chunks
        if not (self.is_sparse or X_chunks):
            X, X_chunks = self._inputs.first(len(block.X))
            self._loading.load(block.X, X[:, :-1])
        T, T_chunks = self._T.first(X.shape[0])
        half_W1 = layers.half_W1
        # The table's first row. The last row of half_W1 is b1's: dense samples end with
        # a 1 for it, and sparse ones, of which a column of ones would be most, have it
        # added.
        if self.is_sparse:
            np.add(X @ half_W1[:-1], half_W1[-1], out=T)
        for samples, rows in zip(X_chunks, T_chunks, strict=False):
            np.matmul(samples, half_W1, out=rows)
        np.tanh(T, out=T)
        return X, X_chunks, T, T_chunks

    def forward(self, block: Block, layers: Layers, Z2: Array) -> tuple[Any, Array]:
        """X as loaded and T (b, k), in arrays that are reused; fills Z2 (b, K)."""
        X, _, T, _ = self.hidden(block, layers)
        # The table's second row.
        T.dot(layers.half_W2, out=Z2)
        Z2 += layers.c2
        return X, T
