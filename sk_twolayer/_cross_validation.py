"""How alpha="auto" is chosen: by cross-validation, and then feature by feature.

The penalty acts on the weights of standardised features. It has one precision, and the
samples say which: they are cut into folds, and the precision whose networks predict the
left-out folds best is climbed to, a factor of sqrt(10) at a time, each fold's network
beginning where its last one ended.

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
from scipy import sparse

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

# The precisions that are tried, in steps of sqrt(10).
GRID = tuple(10 ** (step / 2) for step in range(-4, 5))
# Largest entry of the gradient at which a fold's fit ends.
SEARCH_TOL = 1e-3
# Where on the grid the search begins, and the part of that tolerance there; and where
# again if it has found nothing. Low, so that neurons do not become alike, which later
# steps would keep. What turns often within the data needs large weights from the first
# step on, and the way to them is flat at first.
BEGINS = (3, 1.0), (1, 0.1)
# Nats that a step must gain over all samples left out; less is noise, or rounding.
GAIN = 1.0
# And that the best network must gain over the class shares, which have no parameters.
GAIN_OVER_SHARES = 4.0
# Most iterations of a fit of the search.
SEARCH_ITERATIONS = 200
FOLDS = 5
# Part of the samples that have an equal one at which these are samples of their own, if
# their classes differ.
UNLIKE = 0.1
# And different values of a feature with which equal rows are no chance.
MANY_VALUES = 20
# Fewer samples say nothing of what is left out: they are then learned as they are.
FEWEST = 10
# A feature whose weights are 0 has 11 times the mean precision.
FLOOR = 0.1
RELEVANCE_ROUNDS = 2
# Features from which on the tolerance is less there, in proportion, and its least part.
FEW_FEATURES, LEAST_PART = 30, 0.1


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
    alpha : float
        Precision of the weights, of W1's on average.
    by_relevance : bool
        Whether W1's is divided among the features.
    tried : list of tuple of (float, float)
        Precision of each evaluation, and the left-out samples' mean cost, in nats.
    begin : tuple of float
        Precision with which the way to `alpha` began, and the part of the tolerance there.
    constant : bool
        Whether no network predicted them better than the class shares do.
    """

    alpha: float
    by_relevance: bool
    tried: list[tuple[float, float]]
    begin: tuple[float, float]
    constant: bool = False


def precision(
    objective: CrossEntropyObjective, alpha: float, factors: Array | float = 1.0
) -> Array:
    """Precision of each variable (p,); `factors` (m,) are the features' in W1's.

    Biases are free, as with a number for alpha: they say where, and not how steeply.
    """
    of_W1 = np.reshape(alpha * factors, (-1, 1))
    return precision_of(objective.layout, of_W1, alpha, of_biases=(0.0, 0.0))


def search_tol(objective: CrossEntropyObjective, by_relevance: bool = False) -> float:
    """Largest entry of the gradient at which a fit of the search ends.

    Of many classes each has the less of the samples, and its gradient is the less; with
    many labels it does no harm. So it is with many features when their precisions change:
    none would move.
    """
    tol = SEARCH_TOL * 2 / max(2, objective.n_outputs)
    if by_relevance:
        tol *= np.clip(FEW_FEATURES / objective.m, LEAST_PART, 1)
    return float(tol)


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
    progress: Callable[[float, float], None],
) -> Choice:
    """The precision whose networks predict left-out samples best.

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
        Called with the precision and the cost of each evaluation.

    Returns
    -------
    Choice
        The best found. Source: K-fold cross-validation, Stone, Journal of the Royal
        Statistical Society B 36, 1974.
    """
    if samples.total < FEWEST:
        return Choice(GRID[0], False, [], (GRID[0], 1.0))
    search = _Folds(samples, position, objective_of, workers, progress)
    starts = [start(objective) for objective, _ in search.pairs]
    # Of these samples: rare classes are more of them than of all.
    class_shares_cost = constant_cost(samples.class_counts())
    for place, part in BEGINS:
        begin = GRID[place], part
        cost, thetas = search.evaluate(begin[0], starts, part_of_tol=part)
        best, place, thetas = search.climb(cost, place, thetas)
        if (class_shares_cost - best) * search.total > GAIN_OVER_SHARES:
            break
    else:
        begin = GRID[-1], 1.0
        return Choice(GRID[-1], False, search.tried, begin, constant=True)
    alpha = GRID[place]
    plain, _ = search.evaluate(alpha, thetas)
    for _ in range(RELEVANCE_ROUNDS):
        relevant, thetas = search.evaluate(alpha, thetas, by_relevance=True)
    return Choice(alpha, relevant < plain, search.tried, begin)


