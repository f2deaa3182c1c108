"""A small covariance of Z2 about weights whose penalty the evidence did not choose.

The posterior is that of `posterior`, of precision A = H + D, with D the penalty that the
weights were fitted with, and the evidence's on biases that had none, and H the mean
curvature of `Curvature.predictive`. But it must cost a few evaluations, and be of about
the size of the weights. So of H is known what it does to a few random vectors, and its
diagonal: enough for the directions in which the samples say much.

A penalty that was chosen, or guessed, is not known well, and the weights, and Z2, would
be others with another. To first order an e-fold of D_g, the penalties of one layer,
moves the weights by -A^-1 D_g w; a deviation of `DOUBT` e-folds adds the square of
that, for each layer. (Kass and Steffey, Journal of the American Statistical Association
84, 1989, equation 3.3, where it is the variance of the conditional mean.)
"""

from __future__ import annotations

import math

import numpy as np

from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._evidence.covariance import ROWS_SIZE, SketchedCovariance
from sk_twolayer._evidence.curvature import MOST, mean_curvature_root, visit_rows
from sk_twolayer._evidence.jacobian import hidden_layer
from sk_twolayer._evidence.posterior import LowRankPosterior
from sk_twolayer._typing import Array

# Random vectors; fewer where the rows that a model keeps would have more entries than
# this, 1 MB in single precision.
VECTORS, MOST_ENTRIES = 32, 2**18
# Deviation of a penalty's logarithm: a factor of ten either way. By
# docs/benchmarks/intervals.py intervals then hold the truth about as often as they say.
DOUBT = math.log(10)
# Part of the largest eigenvalue below which one is rounding.
ROUNDING = 1e-10


def laplace(
    objective: CrossEntropyObjective, theta: Array, precision: Array, total: float
) -> SketchedCovariance:
    """The covariance of Z2 under the Gaussian about theta.

    Parameters
    ----------
    objective : CrossEntropyObjective
        Of the training samples, or of some that stand for all.
    theta : ndarray of shape (p,), float64
        The weights.
    precision : ndarray of shape (p,), float64
        The penalty's, all above 0.
    total : float
        The sum of all training samples' weights.

    Returns
    -------
    SketchedCovariance
        In single precision. Source: as of `Curvature.predictive`.

    Raises
    ------
    FloatingPointError
        If weights or samples are so large that H is not finite.
    """
    p, count = len(theta), total / objective.total
    # In variables in which the prior is the unit.
    scale = 1 / np.sqrt(precision)
    n_vectors = max(2, min(VECTORS, MOST_ENTRIES // p))
    probes = np.random.RandomState(0).normal(size=(p, n_vectors))
    moves = _moves(objective, precision * theta)

    def covariance(V: Array, about: SketchedCovariance | None) -> SketchedCovariance:
        product, rest = sketch(objective, theta, scale[:, None] * V, about)
        if not (np.isfinite(product).all() and np.isfinite(rest).all()):
            raise FloatingPointError("weights are nearly infinite")
        rows = nystrom(V, count * scale[:, None] * product) / scale
        # What the rows leave of H is kept as its diagonal.
        rest = count * rest - np.einsum("ij,ij->j", rows, rows)
        posterior = LowRankPosterior(precision + np.maximum(rest, 0), rows)
        found = posterior.covariance(objective.k, objective.n_outputs)
        less = found.known * found.scale
        more = moves * found.scale**2 - (moves @ less.T) @ less
        parts = found.scale**2, less, more
        return SketchedCovariance(*(part.astype(np.float32) for part in parts))

    # Half of the vectors will do to say how far the curvature is averaged.
    found = covariance(probes[:, ::2], None)
    plain = SketchedCovariance(found.variance, found.less, found.more[:0])
    return covariance(probes, plain)


def sketch(
    objective: CrossEntropyObjective,
    theta: Array,
    V: Array,
    about: SketchedCovariance | None,
) -> tuple[Array, Array]:
    """H V for V (p, t) and H's diagonal (p,), by one pass and without a matrix.

    The curvature is that at theta, or its mean where Z2 is `about` uncertain. Source of
    the product: Schraudolph, Neural Computation 14, 2002.
    """
    m1, k, K = objective.m + 1, objective.k, objective.n_outputs
    cut, t, W2 = m1 * k, V.shape[1], objective.split(theta)[1][:-1].T
    first, second = V[:cut].reshape(m1, k * t), V[cut:].reshape(k + 1, K * t)
    # Sparse samples are made dense, so few at a time.
    step = max(1, min(ROWS_SIZE // m1, MOST))
    # What is visited may lie elsewhere: what goes there holds no samples.
    layout, output = objective.layout, objective.output

    def mean_roots(X: Array, T: Array, Z2: Array) -> Array:
        if about is None:
            return output.curvature_root(Z2)
        return mean_curvature_root(output, Z2, about(X, T, W2))

    def add(X: Array, T: Array, roots: Array, sums: Array) -> None:
        hidden, slopes = hidden_layer(T)
        by_Z1 = W2 * slopes[:, None, :]
        # Forward: J v = W2 (sigma' * (V1 x)) + V2 h; then C'C of it; then backward,
        # J' of that, as for a gradient.
        along = by_Z1 @ (X @ first).reshape(-1, k, t)
        along += (hidden @ second).reshape(-1, K, t)
        back = roots.transpose(0, 2, 1) @ (roots @ along)
        to_Z1 = by_Z1.transpose(0, 2, 1) @ back
        sums[:cut, :-1] += (X.T @ to_Z1.reshape(-1, k * t)).reshape(cut, t)
        sums[cut:, :-1] += (hidden.T @ back.reshape(-1, K * t)).reshape(-1, t)
        # Squares of J's entries are outer products of squares.
        by_first, by_second = layout.split(sums[:, -1])
        by_first += np.square(X).T @ np.square(roots @ by_Z1).sum(axis=1)
        by_second += np.square(hidden).T @ np.square(roots).sum(axis=1)

    shape = len(theta), t + 1
    parts = visit_rows(objective, theta, lambda: np.zeros(shape), add, mean_roots, step)
    both = np.sum(parts, axis=0)
    return both[:, :-1], both[:, -1]


def _moves(objective: CrossEntropyObjective, pull: Array) -> Array:
    """What an uncertain penalty of W1, and of W2, does (2, p), of D w."""
    moves = np.zeros((2, len(pull)))
    for layer, move in enumerate(moves):
        # Biases have a penalty that nobody chose.
        objective.split(move)[layer][:-1] = objective.split(pull)[layer][:-1]
    return DOUBT * moves


def nystrom(probes: Array, products: Array) -> Array:
    """Rows R (r, p) of which R'R <= H, from vectors V (p, t) and H V.

    Source: the Nystrom approximation, R'R = H V (V'H V)^-1 V'H. Gittens and Mahoney,
    Journal of Machine Learning Research 17, 2016, lemma 1.
    """
    small = probes.T @ products
    eigenvalues, vectors = np.linalg.eigh((small + small.T) / 2)
    kept = eigenvalues > ROUNDING * eigenvalues[-1]
    if not kept.any():
        # Samples that are predicted with certainty may say nothing.
        return np.zeros((1, len(products)))
    return (products @ (vectors[:, kept] / np.sqrt(eigenvalues[kept]))).T
