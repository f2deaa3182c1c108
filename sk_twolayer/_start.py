"""Before the first iteration: the scale of each feature, and weights drawn on it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from sk_twolayer._blocks import Standardisation
from sk_twolayer.network import Parameters

Array = NDArray[Any]

MOMENT_ROWS = 4096
# 4^3: sigma' is at most 1/4 in each layer, and once more in the cost's curvature.
CURVATURE = 64.0


def feature_moments(X: Any, sample_weight: Array | None = None) -> tuple[Array, Array]:
    """Weighted mean and standard deviation of each feature, in one pass by blocks.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, m), float64 or float32
        Samples in rows.
    sample_weight : ndarray of shape (n,), float64, default=None
        Weights.

    Returns
    -------
    mean : ndarray of shape (m,), float64
        Means, in the feature's units.
    deviation : ndarray of shape (m,), float64
        Standard deviations, in the feature's units; 0 where only rounding varies.
    """
    if sparse.issparse(X):
        weight = None if sample_weight is None else sample_weight.astype(X.dtype)
        mean, variance = mean_variance_axis(X, axis=0, weights=weight)
        return mean.astype(float), np.sqrt(variance.astype(float))
    n, m = X.shape
    # Sums about a point inside the data: no cancellation when the mean is far from 0.
    origin = X[: min(n, MOMENT_ROWS)].mean(axis=0, dtype=float)
    first, second, total, largest = np.zeros(m), np.zeros(m), 0.0, np.zeros(m)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n, MOMENT_ROWS):
            shifted = X[start : start + MOMENT_ROWS] - origin
            np.maximum(largest, np.abs(shifted).max(axis=0), out=largest)
            if sample_weight is None:
                weight = np.ones(len(shifted))
            else:
                weight = sample_weight[start : start + MOMENT_ROWS]
            total += weight.sum()
            first += weight @ shifted
            np.multiply(shifted, shifted, out=shifted)
            second += weight @ shifted
        drift = first / total
        deviation = np.sqrt(np.maximum(second / total - drift**2, 0))
    # Squares of values above 1e154 overflow; their range still tells the scale.
    deviation = np.where(np.isfinite(deviation), deviation, largest)
    mean = origin + np.where(np.isfinite(drift), drift, 0)
    rounding = 10 * np.finfo(X.dtype).eps * np.abs(mean)
    return mean, np.where(deviation > rounding, deviation, 0)


def standardise(
    X: Any, alpha: float, sample_weight: Array | None = None
) -> Standardisation:
    """The change of variables on which L-BFGS finds the cost about round.

    Along one first-layer weight the cost curves by about s^2 / 64 + alpha / n: the
    data's part and the penalty's, s being the feature's deviation.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, m), float64 or float32
        Samples in rows.
    alpha : float
        L2 penalty.
    sample_weight : ndarray of shape (n,), float64, default=None
        Weights.

    Returns
    -------
    Standardisation
        Means, and one over the square root of the curvature.
    """
    mean, deviation = feature_moments(X, sample_weight)
    total = X.shape[0] if sample_weight is None else np.sum(sample_weight)
    curvature = np.hypot(deviation, np.sqrt(CURVATURE * alpha / total))
    curvature[curvature == 0] = 1
    # Where even the range of a feature overflows, its scale must not become 0.
    curvature = np.minimum(curvature, np.finfo(X.dtype).max)
    # Rounded to X's dtype, since that is what the blocks compute with.
    scale = (1 / curvature).astype(X.dtype).astype(float)
    return Standardisation(mean.astype(X.dtype).astype(float), scale)


def initial_parameters(
    rng: np.random.RandomState,
    m: int,
    k: int,
    n_outputs: int,
    standardisation: Standardisation,
) -> Parameters:
    """Uniform in +-sqrt(2 / (fan in + fan out)), as MLPClassifier's "logistic".

    Parameters
    ----------
    rng : RandomState
        Where the numbers come from.
    m, k, n_outputs : int
        Features, hidden neurons, output neurons (K).
    standardisation : Standardisation
        The weights are drawn for features centred and scaled by it.

    Returns
    -------
    Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1), float64. Source: Glorot and
        Bengio, AISTATS 2010, equation 16, with 2 for 6 since a sigmoid's range is
        half that of tanh.
    """
    bound1, bound2 = np.sqrt(2 / (m + k)), np.sqrt(2 / (k + n_outputs))
    W1 = rng.uniform(-bound1, bound1, (k, m)) * standardisation.scale
    b1 = rng.uniform(-bound1, bound1, (k, 1)) - (W1 @ standardisation.center)[:, None]
    W2 = rng.uniform(-bound2, bound2, (n_outputs, k))
    b2 = rng.uniform(-bound2, bound2, (n_outputs, 1))
    return Parameters(W1, b1, W2, b2)
