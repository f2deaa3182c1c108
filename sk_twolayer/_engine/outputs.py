"""The output layer: the one place that knows sigmoid from softmax.

Samples are rows. Both give dZ2 = A2 - Y; only the cost and the probabilities
differ. Targets are small integers: 0 or 1 for each sigmoid output, the class's
index for softmax.

`Output` is what the objective and the estimator need, of samples in blocks of b:

- `prepare` makes of integer targets what `costs` takes; and `costs` gives the cost of
  each sample (b,), while Z2 (b, K) becomes dZ2 and work (2, b, K) is used.
- `probabilities` and `log_probabilities`, finite for finite Z2, fill `columns` columns
  from Z2, which is used up; `decide` gives labels, and `decision` a Z2 that has such
  log-probabilities.
- `curvature_root` is C (b, K, K) with C'C the cost's second derivative by Z2;
  `variances` is what `shrinkage` takes of Z2 with covariances S, (b, K) or (b, 1).
- `determined` is the matrix (K, K) that takes from Z2 what the data can't determine;
  `odds` are log-odds (b, K), and their derivatives by Z2 (b, K, K).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logsumexp, softmax

from sk_twolayer._typing import Array

# Log-odds of what is certain, in the precision of any float.
CERTAIN = 1e4


class Sigmoid:
    """K independent sigmoid outputs, one a label."""

    def prepare(self, targets: Array, dtype: Any) -> Array:
        """Signs, +1 for target 0 and -1 for target 1, of shape (b, K)."""
        signs = targets.reshape(len(targets), -1).astype(dtype)
        signs *= -2
        signs += 1
        return signs

    def costs(self, Z2: Array, prepared: Array, work: Array) -> Array:
        """Cross-entropy log(1 + exp(t)), with t = Z2 for target 0 and -Z2 for 1.

        Written in exp(-|t|), so that neither side overflows or cancels; then
        sigma(t) = exp(t - cost), and dZ2 is that with the sign of t / Z2.
        """
        # docs/inside.rst, "Precision": everything in place, in Z2 and `work`.
        t = np.multiply(Z2, prepared, out=Z2)
        costs = self._costs(t, work)
        t -= costs
        np.exp(t, out=t)
        t *= prepared
        return costs[:, 0] if costs.shape[1] == 1 else costs.sum(axis=1)

    def _costs(self, t: Array, work: Array) -> Array:
        # log(1 + exp(t)) = log1p(exp(-|t|)) + max(t, 0).
        costs, positive = work
        np.copysign(t, -1, out=costs)
        np.exp(costs, out=costs)
        np.log1p(costs, out=costs)
        costs += np.maximum(t, 0, out=positive)
        return costs

    def probabilities(self, Z2: Array, out: Array) -> None:
        """A2 = sigma(Z2)."""
        expit(Z2, out=out)

    def log_probabilities(self, Z2: Array, out: Array) -> None:
        """Log sigma(Z2)."""
        log_expit(Z2, out=out)

    def columns(self, n_outputs: int) -> int:
        """One a label."""
        return n_outputs

    def decide(self, Z2: Array, classes: Array) -> Array:
        """Indicator matrix of the labels more probable than not."""
        return (Z2 > 0).astype(int)

    def decision(self, log_probabilities: Array) -> Array:
        """Log A2 - log(1 - A2), finite also where A2 is 1 to rounding."""
        # Log A2 of at most -eps, since 1 - A2 would be 0 where it rounds to 0.
        smallest = -np.finfo(log_probabilities.dtype).eps
        log_A2 = np.minimum(log_probabilities, smallest)
        return log_A2 - np.log(-np.expm1(log_A2))

    def curvature_root(self, Z2: Array) -> Array:
        """Root of A2 (1 - A2), each output's own."""
        # 1 - A2 as sigma(-Z2), which keeps its digits where A2 is near 1.
        roots = np.sqrt(expit(Z2) * expit(-Z2))
        return roots[:, :, None] * np.eye(Z2.shape[1])

    def variances(self, Z2: Array, S: Array) -> Array:
        """Each output's."""
        return np.einsum("bkk->bk", S)

    def determined(self, n_outputs: int) -> Array:
        """All of it."""
        return np.eye(n_outputs)

    def odds(self, Z2: Array) -> tuple[Array, Array]:
        """Z2 itself."""
        return Z2, np.broadcast_to(np.eye(Z2.shape[1]), (*Z2.shape, Z2.shape[1]))


class BinarySigmoid(Sigmoid):
    """The article's one output: A2 is the probability of the second class."""

    def slopes(self, half: Array, prepared: Array, out: Array) -> None:
        """Twice dZ2 = A2 - Y, as tanh(Z2 / 2) - (2 Y - 1), from half of Z2 (b, 1)."""
        np.tanh(half, out=out)
        out += prepared

    def costs_of_halves(self, half: Array, prepared: Array, work: Array) -> Array:
        """Cost of each sample (b,), from half of Z2 (b, 1), which is used up."""
        # Back to t = Z2 for target 0 and -Z2 for 1.
        half *= prepared
        half *= 2
        return self._costs(half, work)[:, 0]

    def probabilities(self, Z2: Array, out: Array) -> None:
        """1 - A2 and A2, as 1 / (1 + exp(Z2)) and 1 / (1 + exp(-Z2)).

        Each is precise where it is small; an exponential that overflows gives 0.
        """
        opposite = np.negative(Z2)
        for column, power in enumerate((Z2, opposite)):
            np.exp(power, out=power)
            power += 1
            np.divide(1, power[:, 0], out=out[:, column])

    def log_probabilities(self, Z2: Array, out: Array) -> None:
        """Log sigma(-Z2) and log sigma(Z2)."""
        out[:, 0] = log_expit(-Z2[:, 0])
        out[:, 1] = log_expit(Z2[:, 0])

    def columns(self, n_outputs: int) -> int:
        """Two."""
        return 2

    def decision(self, log_probabilities: Array) -> Array:
        """Log A2 - log(1 - A2), both of which are given."""
        return log_probabilities[:, 1:] - log_probabilities[:, :1]

    def decide(self, Z2: Array, classes: Array) -> Array:
        """The second class where A2 > 1/2."""
        return classes[(Z2[:, 0] > 0).astype(np.intp)]


