"""Solvers: each takes an objective and a start, and gives parameters and a history.

None knows about labels, estimators or scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[Any]

# Called after each iteration with theta, cost and gradient; True ends training.
Report = Callable[[Array, float, Array], bool]


class Objective(Protocol):
    """What a solver needs of an objective."""

    resolution: float

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Cost and gradient at `theta`."""


class Solution(NamedTuple):
    """What a solver returns.

    Attributes
    ----------
    theta : ndarray of shape (size,), float64
        The parameters found.
    history : list of float
        The cost at the start and after each iteration, in nats.
    converged : bool
        Whether the tolerance was reached, or `report` ended training.
    """

    theta: Array
    history: list[float]
    converged: bool


def lbfgs(
    objective: Objective,
    start: Array,
    *,
    max_iter: int,
    tol: float,
    report: Report | None = None,
) -> Solution:
    """Minimise by L-BFGS (scipy.optimize).

    Parameters
    ----------
    objective : Objective
        Gives cost and gradient.
    start : ndarray of shape (size,), float64
        Where to begin.
    max_iter : int
        Most iterations.
    tol : float
        Stop when no entry of the gradient exceeds this.
    report : callable, default=None
        Called after each iteration; True ends training.

    Returns
    -------
    Solution
        Parameters and history. Source: Liu and Nocedal, Mathematical
        Programming 45, 1989.
    """
    history: list[float] = []
    gradient = np.empty(0)

    def evaluate(theta: Array) -> tuple[float, Array]:
        nonlocal gradient
        cost, gradient = objective.value_and_gradient(theta)
        if not history:
            history.append(cost)
        return cost, gradient

    def record(intermediate_result: Any) -> None:
        history.append(float(intermediate_result.fun))
        # The last evaluation is the accepted one: a line search ends there.
        if report and report(intermediate_result.x, history[-1], gradient):
            raise StopIteration

    result = minimize(
        evaluate,
        start,
        method="L-BFGS-B",
        jac=True,
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


# Pairs of steps that L-BFGS keeps.
MEMORY = 20


def gradient_descent(
    objective: Objective,
    start: Array,
    *,
    learning_rate: float,
    max_iter: int,
    tol: float,
    report: Report | None = None,
) -> Solution:
    """Full-batch gradient descent, exactly W <- W - learning_rate dW.

    Parameters
    ----------
    objective : Objective
        Gives cost and gradient.
    start : ndarray of shape (size,), float64
        Where to begin.
    learning_rate : float
        Constant step length.
    max_iter : int
        Most iterations.
    tol : float
        Stop when no entry of the gradient exceeds this.
    report : callable, default=None
        Called after each iteration; True ends training.

    Returns
    -------
    Solution
        Parameters and history. Source: the article's gradient descent.
    """
    theta = np.array(start, dtype=float)
    cost, gradient = objective.value_and_gradient(theta)
    history = [cost]
    stopped = False
    while np.max(np.abs(gradient)) > tol and len(history) <= max_iter and not stopped:
        theta -= learning_rate * gradient
        cost, gradient = objective.value_and_gradient(theta)
        history.append(cost)
        stopped = report is not None and report(theta, cost, gradient)
    converged = stopped or bool(np.max(np.abs(gradient)) <= tol)
    return Solution(theta, history, converged)
