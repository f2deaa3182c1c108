"""MacKay's evidence framework: the penalty chosen by the training data themselves.

The penalty is read as a Gaussian prior on the weights, on the scale of standardised
features, with one precision alpha_g for each group of weights; so the cost is n times

    mean cross-entropy + 1 / (2 n) sum_g alpha_g |w_g|^2

At the weights that minimise it, with A its Gauss-Newton matrix, the log evidence of the
precisions is -(n cost) + 1/2 log |D| - 1/2 log |A|, D being the prior's part of A.
Samples are not seen here; the objective sums over them. A round is L-BFGS at fixed
precisions, in variables in which A of the last round is the unit matrix, and then the
evidence of these precisions. Rounds that raise it are kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sk_twolayer._engine.moments import CURVATURE
from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.prior import HELD, Prior
from sk_twolayer._evidence.curvature import Curvature
from sk_twolayer._evidence.moderation import choose_moderation
from sk_twolayer._evidence.posterior import Posterior
from sk_twolayer._evidence.predictive import Moderation
from sk_twolayer._monitor import Found, Monitor, Start
from sk_twolayer._solvers import lbfgs, skipping_first, slope
from sk_twolayer._typing import Array

# Bounds of the others. Without, data that a line separates drive W2 to infinity and W1
# to 0 at the same product, and an irrelevant input's precision has no end.
LOWEST, HIGHEST = 1e-3, 1e6
INITIAL = 1.0
# Well-determined parameters of a group below which it has none, but for rounding.
UNDETERMINED = 1e-6
# Nats of log evidence that a move must gain, in all and a sample; change of a
# precision, in e-folds a well-determined weight, below which it does not move.
GAIN, GAIN_OF_SAMPLE, STILL = 0.2, 1e-4, 0.02
MOST_ROUNDS = 60
# Largest entry of the sum's gradient at which a round ends, where A is the unit: the
# cost is then about p / 2 times its square above its minimum, in nats.
ROUND_TOL = 0.1
# Rounds begin beside the last weights, so many standard deviations of the posterior
# away: neurons that have become the same one would otherwise stay so.
SPREAD = 0.3
# A round is short, because A, by which its iterations go, grows old. But computing A
# takes as long as about p / 12 iterations, so of many variables a round may take a
# quarter of that, p / 48, before A is computed anew.
ROUND_ITERATIONS = 20


class Evidence(NamedTuple):
    """The evidence of some precisions.

    Attributes
    ----------
    theta : ndarray of shape (p,), float64
        The most probable weights.
    alpha : ndarray of shape (n_groups,), float64
        Precision of each group.
    cost : float
        The cost there, in nats a sample.
    log_evidence : float
        In nats.
    gamma : ndarray of shape (n_groups,), float64
        Well-determined parameters of each group.
    norm : ndarray of shape (n_groups,), float64
        Each group's |w|^2.
    posterior : Posterior
        The Gaussian about theta.
    """

    theta: Array
    alpha: Array
    cost: float
    log_evidence: float
    gamma: Array
    norm: Array
    posterior: Posterior


class _Variables:
    """The objective as L-BFGS sees it: here in its own variables, without bounds.

    Attributes
    ----------
    last : ndarray of shape (p,), float64
        Where the cost was evaluated last, in the objective's own variables.
    steepest : float
        Largest entry of the gradient there, by these, of those that no bound holds.
    """

    bounds: tuple[Array, Array] | None = None

    def __init__(self, objective: CrossEntropyObjective) -> None:
        self.resolution, self._objective = objective.resolution, objective
        self.steepest, self.last = np.inf, np.empty(0)

    def theta(self, v: Array) -> Array:
        """The objective's own variables."""
        return v

    def by_v(self, gradient: Array) -> Array:
        """The gradient by v, of that by theta."""
        return gradient

    def value_and_gradient(self, v: Array) -> tuple[float, Array]:
        """Cost, and gradient by v."""
        self.last = self.theta(v)
        cost, gradient = self._objective.value_and_gradient(self.last)
        bounds = None if self.bounds is None else self._objective.bounds
        self.steepest = slope(self.last, gradient, bounds)
        return cost, self.by_v(gradient)


