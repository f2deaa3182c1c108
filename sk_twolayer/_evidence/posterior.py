"""The Gaussian about the trained weights: determinant, variances, effective number.

Its precision matrix A is the prior's, a diagonal D, plus the Gauss-Newton matrix H of
the summed cross-entropies. Where H is dense A is factorised (p x p); where H = R'R has
few rows, the matrix of R's rows is (r x r), by the Woodbury identity; and where neither
can be formed, its determinant and the diagonal of its inverse are estimated from
products with random vectors.

All three also whiten: in variables u, theta = S u with S S' = A^-1, the cost is round
where it is quadratic, and L-BFGS begins there with the step of Gauss and Newton.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from sk_twolayer._evidence.covariance import (
    Covariance,
    LowRankCovariance,
    PairedCovariance,
    RootCovariance,
)

Array = NDArray[Any]

# Outputs from which on it pays to go by pairs of neurons.
FEWEST_OUTPUTS = 3


class DensePosterior:
    """From H (p, p).

    Parameters
    ----------
    precision : ndarray of shape (p,), float64
        The prior's precisions, all above 0.
    hessian : ndarray of shape (p, p), float64
        Gauss-Newton matrix; is overwritten.

    Attributes
    ----------
    log_determinant : float
        Log |A|.
    well_determined : ndarray of shape (p,), float64
        1 - D_i (A^-1)_ii.
    """

    def __init__(self, precision: Array, hessian: Array) -> None:
        # This einsum is a view of the diagonal, through which A is made in H's place.
        diagonal = np.einsum("ii->i", hessian)
        diagonal += precision
        self._root, self.log_determinant = _inverse_root(hessian)
        # The diagonal of A^-1 = S S', and of each weight the part that the data
        # determine. gamma is their sum; rounding may leave [0, 1].
        inverse = np.einsum("ij,ij->j", self._root, self._root)
        self.well_determined = np.clip(1 - precision * inverse, 0, 1)

    def covariance(self, k: int, K: int) -> Covariance:
        """That of Z2, for k neurons and K outputs."""
        # By pairs the factors of K outputs cost less; by rows those of one or two do.
        if K < FEWEST_OUTPUTS:
            return RootCovariance(self._root)
        return PairedCovariance(self._root.T @ self._root, k, K)

    def whiten(self, u: Array) -> Array:
        """S u with S S' = A^-1."""
        return linalg.blas.dtrmv(self._root, u, lower=1, trans=1)

    def whiten_gradient(self, gradient: Array) -> Array:
        """S' gradient."""
        return linalg.blas.dtrmv(self._root, gradient, lower=1)


class _ByDiagonal:
    """What A's diagonal alone gives."""

    def __init__(self, diagonal: Array) -> None:
        self._jacobi = 1 / np.sqrt(diagonal)

    def whiten(self, u: Array) -> Array:
        """S u with S one over the root of A's diagonal."""
        return self._jacobi * u

    def whiten_gradient(self, gradient: Array) -> Array:
        """S' gradient."""
        return self._jacobi * gradient


class LowRankPosterior(_ByDiagonal):
    """From rows R (r, p) with H = R'R + diag(rest).

    Parameters
    ----------
    precision : ndarray of shape (p,), float64
        The prior's precisions, all above 0.
    rows : ndarray of shape (r, p), float64
        R.
    rest : ndarray of shape (p,), float64, or None
        What R leaves of H's diagonal; None is nothing.

    Attributes
    ----------
    log_determinant : float
        Log |A|.
    well_determined : ndarray of shape (p,), float64
        1 - D_i (A^-1)_ii.

    References
    ----------
    Source: Woodbury's identity, A^-1 = D^-1 - D^-1 R' (I + R D^-1 R')^-1 R D^-1.
    """

    def __init__(self, precision: Array, rows: Array, rest: Array | None) -> None:
        # A = B + R'R, where B, the prior and the rest, is diagonal.
        base = precision if rest is None else precision + rest
        self._scale = 1 / np.sqrt(base)
        scaled = rows * self._scale
        of_rows = np.einsum("ij,ij->j", scaled, scaled)
        super().__init__(base * (1 + of_rows))
        # I + R B^-1 R' is (r, r); |A| = |B| |I + R B^-1 R'|.
        small = scaled @ scaled.T
        np.einsum("ii->i", small)[...] += 1
        root, log_determinant = _inverse_root(small)
        self.log_determinant = log_determinant - 2 * float(np.log(self._scale).sum())
        # A^-1 = B^-1/2 (1 - known' known) B^-1/2.
        self._known = root @ scaled
        unknown = 1 - np.einsum("ij,ij->j", self._known, self._known)
        self.well_determined = np.clip(1 - precision / base * unknown, 0, 1)

    def covariance(self, k: int, K: int) -> Covariance:
        """That of Z2, for k neurons and K outputs."""
        return LowRankCovariance(self._scale, self._known)


