"""The covariance of Z2 under the weights' posterior: what predictions keep of it.

To first order in the weights Z2 is Gaussian, with covariance S = J A^-1 J' (Bishop,
2006, equation 5.188). A model keeps of A^-1 what makes S fast: a triangular root, the
rows of Woodbury's identity, or its entries by pairs of neurons. Each takes samples in
the terms of `jacobian`, X (b, m + 1) beside a 1, T (b, k) and W2 (K, k), and gives
(b, K, K).
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from sk_twolayer._evidence.jacobian import Pairs, hidden_layer, jacobian_rows
from sk_twolayer._typing import Array

# Entries of the derivatives that are held at a time, 2 MB.
ROWS_SIZE = 2**18


class RootCovariance:
    """From a root of A^-1, by the rows J of each sample.

    Parameters
    ----------
    root : ndarray of shape (p, p), float64
        Lower triangular S' with S S' = A^-1.
    """

    def __init__(self, root: Array) -> None:
        self.root = root

    def __call__(self, X: Array, T: Array, W2: Array) -> Array:
        """J A^-1 J' of each sample (b, K, K)."""
        # With A^-1 = S S', J A^-1 J' is the product of J S with itself; `root` is S'.
        rows = _plain_rows(X, T, W2)
        return _products(linalg.blas.dtrmm(1.0, self.root, rows.T, lower=1).T, len(W2))


class LowRankCovariance:
    """From A^-1 = scale (1 - known' known) scale, by the rows J of each sample.

    Parameters
    ----------
    scale : ndarray of shape (p,), float64
        Deviations of the prior.
    known : ndarray of shape (r, p), float64
        What the samples take from its unit matrix.
    """

    def __init__(self, scale: Array, known: Array) -> None:
        self.scale, self.known = scale, known

    def __call__(self, X: Array, T: Array, W2: Array) -> Array:
        """J A^-1 J' of each sample (b, K, K)."""
        K = len(W2)
        scaled = _plain_rows(X, T, W2) * self.scale
        # The prior's covariance less what the samples took from it; rounding may take a
        # little more than there was.
        S = _products(scaled, K) - _products(scaled @ self.known.T, K)
        variances = np.einsum("bkk->bk", S)
        np.maximum(variances, 0, out=variances)
        return S


class PairedCovariance:
    """From A^-1, by pairs of neurons: for many outputs a fraction of the products.

    J's rows for different outputs differ only in the factors W2; so A^-1 is multiplied
    with the features once, and not for each output.

    Parameters
    ----------
    inverse : ndarray of shape (p, p), float64
        A^-1.
    k, K : int
        Neurons and outputs.
    """

    def __init__(self, inverse: Array, k: int, K: int) -> None:
        cut = len(inverse) - (k + 1) * K
        m1 = cut // k
        # A^-1 in three blocks, W1 and b1 by each other, by W2 and b2, and these by each
        # other; of the first, symmetric in its neurons, each pair (m + 1, m + 1) once.
        i, j = np.triu_indices(k)
        self._pair = Pairs(k).index
        first = inverse[:cut, :cut].reshape(m1, k, m1, k)[:, i, :, j]
        self._first = first.transpose(1, 0, 2).reshape(m1, -1)
        self._mixed = inverse[:cut, cut:].reshape(m1, -1).copy()
        second = inverse[cut:, cut:].reshape(k + 1, K, k + 1, K)
        self._second = second.transpose(0, 2, 1, 3).reshape((k + 1) ** 2, -1)

    @property
    def root(self) -> Array:
        """Upper triangular S' (p, p) with S S' = A^-1."""
        # The constructor's steps backwards; ONNX has no other use for the blocks.
        m1, k = len(self._first), len(self._pair)
        i, j = np.triu_indices(k)
        cut, K = m1 * k, self._mixed.shape[1] // (k * (k + 1))
        inverse = np.empty((cut + (k + 1) * K,) * 2)
        by_neurons = np.empty((m1, k, m1, k))
        first = self._first.reshape(m1, -1, m1).transpose(1, 0, 2)
        by_neurons[:, i, :, j] = first
        by_neurons[:, j, :, i] = first.transpose(0, 2, 1)
        inverse[:cut, :cut] = by_neurons.reshape(cut, cut)
        inverse[:cut, cut:] = self._mixed.reshape(cut, -1)
        inverse[cut:, :cut] = inverse[:cut, cut:].T
        second = self._second.reshape(k + 1, k + 1, K, K).transpose(0, 2, 1, 3)
        inverse[cut:, cut:] = second.reshape((k + 1) * K, -1)
        return linalg.cholesky(inverse, lower=True).T

    def __call__(self, X: Array, T: Array, W2: Array) -> Array:
        """J A^-1 J' of each sample (b, K, K)."""
        (K, k), (b, m1) = W2.shape, X.shape
        hidden, slopes = hidden_layer(T)
        by_Z1 = W2 * slopes[:, None, :]
        # x' A^-1 x for each pair of neurons: K outputs then differ in the factors W2.
        of_pairs = (X @ self._first).reshape(b, -1, m1) @ X[:, :, None]
        within = np.take(of_pairs[:, :, 0], self._pair, axis=1)
        S = by_Z1 @ within @ by_Z1.transpose(0, 2, 1)
        # The block between the layers counts twice, once in either order.
        mixed = (X @ self._mixed).reshape(b, k, k + 1, K)
        across = by_Z1 @ (hidden[:, None, None, :] @ mixed)[:, :, 0]
        S += across
        S += across.transpose(0, 2, 1)
        # And h' A^-1 h of the second layer, whose rows differ in their output alone.
        squares = (hidden[:, :, None] * hidden[:, None, :]).reshape(b, -1)
        S += (squares @ self._second).reshape(b, K, K)
        return S