class _Whitened(_Variables):
    """In variables v, theta = origin + S v, where it is about round."""

    def __init__(
        self, objective: CrossEntropyObjective, origin: Array, posterior: Posterior
    ) -> None:
        super().__init__(objective)
        self._origin, self._posterior = origin, posterior
        _, gradient = objective.value_and_gradient(origin)
        # So long that the first step of L-BFGS, of length 1, is Gauss and Newton's.
        whitened = posterior.whiten_gradient(gradient)
        self.length = float(np.linalg.norm(whitened)) * objective.total

    def theta(self, v: Array) -> Array:
        """The objective's own variables."""
        return self._origin + self.length * self._posterior.whiten(v)

    def by_v(self, gradient: Array) -> Array:
        """The gradient by v, of that by theta."""
        return self.length * self._posterior.whiten_gradient(gradient)


class _Scaled(_Variables):
    """In variables in which its penalty is no steeper than its cost, within bounds."""

    def __init__(self, objective: CrossEntropyObjective) -> None:
        super().__init__(objective)
        # As `Moments.standardisation` scales features.
        self.scale = 1 / np.sqrt(1 + CURVATURE * objective.penalty)
        assert objective.bounds is not None
        lower, upper = objective.bounds
        self.bounds = lower / self.scale, upper / self.scale

    def theta(self, v: Array) -> Array:
        """The objective's own variables."""
        return v * self.scale

    def by_v(self, gradient: Array) -> Array:
        """The gradient by v, of that by theta."""
        return self.scale * gradient


