"""Before the first iteration: weights drawn on the scale of the features.

Training finds the same minimum sooner from where neurons differ. So W1 and b1 are drawn
such that every neuron bends within the data, on the features' standardisation. b2
begins at the log-odds of the classes, which is the best that a network without features
can do.
"""

from __future__ import annotations

import numpy as np

from sk_twolayer._engine.layout import Layout, stacked
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._typing import Array
from sk_twolayer.network import Parameters

# Deviation of Z1 at the start, in W1 X and in b1. Where it is small every neuron is about
# linear, and training may end where all are alike: XOR is then never learned. But at a
# strong penalty that is fixed, L-BFGS ends a little lower from small weights
# (docs/benchmarks/quality.py).
SPREAD = 2.0


def log_odds(counts: Array) -> Array:
    """Z2 (K, 1) that gives each class or label its share, half a sample added to each.

    For softmax log shares less their mean. Never infinite. Source of the half sample:
    Krichevsky and Trofimov, IEEE Transactions on Information Theory 27, 1981.
    """
    logs = np.log(counts + 0.5)
    if counts.shape[1] == 2:
        return logs[:, 1:] - logs[:, :1]
    return (logs - logs.mean()).T


def initial_parameters(
    rng: np.random.RandomState,
    layout: Layout,
    standardisation: Standardisation,
    offset: Array | float = 0.0,
    is_wide: bool = True,
    signs: Array | None = None,
    constant: Array | None = None,
) -> Parameters:
    """Uniform in +-sqrt(2 / (fan in + fan out)), as MLPClassifier's "logistic".

    If wide, Z1's deviation is `SPREAD` by W1 X and by b1 instead. b2 is such that Z2 is `offset` where every neuron is at 1/2.

    Parameters
    ----------
    rng : RandomState
        Where the numbers come from.
    layout : Layout
        Features, hidden neurons and output neurons.
    standardisation : Standardisation
        The weights are drawn for features centred and scaled by it.
    offset : ndarray of shape (K, 1), float64, default=0.0
        See `log_odds`.
    is_wide : bool, default=True
        Whether neurons begin as sigmoids, and not as nearly straight lines.
    signs : ndarray of shape (m,), int8, default=None
        Signs that weights of W1 shall have, with W2 at least 0; None is any.
    constant : ndarray of shape (m,), bool, default=None
        Features that say nothing, whose weights are 0: what was drawn would stay, since
        no sample moves it, and count where a new sample has another value.

    Returns
    -------
    Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1), float64. Source: Glorot
        and Bengio, AISTATS 2010, equation 16, with 2 for 6 since a sigmoid's range is
        half that of tanh.
    """
    m, k, n_outputs = layout
    bound_W1 = bound_b1 = np.sqrt(2 / (m + k))
    if is_wide:
        bound_b1 = SPREAD * np.sqrt(3)
        bound_W1 = bound_b1 / np.sqrt(m)
    bound2 = np.sqrt(2 / (k + n_outputs))
    V1 = rng.uniform(-bound_W1, bound_W1, (k, m))
    c1 = rng.uniform(-bound_b1, bound_b1, (k, 1))
    W2 = rng.uniform(-bound2, bound2, (n_outputs, k))
    if signs is not None:
        V1, W2 = np.where(signs == 0, V1, signs * np.abs(V1)), np.abs(W2)
    if constant is not None:
        V1[:, constant] = 0
    first = stacked(V1, c1)
    standardisation.fold(first)
    b2 = offset - 0.5 * W2.sum(axis=1, keepdims=True)
    return Parameters(first[:-1].T.copy(), first[-1][:, None].copy(), W2, b2)
