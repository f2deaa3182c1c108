"""How alpha="auto" is chosen: by cross-validation, and then feature by feature.

The penalty acts on the weights of standardised features. It has one precision for W1
and one for W2, and the samples say which: they are cut into folds, and the precisions
whose networks predict the left-out folds best are climbed to, a factor of sqrt(10) at a
time, each fold's network beginning where its last one ended.

W1's precision is then divided among the features: one with large weights is penalised
less, one with small weights more, and the weights are fitted again. A few informative
features of many are found so, while a network that needs all of them keeps them. This
too is taken only where it predicts the left-out folds better.

Nothing here depends on the order of the rows, on a feature's unit, or on whether a
sample of weight 2 stands in one row or in two: the folds are cut along an order that
the samples' own values give.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.prior import precision_of
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.threads import Workers
from sk_twolayer._labels import constant_cost
from sk_twolayer._lots import classes_of, weights_of
from sk_twolayer._monitor import Found, Monitor, Start
from sk_twolayer._settings import Settings
from sk_twolayer._solvers import Solution, lbfgs, on_grid, skipping_first
from sk_twolayer._typing import Array
from sk_twolayer.network import Parameters

# Where the search begins, and begins again if it has found nothing: W2's precision is
# low there, so that neurons do not become alike, which later steps would keep; and what
# turns often within the data needs large weights from the first step on. It then goes
# in steps of sqrt(10), of ten where both precisions move, within the bounds.
BEGINS, STEP, LONG_STEP = ((1.0, 0.1), (0.1, 0.01)), 10**0.5, 10.0
LOWEST, HIGHEST = 1e-2, 1e2
MOST_EVALUATIONS = 16
# Nats that a step must gain over all samples left out; less is noise, or rounding.
GAIN = 1.0
# And that the best network must gain over the class shares, which have no parameters.
GAIN_OVER_SHARES = 4.0
# Largest entry of the gradient at which a fold's fit ends. At 1e-3 weights near 0, where
# every neuron is alike, already pass for an optimum, and the search goes astray.
SEARCH_TOL = 3e-4
# Most iterations of a fit: of the first one, from drawn weights, and of the others.
FIRST_ITERATIONS, SEARCH_ITERATIONS = 200, 100
# Pairs of steps that L-BFGS keeps there: for small problems more take longer than the
# iterations that they save.
SEARCH_MEMORY = 10
# More folds leave more samples to learn from; from so many samples on, three are enough.
MANY, FOLDS, FOLDS_OF_MANY = 1000, 5, 3
# Part of the samples that have an equal one at which these are samples of their own, if
# their classes differ.
UNLIKE = 0.1
# Fewer samples say nothing of what is left out: they are then learned as they are.
FEWEST = 10
# A feature whose weights are 0 has 11 times the mean precision.
FLOOR = 0.1
RELEVANCE_ROUNDS = 2


class TakesRows(Protocol):
    """Training data of which some rows can be taken."""

    @property
    def X(self) -> Any:
        """Samples in rows (n, m)."""

    @property
    def labels(self) -> Any:
        """Their targets."""

    @property
    def weight(self) -> Array | None:
        """Their weights (n,); None is all ones."""

    @property
    def counts(self) -> Array | None:
        """How many samples each row stands for (n,); None is one."""

    @property
    def total(self) -> float:
        """How many they are, where one of weight 2 counts twice."""

    def class_counts(self) -> Array:
        """Weight of each class."""

    def take(self, rows: Array) -> Any:
        """Copy of some rows."""

    def work(self, k: int) -> float:
        """Multiply-adds of an evaluation with k neurons."""


class DrawsFew(Protocol):
    """Training data of which some can be drawn to search on."""

    def few(self, scale: Array) -> tuple[TakesRows, Array]:
        """Those, in this process, and where they lie along a line."""


class Choice(NamedTuple):
    """What cross-validation chose.

    Attributes
    ----------
    alpha : ndarray of shape (2,), float64
        Precision of W1's weights, on average, and of W2's.
    by_relevance : bool
        Whether W1's is divided among the features.
    tried : list of tuple of (ndarray of shape (2,), float)
        Precisions, and the left-out samples' mean cost, in nats.
    begin : ndarray of shape (2,), float64
        Precisions with which the way to `alpha` began.
    constant : bool
        Whether no network predicted them better than the class shares do.
    """

    alpha: Array
    by_relevance: bool
    tried: list[tuple[Array, float]]
    begin: Array
    constant: bool = False


def precision(
    objective: CrossEntropyObjective, alpha: Array, factors: Array | float = 1.0
) -> Array:
    """Precision of each variable (p,); `factors` (m,) are the features' in W1's."""
    of_W1 = np.reshape(alpha[0] * factors, (-1, 1))
    return precision_of(objective.layout, of_W1, alpha[1])


def relevance_factors(objective: CrossEntropyObjective, theta: Array) -> Array:
    """Each feature's part (m,) in W1's precision: less for larger weights.

    Source: adaptive ridge, Grandvalet, ICANN 1998; it descends on the sum of the
    logarithms of `FLOOR` + |w_j|^2 / mean |w|^2 as a penalty.
    """
    squares = np.square(objective.split(theta)[0][:-1]).mean(axis=1)
    mean = squares.mean()
    if mean == 0:
        return np.ones(len(squares))
    return (1 + FLOOR) / (FLOOR + squares / mean)


def choose_alpha(
    samples: TakesRows,
    position: Array,
    objective_of: Callable[[Any], CrossEntropyObjective],
    start: Callable[[CrossEntropyObjective], Array],
    workers: Workers,
    progress: Callable[[Array, float], None],
) -> Choice:
    """The precisions whose networks predict left-out samples best.

    Parameters
    ----------
    samples : Samples
        Those that are searched on.
    position : ndarray of shape (n,), float64
        Where along a line each lies, as `Samples.few` gives it.
    objective_of : callable
        Gives the objective of some samples, in the variables of that standardisation.
    start : callable
        Gives theta of an objective, where each fold's first fit begins.
    workers : Workers
        Threads, started; each fits other folds.
    progress : callable
        Called with the precisions and the cost of each evaluation.

    Returns
    -------
    Choice
        The best found. Source: K-fold cross-validation, Stone, Journal of the Royal
        Statistical Society B 36, 1974.
    """
    if samples.total < FEWEST:
        return Choice(np.full(2, LOWEST), False, [], np.full(2, LOWEST))
    search = _Folds(samples, position, objective_of, workers, progress)
    starts = [start(objective) for objective, _ in search.pairs]
    # Of these samples: rare classes are more of them than of all.
    class_shares_cost = constant_cost(samples.class_counts())
    for begin in map(np.array, BEGINS):
        cost, thetas = search.evaluate(begin, starts, max_iter=FIRST_ITERATIONS)
        best, alpha, thetas = search.climb(cost, begin, thetas)
        if (class_shares_cost - best) * search.total > GAIN_OVER_SHARES:
            break
    else:
        highest = np.full(2, HIGHEST)
        return Choice(highest, False, search.tried, highest, constant=True)
    plain, _ = search.evaluate(alpha, thetas)
    for _ in range(RELEVANCE_ROUNDS):
        relevant, thetas = search.evaluate(alpha, thetas, by_relevance=True)
    return Choice(alpha, relevant < plain, search.tried, begin)


class CrossValidation:
    """alpha="auto": precisions that are chosen once, for all starts.

    Parameters
    ----------
    choice : Choice
        What the folds say.
    max_iter : int
        Most iterations of L-BFGS from a start, on all samples.
    tol : float
        It ends when no entry of the gradient exceeds this.
    """

    def __init__(self, choice: Choice, max_iter: int, tol: float) -> None:
        self._choice, self._max_iter, self._tol = choice, max_iter, tol

    @classmethod
    def of(
        cls,
        samples: DrawsFew,
        settings: Settings,
        standardisation: Standardisation,
        start: Parameters,
    ) -> CrossValidation:
        """Ask the folds, each in a thread where that is worth it."""
        k = settings.n_hidden
        few, position = samples.few(standardisation.scale)
        threads = Workers.for_fits(FOLDS, few.work(k), settings.n_jobs)

        def progress(alpha: Array, cost: float) -> None:
            if settings.verbose:
                print(
                    f"[TwoLayerSigmoidClassifier] alpha of W1 {alpha[0]:.3g}, of W2 "
                    f"{alpha[1]:.3g}: cost of samples left out {cost:.6f}"
                )

        with threads.started() as workers, np.errstate(over="ignore"):
            choice = choose_alpha(
                few,
                position,
                lambda part: part.objective(k, standardisation),
                lambda objective: on_grid(objective.from_parameters(start)),
                workers,
                progress,
            )
        return cls(choice, settings.max_iter, settings.tol)

    def choose(
        self, objective: CrossEntropyObjective, start: Start, monitor: Monitor
    ) -> Found:
        """The weights given the precisions, and each feature's precision.

        The same way as in the search: from its first precisions to the last, and then
        feature by feature; the last stage alone ends at `tol`.
        """
        choice, half = self._choice, self._max_iter // 2
        tol = max(self._tol, SEARCH_TOL)
        # Of each stage: precisions, whether by relevance, most iterations, tolerance.
        short = min(half, SEARCH_ITERATIONS), tol
        stages = [(choice.alpha, choice.by_relevance, self._max_iter, self._tol)]
        if choice.by_relevance:
            stages[:0] = [(choice.alpha, True, *short)] * (RELEVANCE_ROUNDS - 1)
            stages.insert(0, (choice.alpha, False, *short))
        if not np.array_equal(choice.begin, choice.alpha):
            stages.insert(0, (choice.begin, False, min(half, FIRST_ITERATIONS), tol))

        def run() -> Solution:
            solution, is_first = Solution(start.theta, [], False), True
            for alpha, by_relevance, max_iter, tol in stages:
                left = self._max_iter + 1 - max(1, len(monitor.history))
                if monitor.stopped or left < 1:
                    break
                factors: Array | float = 1.0
                if by_relevance:
                    factors = relevance_factors(objective, solution.theta)
                objective.set_precision(precision(objective, alpha, factors))
                self._tell(monitor, alpha[0] * factors, alpha[1], objective.m)
                solution = lbfgs(
                    objective,
                    solution.theta,
                    max_iter=min(left, max_iter),
                    tol=tol,
                    report=monitor if is_first else skipping_first(monitor),
                )
                is_first = False
            return solution

        found = monitor.follow(run, objective.value)
        return found._replace(is_constant=choice.constant)

    def _tell(
        self, monitor: Monitor, of_W1: Array | float, of_W2: float, m: int
    ) -> None:
        """The precisions so far, as the estimator has them."""
        tried = self._choice.tried
        alpha = np.append(np.broadcast_to(of_W1, m), of_W2)
        monitor.found = {
            "alpha_": alpha,
            "feature_relevance_": 1 / np.sqrt(alpha[:-1]),
            "alpha_curve_": np.reshape([each for each, _ in tried], (-1, 2)),
            "cv_loss_curve_": [cost for _, cost in tried],
        }


class _Folds:
    """Objectives of each fold's others and of itself; and what was tried on them."""

    def __init__(
        self,
        samples: TakesRows,
        position: Array,
        objective_of: Callable[[Any], CrossEntropyObjective],
        workers: Workers,
        progress: Callable[[Array, float], None],
    ) -> None:
        self._workers, self._progress = workers, progress
        self.tried: list[tuple[Array, float]] = []
        self.pairs = [
            tuple(objective_of(part) for part in parts)
            for parts in cut(samples, position)
        ]
        self.total = sum(left_out.total for _, left_out in self.pairs)

    def evaluate(
        self,
        alpha: Array,
        thetas: list[Array],
        by_relevance: bool = False,
        max_iter: int = SEARCH_ITERATIONS,
    ) -> tuple[float, list[Array]]:
        """Mean cost of the samples left out, and the folds' weights."""

        def fit(i: int) -> tuple[float, Array]:
            objective, left_out = self.pairs[i]
            factors: Array | float = 1.0
            if by_relevance:
                factors = relevance_factors(objective, thetas[i])
            objective.set_precision(precision(objective, alpha, factors))
            theta = lbfgs(
                objective,
                thetas[i],
                max_iter=max_iter,
                tol=SEARCH_TOL,
                report=lambda *_: False,
                memory=SEARCH_MEMORY,
            ).theta
            return left_out.value(theta) * left_out.total, theta

        found = self._workers.run(fit, len(self.pairs))
        cost = sum(cost for cost, _ in found) / self.total
        self.tried.append((alpha, cost))
        self._progress(alpha, cost)
        return cost, [theta for _, theta in found]

    def climb(
        self, best: float, alpha: Array, thetas: list[Array]
    ) -> tuple[float, Array, list[Array]]:
        """Steps of both precisions or of one, as long as one leads to a lower cost."""
        both = (LONG_STEP, LONG_STEP)
        steps = [both, (1.0, STEP), (STEP, 1.0), (1.0, 1 / STEP), (1 / STEP, 1.0)]
        seen = {_place(alpha)}
        most = len(self.tried) + MOST_EVALUATIONS
        i = 0
        while i < len(steps) and len(self.tried) < most:
            moved = np.clip(alpha * steps[i], LOWEST, HIGHEST)
            place = _place(moved)
            if place in seen:
                i += 1
                continue
            seen.add(place)
            cost, found = self.evaluate(moved, thetas)
            if cost < best - GAIN / self.total:
                best, alpha, thetas = cost, moved, found
                # The way that led on is tried first from here.
                steps.insert(0, steps.pop(i))
                i = 0
            elif steps[i] == both:
                steps.remove(both)
            else:
                i += 1
        return best, alpha, thetas


