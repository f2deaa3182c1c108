"""What happens after each iteration: best weights, when to stop, what to print.

A solver knows nothing of validation, patience, callbacks or a terminal. It calls one
function with theta, the cost and the gradient's largest entry, and ends where that
answers True. A Monitor is this function, for one run; since it keeps the best weights,
it is also what is left of a run that Ctrl-C ended: `Monitor.follow`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sk_twolayer._solvers import Solution
from sk_twolayer._typing import Array


class Start(NamedTuple):
    """Where one start begins, and what draws its batches and rounds."""

    theta: Array
    rng: np.random.RandomState


class Found(NamedTuple):
    """What one start ends with.

    Attributes
    ----------
    theta : ndarray of shape (size,), float64
        The best weights.
    cost : float
        The documented cost there, in nats.
    judged : float
        By which starts are compared: the least is best.
    converged : bool
        Whether training ended by its own criterion.
    attributes : dict
        What was found besides, as the fitted estimator has it.
    interrupted : bool
        Whether Ctrl-C ended it.
    is_constant : bool
        Whether the class shares predict as well.
    """

    theta: Array
    cost: float
    judged: float
    converged: bool
    attributes: dict[str, Any]
    interrupted: bool = False
    is_constant: bool = False


class Monitor:
    """Follows one run of a solver; called with theta, cost and gradient.

    Parameters
    ----------
    validate : callable, default=None
        Gives the validation cost of theta, in nats.
    patience : float, default=None
        Iterations without progress after which training stops; None is no limit.
    tol : float, default=0.0
        What counts as progress, in nats.
    title : str, default=None
        Begins each line that is printed; None prints nothing.
    callback : callable, default=None
        Takes theta; True stops training.

    Attributes
    ----------
    theta : ndarray of shape (size,), float64
        The best weights so far, by validation cost or else by training cost.
    history : list of float
        Training costs, in nats: the start, and one entry an iteration.
    validation_history : list of float
        Validation costs likewise; empty without `validate`.
    title : str or None
        As given.
    stopped : bool
        Whether training should stop here.
    found : dict
        What is known of alpha so far, as the fitted estimator has it: for callbacks.
    """

    def __init__(
        self,
        *,
        validate: Callable[[Array], float] | None = None,
        patience: float | None = None,
        tol: float = 0.0,
        title: str | None = None,
        callback: Callable[[Array], bool] | None = None,
    ) -> None:
        self._validate, self._patience, self._tol = validate, patience, tol
        self.title, self._callback = title, callback
        self.theta = np.empty(0)
        self.history: list[float] = []
        self.validation_history: list[float] = []
        self.found: dict[str, Any] = {}
        self._best = self._reference = self._cost = np.inf
        self._stale = 0
        self.stopped = False
        self._begin = time.perf_counter()

    def __call__(self, theta: Array, cost: float, steepest: float) -> bool:
        """Take note of one iteration; True where training should stop."""
        self.history.append(cost)
        monitored = cost
        if self._validate is not None:
            monitored = self._validate(theta)
            self.validation_history.append(monitored)
        if monitored < self._best or not len(self.theta):
            self._best, self._cost, self.theta = monitored, cost, theta.copy()
        # The reference stays until the cost is tol below it: slow progress counts as soon
        # as it has added up to that.
        if monitored < self._reference - self._tol:
            self._reference, self._stale = monitored, 0
        else:
            self._stale += 1
        if self.title is not None:
            self._print(cost, steepest)
        # The start is no iteration: nothing can stop there.
        if len(self.history) == 1:
            return False
        stop = self._callback is not None and self._callback(theta)
        stale = self._patience is not None and self._stale >= self._patience
        self.stopped = stop or stale
        return self.stopped

    def follow(
        self,
        run: Callable[[], Solution],
        value: Callable[[Array], float],
        by_batches: bool = False,
    ) -> Found:
        """What a solver that reports here ends with, or leaves at Ctrl-C.

        Parameters
        ----------
        run : callable
            The solver.
        value : callable
            Gives the cost of theta, in nats.
        by_batches : bool, default=False
            Whether the costs that are reported are those on the way.

        Returns
        -------
        Found
            With validation, and after an interruption, the best weights so far; else
            the last.

        Raises
        ------
        KeyboardInterrupt
            If interrupted before the first iteration was done.
        """
        interrupted = False
        try:
            solution = run()
        except KeyboardInterrupt:
            if len(self.history) < 2:
                raise
            solution = Solution(self.theta, self.history, False)
            interrupted = True
        theta, cost = solution.theta, self.history[-1]
        if self.validation_history or interrupted:
            # Nothing is asked of the samples again: at Ctrl-C in a terminal the workers
            # of a Dask cluster on this machine end too.
            theta, cost = self.theta, self._cost
        if by_batches:
            cost = value(theta)
        judged = min(self.validation_history, default=cost)
        return Found(theta, cost, judged, solution.converged, self.found, interrupted)

    def _print(self, cost: float, steepest: float) -> None:
        line = f"{self.title} iteration {len(self.history) - 1:5d}  cost {cost:12.6f}"
        line += f"  gradient {steepest:9.2e}"
        if self.validation_history:
            line += f"  validation {self.validation_history[-1]:12.6f}"
        print(f"{line}  {time.perf_counter() - self._begin:9.2f} s")