class SketchedCovariance:
    """From A^-1 = diag(variance) - less' less + more' more, where these have few rows.

    No row of J is made: K outputs cost hardly more than one, and wide samples no more
    than a forward pass for each row of `less`.

    Parameters
    ----------
    variance : ndarray of shape (p,), float32
        The diagonal.
    less, more : ndarray of shape (r, p), float32
        Rows of which products are taken from it, and added.
    """

    def __init__(self, variance: Array, less: Array, more: Array) -> None:
        self.variance, self.less, self.more = variance, less, more

    def __call__(self, X: Array, T: Array, W2: Array) -> Array:
        """J A^-1 J' of each sample (b, K, K)."""
        (K, k), (b, m1) = W2.shape, X.shape
        cut, r = m1 * k, len(self.less)
        hidden, slopes = hidden_layer(T)
        by_Z1 = W2 * slopes[:, None, :]
        # J diag(variance) J': squares of features, and of the second layer's inputs.
        first = np.square(X) @ self.variance[:cut].reshape(m1, k)
        S = (by_Z1 * first[:, None, :]) @ by_Z1.transpose(0, 2, 1)
        second = np.square(hidden) @ self.variance[cut:].reshape(k + 1, K)
        np.einsum("bkk->bk", S)[...] += second
        # J times each row, forward as in a product with H.
        rows = np.vstack([self.less, self.more]).T
        steps = by_Z1 @ (X @ rows[:cut].reshape(m1, -1)).reshape(b, k, -1)
        steps += (hidden @ rows[cut:].reshape(k + 1, -1)).reshape(b, K, -1)
        less, more = steps[:, :, :r], steps[:, :, r:]
        S -= less @ less.transpose(0, 2, 1)
        # Rounding may have taken a little more than there was.
        variances = np.einsum("bkk->bk", S)
        np.maximum(variances, 0, out=variances)
        return S + more @ more.transpose(0, 2, 1)


Covariance = RootCovariance | LowRankCovariance | PairedCovariance | SketchedCovariance


def samples_at_once(m: int, W2: Array) -> int:
    """Samples whose derivatives take 2 MB, at least 1."""
    K, k = (int(size) for size in W2.shape)
    return max(1, ROWS_SIZE // (((m + 1) * k + (k + 1) * K) * K))


def _plain_rows(X: Array, T: Array, W2: Array) -> Array:
    # J itself, that is C J with C the unit matrix.
    every = np.broadcast_to(np.eye(len(W2)), (len(X), len(W2), len(W2)))
    return jacobian_rows(X, T, W2, every)


def _products(rows: Array, K: int) -> Array:
    """Products of each K rows with each other, (b, K, K)."""
    if K == 1:
        return np.einsum("ij,ij->i", rows, rows)[:, None, None]
    groups = rows.reshape(-1, K, rows.shape[1])
    return groups @ groups.transpose(0, 2, 1)
