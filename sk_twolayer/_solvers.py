"""Solvers: each takes an objective and a start, and gives parameters and a history.

None knows about labels, estimators or scikit-learn.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[Any]


class Objective(Protocol):
    """What a solver needs of an objective."""

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Cost and gradient at `theta`."""


class Solution(NamedTuple):
    """What a solver returns.

    Attributes
    ----------
    theta : ndarray of shape (size,), float64
        The parameters found.
    history : list of float
        The cost at the start and after each iteration.
    n_iter : int
        Iterations done.
    converged : bool
        Whether the tolerance was reached.
    """

    theta: Array
    history: list[float]
    n_iter: int
    converged: bool


def lbfgs(objective: Objective, start: Array, *, max_iter: int, tol: float) -> Solution:
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

    Returns
    -------
    Solution
        Parameters and history. Source: Liu and Nocedal, Mathematical
        Programming 45, 1989.
    """
    history = [objective.value_and_gradient(start)[0]]

    def record(intermediate_result: Any) -> None:
        history.append(float(intermediate_result.fun))

    result = minimize(
        objective.value_and_gradient,
        start,
        method="L-BFGS-B",
        jac=True,
        callback=record,
        # ftol only ends a search that rounding has stalled; tol decides the rest.
        options={
            "maxiter": max_iter,
            "maxfun": 15 * max_iter + 20,
            "gtol": tol,
            "ftol": np.finfo(float).eps,
        },
    )
    return Solution(result.x, history, int(result.nit), int(result.status) != 1)


def gradient_descent(
    objective: Objective,
    start: Array,
    *,
    learning_rate: float,
    max_iter: int,
    tol: float,
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

    Returns
    -------
    Solution
        Parameters and history. Source: the article's gradient descent.
    """
    theta = np.array(start, dtype=float)
    cost, gradient = objective.value_and_gradient(theta)
    history = [cost]
    while np.max(np.abs(gradient)) > tol and len(history) <= max_iter:
        theta -= learning_rate * gradient
        cost, gradient = objective.value_and_gradient(theta)
        history.append(cost)
    converged = bool(np.max(np.abs(gradient)) <= tol)
    return Solution(theta, history, len(history) - 1, converged)
