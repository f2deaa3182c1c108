"""Training data: what training asks of them, wherever they lie.

Training never looks into X. It asks samples for the moments of their features, for the
weight of each class, for some of their rows, for how much work an evaluation is, and
for an objective. Here they are arrays of this process; samples that lie elsewhere
answer the same questions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from sk_twolayer._engine.blocks import Block
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.moments import Moments, extremes
from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.outputs import Output, choose_output
from sk_twolayer._engine.partition import Partition, SumsOverSamples
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.threads import Workers, evaluation_work
from sk_twolayer._labels import Labels, class_counts
from sk_twolayer._lots import MOST_SAMPLES, few_rows, project
from sk_twolayer._typing import Array


class Samples(NamedTuple):
    """Checked training data.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n, m), float64 or float32
        Samples in rows.
    labels : Labels
        Classes and targets.
    weight : ndarray of shape (n,), float64, or None
        Weights, all above 0.
    signs : ndarray of shape (m,), int8, or None
        Features that Z2 shall rise with are 1, those that it shall fall with -1, others
        0; None where there are none but 0.
    counts : ndarray of shape (n,), float64, or None
        How many samples each row stands for: whole-number sample weights, without those
        of the classes; None is one.
    """

    X: Any
    labels: Labels
    weight: Array | None
    signs: Array | None = None
    counts: Array | None = None

    @property
    def n(self) -> int:
        """How many rows."""
        return int(self.X.shape[0])

    @property
    def m(self) -> int:
        """How many features."""
        return int(self.X.shape[1])

    @property
    def dtype(self) -> Any:
        """X's dtype."""
        return self.X.dtype

    @property
    def total(self) -> float:
        """How many the rows are, where one of weight 2 counts twice; at least n."""
        if self.weight is None:
            return float(self.n)
        return max(float(self.n), float(self.weight.sum()))

    def take(self, rows: Array) -> Samples:
        """Copy of some rows."""
        labels = self.labels._replace(targets=self.labels.targets[rows])
        weight = None if self.weight is None else self.weight[rows]
        counts = None if self.counts is None else self.counts[rows]
        taken = self._replace(labels=labels, weight=weight, counts=counts)
        return taken._replace(X=self.rows_of_X(rows))

    def rows_of_X(self, rows: Array) -> Any:
        """Copy of some rows of X, where X lies."""
        return self.X[rows]

    def at_most(self, most: int) -> Samples:
        """Copy of rows at equal steps, so many at most; itself if there are no more."""
        step = -(-self.n // most)
        return self if step == 1 else self.take(np.arange(0, self.n, step))

    def split(
        self, fraction: float, rng: np.random.RandomState
    ) -> tuple[Samples, Samples]:
        """Training and validation samples; classes in equal proportion."""
        targets = self.labels.targets
        try:
            kept, held = train_test_split(
                np.arange(len(targets)),
                test_size=fraction,
                random_state=rng,
                stratify=targets if targets.ndim == 1 else None,
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True with validation_fraction={fraction} can't split "
                f"these {len(targets)} samples: {error} Give more samples of each "
                "class, another validation_fraction, or early_stopping=False."
            ) from error
        return self.take(kept), self.take(held)

    def few(self, scale: Array) -> tuple[Samples, Array]:
        """About `MOST_SAMPLES` of them, by lot, and their `project`; or all.

        `scale` (m,) is that of the standardisation.
        """
        position = project(self.X, scale)
        if self.total <= MOST_SAMPLES:
            return self, position
        rows = few_rows(self, position)
        return self.take(rows), position[rows]

    def class_counts(self) -> Array:
        """Weight of each class: (1, n_classes), or (L, 2) for L labels."""
        return class_counts(self.labels, self.weight)

    def moments(self) -> Moments:
        """Of the features."""
        return Moments.of(self.X, self.weight)

    def robust_moments(self) -> Moments:
        """Of the features, where no value sets a scale alone."""
        return self.moments().without_lone_values(self.n, extremes(self.X))

    def work(self, k: int) -> float:
        """Multiply-adds of an evaluation with k neurons."""
        return evaluation_work(self.X, k)

    def workers(self, k: int, n_jobs: int | None) -> Workers:
        """As many threads as an evaluation with k neurons is worth."""
        return Workers.for_samples(self.X, k, n_jobs)

    def objective(
        self,
        k: int,
        standardisation: Standardisation | None,
        workers: Workers | None = None,
    ) -> CrossEntropyObjective:
        """Their mean cross-entropy, of a network with k neurons."""
        labels = self.labels
        layout = Layout(self.m, k, labels.n_outputs)
        output = choose_output(labels.activation, labels.n_outputs)
        partition = self.partition(layout, output, standardisation, workers)
        return CrossEntropyObjective(partition, signs=self.signs)

    def partition(
        self,
        layout: Layout,
        output: Output,
        standardisation: Standardisation | None,
        workers: Workers | None,
    ) -> SumsOverSamples:
        """What sums over them."""
        return Partition(
            Block(self.X, self.labels.targets, self.weight),
            layout,
            output,
            standardisation=standardisation,
            workers=workers,
        )