class EstimatedPosterior(_ByDiagonal):
    """From estimates: for the evidence. It has no variances, and so no predictions.

    Parameters
    ----------
    base : ndarray of shape (p,), float64
        A's diagonal.
    trace_of_log : float
        Log determinant of A where its diagonal is scaled to 1.
    well_determined : ndarray of shape (p,), float64
        Estimates, of which sums over many are good.

    Attributes
    ----------
    log_determinant : float
        Log |A|.
    well_determined : ndarray of shape (p,), float64
        As given.
    """

    def __init__(
        self, base: Array, trace_of_log: float, well_determined: Array
    ) -> None:
        super().__init__(base)
        self.log_determinant = trace_of_log + float(np.log(base).sum())
        self.well_determined = well_determined


FactorisedPosterior = DensePosterior | LowRankPosterior
Posterior = FactorisedPosterior | EstimatedPosterior


def lanczos(
    multiply: Callable[[Array], Array], probes: Array, n_steps: int
) -> tuple[float, Array]:
    """Trace of log B and solutions of B x = z, for a positive definite B.

    Parameters
    ----------
    multiply : callable
        Gives B V (p, t) of V (p, t).
    probes : ndarray of shape (p, t), float64
        Vectors z of +1 and -1.
    n_steps : int
        Steps from each.

    Returns
    -------
    trace_of_log : float
        Mean over the probes of z' log(B) z.
    solved : ndarray of shape (p, t), float64
        B^-1 z of each.

    References
    ----------
    Source: stochastic Lanczos quadrature, Ubaru, Chen and Saad, SIAM Journal on
    Matrix Analysis and Applications 38, 2017.
    """
    p, t = probes.shape
    basis = np.empty((n_steps, p, t))
    along, across = np.empty((n_steps, t)), np.empty((n_steps, t))
    # All probes at once: a product with B is a pass over all samples.
    vector = probes / np.sqrt(p)
    for step in range(n_steps):
        basis[step] = vector
        vector = multiply(vector)
        along[step] = np.einsum("pt,pt->t", basis[step], vector)
        # Against all earlier vectors: rounding would let them come back.
        for _ in range(2):
            overlap = np.einsum("spt,pt->st", basis[: step + 1], vector)
            vector -= np.einsum("spt,st->pt", basis[: step + 1], overlap)
        across[step] = np.linalg.norm(vector, axis=0)
        vector = vector / np.maximum(across[step], np.finfo(float).tiny)
    traces, solved = np.empty(t), np.empty((p, t))
    for i in range(t):
        # A space that is exhausted ends here: what follows is rounding.
        ends = np.flatnonzero(across[:, i] <= 1e-10 * along[0, i])
        size = int(ends[0]) + 1 if len(ends) else n_steps
        # B in the space of the steps is tridiagonal. Its eigenvalues, with the squares
        # of the eigenvectors' first entries as weights, are a quadrature of z' f(B) z.
        values, vectors = linalg.eigh_tridiagonal(
            along[:size, i], across[: size - 1, i]
        )
        values = np.maximum(values, np.finfo(float).eps)
        traces[i] = p * float(vectors[0] ** 2 @ np.log(values))
        # And B^-1 z in that space, where z is the first unit vector.
        in_space = vectors @ (vectors[0] / values)
        solved[:, i] = np.sqrt(p) * (in_space @ basis[:size, :, i])
    return float(traces.mean()), solved


def _inverse_root(A: Array) -> tuple[Array, float]:
    """Lower triangular S' with S S' = A^-1, and log |A|, of a positive definite A."""
    try:
        return _invert_cholesky(A)
    except linalg.LinAlgError:
        warnings.warn(
            "alpha: the Cholesky factorisation of the posterior's precision matrix "
            f"{A.shape} failed; falls back to its eigenvalues, those that are 0 to "
            "rounding raised to the rounding.",
            RuntimeWarning,
            stacklevel=2,
        )
        eigenvalues, vectors = linalg.eigh(A)
        rounding = len(A) * float(np.finfo(float).eps) * eigenvalues[-1]
        eigenvalues = np.maximum(eigenvalues, rounding)
        # A = V diag(e) V' = R'R for the triangle R of the rows sqrt(e) V'.
        upper = linalg.qr((vectors * np.sqrt(eigenvalues)).T, mode="r")[0]
        inverse, _ = linalg.lapack.dtrtri(np.asfortranarray(upper.T), lower=1)
        return inverse, float(np.log(eigenvalues).sum())


def _invert_cholesky(A: Array) -> tuple[Array, float]:
    # A = L L', so L^-1 is the S' with S S' = A^-1, and |A| the square of L's diagonal.
    lower = linalg.cholesky(A, lower=True, check_finite=False)
    log_determinant = 2 * float(np.log(np.diagonal(lower)).sum())
    inverse, failed = linalg.lapack.dtrtri(lower, lower=1, overwrite_c=1)
    if failed or not np.isfinite(log_determinant):
        raise linalg.LinAlgError
    return inverse, log_determinant
