"""A few of many samples, chosen by lot and in proportion: to search on.

The lot is a sample's own values: neither the order of the rows counts, nor whether a
sample of weight 2 stands in one row or in two, nor where a row lies. Each row is drawn
or not by itself; only where rows are equal in their thousands all of them are looked at
together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from sk_twolayer._typing import Array

# So many samples are drawn at most, and of each class so many at least.
MOST_SAMPLES, OF_CLASS = 2000, 100
# Bits of a projection that choose samples, as if by lot.
LOT = 2.0**20
BLOCK_ROWS = 4096


def line_of(scale: Array) -> Array:
    """A fixed line (m,), for features of this scale."""
    return scale * np.random.RandomState(0).normal(size=len(scale))


def project(X: Any, scale: Array) -> Array:
    """One number for each sample (n,): its standardised features along a fixed line."""
    line = line_of(scale)
    parts = []
    for start in range(0, X.shape[0], BLOCK_ROWS):
        rows = X[start : start + BLOCK_ROWS]
        if sparse.issparse(rows):
            parts.append(rows.astype(float) @ line)
        else:
            # A product of matrices rounds a row as its place among others has it, and
            # equal rows shall be equal here. So does a sum over columns that are not
            # side by side.
            parts.append((np.ascontiguousarray(rows) * line).sum(axis=1))
    return np.concatenate(parts)


def classes_of(samples: Any) -> Array:
    """What lots and folds are balanced by (n,): the class, or the number of labels."""
    targets: Array = samples.labels.targets
    return targets if targets.ndim == 1 else targets.sum(axis=1)


def weights_of(samples: Any) -> Array:
    """Each sample's weight (n,)."""
    return np.ones(samples.n) if samples.weight is None else samples.weight


def weight_of_classes(samples: Any) -> Array:
    """Weight of each of `classes_of`."""
    return np.bincount(classes_of(samples), weights_of(samples))


def parts_of_classes(of_class: Array, total: float) -> Array:
    """Part of each class that is drawn, of samples that weigh so much."""
    return np.maximum(MOST_SAMPLES / total, OF_CLASS / np.maximum(of_class, 1e-300))


def drawn_rows(samples: Any, position: Array, parts: Array) -> Array:
    """Rows that are drawn, by their `project` and each class's part."""
    return np.flatnonzero(np.abs(position) * LOT % 1 < parts[classes_of(samples)])


def is_fair(drawn: float, of_class: Array, parts: Array, n_different: int) -> bool:
    """Whether as much was drawn as should be; of few different samples it is luck."""
    expected = float(np.minimum(parts, 1) @ of_class)
    return expected / 2 < drawn < 2 * expected and n_different >= MOST_SAMPLES


def spaced_rows(position: Array, classes: Array) -> Array:
    """About `MOST_SAMPLES` rows at equal distances, equal ones being together."""
    step = int(np.ceil(len(classes) / MOST_SAMPLES))
    return np.lexsort((position, classes))[::step]


def few_rows(samples: Any, position: Array) -> Array:
    """Rows of about `MOST_SAMPLES` samples, equal ones together, classes in proportion."""
    of_class = weight_of_classes(samples)
    parts = parts_of_classes(of_class, samples.total)
    rows = drawn_rows(samples, position, parts)
    drawn = float(weights_of(samples)[rows].sum())
    if is_fair(drawn, of_class, parts, len(np.unique(position))):
        return rows
    return spaced_rows(position, classes_of(samples))
