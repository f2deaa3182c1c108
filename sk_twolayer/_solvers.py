"""Solvers: each takes an objective and a start, and gives parameters and a history.

None knows about labels, estimators or scikit-learn. Every solver calls `report`
with theta, the cost and the gradient's largest entry: once for the start, then
after each iteration. Where it answers True, training ends there.

A solver is a function, and what it needs of an objective is a Protocol: `Smooth` for
L-BFGS, `Objective` for those that take batches. Steps have a state of their own, which
`partial_fit` goes on with, so `Momentum` and `Adam` are objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.optimize import Bounds, minimize

from sk_twolayer._typing import Array

Report = Callable[[Array, float, float], bool]

# Pairs of steps that L-BFGS keeps: docs/benchmarks/defaults.py compares 5 to 40.
MEMORY = 20
# Parts of tol, and of its square, to which L-BFGS rounds the gradient and the cost, where
# a cost has so fine a resolution; and to what a start is rounded.
GRADIENT_UNIT, COST_UNIT, START_UNIT, EXACT = 1 / 128, 1 / 16, 2.0**-26, 1e-12
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class Smooth(Protocol):
    """What L-BFGS needs of an objective."""

    resolution: float
    # Least and largest theta; None is any.
    bounds: tuple[Array, Array] | None

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Cost and gradient at `theta`."""


class Objective(Smooth, Protocol):
    """What a solver needs of an objective."""

    def value(self, theta: Array) -> float:
        """Cost at `theta`."""

    def batches(self, batch_size: int, rng: Any) -> Iterator[Any]:
        """Every sample once, in random order."""

    def batch_value_and_gradient(self, theta: Array, batch: Any) -> tuple[float, Array]:
        """Estimate of cost and gradient from one batch."""


class Solution(NamedTuple):
    """What a solver returns.

    Attributes
    ----------
    theta : ndarray of shape (size,), float64
        The parameters found.
    history : list of float
        The cost at the start and after each iteration, in nats.
    converged : bool
        Whether the solver's own criterion, or `report`, ended training.
    """

    theta: Array
    history: list[float]
    converged: bool


class Optimizer(Protocol):
    """Takes steps."""

    def update(self, theta: Array, gradient: Array) -> None:
        """One step from `theta`, in place."""

    def take_state(self, other: Any) -> None:
        """Go on where another optimizer of this kind is."""


class Momentum:
    """Steps of gradient descent with momentum; without it the article's descent.

    Parameters
    ----------
    learning_rate : float
        Step length.
    momentum : float, default=0.0
        Part of the last step that is taken again.

    References
    ----------
    Source: Polyak, USSR Computational Mathematics and Mathematical Physics 4, 1964.
    """

    def __init__(self, learning_rate: float, momentum: float = 0.0) -> None:
        self.learning_rate, self.momentum = learning_rate, momentum
        self._step: Array | None = None

    def update(self, theta: Array, gradient: Array) -> None:
        """Theta <- theta - learning_rate gradient, plus momentum; in place."""
        step = -self.learning_rate * gradient
        if self.momentum:
            if self._step is not None:
                step += self.momentum * self._step
            self._step = step
        theta += step

    def take_state(self, other: Momentum) -> None:
        """Go on from another's last step."""
        self._step = None if other._step is None else other._step.copy()