class CrossValidation:
    """alpha="auto": a precision that is chosen once, for all starts.

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

        def progress(alpha: float, cost: float) -> None:
            if settings.verbose:
                print(
                    f"[TwoLayerSigmoidClassifier] alpha {alpha:.3g}: cost of samples "
                    f"left out {cost:.6f}"
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
        """The weights given the precision, and each feature's.

        The same way as in the search, but no nearer than `tol`: from its first precision
        to the last, and then feature by feature; the last stage ends at `tol`.
        """
        choice = self._choice
        most = min(self._max_iter // 2, SEARCH_ITERATIONS)

        def stage(
            alpha: float, by_relevance: bool, part: float = 1.0
        ) -> tuple[float, bool, int, float]:
            """Precision, whether by relevance, most iterations, tolerance."""
            tol = part * search_tol(objective, by_relevance)
            return alpha, by_relevance, most, max(self._tol, tol)

        stages = []
        begin, part = choice.begin
        if begin != choice.alpha:
            stages.append(stage(begin, False, part))
        if choice.by_relevance:
            stages.append(stage(choice.alpha, False, 1.0 if stages else part))
            stages += [stage(choice.alpha, True)] * (RELEVANCE_ROUNDS - 1)
        stages.append((choice.alpha, choice.by_relevance, self._max_iter, self._tol))

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
                self._tell(monitor, alpha * factors, alpha, objective.m)
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
            "alpha_curve_": np.array([each for each, _ in tried]),
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
        progress: Callable[[float, float], None],
    ) -> None:
        self._workers, self._progress = workers, progress
        self.tried: list[tuple[float, float]] = []
        self.pairs = [
            tuple(objective_of(part) for part in parts)
            for parts in cut(samples, position)
        ]
        self.total = sum(left_out.total for _, left_out in self.pairs)

    def evaluate(
        self,
        alpha: float,
        thetas: list[Array],
        by_relevance: bool = False,
        part_of_tol: float = 1.0,
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
                max_iter=SEARCH_ITERATIONS,
                tol=part_of_tol * search_tol(objective, by_relevance),
                report=lambda *_: False,
            ).theta
            return left_out.value(theta) * left_out.total, theta

        found = self._workers.run(fit, len(self.pairs))
        cost = sum(cost for cost, _ in found) / self.total
        self.tried.append((alpha, cost))
        self._progress(alpha, cost)
        return cost, [theta for _, theta in found]

    def climb(
        self, best: float, place: int, thetas: list[Array]
    ) -> tuple[float, int, list[Array]]:
        """Up the grid, or else down, as long as each step leads to a lower cost."""
        begin = place
        for step in (1, -1):
            while 0 <= place + step < len(GRID):
                cost, found = self.evaluate(GRID[place + step], thetas)
                # NaN is no lower cost.
                if not cost < best - GAIN / self.total:
                    break
                best, place, thetas = cost, place + step, found
            if place != begin:
                break
        return best, place, thetas


def most_values(X: Any) -> int:
    """How many different values the feature has that has most of them."""
    if sparse.issparse(X):
        X = X.tocoo()
        order = np.lexsort((X.data, X.col))
        column, value = X.col[order], X.data[order]
        is_new = (np.diff(column, prepend=-1) != 0) | (np.diff(value, prepend=0) != 0)
        return int(np.bincount(column[is_new]).max(initial=0)) + 1
    changes = np.diff(np.sort(X, axis=0), axis=0) != 0
    return int(changes.sum(axis=0).max(initial=0)) + 1


def are_copies(position: Array, classes: Array, counts: Array, n_values: int) -> bool:
    """Whether rows that are equal are copies, and no samples of their own.

    Samples of features with few values, `n_values` at most, happen to be equal: all
    categories have to be among those learned from. And equal samples of their own differ
    in their class now and then.
    """
    _, place = np.unique(position, return_inverse=True)
    size = np.bincount(place, counts)
    pairs = np.unique(np.column_stack([place, classes]), axis=0)
    differ = np.bincount(pairs[:, 0].astype(int)) > 1
    return bool(
        n_values >= MANY_VALUES and size[differ].sum() <= UNLIKE * size[size > 1].sum()
    )


def cut(samples: TakesRows, position: Array) -> list[tuple[Any, Any]]:
    """For each fold all but it, and itself.

    Along the samples' order, by class and then by `position`, each sample goes to the
    next fold, a row that counts twice as two equal rows do: copies together, since one of
    them tells what the other is, else one by one. What other weights a row has goes with
    it: a part of one row in each fold would be known there.
    """
    n = len(position)
    classes, weight = classes_of(samples), weights_of(samples)
    order = np.lexsort((position, classes))
    counts = np.ones(n) if samples.counts is None else samples.counts
    along = np.concatenate([[0.0], np.cumsum(counts[order])])
    together = are_copies(position, classes, counts, most_values(samples.X))
    # Numbers of the rows that differ, in this order.
    pairs = np.column_stack([classes, position])[order]
    number = np.cumsum(np.append(0, (np.diff(pairs, axis=0) != 0).any(axis=1)))
    parts = []
    for fold in range(FOLDS):
        share = np.empty(n)
        if together:
            share[order] = np.where(number % FOLDS == fold, counts[order], 0)
        else:
            inside = np.floor(along / FOLDS) + np.clip(along % FOLDS - fold, 0, 1)
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
