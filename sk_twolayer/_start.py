"""Before the first iteration: the scale of each feature, and weights drawn on it.

Training finds the same minimum from any variables, but sooner where the cost is round
and from where neurons differ. So features are measured once (`Moments`, which join, for
`partial_fit`), the standardisation follows from their deviations and the penalty, and
W1 and b1 are drawn such that every neuron bends within the data. b2 begins at the
log-odds of the classes, which is the best that a network without features can do.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import entropy
from sklearn.utils.sparsefuncs import mean_variance_axis

from sk_twolayer._engine.layout import stacked
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._labels import Labels
from sk_twolayer.network import Parameters

Array = NDArray[Any]

MOMENT_ROWS = 4096
# Part of a feature's variance that is left by its farthest value, if that is alone.
LONE = 0.1
# Deviation of Z1 at the start, in W1 X and in b1. Where it is small every neuron is about
# linear, and training may end where all are alike: XOR is then never learned. But at a
# strong penalty that is fixed, L-BFGS ends a little lower from small weights
# (docs/benchmarks/quality.py).
SPREAD = 2.0
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
        # Mean and variance about the origin: E x, and E x^2 - (E x)^2.
        drift = first / total
        deviation = np.sqrt(np.maximum(second / total - drift**2, 0))
    # Squares of values above 1e154 overflow; their range still tells the scale.
    deviation = np.where(np.isfinite(deviation), deviation, largest)
    mean = origin + np.where(np.isfinite(drift), drift, 0)
    return mean, _without_rounding(mean, deviation, X.dtype)


def _without_rounding(mean: Array, deviation: Array, dtype: Any) -> Array:
    """The deviations, 0 where rounding of the values could be all there is."""
    rounding = 10 * np.finfo(dtype).eps * np.abs(mean)
    return np.where(deviation > rounding, deviation, 0)


class Moments(NamedTuple):
    """What is known of the features of all samples seen.

    Attributes
    ----------
    total : float
        Sum of the samples' weights.
    mean, deviation : ndarray of shape (m,), float64
        As `feature_moments` gives them.
    """

    total: float
    mean: Array
    deviation: Array

    @classmethod
    def of(cls, X: Any, sample_weight: Array | None = None) -> Moments:
        """Those of some samples."""
        total = X.shape[0] if sample_weight is None else np.sum(sample_weight)
        return cls(float(total), *feature_moments(X, sample_weight))

    def without_lone_values(self, X: Any) -> Moments:
        """Of a feature whose farthest value alone sets the scale, those of the others.

        Where without one sample the deviation would be less than a third, one miscoded
        value would make the feature useless to all the others.
        """
        ends = []
        for start in range(0, X.shape[0], MOMENT_ROWS):
            block = X[start : start + MOMENT_ROWS]
            both = block.max(axis=0), block.min(axis=0)
            ends += [e.toarray().ravel() if sparse.issparse(e) else e for e in both]
        apart = [np.max(ends, axis=0) - self.mean, np.min(ends, axis=0) - self.mean]
        farthest = np.where(apart[0] > -apart[1], *apart)
        one = min(1.0, self.total / X.shape[0])
        others = max(self.total - one, np.finfo(float).tiny)
        with np.errstate(over="ignore", invalid="ignore"):
            variance = self.deviation**2
            drift = -one * farthest / others
            rest = (self.total * variance - one * farthest**2) / others - drift**2
            # Rounding of the sums is no variance.
            alone = (rest < LONE * variance) & (rest > 1e-10 * variance)
        mean = np.where(alone, self.mean + drift, self.mean)
        rest = np.where(alone, rest, variance)
        deviation = np.where(alone, np.sqrt(rest), self.deviation)
        return self._replace(mean=mean, deviation=deviation)

    def joined(self, other: Moments, dtype: Any) -> Moments:
        """Those of both's samples together, whose type's rounding is no deviation.

        Source: Chan, Golub and LeVeque, The American Statistician 37, 1983, equation
        2.1, by roots, since squares may overflow.
        """
        total = self.total + other.total
        here, there = self.total / total, other.total / total
        apart = other.mean - self.mean
        mean = self.mean + there * apart
        inside = np.hypot(
            np.sqrt(here) * self.deviation, np.sqrt(there) * other.deviation
        )
        deviation = np.hypot(inside, np.sqrt(here * there) * apart)
        return Moments(total, mean, _without_rounding(mean, deviation, dtype))

    def standardisation(self, alpha: float, dtype: Any) -> Standardisation:
        """The change of variables on which L-BFGS finds the cost about round.

        Along one first-layer weight the cost curves by about s^2 / 64 + alpha / n: the
        data's part and the penalty's, s being the feature's deviation. So the center is
        the means, and the scale one over the root of that. (docs/inside.rst, "The
        change of variables".)
        """
        penalty = np.sqrt(CURVATURE * alpha / self.total)
        curvature = np.hypot(self.deviation, penalty)
        curvature[curvature == 0] = 1
        # Where even the range of a feature overflows, its scale must not become 0.
        curvature = np.minimum(curvature, np.finfo(dtype).max)
        # Rounded to X's dtype, since that is what the blocks compute with.
        scale = (1 / curvature).astype(dtype).astype(float)
        return Standardisation(self.mean.astype(dtype).astype(float), scale)


def standardise(
    X: Any, alpha: float, sample_weight: Array | None = None
) -> Standardisation:
    """`Moments.standardisation` of some samples."""
    return Moments.of(X, sample_weight).standardisation(alpha, X.dtype)


def class_counts(labels: Labels, sample_weight: Array | None = None) -> Array:
    """Weight of each value that y takes: (1, n_classes), or (L, 2) for L labels."""
    counts: Any = 0.0
    # Some at a time: NumPy converts integers, all of them at once.
    for start in range(0, len(labels.targets), MOMENT_ROWS):
        rows = slice(start, start + MOMENT_ROWS)
        targets = labels.targets[rows]
        weight = np.ones(len(targets)) if sample_weight is None else sample_weight[rows]
        if targets.ndim == 1:
            counts += np.bincount(targets, weight, len(labels.classes))[None]
        else:
            present = weight @ targets
            counts += np.column_stack([weight.sum() - present, present])
    return counts


def log_odds(counts: Array) -> Array:
    """Z2 (K, 1) that gives each class or label its share, half a sample added to each.

    For softmax log shares less their mean. Never infinite. Source of the half sample:
    Krichevsky and Trofimov, IEEE Transactions on Information Theory 27, 1981.
    """
    logs = np.log(counts + 0.5)
    if counts.shape[1] == 2:
        return logs[:, 1:] - logs[:, :1]
    return (logs - logs.mean()).T


def constant_cost(counts: Array) -> float:
    """Least cost of a network that gives all samples the same: the shares' entropy."""
    return float(entropy(counts, axis=1).sum())


def initial_parameters(
    rng: np.random.RandomState,
    m: int,
    k: int,
    n_outputs: int,
    standardisation: Standardisation,
    offset: Array | float = 0.0,
    is_wide: bool = True,
) -> Parameters:
    """Uniform in +-sqrt(2 / (fan in + fan out)), as MLPClassifier's "logistic".

    If wide, Z1's deviation is `SPREAD` by W1 X and by b1 instead. b2 is such that Z2 is `offset` where every neuron is at 1/2.

    Parameters
    ----------
    rng : RandomState
        Where the numbers come from.
    m, k, n_outputs : int
        Features, hidden neurons, output neurons (K).
    standardisation : Standardisation
        The weights are drawn for features centred and scaled by it.
    offset : ndarray of shape (K, 1), float64, default=0.0
        See `log_odds`.
    is_wide : bool, default=True
        Whether neurons begin as sigmoids, and not as nearly straight lines.

    Returns
    -------
    Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1), float64. Source: Glorot
        and Bengio, AISTATS 2010, equation 16, with 2 for 6 since a sigmoid's range is
        half that of tanh.
    """
    bound_W1 = bound_b1 = np.sqrt(2 / (m + k))
    if is_wide:
        bound_b1 = SPREAD * np.sqrt(3)
        bound_W1 = bound_b1 / np.sqrt(m)
    bound2 = np.sqrt(2 / (k + n_outputs))
    V1 = rng.uniform(-bound_W1, bound_W1, (k, m))
    first = stacked(V1, rng.uniform(-bound_b1, bound_b1, (k, 1)))
    standardisation.fold(first)
    W2 = rng.uniform(-bound2, bound2, (n_outputs, k))
    b2 = offset - 0.5 * W2.sum(axis=1, keepdims=True)
    return Parameters(first[:-1].T.copy(), first[-1][:, None].copy(), W2, b2)
