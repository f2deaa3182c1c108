"""The derivative J of Z2 by theta: K rows a sample, in theta's layout.

From the article's equations, dZ2/dW2 = A1', dZ2/db2 = 1 and dZ2/dW1 = W2' * sigma'(Z1)
X'. Each row is an outer product of a layer's input and a slope, so that products of J's
columns are products of those: of two features times those of two neurons. `Pairs` has
each once, which is what the Gauss-Newton matrix and the covariance of many outputs are
summed from.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from sk_twolayer._engine.blocks import with_ones
from sk_twolayer._typing import Array


def standardised(X: Any, center: Array, scale: Array) -> Array:
    """Samples as training saw them, dense and in float64, beside a 1: (b, m + 1)."""
    result = with_ones(X.shape[0], X.shape[1], float)
    features = result[:, :-1]
    features[...] = X.toarray() if sparse.issparse(X) else X
    features -= center
    features *= scale
    return result


def jacobian_rows(X: Array, T: Array, W2: Array, roots: Array) -> Array:
    """Rows C J (b K, p) of some samples X (b, m + 1), T (b, k), with their `roots` C.

    In theta's layout. Source: dZ2/dW2 = A1 (here less 1/2), dZ2/db2 = 1,
    dZ2/dW1 = W2' * sigma'(Z1) X'.
    """
    (b, m1), (K, k) = X.shape, W2.shape
    hidden, slopes = hidden_layer(T)
    rows = np.empty((b, K, m1 * k + (k + 1) * K))
    # C dZ2/dZ1, then the outer products with X, over W1' and b1' (m + 1, k).
    by_Z1 = roots @ (W2 * slopes[:, None, :])
    first = rows[:, :, : m1 * k].reshape(b, K, m1, k)
    np.multiply(X[:, None, :, None], by_Z1[:, :, None, :], out=first)
    # C dZ2/dW2 and C dZ2/db2, over W2' and b2' (k + 1, K).
    second = rows[:, :, m1 * k :].reshape(b, K, k + 1, K)
    np.multiply(hidden[:, None, :, None], roots[:, :, None, :], out=second)
    return rows.reshape(b * K, -1)


def hidden_layer(T: Array) -> tuple[Array, Array]:
    """A1 - 1/2 beside a 1 (b, k + 1), and sigma'(Z1) (b, k)."""
    T = T.astype(float)
    hidden = np.ones((len(T), T.shape[1] + 1))
    # A1 - 1/2 = T / 2, and sigma' = A1 (1 - A1) = (1 - T^2) / 4.
    np.multiply(T, 0.5, out=hidden[:, :-1])
    return hidden, (1 - T * T) / 4


class Pairs:
    """Products of two columns, each pair once."""

    def __init__(self, n_columns: int) -> None:
        # Row by row of the upper triangle: pair (i, j) with i <= j comes after all
        # pairs of columns before i. `index` says where (i, j) is, in either order.
        self.size = n_columns * (n_columns + 1) // 2
        self._starts = [i * n_columns - i * (i - 1) // 2 for i in range(n_columns + 1)]
        i, j = np.triu_indices(n_columns)
        self._flat = i * n_columns + j
        self.index = np.empty((n_columns, n_columns), np.intp)
        self.index[i, j] = self.index[j, i] = np.arange(self.size)

    def products(self, A: Array) -> Array:
        """(b, size) from (b, columns), or the sum over c from (b, c, columns)."""
        if A.ndim == 3 and A.shape[1] > 1:
            # A sum over c is a product of matrices, of which half is used.
            squares = A.transpose(0, 2, 1) @ A
            return np.take(squares.reshape(len(A), -1), self._flat, axis=1)
        A = A.reshape(len(A), -1)
        result = np.empty((len(A), self.size))
        for i, (start, end) in enumerate(pairwise(self._starts)):
            np.multiply(A[:, i:], A[:, i : i + 1], out=result[:, start:end])
        return result
