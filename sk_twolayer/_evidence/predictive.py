"""What the weights' uncertainty does to Z2; and the means over a committee.

A probability is the mean of sigma(Z2) over what the weights may be. With Z2 Gaussian of
variance s^2 that is nearly sigma(kappa Z2) with kappa = 1 / sqrt(1 + pi s^2 / 8): an
uncertain Z2 is shrunk towards 0, the probability towards 1/2, and no label changes.
(MacKay, 1992; Bishop, 2006, section 5.7.3.) For softmax the variance is that
of differences between outputs.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

from sk_twolayer._engine.outputs import Output, shrinkage
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._evidence.covariance import Covariance, samples_at_once
from sk_twolayer._evidence.jacobian import standardised
from sk_twolayer._typing import Array

# Log-odds to which a mixture's quantile is found, and part of them.
NARROW = 1e-9


class Moderation(NamedTuple):
    """How much of Z2's variance counts.

    Attributes
    ----------
    part : float
        The part that counts of variances up to the limit, in [0, 1].
    limit : float
        What a variance has above this counts whole: it is the largest that a left-out
        training sample had, and so they say nothing about it.
    """

    part: float = 1.0
    limit: float = 0.0

    def of(self, variances: Array) -> Array:
        """What counts of the variances, an array of the same shape."""
        return variances - (1 - self.part) * np.minimum(variances, self.limit)


class Predictive(NamedTuple):
    """The Gaussian of Z2 that follows from the weights' posterior.

    Attributes
    ----------
    covariance : Covariance
        That of Z2 under the posterior of theta.
    standardisation : Standardisation
        That of training.
    W2 : ndarray of shape (K, k), float64
        Second layer's weights.
    output : Output
        The output layer.
    moderation : Moderation
        How much of Z2's variance counts.
    """

    covariance: Covariance
    standardisation: Standardisation
    W2: Array
    output: Output
    moderation: Moderation

    def moderate(self, X: Any, T: Array, Z2: Array) -> Array:
        """Shrink Z2 (b, K), in place, as far as it is uncertain: sigma of it is a mean.

        Z2 / sqrt(1 + pi s^2 / 8), s^2 being what counts of the variance. Source:
        MacKay, Neural Computation 4, 1992, "The evidence framework applied to
        classification networks", equation 10, where all of it does.
        """
        # A few samples at a time: their derivatives are p numbers for each output.
        for few in self._parts(X):
            S = self._covariances(X[few], T[few])
            variances = self.output.variances(Z2[few].astype(float), S)
            Z2[few] *= shrinkage(self.moderation.of(variances))
        return Z2

    def with_deviations(self, X: Any, T: Array, Z2: Array) -> Array:
        """Z2 beside its standard deviations: (b, 2 K).

        For softmax those of Z2 less its mean over the outputs. Source: Bishop (2006),
        equation 5.188.
        """
        K = Z2.shape[1]
        result = np.concatenate([Z2, Z2], axis=1)
        # Softmax does not see what is added to all outputs, and neither should a
        # deviation.
        free = self.output.determined(K)
        for few in self._parts(X):
            S = free @ self._covariances(X[few], T[few]) @ free
            result[few, K:] = _deviations(np.einsum("bkk->bk", S))
        return result

    def odds_with_deviations(self, X: Any, T: Array, Z2: Array) -> Array:
        """Log-odds of each output against the rest, beside their deviations: (b, 2 K).

        To first order in Z2, as Z2's own are in the weights.
        """
        K = Z2.shape[1]
        result = np.empty((len(Z2), 2 * K))
        for few in self._parts(X):
            S = self._covariances(X[few], T[few])
            result[few, :K], slopes = self.output.odds(Z2[few].astype(float))
            variances = np.einsum("bij,bij->bi", slopes @ S, slopes)
            result[few, K:] = _deviations(variances)
        return result

    def _parts(self, X: Any) -> list[slice]:
        step = samples_at_once(X.shape[1], self.W2)
        return [slice(i, i + step) for i in range(0, X.shape[0], step)]

    def _covariances(self, X: Any, T: Array) -> Array:
        return self.covariance(standardised(X, *self.standardisation), T, self.W2)


def _deviations(variances: Array) -> Array:
    """Their roots; rounding may leave one below 0, and what overflows is unknown."""
    with np.errstate(invalid="ignore"):
        known = np.sqrt(np.maximum(variances, 0))
    return np.where(np.isnan(known), np.inf, known)


def average(of_all: list[Array]) -> Array:
    """Mean over a committee."""
    return np.mean(of_all, axis=0)


def average_of_logs(of_all: list[Array]) -> Array:
    """Logarithm of a committee's mean probabilities, of each member's logarithms."""
    return logsumexp(of_all, axis=0) - math.log(len(of_all))


def interval(of_all: list[tuple[Array, Array]], level: float) -> tuple[Array, Array]:
    """The middle `level` of a mixture of Gaussians, of each one's mean and deviation."""
    dtype = of_all[0][0].dtype
    # In double precision, which can halve an interval below NARROW.
    means, deviations = (
        np.stack(values).astype(float) for values in zip(*of_all, strict=True)
    )
    reach = float(ndtri((1 + level) / 2)) * deviations
    ends = []
    for part, each in (((1 - level) / 2, -reach), ((1 + level) / 2, reach)):
        # The mixture's quantile lies between its members'.
        low, high = (means + each).min(axis=0), (means + each).max(axis=0)
        while len(means) > 1 and (high - low > NARROW * np.maximum(1, abs(low))).any():
            middle = (low + high) / 2
            # A deviation of 0 is a step.
            steps = (middle - means) / np.maximum(deviations, np.finfo(float).tiny)
            below = ndtr(steps).mean(axis=0) < part
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        ends.append(((low + high) / 2).astype(dtype))
    return ends[0], ends[1]


def pool(of_all: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Mean and standard deviation of a mixture, of each member's Z2 and deviation."""
    # A mixture's variance: the mean of the members' own, and that of their means.
    means, deviations = (np.stack(values) for values in zip(*of_all, strict=True))
    variance = np.square(deviations).mean(axis=0) + means.var(axis=0)
    return means.mean(axis=0), np.sqrt(variance)