class _Search:
    """Goes from precisions to precisions of higher evidence."""

    def __init__(
        self,
        objective: CrossEntropyObjective,
        prior: Prior,
        max_iter: int,
        rng: np.random.RandomState,
        monitor: Monitor,
    ) -> None:
        self.objective, self.prior, self._rng = objective, prior, rng
        self.curvature = Curvature(objective)
        self.history: list[float] = []
        self.rounds: list[tuple[Array, float]] = []
        self.ends: list[int] = []
        self.best: Evidence | None = None
        self.stopped, self.converged = False, True
        self._max_iter, self._monitor = max_iter, monitor
        self._last = np.empty(0), np.empty(0)
        self._lucky = 0

    @property
    def exhausted(self) -> bool:
        """Whether no iteration is left, or the monitor ended training."""
        return self.stopped or self._left < 1

    @property
    def _left(self) -> int:
        """Iterations that are left: the history begins with the start, which is none."""
        return self._max_iter - max(len(self.history) - 1, 0)

    def run(self, start: Array, alpha: Array, tol: float) -> None:
        """All rounds, and the weights of the best to the tolerance."""
        # First towards the evidence, in rounds that end early; then, at the precisions
        # that were best, to the tolerance.
        self.objective.set_precision(self.prior.precision(alpha))
        own = _Variables(self.objective)
        best = self.best = self._descend(own, start, alpha, self._left, tol, None)
        while not self.exhausted and len(self.rounds) < MOST_ROUNDS:
            better = self._improve(best)
            if better is None:
                break
            best = self.best = better
        if self.objective.bounds is not None:
            self.best = self._within_bounds(tol)
            return
        done = self.exhausted
        while not done:
            best = self.best = self._next(best, best.alpha, tol)
            done = self.exhausted or self.converged

    def salvage(self) -> None:
        """After an interruption: the best evidence, or that of the weights so far."""
        if self.best is None:
            theta, alpha = self._last
            self.best = self._evaluate(theta, alpha, self.history[-1])
        if self.objective.bounds is not None:
            self.stopped = True
            self.best = self._within_bounds(0.0)

    def _within_bounds(self, tol: float) -> Evidence:
        """The weights within the bounds, at the precisions that were best without.

        In whitened variables a bound is none on one of them, and steps in others are
        too many for all the rounds.
        """
        objective, best = self.objective, self.best
        assert best is not None
        objective.set_precision(self.prior.precision(best.alpha))
        theta = self._obeying(best.theta)
        if self.exhausted:
            return self._evaluate(theta, best.alpha, objective.value(theta))
        scaled = _Scaled(objective)
        start = theta / scaled.scale
        return self._descend(scaled, start, best.alpha, self._left, 0.0, tol)

    def _obeying(self, theta: Array) -> Array:
        """Theta, its neurons turned and cut to the bounds, where there are any."""
        objective = self.objective
        if objective.bounds is None:
            return theta
        return objective.from_parameters(objective.to_parameters(theta))

    def _improve(self, best: Evidence) -> Evidence | None:
        """The first of three moves that raises the evidence; None if none does.

        MacKay's alpha = gamma / |w|^2 is where the evidence is stationary if A stayed;
        it does not, and so the evidence may fall. Then W1's precisions or W2's alone
        may still raise it. The kind of move that did so last is tried first.
        """
        # Of weights that the samples do not determine at all, as those of a constant
        # feature, 0 / 0 would be the lowest precision; right is the highest.
        target = best.gamma / np.maximum(best.norm, 1e-12)
        target = np.where(best.gamma > UNDETERMINED, target, HIGHEST)
        target = np.clip(target, LOWEST, HIGHEST)
        first = np.append(target[:-1], best.alpha[-1])
        second = np.append(best.alpha[:-1], target[-1])
        moves = [first, target, second]
        for i in (self._lucky, *(j for j in range(3) if j != self._lucky)):
            alpha = moves[i]
            # How far a move goes, in e-folds, counted by the weights that will notice.
            step = np.abs(np.log(alpha / best.alpha)) * np.maximum(best.gamma, STILL)
            was_tried = any(np.array_equal(alpha, tried) for tried, _ in self.rounds)
            if step.max() <= STILL or was_tried:
                continue
            found = self._next(best, alpha, None)
            gain = max(GAIN, GAIN_OF_SAMPLE * self.objective.total)
            if found.log_evidence > best.log_evidence + gain and not self.stopped:
                self._lucky = i
                return found
            if self.exhausted:
                break
        return None

    def _next(self, best: Evidence, alpha: Array, tol: float | None) -> Evidence:
        """The evidence at other precisions, from L-BFGS begun where `best` is.

        With tol it ends when no entry of the gradient exceeds it, else when a step
        would gain little.
        """
        objective = self.objective
        objective.set_precision(self.prior.precision(alpha))
        whitened = _Whitened(objective, best.theta, best.posterior)
        # At the last weights, or beside them: see SPREAD.
        start = np.zeros(objective.size)
        if tol is None and whitened.length > 0:
            start = SPREAD / whitened.length * self._rng.normal(size=objective.size)
        most = min(max(ROUND_ITERATIONS, objective.size // 48), self._left)
        # ROUND_TOL is in whitened variables.
        gtol = 0.0
        if tol is None:
            gtol = ROUND_TOL * whitened.length / objective.total
        return self._descend(whitened, start, alpha, most, gtol, tol)

    def _descend(
        self,
        variables: _Variables,
        start: Array,
        alpha: Array,
        most: int,
        gtol: float,
        tol: float | None,
    ) -> Evidence:
        """The evidence where L-BFGS ends, begun at `start` in these variables.

        It ends where no entry of the gradient by them exceeds gtol, or, with tol, where
        none of that by theta exceeds tol.
        """

        def report(_: Array, cost: float, __: float) -> bool:
            # An iteration ends where the cost was evaluated last.
            stop = self._note(variables.last, alpha, cost, variables.steepest)
            return stop or (tol is not None and variables.steepest <= tol)

        solution = lbfgs(
            variables,
            start,
            max_iter=most,
            tol=gtol,
            report=skipping_first(report) if self.history else report,
            exact_steps=False,
        )
        self.converged = solution.converged
        theta = variables.theta(solution.theta)
        return self._evaluate(theta, alpha, solution.history[-1])

    def precision(self, theta: Array, alpha: Array) -> Array:
        """The prior's (p,), but of what a bound holds: see `HELD`."""
        held = self.objective.at_bound(theta)
        return np.where(held, HELD, self.prior.precision(alpha))

    def _note(self, theta: Array, alpha: Array, cost: float, steepest: float) -> bool:
        self.history.append(cost)
        self._last = theta.copy(), alpha
        self.stopped = self._monitor(self._obeying(theta), cost, steepest)
        return self.stopped

    def _evaluate(self, theta: Array, alpha: Array, cost: float) -> Evidence:
        """The evidence where the cost is least."""
        if not (np.isfinite(theta).all() and np.isfinite(cost)):
            raise FloatingPointError
        prior, precision = self.prior, self.precision(theta, alpha)
        posterior = self.curvature.posterior(theta, precision)
        # -(n cost) + 1/2 log |D| - 1/2 log |A|, the cost with its penalty.
        log_evidence = -self.objective.total * cost - 0.5 * posterior.log_determinant
        log_evidence += 0.5 * float(np.log(precision).sum())
        # gamma and |w|^2 of each group, whose quotient is the next alpha.
        gamma = prior.sums(posterior.well_determined)
        norm = prior.sums(theta * theta)
        found = Evidence(theta, alpha, cost, log_evidence, gamma, norm, posterior)
        self.rounds.append((alpha, log_evidence))
        self.ends.append(len(self.history) - 1)
        self._tell(found)
        return found

    def _tell(self, found: Evidence) -> None:
        """Callbacks, and who reads what is printed, of a round."""
        self._monitor.found = self.attributes(found)
        if self._monitor.title is not None:
            low, high = found.alpha[:-1].min(), found.alpha[:-1].max()
            of_W1 = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
            print(
                f"{self._monitor.title} round {len(self.rounds):9d}  log evidence "
                f"{found.log_evidence:12.4f}  alpha of W1 {of_W1}, of W2 "
                f"{found.alpha[-1]:.3g}  well-determined {found.gamma.sum():.1f}"
            )

    def attributes(self, found: Evidence) -> dict[str, Any]:
        """What the evidence says, as the estimator has it."""
        attributes = {
            "alpha_": found.alpha,
            "log_evidence_": found.log_evidence,
            # The sum over all variables of the part that the data determine.
            "n_effective_parameters_": float(found.posterior.well_determined.sum()),
        }
        if self.prior.kind == "ard":
            # The deviation that the prior expects of each feature's weights.
            attributes["feature_relevance_"] = 1 / np.sqrt(found.alpha[:-1])
        return attributes


class EvidenceMaximisation:
    """alpha="evidence" or "ard": precisions that each start chooses for itself.

    Source: MacKay, Neural Computation 4, 1992, "A practical Bayesian framework for
    backpropagation networks".

    Parameters
    ----------
    kind : {"evidence", "ard"}
        The groups of weights.
    begin : ndarray of shape (n_groups,), float64, or None
        Precisions to begin with; of another shape or None they are 1.
    max_iter : int
        Most iterations of L-BFGS, in all rounds together.
    tol : float
        The last round ends when no entry of the gradient exceeds this.
    """

    def __init__(
        self, kind: str, begin: Array | None, max_iter: int, tol: float
    ) -> None:
        self._kind, self._begin = kind, begin
        self._max_iter, self._tol = max_iter, tol

    def choose(
        self, objective: CrossEntropyObjective, start: Start, monitor: Monitor
    ) -> Found:
        """The precisions of the highest evidence, and the weights given them.

        The objective is in the variables of standardised features. After Ctrl-C the
        best so far; before the first iteration was done a KeyboardInterrupt.
        """
        prior = Prior(objective.layout, self._kind)
        alpha = self._begin
        if alpha is None or np.shape(alpha) != (prior.n_groups,):
            alpha = np.full(prior.n_groups, INITIAL)
        search = _Search(objective, prior, self._max_iter, start.rng, monitor)
        interrupted = False
        try:
            search.run(start.theta, alpha, self._tol)
        except KeyboardInterrupt:
            if len(search.history) < 2:
                raise
            search.salvage()
            interrupted = True
        except FloatingPointError:
            return Found(start.theta, np.nan, np.inf, False, {})
        best = search.best
        assert best is not None
        covariance, roots = search.curvature.predictive(
            best.theta, search.precision(best.theta, best.alpha), best.posterior
        )
        if objective.bounds is None:
            moderation = choose_moderation(objective, best.theta, covariance, roots)
        else:
            # Z2 / sqrt(1 + pi s^2 / 8) need not rise where Z2 does.
            moderation = Moderation(0.0, np.inf)
        attributes = {
            **search.attributes(best),
            "_covariance": covariance,
            "moderation_": moderation.part,
            "_moderation_limit": moderation.limit,
            "evidence_method_": search.curvature.method,
            "log_evidence_curve_": [value for _, value in search.rounds],
            "alpha_curve_": np.array([alpha for alpha, _ in search.rounds]),
            "round_n_iter_": search.ends,
        }
        return Found(
            best.theta,
            best.cost,
            -best.log_evidence,
            search.converged,
            attributes,
            interrupted,
        )
