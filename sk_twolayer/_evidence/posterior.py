"""The Gaussian about the trained weights: determinant, variances, effective number.

Its precision matrix A is the prior's, a diagonal D, plus the Gauss-Newton matrix H of
the summed cross-entropies. Where H is dense A is factorised (p x p); where H = R'R has
few rows, the matrix of R's rows is (r x r), by the Woodbury identity.

Both also whiten: in variables u, theta = S u with S S' = A^-1, the cost is round
where it is quadratic, and L-BFGS begins there with the step of Gauss and Newton.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy import linalg

from sk_twolayer._evidence.covariance import (
    Covariance,
    LowRankCovariance,
    PairedCovariance,
    RootCovariance,
)
from sk_twolayer._typing import Array

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


class LowRankPosterior:
    """From rows R (r, p) with H = R'R.

    Parameters
    ----------
    precision : ndarray of shape (p,), float64
        The prior's precisions, all above 0.
    rows : ndarray of shape (r, p), float64
        R.

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

    def __init__(self, precision: Array, rows: Array) -> None:
        self._scale = 1 / np.sqrt(precision)
        scaled = rows * self._scale
        of_rows = np.einsum("ij,ij->j", scaled, scaled)
        # One over the root of A's diagonal, D (1 + of_rows).
        self._jacobi = self._scale / np.sqrt(1 + of_rows)
        # I + R D^-1 R' is (r, r); |A| = |D| |I + R D^-1 R'|.
        small = scaled @ scaled.T
        np.einsum("ii->i", small)[...] += 1
        root, log_determinant = _inverse_root(small)
        self.log_determinant = log_determinant - 2 * float(np.log(self._scale).sum())
        # A^-1 = D^-1/2 (1 - known' known) D^-1/2.
        self._known = root @ scaled
        known = np.einsum("ij,ij->j", self._known, self._known)
        self.well_determined = np.clip(known, 0, 1)

    def covariance(self, k: int, K: int) -> LowRankCovariance:
        """That of Z2, for k neurons and K outputs."""
        return LowRankCovariance(self._scale, self._known)

    def whiten(self, u: Array) -> Array:
        """S u with S one over the root of A's diagonal."""
        return self._jacobi * u

    def whiten_gradient(self, gradient: Array) -> Array:
        """S' gradient."""
        return self._jacobi * gradient


Posterior = DensePosterior | LowRankPosterior


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
