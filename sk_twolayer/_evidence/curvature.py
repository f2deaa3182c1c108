"""The Gauss-Newton matrix of the objective: whole, or as rows.

For each sample J (K, p) is the derivative of Z2 by theta and C'C (K, K) the cost's
second derivative by Z2; then H is the sum of (C J)'(C J). It is what is left of the
Hessian where the second derivatives of Z2 are dropped, and is never indefinite.

Two forms of it fit two sizes. Where it can be factorised it is summed whole; and where
n K rows are fewer than p parameters, these rows say the same. Where both are too many
there is no evidence: estimates from products with random vectors predicted worse than
a fixed penalty does, and took longer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sk_twolayer._engine.blocks import Block
from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.outputs import Output, shrinkage
from sk_twolayer._evidence.covariance import Covariance
from sk_twolayer._evidence.jacobian import Pairs, hidden_layer, jacobian_rows
from sk_twolayer._evidence.posterior import (
    DensePosterior,
    LowRankPosterior,
    Posterior,
)
from sk_twolayer._typing import Array, Result

Roots = Callable[[Array, Array, Array], Array]

# Rows and columns of the largest matrix that is factorised.
LARGEST = 3000
# Entries of the rows of H that are held, 80 MB.
MOST_ROWS = 10_000_000
# Entries of a product of a few samples' columns; and samples at a time.
PRODUCTS, FEWEST, MOST = 2**21, 16, 256


def mean_curvature_root(output: Output, Z2: Array, S: Array) -> Array:
    """C (b, K, K) with C'C the mean curvature where Z2 (b, K) has the covariances S."""
    # The mean of sigma' over a Gaussian is about kappa sigma'(kappa Z2), by the same
    # approximation as the mean of sigma; C has its root.
    kappa = shrinkage(output.variances(Z2, S))
    return output.curvature_root(kappa * Z2) * np.sqrt(kappa)[:, :, None]


def visit_rows(
    objective: CrossEntropyObjective,
    theta: Array,
    start: Callable[[], Result],
    add: Callable[[Array, Array, Array, Result], None],
    roots: Roots,
    step: int,
) -> list[Result]:
    """Sums of add(X, T, C, sums), `step` samples at a time; C has the weights in it."""
    # What is visited may lie elsewhere: what goes there holds no samples.
    folding = objective.folding

    def add_block(block: Block, T: Array, Z2: Array, sums: Result) -> None:
        for first in range(0, len(T), step):
            few = slice(first, first + step)
            X = folding.standardised(block.X[few])
            of_few = roots(X, T[few], Z2[few].astype(float))
            if block.weight is not None:
                # C'C times the weight is what a repeated sample would add.
                weight = np.sqrt(block.weight[few].astype(float))
                of_few = of_few * weight[:, None, None]
            add(X, T[few], of_few, sums)

    return objective.visit(theta, start, add_block)


