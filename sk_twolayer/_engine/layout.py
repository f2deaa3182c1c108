"""Where each parameter lies in the one flat vector theta that solvers see.

Theta is the matrix (m + 1, k) that holds W1' over b1', then the matrix (k + 1, K) that
holds W2' over b2': each is what the blocks multiply, samples being rows, and each bias
is the weight of an input that is always 1. With a standardisation theta belongs to
inputs that are centred and scaled, the features by it and the hidden activations by
1/2, which is their value where Z1 is 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._typing import Array
from sk_twolayer.network import Parameters


class Layout(NamedTuple):
    """The layout of theta.

    Attributes
    ----------
    m, k, K : int
        Features, hidden neurons and output neurons.
    """

    m: int
    k: int
    K: int

    # Of each matrix the last row is for an input that is always 1: hence m + 1 and k +
    # 1.

    @property
    def first_size(self) -> int:
        """Parameters of the first layer, which are theta's first."""
        return (self.m + 1) * self.k

    @property
    def size(self) -> int:
        """Parameters of both layers."""
        return self.first_size + (self.k + 1) * self.K

    def bounds(self, signs: Array) -> tuple[Array, Array]:
        """Least and largest theta (p,) whose Z2 rise with features of sign 1, fall of -1.

        With W2 at least 0 that is so where W1 has the signs; and W2 may be, since a
        neuron with a negative W2 is one with a positive W2 whose W1 and b1 are negated.
        """
        lower, upper = np.full(self.size, -np.inf), np.full(self.size, np.inf)
        # A feature's weights, a column of W1, are a row of theta's first matrix.
        self.split(lower)[0][:-1][signs > 0] = 0
        self.split(upper)[0][:-1][signs < 0] = 0
        self.split(lower)[1][:-1] = 0
        return lower, upper

    def split(self, theta: Array) -> tuple[Array, Array]:
        """Views of theta: W1' over b1' (m + 1, k), and W2' over b2' (k + 1, K)."""
        cut = self.first_size
        first = theta[:cut].reshape(self.m + 1, self.k)
        return first, theta[cut:].reshape(self.k + 1, self.K)

    def to_parameters(
        self, theta: Array, standardisation: Standardisation | None
    ) -> Parameters:
        """The article's matrices, on the original features."""
        first, second = self.split(theta.copy())
        W2, b2 = second[:-1].T.copy(), second[-1][:, None].copy()
        if standardisation is not None:
            # theta holds V1 and c1, of features that are centred and scaled.
            standardisation.fold(first)
            # Z2 = W2 (A1 - 1/2) + c2, so b2 = c2 - W2 / 2 summed over the neurons.
            b2 -= 0.5 * W2.sum(axis=1, keepdims=True)
        return Parameters(first[:-1].T.copy(), first[-1][:, None].copy(), W2, b2)

    def from_parameters(
        self, parameters: Parameters, standardisation: Standardisation | None
    ) -> Array:
        """Theta of the article's matrices; the inverse of `to_parameters`."""
        W1, b1, W2, b2 = (np.asarray(p, dtype=float) for p in parameters)
        theta = np.concatenate([stacked(W1, b1).ravel(), stacked(W2, b2).ravel()])
        if standardisation is not None:
            first, second = self.split(theta)
            standardisation.unfold(first)
            # c2 = b2 + W2 / 2 summed over the neurons.
            second[-1] += 0.5 * W2.sum(axis=1)
        return theta


def stacked(W: Array, b: Array) -> Array:
    """A layer's W' over its b', as theta holds them."""
    return np.vstack([W.T, b.T])


def turned(parameters: Parameters) -> Parameters:
    """The same function, each neuron negated whose W2 is below 0, in sum over outputs.

    W2 sigma(Z1) = -W2 sigma(-Z1) + W2, so that b2 takes the last term.
    """
    W1, b1, W2, b2 = parameters
    signs = np.where(W2.sum(axis=0) < 0, -1.0, 1.0)
    b2 = b2 + W2[:, signs < 0].sum(axis=1, keepdims=True)
    return Parameters(W1 * signs[:, None], b1 * signs[:, None], W2 * signs, b2)