class Adam:
    """Steps of Adam: the gradient over the root of its running mean square.

    Parameters
    ----------
    learning_rate : float
        Step length.
    slow_down : float, default=numpy.inf
        Steps after which the length has fallen by sqrt(2), on its way to 0 as one over
        the square root of the steps; infinity keeps it.

    References
    ----------
    Source: Kingma and Ba, ICLR 2015, algorithm 1, with beta_1 = 0.9,
    beta_2 = 0.999 and epsilon = 1e-8; the length is theorem 4.1's.
    """

    def __init__(self, learning_rate: float, slow_down: float = np.inf) -> None:
        self.learning_rate, self.slow_down = learning_rate, slow_down
        self._t = 0
        self._moments = np.empty((0, 0))

    def update(self, theta: Array, gradient: Array) -> None:
        """One step, in place."""
        if self._t == 0:
            self._moments = np.zeros((3, len(theta)))
        self._t += 1
        # Both moments are kept without their factors 1 - beta; these, and the bias
        # corrections, go into two scalars.
        mean, square, work = self._moments
        mean *= BETA_1
        mean += gradient
        square *= BETA_2
        square += np.multiply(gradient, gradient, out=work)
        root = np.sqrt((1 - BETA_2**self._t) / (1 - BETA_2))
        np.sqrt(square, out=work)
        work += EPSILON * root
        np.divide(mean, work, out=work)
        rate = self.learning_rate / np.sqrt(1 + (self._t - 1) / self.slow_down)
        work *= rate * root * (1 - BETA_1) / (1 - BETA_1**self._t)
        theta -= work

    def take_state(self, other: Adam) -> None:
        """Go on from another's moments."""
        self._t, self._moments = other._t, other._moments.copy()

    def change_variables(
        self,
        split: Callable[[Array], tuple[Array, Array]],
        ratio: Array,
        shift: Array,
    ) -> None:
        """Follow features x to ratio x + shift: gradients by W1 change as x does.

        Parameters
        ----------
        split : callable
            Views theta as W1' (m, k) over b1', and the rest.
        ratio, shift : ndarray of shape (m,), float64
            The change of each feature.
        """
        if self._t:
            # Of squares that is so if the gradients by W1 and b1 are not correlated.
            for power, moments in enumerate(self._moments[:2], start=1):
                first, _ = split(moments)
                first[:-1] *= ratio[:, None] ** power
                first[:-1] += shift[:, None] ** power * first[-1]


def slope(theta: Array, gradient: Array, bounds: tuple[Array, Array] | None) -> float:
    """Largest entry of the gradient, of those that no bound holds: 0 at an optimum."""
    if bounds is not None:
        # As L-BFGS-B has it: the step of gradient descent, within the bounds.
        gradient = theta - np.clip(theta - gradient, *bounds)
    return float(np.abs(gradient).max())


def step(
    optimizer: Optimizer, theta: Array, gradient: Array, objective: Smooth
) -> None:
    """One step in place, and back into the bounds."""
    optimizer.update(theta, gradient)
    if objective.bounds is not None:
        np.clip(theta, *objective.bounds, out=theta)


def on_grid(theta: Array) -> Array:
    """A start that was drawn, the same to the bit whatever the features' units are."""
    return START_UNIT * np.rint(theta / START_UNIT)


def skipping_first(report: Report) -> Report:
    """Of a run that goes on: its first report is of where the last one ended."""
    is_first = True

    def report_others(theta: Array, cost: float, steepest: float) -> bool:
        nonlocal is_first
        if is_first:
            is_first = False
            return False
        return report(theta, cost, steepest)

    return report_others


def lbfgs(
    objective: Smooth,
    start: Array,
    *,
    max_iter: int,
    tol: float,
    report: Report,
    exact_steps: bool = True,
) -> Solution:
    """Minimise by L-BFGS (scipy.optimize).

    Parameters
    ----------
    objective : Smooth
        Gives cost and gradient.
    start : ndarray of shape (size,), float64
        Where to begin.
    max_iter : int
        Most iterations.
    tol : float
        Stop when no entry of the gradient exceeds this.
    report : callable
        Called after each iteration; True ends training.
    exact_steps : bool, default=True
        Whether the same samples, in whatever order, shall give the same steps.

    Returns
    -------
    Solution
        Parameters and history. Source: Liu and Nocedal, Mathematical
        Programming 45, 1989.
    """
    history: list[float] = []
    cost, gradient = 0.0, np.empty(0)
    bounds = objective.bounds
    exact = exact_steps and tol > 0 and objective.resolution < EXACT
    unit, cost_unit = tol * GRADIENT_UNIT, tol * tol * COST_UNIT

    def evaluate(theta: Array) -> float:
        nonlocal cost, gradient
        cost, gradient = objective.value_and_gradient(theta)
        if not history:
            history.append(cost)
            report(theta, cost, slope(theta, gradient, bounds))
        if exact:
            # A sum over samples rounds as their order and the threads have it, and
            # L-BFGS would make of that other weights. On a grid far below tol, and far
            # above rounding, the same samples give the same steps, to the bit.
            gradient = unit * np.rint(gradient / unit)
            return cost_unit * float(np.rint(cost / cost_unit))
        return cost

    def record(intermediate_result: Any) -> None:
        # The last evaluation is the accepted one: a line search ends there.
        history.append(cost)
        theta = intermediate_result.x
        if report(theta, history[-1], slope(theta, gradient, bounds)):
            raise StopIteration

    result = minimize(
        evaluate,
        start,
        method="L-BFGS-B",
        # SciPy asks for the gradient right after the cost, at the same theta. Told
        # so by jac=True it would compare the two thetas each time.
        jac=lambda _: gradient,
        bounds=None if bounds is None else Bounds(*bounds),
        callback=record,
        # ftol only ends a search that rounding has stalled; tol decides the rest.
        options={
            "maxiter": max_iter,
            "maxfun": 20 * max_iter + 20,
            "maxcor": MEMORY,
            "gtol": tol,
            "ftol": objective.resolution,
        },
    )
    return Solution(np.array(result.x), history, int(result.status) != 1)


