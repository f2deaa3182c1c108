"""Prediction: the forward pass over blocks of samples, in rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, softmax

from sk_twolayer._blocks import (
    MOST_ROWS,
    Rows,
    Standardisation,
    aligned,
    choose_block_rows,
    with_ones,
)
from sk_twolayer._threads import Workers, share
from sk_twolayer.network import Parameters

Array = NDArray[Any]

# Standard deviations between a feature's mean and 0 from which float32 is centred.
FAR = 32
GRADIENT_ROWS = 1024


def activate(
    X: Any,
    X_chunks: tuple[Array, ...],
    into: Array,
    out: Array,
    offset: Array,
    T: Array,
    T_chunks: tuple[Array, ...],
    Z2: Array,
) -> None:
    """Forward pass of a block: T = tanh(X into), Z2 = T out + offset.

    Parameters
    ----------
    X : ndarray of shape (b, m + 1) or CSR matrix of shape (b, m), float
        Samples in rows, dense ones beside a 1.
    X_chunks : tuple of ndarray
        A dense X's `chunks`; empty for a sparse one.
    into : ndarray of shape (m + 1, k), float
        Half of W1' over half of b1'.
    out : ndarray of shape (k, K), float
        Half of W2', or a part of it.
    offset : ndarray of shape (K,) or (1, K), float
        b2 and half of the sum of W2 over the neurons, or the same part.
    T : ndarray of shape (b, k), float
        Is filled: A1' is (1 + T) / 2.
    T_chunks : tuple of ndarray
        Its `chunks`.
    Z2 : ndarray of shape (b, K), float
        Is filled, or with that part of it.
    """
    if X_chunks:
        for samples, rows in zip(X_chunks, T_chunks, strict=True):
            np.matmul(samples, into, out=rows)
    else:
        np.add(X @ into[:-1], into[-1], out=T)
    np.tanh(T, out=T)
    T.dot(out, out=Z2)
    Z2 += offset


def forward_blocks(
    X: Any,
    parameters: Parameters,
    standardisation: Standardisation,
    function: Callable[[Array, Array], None],
    n_columns: int,
    workers: Workers,
    check_finite: Callable[[Any], None],
    change: Callable[[Any, Array, Array], Array] | None = None,
) -> Array:
    """Apply a function to Z2, block by block.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, m), float64 or float32
        Samples in rows.
    parameters : Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1).
    standardisation : Standardisation
        That of training; features far from 0 are centred before float32 products.
    function : callable
        Takes Z2 of a block (b, K), which it may change, and fills (b, n_columns).
    n_columns : int
        Columns of the result.
    workers : Workers
        Threads.
    check_finite : callable
        Takes a block whose sum is not finite; raises where an entry is not. Checked
        here, in cache and in threads, since a pass of its own over X takes a tenth
        of the time.
    change : callable, default=None
        Takes a block's samples, T and Z2, and gives what `function` takes for Z2.

    Returns
    -------
    ndarray of shape (n, n_columns), dtype of X
        The function's values.
    """
    W1, b1, W2, b2 = parameters
    (n, m), k, dtype = X.shape, len(W1), X.dtype
    is_sparse = sparse.issparse(X)
    into = aligned((m + 1, k), dtype)
    into[:-1] = 0.5 * W1.T
    bias = 0.5 * b1[:, 0]
    center = None
    far = np.abs(standardisation.center * standardisation.scale).max() > FAR
    if far and dtype == np.float32 and not is_sparse:
        center = standardisation.center.astype(dtype)
        bias = bias + 0.5 * (W1 @ center.astype(float))
    into[-1] = bias
    half = (0.5 * W2.T).astype(dtype)
    offset = (b2[:, 0] + 0.5 * W2.sum(axis=1)).astype(dtype)
    result = np.empty((n, n_columns), dtype)
    rows = choose_block_rows(X, k, workers.n_threads)
    n_blocks = -(-n // rows)
    n_parts = min(workers.n_threads, n_blocks)
    together = max(1, MOST_ROWS // (rows * len(W2))) if change is None else 1

    def part(worker: int) -> None:
        buffer = Rows(with_ones(rows, 0 if is_sparse else m, dtype), into.size)
        hidden = Rows(aligned((rows, k), dtype), into.size)
        outputs = aligned((together * rows, len(W2)), dtype)
        blocks = share(n_blocks, worker, n_parts)
        for i in range(0, len(blocks), together):
            group = blocks[i : i + together]
            first, last = group.start * rows, min(group.stop * rows, n)
            Z2 = outputs[: last - first]
            for start in range(first, last, rows):
                block = X[start : min(start + rows, last)]
                if not np.isfinite(block.sum()):
                    check_finite(block)
                length = block.shape[0]
                inputs, X_chunks = buffer.first(length)
                if is_sparse:
                    inputs, X_chunks = block, ()
                elif center is None:
                    inputs[:, :-1] = block
                else:
                    np.subtract(block, center, out=inputs[:, :-1])
                T, T_chunks = hidden.first(length)
                of_block = Z2[start - first : start - first + length]
                weights = (into, half, offset)
                activate(inputs, X_chunks, *weights, T, T_chunks, of_block)
                if change is not None:
                    Z2 = change(block, T, of_block)
            function(Z2, result[first:last])

    # A sum or a Z1 beyond the largest number is infinite: the neuron is saturated.
    with np.errstate(over="ignore", invalid="ignore"):
        workers.run(part, n_parts)
    return result


def input_gradients(X: Any, parameters: Parameters, activation: str) -> Array:
    """Gradient of each output by each feature, in closed form.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, m), float64 or float32
        Samples in rows.
    parameters : Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1).
    activation : {"logistic", "softmax"}
        The output's activation.

    Returns
    -------
    ndarray of shape (n, K, m), float64
        dA2/dX. Source: the chain rule through A2, Z2, A1 and Z1.
    """
    W1, b1, W2, b2 = parameters
    n, m = X.shape
    result = np.empty((n, len(W2), m))
    for start in range(0, n, GRADIENT_ROWS):
        block = X[start : start + GRADIENT_ROWS]
        A1 = expit(np.asarray(block @ W1.T) + b1[:, 0])
        Z2 = A1 @ W2.T + b2[:, 0]
        # By Z2 and by A1: (b, K, k); W1 then leads on to the features.
        slopes = W2 * (A1 * (1 - A1))[:, None, :]
        if activation == "softmax":
            A2 = softmax(Z2, axis=1)
            mean = np.einsum("bo,bok->bk", A2, slopes)
            slopes = A2[:, :, None] * (slopes - mean[:, None, :])
        else:
            slopes *= (expit(Z2) * expit(-Z2))[:, :, None]
        np.matmul(slopes, W1, out=result[start : start + GRADIENT_ROWS])
    return result
