"""The penalty as a Gaussian prior: which variable of theta has which precision.

A penalty alpha / 2 |w|^2 is the negative logarithm of a Gaussian with precision alpha
about 0. Where the evidence chooses alpha, that Gaussian is on the weights of standardised
features, with a precision for each of some groups of weights; the biases, which say
where and not how steeply, have wide ones that stay. Cross-validation leaves them free.
(MacKay, 1992; Bishop, 2006, section 5.7.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sk_twolayer._engine.layout import Layout
from sk_twolayer._typing import Array

# Precisions of the biases, of the evidence and of a covariance: b1's deviation is 2 where the features are standardised, as
# wide as Z1 itself is at the start; b2's, where every neuron is at 1/2, is 10 nats.
B1_PRECISION, B2_PRECISION = 0.25, 0.01
# Of a variable that a bound holds at 0: so certain that it drops out of the posterior.
HELD = 1e12


def precision_of(
    layout: Layout,
    of_W1: Any,
    of_W2: float,
    of_biases: tuple[float, float] = (B1_PRECISION, B2_PRECISION),
) -> Array:
    """Precision of each variable (p,); W1's is a number, or each feature's (m, 1)."""
    precision = np.empty(layout.size)
    by_W1, by_W2 = layout.split(precision)
    by_W1[:-1], by_W1[-1] = of_W1, of_biases[0]
    by_W2[:-1], by_W2[-1] = of_W2, of_biases[1]
    return precision


class Prior:
    """Groups of weights that share a precision.

    Parameters
    ----------
    layout : Layout
        Theta's.
    kind : {"evidence", "ard"}
        "evidence" has a group for W1 and one for W2, "ard" one for each input's column of
        W1 and one for W2.

    Attributes
    ----------
    kind : {"evidence", "ard"}
        As given.
    n_groups : int
        Groups; W2's is the last.
    """

    def __init__(self, layout: Layout, kind: str) -> None:
        self.kind, self.n_groups = kind, layout.m + 1 if kind == "ard" else 2
        self._group = np.full(layout.size, -1)
        # Biases stay in group -1. A column of W1, one feature's weights, is a row of
        # theta's first matrix.
        by_W1, by_W2 = layout.split(self._group)
        by_W1[:-1] = np.arange(layout.m)[:, None] if kind == "ard" else 0
        by_W2[:-1] = self.n_groups - 1
        self._fixed = precision_of(layout, 0.0, 0.0)
        self._grouped = self._group >= 0

    def precision(self, alpha: Array) -> Array:
        """Precision of each variable (p,): that of its group, or a bias's own."""
        return np.where(self._grouped, alpha[self._group], self._fixed)

    def sums(self, values: Array) -> Array:
        """Sum over each group (n_groups,) of a value for each variable (p,)."""
        weights = self._group[self._grouped]
        return np.bincount(weights, values[self._grouped], self.n_groups)
