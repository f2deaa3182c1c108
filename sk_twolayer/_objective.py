"""The cost and its gradient as a sum over blocks of samples: the only hot code.

Samples are rows here, as scikit-learn stores them. With T = tanh(Z1 / 2) the
sigmoid is A1 = (1 + T) / 2 and its derivative (1 - T^2) / 4; the halves are
folded into the small weight matrices, so that the (block, k) array costs one
matrix product, one tanh and one square.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from sk_twolayer.network import Parameters

Array = NDArray[Any]

BLOCK_ROWS = 2048


def pack(parameters: Parameters) -> Array:
    """Flatten W1, b1, W2, b2, in this order.

    Parameters
    ----------
    parameters : Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1).

    Returns
    -------
    ndarray of shape (k m + k + K k + K,), float64
        The flat vector that solvers work on.
    """
    return np.concatenate([np.ravel(p) for p in parameters]).astype(float)


def unpack(theta: Array, m: int, k: int, n_outputs: int) -> Parameters:
    """View a flat vector as W1, b1, W2, b2; the inverse of `pack`.

    Parameters
    ----------
    theta : ndarray of shape (k m + k + K k + K,), float64
        Flat parameters.
    m, k, n_outputs : int
        Features, hidden neurons, output neurons (K).

    Returns
    -------
    Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1), views of `theta`.
    """
    ends = np.cumsum([k * m, k, n_outputs * k])
    W1, b1, W2, b2 = np.split(theta, ends)
    return Parameters(
        W1.reshape(k, m),
        b1.reshape(k, 1),
        W2.reshape(n_outputs, k),
        b2.reshape(n_outputs, 1),
    )


def _hidden(X: Array, parameters: Parameters, out: Array) -> Array:
    """T = tanh(Z1 / 2) of shape (block, k), written to `out`."""
    half_W1 = (0.5 * parameters.W1).astype(out.dtype)
    half_b1 = (0.5 * parameters.b1[:, 0]).astype(out.dtype)
    np.matmul(X, half_W1.T, out=out)
    out += half_b1
    return np.tanh(out, out=out)


def _output(T: Array, parameters: Parameters) -> Array:
    """Z2 of shape (block, K), from T."""
    half_W2 = 0.5 * parameters.W2
    offset = parameters.b2[:, 0] + half_W2.sum(axis=1)
    return np.asarray(T @ half_W2.T.astype(T.dtype) + offset.astype(T.dtype))


def decision(X: Array, parameters: Parameters, block_rows: int = BLOCK_ROWS) -> Array:
    """Z2 of each sample, block by block.

    Parameters
    ----------
    X : ndarray of shape (n, m), float64 or float32
        Samples in rows.
    parameters : Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1).
    block_rows : int, default=2048
        Samples in a block; the extra memory is block_rows x k.

    Returns
    -------
    ndarray of shape (n, K), dtype of X
        Output pre-activation.
    """
    n, k = X.shape[0], parameters.W1.shape[0]
    Z2 = np.empty((n, parameters.W2.shape[0]), dtype=X.dtype)
    buffer = np.empty((min(n, block_rows), k), dtype=X.dtype)
    for start in range(0, n, block_rows):
        block = X[start : start + block_rows]
        T = _hidden(block, parameters, buffer[: len(block)])
        Z2[start : start + block_rows] = _output(T, parameters)
    return Z2


class CrossEntropyObjective:
    """Weighted mean cross-entropy with an L2 penalty on W1 and W2.

    cost = (1/s) sum_i w_i l_i + alpha / (2 s) (|W1|^2 + |W2|^2), with s the sum
    of the weights (n without weights), so that a weight counts as repeated rows.

    Parameters
    ----------
    X : ndarray of shape (n, m), float64 or float32
        Samples in rows; its dtype is that of the arithmetic inside a block.
    Y : ndarray of shape (n, K), float
        Targets, 0 or 1.
    n_hidden : int
        Hidden neurons, k.
    alpha : float, default=0
        Strength of the penalty.
    sample_weight : ndarray of shape (n,), float, or None, default=None
        Weights of the samples, not all 0.
    block_rows : int, default=2048
        Samples in a block.

    Attributes
    ----------
    size : int
        Number of parameters, k m + k + K k + K.
    """

    def __init__(
        self,
        X: Array,
        Y: Array,
        n_hidden: int,
        alpha: float = 0.0,
        sample_weight: Array | None = None,
        block_rows: int = BLOCK_ROWS,
    ) -> None:
        self.X, self.Y, self.alpha = X, Y, alpha
        self.n_hidden, self.sample_weight = n_hidden, sample_weight
        self.block_rows = block_rows
        self.total = float(len(X) if sample_weight is None else np.sum(sample_weight))
        m, k, n_outputs = X.shape[1], n_hidden, Y.shape[1]
        self.shape = (m, k, n_outputs)
        self.size = k * m + k + n_outputs * k + n_outputs
        buffer_shape = (min(len(X), block_rows), k)
        self._T = np.empty(buffer_shape, dtype=X.dtype)
        self._scratch = np.empty(buffer_shape, dtype=X.dtype)

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Cost and gradient at `theta`.

        Parameters
        ----------
        theta : ndarray of shape (size,), float64
            Flat parameters, as `pack` gives them.

        Returns
        -------
        cost : float
            The cost, in nats.
        gradient : ndarray of shape (size,), float64
            Its gradient.
        """
        parameters = unpack(theta, *self.shape)
        gradient = np.zeros(self.size)
        sums = unpack(gradient, *self.shape)
        cost = 0.0
        for start in range(0, len(self.X), self.block_rows):
            rows = slice(start, start + self.block_rows)
            cost += self._add_block(rows, parameters, sums)
        for weights, derivative in ((parameters.W1, sums.W1), (parameters.W2, sums.W2)):
            cost += 0.5 * self.alpha * float(np.vdot(weights, weights))
            derivative += self.alpha * weights
        gradient /= self.total
        return cost / self.total, gradient

    def _add_block(
        self, rows: slice, parameters: Parameters, sums: Parameters
    ) -> float:
        """Add the block's gradient to `sums`; return the sum of its costs."""
        X, Y = self.X[rows], self.Y[rows]
        T = _hidden(X, parameters, self._T[: len(X)])
        Z2 = _output(T, parameters)
        losses = np.logaddexp(0, Z2, dtype=float) - Y * Z2
        dZ2 = expit(Z2) - Y
        if self.sample_weight is not None:
            weight = self.sample_weight[rows, None]
            losses *= weight
            dZ2 = dZ2 * weight
        dZ2 = dZ2.astype(T.dtype, copy=False)
        dZ2_sum = dZ2.sum(axis=0, dtype=float)[:, None]
        sums.W2[...] += 0.5 * (dZ2.T @ T + dZ2_sum)
        sums.b2[...] += dZ2_sum
        T *= T
        if dZ2.shape[1] == 1:
            # One output: X' diag(dZ2)(1 - T^2) needs no (n, k) dZ1, and the
            # factor W2 / 4 scales the result's rows.
            scale = 0.25 * parameters.W2.T
            weighted_X = X * dZ2
            sums.W1[...] += scale * (weighted_X.sum(axis=0) - T.T @ weighted_X)
            sums.b1[...] += scale * (dZ2_sum - T.T @ dZ2)
        else:
            dZ1 = self._scratch[: len(X)]
            np.matmul(dZ2, (0.25 * parameters.W2).astype(T.dtype), out=dZ1)
            np.subtract(1, T, out=T)
            dZ1 *= T
            sums.W1[...] += dZ1.T @ X
            sums.b1[...] += dZ1.sum(axis=0, dtype=float)[:, None]
        return float(losses.sum())
