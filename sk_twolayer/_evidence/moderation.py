"""How far probabilities are moderated: chosen by leave-one-out, without fitting again.

The predictive Gaussian is wide where training samples are classified with certainty,
and how wide it should be there the evidence does not say. The training samples do: each
is predicted by the network without it, to first order in the weights.
"""

from __future__ import annotations

import numpy as np

from sk_twolayer._engine.blocks import Block
from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.outputs import shrinkage
from sk_twolayer._evidence.covariance import Covariance, samples_at_once
from sk_twolayer._evidence.curvature import Roots
from sk_twolayer._evidence.predictive import Moderation
from sk_twolayer._typing import Array

# Parts of Z2's variance that are compared; and nats of log-loss, over all samples, that
# leaving out all of it must gain: leave-one-out is itself uncertain by about as much.
PARTS, PRICE = np.linspace(0, 1, 21), 1.0
# Samples are thinned to so many.
MOST_SAMPLES = 1000
# Least part of a sample's information that the prior and the others have.
SMALLEST_REST = 1e-9


def choose_moderation(
    objective: CrossEntropyObjective,
    theta: Array,
    covariance: Covariance,
    roots: Roots,
) -> Moderation:
    """The part of Z2's variance that predicts left-out training samples best.

    Parameters
    ----------
    objective : CrossEntropyObjective
        Has the samples.
    theta : ndarray of shape (p,), float64
        The most probable weights.
    covariance : Covariance
        That of Z2 under the Gaussian that predictions are made with.
    roots : callable
        Gives the curvature's roots that this Gaussian took, see `Curvature.predictive`.

    Returns
    -------
    Moderation
        What predicts best. Source: the leave-one-out posterior of a Gaussian
        approximation, Vehtari, Mononen, Tolvanen, Sivula and Winther, Journal of
        Machine Learning Research 17, 2016.
    """
    # One number in [0, 1] needs no more samples than that.
    step = -(-objective.n // MOST_SAMPLES)
    few = objective if step == 1 else objective.thinned(step)
    output, W2 = objective.output, objective.split(theta)[1][:-1].T
    folding = few.folding
    at_once = samples_at_once(objective.m, W2)

    def bound(_: Block, __: Array, Z2: Array, bounds: list[Array]) -> None:
        bounds += Z2.min(axis=0), Z2.max(axis=0)

    bounds = [bound for found in few.visit(theta, list, bound) for bound in found]
    # A network's Z2 is bounded; to first order in the weights it would not be.
    low, high = np.min(bounds, axis=0), np.max(bounds, axis=0)

    def add(block: Block, T: Array, Z2: Array, found: list[tuple[Array, ...]]) -> None:
        for first in range(0, len(T), at_once):
            rows = slice(first, first + at_once)
            X, Z = folding.standardised(block.X[rows]), Z2[rows].astype(float)
            S, C = covariance(X, T[rows], W2), roots(X, T[rows], Z)
            # A weight is a count, and one of them is left out.
            weight = np.ones(len(Z))
            if block.weight is not None:
                weight = block.weight[rows].astype(float)
            one = np.minimum(weight, 1)[:, None]
            # The gradient is that of the mean curvature's Gaussian: at the moderated
            # Z2.
            dZ2 = Z * shrinkage(output.variances(Z, S))
            output.costs(dZ2, block.targets[rows], np.empty((2, *Z.shape)))
            Z, S = left_out(Z, S, C * np.sqrt(one)[:, :, None], dZ2 * one)
            Z = np.clip(Z, low, high)
            found.append((Z, output.variances(Z, S), block.targets[rows], weight))

    parts = [part for found in few.visit(theta, list, add) for part in found]
    Z, variances, targets, weight = (
        np.concatenate(a) for a in zip(*parts, strict=True)
    )
    # What no left-out sample had as variance none can judge: it counts whole.
    limit, work = float(variances.max()), np.empty((2, *Z.shape))
    losses = np.empty(len(PARTS))
    for i, part in enumerate(PARTS):
        taken = Moderation(part, limit).of(variances)
        costs = output.costs(Z * shrinkage(taken), targets, work)
        losses[i] = step * (weight @ costs) - PRICE * part
    return Moderation(float(PARTS[np.argmin(losses)]), limit)


def left_out(Z2: Array, S: Array, C: Array, dZ2: Array) -> tuple[Array, Array]:
    """Mean and covariance of samples' Z2 where each is left out of the posterior.

    From those with it, (b, K) and S (b, K, K), the roots C of the curvature that the
    posterior has of it, and its gradient dZ2:

        Z2 + S (1 - C'C S)^-1 dZ2    and    S (1 - C'C S)^-1.
    """
    # By the eigenvalues of C S C', the share of each direction's information that is
    # the sample's own: 1 of it would leave nothing, and a variance without end.
    across = S @ C.transpose(0, 2, 1)
    known, axes = np.linalg.eigh(C @ across)
    rest = np.maximum(1 - known, SMALLEST_REST)
    # Woodbury: S (1 - C'C S)^-1 = S + S C' (1 - C S C')^-1 C S.
    along = across @ axes
    S = S + (along / rest[:, None, :]) @ along.transpose(0, 2, 1)
    return Z2 + (S @ dZ2[:, :, None])[:, :, 0], S
