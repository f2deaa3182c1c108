"""The parameters of training, and the values that "auto" stands for.

The estimator fills `Settings` by name. What "auto" means for a solver, where it needs
neither samples nor a search, is written here and measured by scripts in
docs/benchmarks/.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sk_twolayer._solvers import Adam, Momentum, Optimizer

# Where alpha="auto" can't ask the samples: on the weights of standardised features,
# measured by docs/benchmarks/auto_alpha.py.
# "gd" is the article's descent, which has no penalty.
AUTO_ALPHA = {"adam": 0.3, "gd": 0.0}
# docs/benchmarks/adam_passes.py compares with MLPClassifier. Sigmoids of few neurons
# take steps a hundred times its 0.001; they shorten, or noise would stay.
LEARNING_RATES = {"gd": 0.5, "adam": 0.1}
SLOW_DOWN = 30
ADAM_BATCH = 200


class Settings(NamedTuple):
    """The estimator's parameters that training uses, under the same names."""

    n_hidden: int
    solver: str
    alpha: float | str
    learning_rate: float | str
    momentum: float
    batch_size: int | str
    max_iter: int
    tol: float
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: float
    n_init: int
    n_jobs: int | None
    verbose: bool | int

    @property
    def by_evidence(self) -> bool:
        """Whether the evidence chooses alpha."""
        return self.alpha in ("evidence", "ard")

    @property
    def by_folds(self) -> bool:
        """Whether cross-validation chooses alpha."""
        return self.alpha == "auto" and self.solver == "lbfgs"

    @property
    def fixed_alpha(self) -> float:
        """Alpha as a number; 0 where it is chosen, as precisions of their own."""
        if isinstance(self.alpha, str):
            return AUTO_ALPHA.get(self.solver, 0.0)
        return self.alpha

    @property
    def raw_alpha(self) -> float:
        """Alpha as a number where it is on the weights of the features as they come."""
        return 0.0 if isinstance(self.alpha, str) else self.alpha

    @property
    def is_wide(self) -> bool:
        """Whether training begins with large weights: see `_start.SPREAD`."""
        return isinstance(self.alpha, str) or self.solver != "lbfgs"

    def optimizer(self) -> Optimizer:
        """What takes the steps of "adam" and "gd"."""
        rate, slow_down = self.learning_rate, np.inf
        if isinstance(rate, str):
            rate, slow_down = LEARNING_RATES[self.solver], SLOW_DOWN
        if self.solver == "adam":
            return Adam(rate, slow_down)
        return Momentum(rate, self.momentum)

    def samples_in_batch(self, n: int) -> int | None:
        """Of n samples; None where the solver takes all of them at once."""
        if self.solver == "lbfgs":
            return None
        if isinstance(self.batch_size, str):
            return min(ADAM_BATCH, n) if self.solver == "adam" else None
        return min(self.batch_size, n)
