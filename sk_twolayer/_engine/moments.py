"""Mean and deviation of each feature, merged for `partial_fit`, and the scale they set.

The standardisation follows from them and from the penalty. One pass over the samples,
by blocks and about a point inside the data; and the moments of two sets of samples join
to those of both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._typing import Array

MOMENT_ROWS = 4096
# Part of a feature's variance that is left by its farthest value, if that is alone.
LONE = 0.1
# 4^3: sigma' is at most 1/4 in each layer, and once more in the cost's curvature.
CURVATURE = 64.0


def _without_rounding(mean: Array, deviation: Array, dtype: Any) -> Array:
    """The deviations, 0 where rounding of the values could be all there is."""
    rounding = 10 * np.finfo(dtype).eps * np.abs(mean)
    return np.where(deviation > rounding, deviation, 0)


def extremes(X: Any) -> Array:
    """Highest and lowest value of each feature, (2, m)."""
    ends = []
    for start in range(0, X.shape[0], MOMENT_ROWS):
        block = X[start : start + MOMENT_ROWS]
        both = block.max(axis=0), block.min(axis=0)
        ends += [e.toarray().ravel() if sparse.issparse(e) else e for e in both]
    return np.array([np.max(ends, axis=0), np.min(ends, axis=0)])


class Moments(NamedTuple):
    """What is known of the features of all samples seen.

    Attributes
    ----------
    total : float
        Sum of the samples' weights.
    mean, deviation : ndarray of shape (m,), float64
        Weighted mean and standard deviation of each feature, in its units; a deviation
        is 0 where only rounding varies.
    """

    total: float
    mean: Array
    deviation: Array

    @classmethod
    def of(cls, X: Any, sample_weight: Array | None = None) -> Moments:
        """Those of some samples, (n, m) or a CSR matrix, in one pass by blocks."""
        n, m = X.shape
        total = float(n if sample_weight is None else np.sum(sample_weight))
        if sparse.issparse(X):
            weight = None if sample_weight is None else sample_weight.astype(X.dtype)
            mean, variance = mean_variance_axis(X, axis=0, weights=weight)
            return cls(total, mean.astype(float), np.sqrt(variance.astype(float)))
        # Sums about a point inside the data: no cancellation when the mean is far from
        # 0.
        origin = X[: min(n, MOMENT_ROWS)].mean(axis=0, dtype=float)
        first, second, largest = np.zeros((3, m))
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, n, MOMENT_ROWS):
                rows = slice(start, start + MOMENT_ROWS)
                shifted = X[rows] - origin
                np.maximum(largest, np.abs(shifted).max(axis=0), out=largest)
                weight = np.ones(len(shifted))
                if sample_weight is not None:
                    weight = sample_weight[rows]
                first += weight @ shifted
                np.multiply(shifted, shifted, out=shifted)
                second += weight @ shifted
        return cls.of_sums(origin, first, second, largest, total, X.dtype)

    @classmethod
    def of_sums(
        cls,
        origin: Array,
        first: Array,
        second: Array,
        largest: Array,
        total: float,
        dtype: Any,
    ) -> Moments:
        """Of sums of x - origin and of its squares, and its largest size."""
        with np.errstate(over="ignore", invalid="ignore"):
            # Mean and variance about the origin: E x, and E x^2 - (E x)^2.
            drift = first / total
            deviation = np.sqrt(np.maximum(second / total - drift**2, 0))
        # Squares of values above 1e154 overflow; their range still tells the scale.
        deviation = np.where(np.isfinite(deviation), deviation, largest)
        mean = origin + np.where(np.isfinite(drift), drift, 0)
        return cls(total, mean, _without_rounding(mean, deviation, dtype))

    def without_lone_values(self, n: int, ends: Array) -> Moments:
        """Of a feature whose farthest value alone sets the scale, those of the others.

        Where without one sample the deviation would be less than a third, one miscoded
        value would make the feature useless to all the others. The moments are those of
        n rows, and `ends` their `extremes`.
        """
        apart = ends - self.mean
        farthest = np.where(apart[0] > -apart[1], *apart)
        one = min(1.0, self.total / n)
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