class Softmax:
    """K outputs that share one probability: K > 2 classes."""

    def prepare(self, targets: Array, dtype: Any) -> Array:
        """Class indices, of shape (b, 1)."""
        return targets.reshape(-1, 1).astype(np.intp)

    def costs(self, Z2: Array, prepared: Array, work: Array) -> Array:
        """Cross-entropy log(sum exp Z2) - Z2[class]."""
        # The same for every class, so it drops out of softmax; no exponential
        # overflows.
        Z2 -= Z2.max(axis=1, keepdims=True)
        of_class = np.take_along_axis(Z2, prepared, axis=1)
        np.exp(Z2, out=Z2)
        # The class's own term is kept apart: A2 - 1 would cancel where A2 is near 1.
        own = np.take_along_axis(Z2, prepared, axis=1)
        np.put_along_axis(Z2, prepared, 0, axis=1)
        others = Z2.sum(axis=1, keepdims=True)
        total = own + others
        # Where the class is the most probable its term is 1, and log1p keeps the digits
        # of the others' sum.
        costs = np.where(of_class == 0, np.log1p(others), np.log(total) - of_class)
        Z2 /= total
        np.put_along_axis(Z2, prepared, -others / total, axis=1)
        return costs[:, 0]

    def probabilities(self, Z2: Array, out: Array) -> None:
        """A2 = softmax(Z2), each row summing to 1."""
        np.subtract(Z2, Z2.max(axis=1, keepdims=True), out=out)
        np.exp(out, out=out)
        out /= out.sum(axis=1, keepdims=True)

    def log_probabilities(self, Z2: Array, out: Array) -> None:
        """Log softmax(Z2) along the outputs."""
        out[...] = log_softmax(Z2, axis=1)

    def columns(self, n_outputs: int) -> int:
        """One a class."""
        return n_outputs

    def decide(self, Z2: Array, classes: Array) -> Array:
        """The class of the largest Z2."""
        return classes[Z2.argmax(axis=1)]

    def decision(self, log_probabilities: Array) -> Array:
        """The logarithms themselves."""
        return log_probabilities

    def curvature_root(self, Z2: Array) -> Array:
        """Of diag(A2) - A2 A2'."""
        A2 = softmax(Z2, axis=1)
        # C = diag(sqrt(A2)) (1 - 1 A2'), of which C'C is diag(A2) - A2 A2'.
        centred = np.eye(Z2.shape[1]) - A2[:, None, :]
        return np.sqrt(A2)[:, :, None] * centred

    def variances(self, Z2: Array, S: Array) -> Array:
        """Mean variance of Z2_i - Z2_j, pairs of outputs having weights A2_i A2_j."""
        A2 = softmax(Z2, axis=1)
        pairs = A2[:, :, None] * A2[:, None, :]
        np.einsum("bkk->bk", pairs)[...] = 0
        own = np.einsum("bkk->bk", S)
        # Var(Z2_i - Z2_j) = S_ii + S_jj - 2 S_ij: only differences matter to softmax.
        of_pairs = own[:, :, None] + own[:, None, :] - 2 * S
        total = np.maximum(pairs.sum(axis=(1, 2)), np.finfo(float).tiny)
        return (np.einsum("bij,bij->b", pairs, of_pairs) / total)[:, None]

    def determined(self, n_outputs: int) -> Array:
        """Z2 less its mean over the outputs."""
        return np.eye(n_outputs) - 1 / n_outputs

    def odds(self, Z2: Array) -> tuple[Array, Array]:
        """Of each class against all others: Z2_i - log sum_(j != i) exp Z2_j."""
        eye = np.eye(Z2.shape[1])
        if len(eye) == 1:
            # A class that has no others is certain.
            return np.full_like(Z2, CERTAIN), np.zeros((*Z2.shape, 1))
        others = np.where(eye == 1, -np.inf, Z2[:, None, :])
        rest = logsumexp(others, axis=2)
        return Z2 - rest, eye - np.exp(others - rest[:, :, None])


Output = Sigmoid | Softmax


def shrinkage(variances: Array) -> Array:
    """Factor of Z2 that moderates it, of `variances` (b, K) or (b, 1).

    Softmax has one for all outputs, and so keeps their order. Source: MacKay (1992),
    Neural Computation 4, p. 728, kappa(s^2) = 1 / sqrt(1 + pi s^2 / 8).
    """
    return 1 / np.sqrt(1 + np.pi / 8 * variances)


def choose_output(activation: str, n_outputs: int) -> Output:
    """The output layer of a name, which is MLPClassifier's ``out_activation_``."""
    if activation == "softmax":
        return Softmax()
    return BinarySigmoid() if n_outputs == 1 else Sigmoid()