def most_neurons(n: int, m: int, K: int) -> int:
    """Neurons of the largest network whose matrix can be factorised; 0 if none can.

    For n samples, m features and K outputs.
    """
    by_parameters = (LARGEST - K) // (m + 1 + K)
    by_rows = (MOST_ROWS // (n * K) - K) // (m + 1 + K) if n * K <= LARGEST else 0
    return max(by_parameters, by_rows, 0)


class Curvature:
    """The Gauss-Newton matrix of an objective, in the form that its size allows.

    Parameters
    ----------
    objective : CrossEntropyObjective
        Gives the forward pass over blocks of samples.

    Attributes
    ----------
    method : {"exact", "kernel"}
        "exact" factorises (p, p), "kernel" (n K, n K).

    Raises
    ------
    ValueError
        If both are too large.
    """

    def __init__(self, objective: CrossEntropyObjective) -> None:
        self.objective = objective
        p, n_rows = objective.size, objective.n * objective.n_outputs
        # The smaller of (p, p) and (n K, n K), if its rows fit into memory.
        if n_rows < p and n_rows <= LARGEST and n_rows * p <= MOST_ROWS:
            self.method = "kernel"
        elif p <= LARGEST:
            self.method = "exact"
        else:
            raise ValueError(
                f"alpha: the evidence factorises a matrix of at most {LARGEST} rows, "
                f"one for each parameter or for each sample's outputs, and here they "
                f"are {p} and {n_rows}. Give fewer hidden neurons than "
                f"n_hidden={objective.k}, or alpha='auto'."
            )

    def posterior(
        self, theta: Array, precision: Array, roots: Roots | None = None
    ) -> Posterior:
        """The Gaussian about theta, where the cost is least; `precision` is the prior's.

        `roots` are as `predictive` gives them; None takes the curvature at theta.
        """
        roots = roots or self._curvature_roots
        if self.method == "exact":
            return DensePosterior(precision, self.matrix(theta, roots))
        return LowRankPosterior(precision, self.rows(theta, roots))

    def predictive(
        self, theta: Array, precision: Array, posterior: Posterior
    ) -> tuple[Covariance, Roots]:
        """The covariance of Z2 that predictions have, and the curvature's roots.

        The cost's curvature is its mean over the posterior of Z2, and not that at
        theta: there, samples that are classified with certainty have none, and A would
        be the prior's alone. (Opper and Archambeau, Neural Computation 21, 2009,
        equation 16, of which this is the first iteration.)

        The roots are a function that gives C (b, K, K) of samples X (b, m + 1),
        T (b, k) and Z2 (b, K), C'C being the mean curvature.
        """
        objective = self.objective
        k, K = objective.k, objective.n_outputs
        covariance = posterior.covariance(k, K)
        # What is visited may lie elsewhere: what goes there holds no samples.
        output, W2 = objective.output, self._W2(theta)

        def mean_roots(X: Array, T: Array, Z2: Array) -> Array:
            return mean_curvature_root(output, Z2, covariance(X, T, W2))

        averaged = self.posterior(theta, precision, mean_roots)
        return averaged.covariance(k, K), mean_roots

    def _W2(self, theta: Array) -> Array:
        return self.objective.split(theta)[1][:-1].T

    @property
    def _curvature_roots(self) -> Roots:
        output = self.objective.output
        return lambda X, T, Z2: output.curvature_root(Z2)

    def matrix(self, theta: Array, roots: Roots) -> Array:
        """H (p, p), summed over pairs of columns; for `roots` see `predictive`."""
        k, K, m1 = self.objective.k, self.objective.n_outputs, self.objective.m + 1
        W2 = self._W2(theta)
        # dZ2/dW1 is a feature times a slope. So H's entry of two weights of W1 is a sum
        # of (feature times feature) times (slope times slope), each pair once: one
        # product of matrices that are narrower than J, with a quarter of the
        # multiply-adds.
        neurons, features, units = Pairs(k), Pairs(m1), Pairs(k + 1)
        mixed = k * (k + 1) * K

        def start() -> tuple[Array, Array, Array]:
            return (
                np.zeros((neurons.size, features.size)),
                np.zeros((m1, mixed)),
                np.zeros((K * K, units.size)),
            )

        def add(
            X: Array, T: Array, roots: Array, sums: tuple[Array, Array, Array]
        ) -> None:
            hidden, slopes = hidden_layer(T)
            by_Z1 = roots @ (W2 * slopes[:, None, :])
            # W1 by W1, W1 by W2, and W2 by W2.
            sums[0][...] += neurons.products(by_Z1).T @ features.products(X)
            across = by_Z1.transpose(0, 2, 1) @ roots
            products = across[:, :, None, :] * hidden[:, None, :, None]
            sums[1][...] += X.T @ products.reshape(len(X), -1)
            curvature = roots.transpose(0, 2, 1) @ roots
            sums[2][...] += curvature.reshape(len(X), -1).T @ units.products(hidden)

        # So few samples that their pairs' products stay in the cache.
        per_row = neurons.size + features.size + mixed + units.size
        step = min(max(PRODUCTS // per_row, FEWEST), MOST)
        parts = visit_rows(self.objective, theta, start, add, roots, step)
        first, mixed_sum, second = (sum(arrays) for arrays in zip(*parts, strict=True))
        # Every entry is one of the pairs' sums: fancy indices put it where theta's
        # layout has its two weights.
        H = np.empty((self.objective.size, self.objective.size))
        cut = m1 * k
        H[:cut, :cut] = first[
            neurons.index[None, :, None, :], features.index[:, None, :, None]
        ].reshape(cut, cut)
        H[:cut, cut:] = mixed_sum.reshape(cut, -1)
        H[cut:, :cut] = H[:cut, cut:].T
        corner = second.reshape(K, K, -1)[:, :, units.index]
        H[cut:, cut:] = corner.transpose(2, 0, 3, 1).reshape(len(H) - cut, -1)
        return H

    def rows(self, theta: Array, roots: Roots) -> Array:
        """R (n K, p) with R'R = H."""
        W2 = self._W2(theta)

        def add(X: Array, T: Array, roots: Array, sums: list[Array]) -> None:
            sums.append(jacobian_rows(X, T, W2, roots))

        parts = visit_rows(self.objective, theta, list, add, roots, MOST)
        return np.concatenate([rows for part in parts for rows in part])
