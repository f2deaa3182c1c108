"""Alpha as a number: the plainest of the ways to choose it, for every solver.

All ways have one door, `choose(objective, start, monitor)`: it sets the precisions of
the objective's variables, minimises the cost from the start, and gives what it `Found`.
`CrossValidation` and `EvidenceMaximisation` are the others, each in a file beside its
mathematics; training does not ask which it has.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._monitor import Found, Monitor, Start
from sk_twolayer._settings import Settings
from sk_twolayer._solvers import Solution, full_batch, lbfgs, mini_batch


class AlphaStrategy(Protocol):
    """A way to choose alpha."""

    def choose(
        self, objective: CrossEntropyObjective, start: Start, monitor: Monitor
    ) -> Found:
        """Precisions, and the weights given them, from one start."""


class FixedAlpha:
    """A number: on the weights of the features as they come, of "auto" standardised.

    Parameters
    ----------
    settings : Settings
        Alpha, the solver and what it takes.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def penalise(self, objective: CrossEntropyObjective, total: float) -> None:
        """Set the penalty, a part of a cost of `total` samples.

        The objective's variables are standardised features' weights where alpha is a
        word.
        """
        settings = self._settings
        precision = np.zeros(objective.size)
        first, second = objective.split(precision)
        first[:-1] = settings.fixed_alpha
        if not isinstance(settings.alpha, str):
            first[:-1] *= objective.scale[:, None] ** 2
        second[:-1] = settings.fixed_alpha
        objective.set_precision(precision * (objective.total / total))

    def choose(
        self, objective: CrossEntropyObjective, start: Start, monitor: Monitor
    ) -> Found:
        """The weights given the number."""
        settings = self._settings
        self.penalise(objective, objective.total)
        size = settings.samples_in_batch(objective.n)
        limits: Any = {"max_iter": settings.max_iter, "report": monitor}

        def run() -> Solution:
            given = objective, start.theta
            if settings.solver == "lbfgs":
                return lbfgs(*given, **limits, tol=settings.tol)
            optimizer = settings.optimizer()
            if size is None:
                return full_batch(*given, optimizer, **limits, tol=settings.tol)
            return mini_batch(
                *given, optimizer, **limits, batch_size=size, rng=start.rng
            )

        monitor.found = {"alpha_": settings.fixed_alpha}
        return monitor.follow(run, objective.value, by_batches=size is not None)