def _place(alpha: Array) -> tuple[int, ...]:
    """Precisions as whole numbers of steps."""
    return tuple(int(e) for e in np.rint(np.log(alpha) / np.log(STEP)))


def are_copies(position: Array, classes: Array, counts: Array, fewest: int) -> bool:
    """Whether rows that are equal are copies, and no samples of their own.

    Samples that happen to be equal, of features with few values, differ in their class
    now and then; and where few rows differ, each has to be among those learned from.
    """
    _, place = np.unique(position, return_inverse=True)
    size = np.bincount(place, counts)
    pairs = np.unique(np.column_stack([place, classes]), axis=0)
    differ = np.bincount(pairs[:, 0].astype(int)) > 1
    return bool(
        len(size) >= fewest and size[differ].sum() <= UNLIKE * size[size > 1].sum()
    )


def cut(samples: TakesRows, position: Array) -> list[tuple[Any, Any]]:
    """For each fold all but it, and itself.

    Along the samples' order, by class and then by `position`, each sample goes to the
    next fold, a row that counts twice as two equal rows do: copies together, since one of
    them tells what the other is, else one by one. What other weights a row has goes with
    it: a part of one row in each fold would be known there.
    """
    n, count = len(position), samples.total
    n_folds = FOLDS if count < MANY else FOLDS_OF_MANY
    classes, weight = classes_of(samples), weights_of(samples)
    order = np.lexsort((position, classes))
    counts = np.ones(n) if samples.counts is None else samples.counts
    along = np.concatenate([[0.0], np.cumsum(counts[order])])
    together = are_copies(position, classes, counts, 2 * FEWEST * n_folds)
    # Numbers of the rows that differ, in this order.
    pairs = np.column_stack([classes, position])[order]
    number = np.cumsum(np.append(0, (np.diff(pairs, axis=0) != 0).any(axis=1)))
    parts = []
    for fold in range(n_folds):
        share = np.empty(n)
        if together:
            share[order] = np.where(number % n_folds == fold, counts[order], 0)
        else:
            inside = np.floor(along / n_folds) + np.clip(along % n_folds - fold, 0, 1)
            share[order] = np.diff(inside)
        each = weight / counts
        parts.append(
            (
                _weighed(samples, each * (counts - share)),
                _weighed(samples, each * share),
            )
        )
    return parts


def _weighed(samples: TakesRows, weight: Array) -> Any:
    """Those samples whose weight is not 0."""
    rows = np.flatnonzero(weight > 0)
    of_rows = weight[rows]
    taken: Any = samples.take(rows)
    return taken._replace(weight=None if (of_rows == 1).all() else of_rows)
