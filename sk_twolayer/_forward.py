"""Prediction: the forward pass over blocks of samples, in rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sk_twolayer._blocks import choose_block_rows
from sk_twolayer._threads import Workers
from sk_twolayer.network import Parameters

Array = NDArray[Any]


def forward_blocks(
    X: Any,
    parameters: Parameters,
    center: Array,
    function: Callable[[Array], Array],
    n_columns: int,
    workers: Workers,
) -> Array:
    """Apply a function to Z2, block by block.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, m), float64 or float32
        Samples in rows.
    parameters : Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1).
    center : ndarray of shape (m,), float64
        A point near the data: in float32, Z1 is exact about it.
    function : callable
        Takes Z2 of a block (b, K) and gives (b, n_columns).
    n_columns : int
        Columns of the result.
    workers : Workers
        Threads.

    Returns
    -------
    ndarray of shape (n, n_columns), dtype of X
        The function's values.
    """
    W1, b1, W2, b2 = parameters
    n, dtype, is_sparse = X.shape[0], X.dtype, sparse.issparse(X)
    center = center.astype(dtype)
    into = (0.5 * W1.T).astype(dtype)
    bias = 0.5 * b1[:, 0]
    if not is_sparse:
        bias = bias + 0.5 * (W1 @ center.astype(float))
    bias = bias.astype(dtype)
    half = (0.5 * W2.T).astype(dtype)
    offset = (b2[:, 0] + 0.5 * W2.sum(axis=1)).astype(dtype)
    result = np.empty((n, n_columns), dtype)
    rows = choose_block_rows(0 if is_sparse else X.shape[1], len(W1), dtype.itemsize)
    starts = range(0, n, rows)

    def part(worker: int) -> None:
        begin, end = (
            len(starts) * w // workers.n_threads for w in (worker, worker + 1)
        )
        for start in starts[begin:end]:
            block = X[start : start + rows]
            T = block @ into if is_sparse else (block - center) @ into
            T += bias
            np.tanh(T, out=T)
            Z2 = T @ half
            Z2 += offset
            result[start : start + rows] = function(Z2)

    workers.run(part)
    return result
