"""The Gauss-Newton matrix of the objective: whole, as rows, or as products.

For each sample J (K, p) is the derivative of Z2 by theta and C'C (K, K) the cost's
second derivative by Z2; then H is the sum of (C J)'(C J). It is what is left of the
Hessian where the second derivatives of Z2 are dropped, and is never indefinite.

Three forms of it fit three sizes. Where it can be factorised it is summed whole; where
n K rows are fewer than p parameters, these rows say the same; and where both are too
many, only products H v and the diagonal are computed, a pass over the blocks each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from sk_twolayer._engine.blocks import Block
from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.outputs import shrinkage
from sk_twolayer._evidence.covariance import Covariance
from sk_twolayer._evidence.jacobian import Pairs, hidden_layer, jacobian_rows
from sk_twolayer._evidence.posterior import (
    DensePosterior,
    EstimatedPosterior,
    FactorisedPosterior,
    LowRankPosterior,
    Posterior,
    lanczos,
)

Array = NDArray[Any]
Roots = Callable[[Array, Array, Array], Array]

# Rows and columns of the largest matrix that is factorised.
LARGEST = 3000
# Entries of the rows of H that are held, 80 MB.
MOST_ROWS = 10_000_000
# Where H is too large for either: random vectors, Lanczos steps from each, and
# eigenvectors for predictions with their tolerance; fewer where all of them would have
# more than so many entries.
PROBES, STEPS, RANK, LOOSE = 8, 20, 128, 1e-2
MOST_VECTORS = 2**24
# Samples a parameter above which the posterior is narrow.
MANY = 20
# Entries of a product of a few samples' columns; and samples at a time.
PRODUCTS, FEWEST, MOST = 2**21, 16, 256


class _DenseRows:
    """Samples beside a 1, in the products that need no more."""

    def __init__(self, X: Array) -> None:
        self._X = X

    def times(self, V: Array) -> Array:
        """X V."""
        return self._X @ V

    def transposed(self, B: Array) -> Array:
        """X' B."""
        return self._X.T @ B

    def squared(self, B: Array) -> Array:
        """(X * X)' B."""
        return np.square(self._X).T @ B


class _SparseRows:
    """The same of (X - center) * scale, X being a CSR matrix that stays sparse."""

    def __init__(self, X: Any, center: Array, scale: Array) -> None:
        self._X, self._center, self._scale = X, center[:, None], scale[:, None]

    def times(self, V: Array) -> Array:
        """X V."""
        # As `Standardisation.fold`, of V in place of the weights.
        scaled = self._scale * V[:-1]
        return self._X @ scaled + (V[-1] - (self._center * scaled).sum(0))

    def transposed(self, B: Array) -> Array:
        """X' B."""
        # (X - center)' B = X' B - center (sum of B), and the same for squares: X is
        # never centred, and stays sparse. The last row is that of the 1.
        total = B.sum(axis=0)
        return np.vstack(
            [self._scale * (self._X.T @ B - self._center * total), total[None]]
        )

    def squared(self, B: Array) -> Array:
        """(X * X)' B."""
        total, center = B.sum(axis=0), self._center
        squares = self._X.power(2).T @ B - 2 * center * (self._X.T @ B)
        squares += center**2 * total
        return np.vstack([self._scale**2 * squares, total[None]])


_Rows = _DenseRows | _SparseRows