def full_batch(
    objective: Objective,
    start: Array,
    optimizer: Optimizer,
    *,
    max_iter: int,
    tol: float,
    report: Report,
) -> Solution:
    """Descend with the gradient over all samples.

    Parameters
    ----------
    objective : Objective
        Gives cost and gradient.
    start : ndarray of shape (size,), float64
        Where to begin.
    optimizer : Optimizer
        Takes the steps.
    max_iter : int
        Most iterations.
    tol : float
        Stop when no entry of the gradient exceeds this.
    report : callable
        Called after each iteration; True ends training.

    Returns
    -------
    Solution
        Parameters and history. Source: the article's gradient descent.
    """
    theta = np.array(start, dtype=float)
    cost, gradient = objective.value_and_gradient(theta)
    steepest = slope(theta, gradient, objective.bounds)
    history = [cost]
    report(theta, cost, steepest)
    stopped = False
    while steepest > tol and len(history) <= max_iter and not stopped:
        step(optimizer, theta, gradient, objective)
        cost, gradient = objective.value_and_gradient(theta)
        steepest = slope(theta, gradient, objective.bounds)
        history.append(cost)
        stopped = report(theta, cost, steepest)
    return Solution(theta, history, stopped or steepest <= tol)


def epoch(
    objective: Objective,
    theta: Array,
    optimizer: Optimizer,
    *,
    batch_size: int,
    rng: Any,
) -> tuple[float, float]:
    """One pass over shuffled batches, a step each; theta moves in place.

    Parameters
    ----------
    objective : Objective
        Gives batches, and cost and gradient of each.
    theta : ndarray of shape (size,), float64
        Where to begin, and then where the pass ended.
    optimizer : Optimizer
        Takes the steps.
    batch_size : int
        Samples in a batch.
    rng : RandomState
        Shuffles the samples.

    Returns
    -------
    cost : float
        Mean of the batches' costs, in nats.
    steepest : float
        Largest entry of the last batch's gradient.
    """
    cost, gradient = 0.0, theta
    for batch, share in objective.batches(batch_size, rng):
        batch_cost, gradient = objective.batch_value_and_gradient(theta, (batch, share))
        cost += share * batch_cost
        step(optimizer, theta, gradient, objective)
    return cost, slope(theta, gradient, objective.bounds)


def mini_batch(
    objective: Objective,
    start: Array,
    optimizer: Optimizer,
    *,
    batch_size: int,
    rng: Any,
    max_iter: int,
    report: Report,
) -> Solution:
    """Descend with the gradients of shuffled batches; an iteration is an epoch.

    Parameters
    ----------
    objective : Objective
        Gives batches, and cost and gradient of each.
    start : ndarray of shape (size,), float64
        Where to begin.
    optimizer : Optimizer
        Takes the steps.
    batch_size : int
        Samples in a batch.
    rng : RandomState
        Shuffles the samples.
    max_iter : int
        Most epochs.
    report : callable
        Called after each epoch with the mean of its batches' costs; True ends
        training.

    Returns
    -------
    Solution
        Parameters, and the cost at the start and each epoch's mean cost. Source:
        Robbins and Monro, Annals of Mathematical Statistics 22, 1951.
    """
    theta = np.array(start, dtype=float)
    history = [objective.value(theta)]
    report(theta, history[0], np.nan)
    for _ in range(max_iter):
        cost, steepest = epoch(
            objective, theta, optimizer, batch_size=batch_size, rng=rng
        )
        history.append(cost)
        if report(theta, cost, steepest):
            return Solution(theta, history, True)
    return Solution(theta, history, False)