class Curvature:
    """The Gauss-Newton matrix of an objective, in the form that its size allows.

    Parameters
    ----------
    objective : CrossEntropyObjective
        Gives the forward pass over blocks of samples.

    Attributes
    ----------
    method : {"exact", "kernel", "lanczos"}
        "exact" factorises (p, p), "kernel" (n K, n K), "lanczos" estimates from
        products with H.
    """

    def __init__(self, objective: CrossEntropyObjective) -> None:
        self.objective = objective
        p, n_rows = objective.size, objective.n * objective.n_outputs
        # The smaller of (p, p) and (n K, n K) is factorised, if either is small enough
        # and its rows fit into memory.
        self.method = "lanczos"
        if min(p, n_rows) <= LARGEST:
            if p <= n_rows:
                self.method = "exact"
            elif n_rows * p <= MOST_ROWS:
                self.method = "kernel"
            elif p <= LARGEST:
                self.method = "exact"

    def posterior(self, theta: Array, precision: Array) -> Posterior:
        """The Gaussian about theta, where the cost is least; `precision` is the prior's."""
        if self.method == "lanczos":
            return self._estimate(theta, precision)
        return self._factorise(theta, precision, self._curvature_roots)

    def predictive(
        self, theta: Array, precision: Array, posterior: Posterior
    ) -> tuple[Covariance, Roots | None]:
        """The covariance of Z2 that predictions have, and the curvature's roots.

        Where the training samples are not many, the cost's curvature is its mean over
        the posterior of Z2, and not that at theta: there, samples that are classified
        with certainty have none, and A would be the prior's alone. (Opper and
        Archambeau, Neural Computation 21, 2009, equation 16, of which this is the
        first iteration.)

        The roots are a function that gives C (b, K, K) of samples X (b, m + 1),
        T (b, k) and Z2 (b, K), C'C being the mean curvature; None where it is that at
        theta.
        """
        objective = self.objective
        k, K = objective.k, objective.n_outputs
        if isinstance(posterior, EstimatedPosterior):
            return self._low_rank(theta, precision).covariance(k, K), None
        # Of many samples a parameter the posterior is narrow: nothing is averaged away.
        covariance = posterior.covariance(k, K)
        if objective.total > MANY * objective.size:
            return covariance, None
        output, W2 = objective.output, self._W2(theta)

        def mean_roots(X: Array, T: Array, Z2: Array) -> Array:
            # The mean of sigma' over a Gaussian is about kappa sigma'(kappa Z2), by the
            # same approximation as the mean of sigma; C has its root.
            variances = output.variances(Z2, covariance(X, T, W2))
            kappa = shrinkage(variances)
            return output.curvature_root(kappa * Z2) * np.sqrt(kappa)[:, :, None]

        averaged = self._factorise(theta, precision, mean_roots)
        return averaged.covariance(k, K), mean_roots

    def _W2(self, theta: Array) -> Array:
        return self.objective.split(theta)[1][:-1].T

    def _factorise(
        self, theta: Array, precision: Array, roots: Roots
    ) -> FactorisedPosterior:
        if self.method == "exact":
            return DensePosterior(precision, self.matrix(theta, roots))
        return LowRankPosterior(precision, self.rows(theta, roots), None)

    def _curvature_roots(self, X: Any, T: Array, Z2: Array) -> Array:
        return self.objective.output.curvature_root(Z2)

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

        per_row = neurons.size + features.size + mixed + units.size
        parts = self._visit(theta, start, add, roots, per_row)
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

        parts = self._visit(theta, list, add, roots, 0)
        return np.concatenate([rows for part in parts for rows in part])

    def product(self, theta: Array, V: Array) -> Array:
        """H V for V (p, t), by one pass over the blocks and without a matrix.

        Source: Schraudolph, Neural Computation 14, 2002.
        """
        objective, t = self.objective, V.shape[1]
        k, K = objective.k, objective.n_outputs
        W2 = self._W2(theta)
        cut = (objective.m + 1) * k
        first, second = V[:cut].reshape(-1, k * t), V[cut:].reshape(-1, K * t)

        def add(X: _Rows, T: Array, roots: Array, sums: Array) -> None:
            hidden, slopes = hidden_layer(T)
            slopes = slopes[:, :, None]
            # Forward: J v = W2 (sigma' * (V1 x)) + V2 h; then C'C of it; then backward,
            # J' of that, as for a gradient.
            step = W2 @ (X.times(first).reshape(-1, k, t) * slopes)
            step += (hidden @ second).reshape(-1, K, t)
            by_Z2 = roots.transpose(0, 2, 1) @ (roots @ step)
            by_Z1 = (W2.T @ by_Z2) * slopes
            sums[:cut] += X.transposed(by_Z1.reshape(-1, k * t)).reshape(cut, t)
            sums[cut:] += (hidden.T @ by_Z2.reshape(-1, K * t)).reshape(-1, t)

        return self._sum(theta, add, t)

    def diagonal(self, theta: Array) -> Array:
        """H's diagonal (p,)."""
        W2 = self._W2(theta)

        def add(X: _Rows, T: Array, roots: Array, sums: Array) -> None:
            hidden, slopes = hidden_layer(T)
            by_first, by_second = self.objective.split(sums[:, 0])
            # Squares of J's entries are outer products of squares.
            by_Z1 = np.square(roots @ (W2 * slopes[:, None, :])).sum(axis=1)
            by_first += X.squared(by_Z1)
            by_second += np.square(hidden).T @ np.square(roots).sum(axis=1)

        return self._sum(theta, add)[:, 0]

    def _estimate(self, theta: Array, precision: Array) -> EstimatedPosterior:
        """Trace and determinant by Lanczos from a few random vectors."""
        # With A's diagonal scaled to 1 its eigenvalues lie closer together, and fewer
        # steps tell the trace of its logarithm.
        base = precision + self.diagonal(theta)
        scale = 1 / np.sqrt(base)

        def multiply(V: Array) -> Array:
            product = self.product(theta, scale[:, None] * V)
            product += (precision * scale)[:, None] * V
            return scale[:, None] * product

        # The same vectors in each round: its noise is then that of the last one.
        p = len(theta)
        n_probes = max(2, min(PROBES, MOST_VECTORS // (STEPS * p)))
        signs = np.random.RandomState(0).randint(2, size=(p, n_probes))
        trace_of_log, solved = lanczos(multiply, 2.0 * signs - 1, STEPS)
        # Hutchinson's estimate of the diagonal of the inverse: the mean of z * (B^-1
        # z).
        inverse = ((2 * signs - 1) * solved).mean(axis=1)
        return EstimatedPosterior(base, trace_of_log, 1 - precision / base * inverse)

    def _low_rank(self, theta: Array, precision: Array) -> LowRankPosterior:
        """H's largest eigenvalues where the prior is the unit, and its diagonal."""
        scale = 1 / np.sqrt(precision)

        def multiply(v: Array) -> Array:
            return scale * self.product(theta, (scale * v.ravel())[:, None])[:, 0]

        # Directions in which the data say more than the prior are few, and have large
        # eigenvalues where the prior's precision is the unit.
        diagonal, p = self.diagonal(theta), self.objective.size
        operator = LinearOperator((p, p), matvec=multiply, dtype=float)
        rank = max(8, min(RANK, MOST_VECTORS // (2 * p)))
        try:
            found = eigsh(operator, rank, v0=scale * np.sqrt(diagonal), tol=LOOSE)
        except ArpackNoConvergence as unfinished:
            found = unfinished.eigenvalues, unfinished.eigenvectors
        eigenvalues, vectors = found
        rows = (vectors * np.sqrt(np.maximum(eigenvalues, 0))).T / scale
        # What the eigenvectors leave of H is kept as its diagonal.
        rest = diagonal - np.einsum("ij,ij->j", rows, rows)
        return LowRankPosterior(precision, rows, np.maximum(rest, 0))

    def _sum(self, theta: Array, add: Callable[..., None], t: int = 1) -> Array:
        """Sum over samples of what `add` adds to an array (p, t)."""
        parts = self._visit(
            theta,
            lambda: np.zeros((self.objective.size, t)),
            add,
            self._curvature_roots,
            0,
            in_products=True,
        )
        return sum(parts)

    def _visit(
        self,
        theta: Array,
        start: Callable[[], Any],
        add: Callable[..., None],
        roots: Roots,
        per_row: int,
        in_products: bool = False,
    ) -> list[Any]:
        """Sums of add(X, T, C, sums) over a few samples at a time."""
        objective = self.objective
        # So few samples that their pairs' products stay in the cache.
        step = min(max(PRODUCTS // max(per_row, 1), FEWEST), MOST)

        def add_block(block: Block, T: Array, Z2: Array, sums: Any) -> None:
            # Products with a sparse block cost as much by features as by samples.
            whole = in_products and sparse.issparse(block.X)
            rows = len(T) if whole else step
            for first in range(0, len(T), rows):
                few = slice(first, first + rows)
                X: Any = block.X[few]
                if in_products and sparse.issparse(X):
                    X = _SparseRows(X, objective.center, objective.scale)
                else:
                    X = objective.standardised(X)
                    X = _DenseRows(X) if in_products else X
                of_few = roots(X, T[few], Z2[few].astype(float))
                if block.weight is not None:
                    # C'C times the weight is what a repeated sample would add.
                    weight = np.sqrt(block.weight[few].astype(float))
                    of_few = of_few * weight[:, None, None]
                add(X, T[few], of_few, sums)

        return objective.visit(theta, start, add_block)
