"""Labels: from y to the small integers that the outputs learn, and back.

Labels may be strings, numbers, booleans or an indicator matrix; the engine learns
indices of sorted classes, in the smallest type that holds them. A million labels are
looked at some thousands at a time, so that no copy of y is made. Class weights and
sample weights become one weight a sample here, and it is decided whether they are
counts or only ratios.
"""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.stats import entropy
from sklearn.utils import column_or_1d, compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from sk_twolayer._typing import Array

# Rows looked at together, so that finding the classes takes no copy of y.
LABEL_ROWS = 2**16
COUNT_ROWS = 4096
# Weights that are no counts are counts all the same while their mean is within this
# factor of 1; and counts of such a mean are pointed out.
FAR, VERY_FAR = 3.0, 100.0


class Labels(NamedTuple):
    """What was found in y.

    Attributes
    ----------
    classes : ndarray of shape (K,), dtype of y
        Sorted labels; 0, ..., L - 1 for multilabel y.
    targets : ndarray of shape (n,) or (n, L), integer
        Each sample's index into `classes`, or its indicator row.
    n_outputs : int
        Output neurons: 1 for two classes, else one a class or label.
    activation : {"logistic", "softmax"}
        The output's activation.
    names : ndarray of shape (L,), object, or None
        Names of a multilabel y's columns.
    """

    classes: Array
    targets: Array
    n_outputs: int
    activation: str
    names: Array | None = None


def plain_labels(y: Any, name: str = "y") -> Any:
    """Labels as an array that scikit-learn takes: no objects that are numbers.

    None where y is; `name` is what the error calls them where they are bytes.
    """
    if y is None:
        return None
    y = y.toarray() if sparse.issparse(y) else np.asarray(y)
    if y.dtype.kind == "T":
        return y.astype(object)
    types = {type(label) for label in y.flat} if y.dtype.kind == "O" else set()
    if y.dtype.kind == "S" or any(issubclass(kind, bytes) for kind in types):
        raise ValueError(
            f"{name} holds bytes, which scikit-learn does not take as labels: give "
            "strings, numbers or booleans, for instance np.char.decode(y)."
        )
    if types and all(issubclass(kind, Real | np.bool_) for kind in types):
        return np.array(y.tolist())
    return y


def label_names(y: Any) -> Array | None:
    """Names of y's columns, as X's: where there are several, all of them strings."""
    names = list(getattr(y, "columns", []))
    if len(names) < 2 or not all(isinstance(name, str) for name in names):
        return None
    return np.array(names, dtype=object)


def encode_labels(y: Any, names: Array | None = None) -> Labels:
    """Find the classes and each sample's target.

    Parameters
    ----------
    y : ndarray of shape (n,), (n, 1) or (n, L)
        Labels: strings, numbers or booleans, or an indicator matrix.
    names : ndarray of shape (L,), object, or None
        Names of the columns.

    Returns
    -------
    Labels
        Classes and targets.

    Raises
    ------
    ValueError
        If y is no classification target.
    """
    if is_indicator(y):
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind != "multilabel-indicator":
            raise ValueError(
                f"y of shape {y.shape} is {kind}; a two-dimensional y must be an "
                "indicator matrix of 0 and 1, one column a label."
            )
        targets = y.astype(np.int8)
        if (targets != y).any() or not np.isin(targets, (0, 1)).all():
            raise ValueError(
                f"y of shape {y.shape} has the values {np.unique(y)[:3]}; a "
                "two-dimensional y must be an indicator matrix of 0 and 1, one column a "
                "label."
            )
        return Labels(np.arange(y.shape[1]), targets, y.shape[1], "logistic", names)
    y = column_or_1d(y, warn=True)
    classes = _unique(y)
    if classes.dtype.kind not in "biuUS":
        # Tiled, since few samples a class would look like a continuous target.
        check_classification_targets(np.tile(classes, 3))
    return Labels(classes, encode_known(y, classes), *_outputs_for(classes))


def is_indicator(y: Any) -> bool:
    """Whether y has a column a label, that is several."""
    return bool(y.ndim == 2 and y.shape[1] > 1)


def encode_for_classes(
    y: Any,
    classes: Any = None,
    before: Labels | None = None,
    names: Array | None = None,
) -> Labels:
    """Targets of some samples, for classes that are known: what `partial_fit` needs.

    Parameters
    ----------
    y : ndarray of shape (n,), (n, 1) or (n, L)
        Labels of some of the classes, or an indicator matrix.
    classes : array-like of shape (n_classes,), default=None
        The caller's classes, in any order.
    before : Labels, default=None
        Those of earlier calls.
    names : ndarray of shape (L,), object, default=None
        Names of the columns of y.

    Returns
    -------
    Labels
        Classes and targets.

    Raises
    ------
    ValueError
        If classes are missing, differ from earlier ones or lack a label of y.
    """
    known = None if before is None else before.classes
    if classes is not None:
        known = np.unique(plain_labels(classes, "classes"))
        if before is not None and not np.array_equal(known, before.classes):
            raise ValueError(
                f"classes={classes!r} is not the same as on the last call to "
                f"partial_fit, which was {before.classes!r}."
            )
    if is_indicator(y):
        if before is not None and before.names is not None:
            if names is not None and not np.array_equal(names, before.names):
                raise ValueError(
                    f"y has the columns {list(names)}; those of earlier calls were "
                    f"{list(before.names)}."
                )
            names = before.names
        labels = encode_labels(y, names)
        if known is not None and not np.array_equal(labels.classes, known):
            raise ValueError(
                f"y has {len(labels.classes)} columns; classes={known!r} must number "
                "them from 0."
            )
    elif known is None:
        raise ValueError("classes must be passed on the first call to partial_fit.")
    else:
        y = column_or_1d(y, warn=True)
        if classes is not None and len(known) < 2:
            raise ValueError(f"classes={known!r} has fewer than two classes.")
        others = np.setdiff1d(_unique(y), known)
        if len(others):
            raise ValueError(
                f"y has classes that are not in classes={known!r}: {others}."
            )
        labels = Labels(known, encode_known(y, known), *_outputs_for(known))
    if before is not None and labels[2:4] != before[2:4]:
        raise ValueError(
            f"y of shape {y.shape} needs {labels.n_outputs} {labels.activation} "
            f"output(s), but the network so far has {before.n_outputs} "
            f"{before.activation}: give y as in the first call, one column of classes "
            "or one column a label."
        )
    return labels


def _outputs_for(classes: Array) -> tuple[int, str]:
    # One class alone is softmax's of one output, which is certain.
    return (1, "logistic") if len(classes) == 2 else (len(classes), "softmax")


def encode_known(y: Array, classes: Array) -> Array:
    """Index of each label in sorted classes that hold it, of the smallest type."""
    targets = np.empty(len(y), dtype=np.min_scalar_type(-len(classes)))
    for start in range(0, len(y), LABEL_ROWS):
        rows = slice(start, start + LABEL_ROWS)
        targets[rows] = np.searchsorted(classes, y[rows])
    return targets


def _unique(y: Array) -> Array:
    try:
        found = [
            np.unique(y[start : start + LABEL_ROWS])
            for start in range(0, len(y), LABEL_ROWS)
        ]
        return found[0] if len(found) == 1 else np.unique(np.concatenate(found))
    except TypeError as error:
        raise ValueError(
            "Unknown label type: y mixes types that cannot be ordered "
            f"({error}); give labels of one type."
        ) from error


def class_counts(labels: Labels, sample_weight: Array | None = None) -> Array:
    """Weight of each value that y takes: (1, n_classes), or (L, 2) for L labels."""
    counts: Any = 0.0
    # Some at a time: NumPy converts integers, all of them at once, and of many labels.
    for start in range(0, len(labels.targets), COUNT_ROWS):
        rows = slice(start, start + COUNT_ROWS)
        targets = labels.targets[rows]
        weight = np.ones(len(targets)) if sample_weight is None else sample_weight[rows]
        if targets.ndim == 1:
            counts += np.bincount(targets, weight, len(labels.classes))[None]
        else:
            present = weight @ targets
            counts += np.column_stack([weight.sum() - present, present])
    return counts


def constant_cost(counts: Array) -> float:
    """Least cost of a network that gives all samples the same: the shares' entropy."""
    return float(entropy(counts, axis=1).sum())


def weigh_samples(
    labels: Labels, class_weight: Any, sample_weight: Array | None
) -> Array | None:
    """Product of each sample's weight and its class's.

    Parameters
    ----------
    labels : Labels
        What `encode_labels` returned.
    class_weight : dict, list of dict, "balanced" or None
        Weights of the classes; "balanced" is n / (K count), counts being weighted.
    sample_weight : ndarray of shape (n,), float64, or None
        Weights of the samples.

    Returns
    -------
    ndarray of shape (n,), float64, or None
        The products; None where all are 1.

    Raises
    ------
    ValueError
        If a class has no weight or class_weight does not fit y.
    """
    if class_weight is None:
        return sample_weight
    n_labels = labels.targets.shape[1] if labels.targets.ndim == 2 else 0
    if isinstance(class_weight, list) and (
        len(class_weight) != n_labels
        or not all(isinstance(weights, dict) for weights in class_weight)
    ):
        raise ValueError(
            f"class_weight={class_weight!r}: a list must hold one dict for each label "
            f"of a multilabel y; y has {n_labels or 'no'} such labels."
        )
    if isinstance(class_weight, dict) and n_labels:
        raise ValueError(
            f"class_weight={class_weight!r}: for a multilabel y give a list of "
            f"{n_labels} dicts, one a label."
        )
    if n_labels:
        of_class = compute_sample_weight(class_weight, labels.targets)
    else:
        if isinstance(class_weight, str):
            count = np.bincount(labels.targets, sample_weight, len(labels.classes))
            weights = balanced(count)
        else:
            weights = compute_class_weight(
                class_weight, classes=labels.classes, y=labels.classes
            )
        of_class = weights[labels.targets]
    if np.min(of_class) < 0 or not np.isfinite(of_class).all():
        raise ValueError(
            f"class_weight={class_weight!r} gives a negative or non-finite weight; "
            "weights must be finite and at least 0."
        )
    return of_class if sample_weight is None else sample_weight * of_class


def balanced(counts: Array) -> Array:
    """Weights of the classes, (..., K), that make each of those there count the same."""
    there = np.count_nonzero(counts, axis=-1, keepdims=True)
    total = counts.sum(axis=-1, keepdims=True)
    weights: Array = total / (there * np.maximum(counts, 1e-300))
    return weights


class WeightSums(NamedTuple):
    """What tells whether weights are counts; those of some samples join to all.

    Attributes
    ----------
    n : int
        Samples whose weight is not 0.
    rows : float
        How many they are where one may count several times.
    largest : float
        The largest weight that one of them has by itself.
    first, second : float
        Sums of those weights and of their squares, as parts of the largest.
    whole : bool
        Whether all of them are whole numbers.
    """

    n: int
    rows: float
    largest: float
    first: float
    second: float
    whole: bool

    @classmethod
    def of(cls, weight: Array, counts: Array | None) -> WeightSums | None:
        """Those of weights and of how often each row counts, 1 for None.

        None where all weights are 0.
        """
        counted = weight > 0
        if not counted.any():
            return None
        weight = weight[counted]
        counts = np.ones(len(weight)) if counts is None else counts[counted]
        # Of rows that a count repeats each has its class's weight; its square can
        # overflow.
        of_row = weight / counts
        largest = float(of_row.max())
        shares = of_row / largest
        first, second = float(counts @ shares), float(counts @ shares**2)
        whole = are_whole(of_row)
        return cls(len(weight), float(counts.sum()), largest, first, second, whole)

    def joined(self, other: WeightSums) -> WeightSums:
        """Those of both's samples together."""
        largest = max(self.largest, other.largest)
        a, b = self.largest / largest, other.largest / largest
        return WeightSums(
            self.n + other.n,
            self.rows + other.rows,
            largest,
            a * self.first + b * other.first,
            a**2 * self.second + b**2 * other.second,
            self.whole and other.whole,
        )

    def size(self, are_counts: bool) -> float | None:
        """Number of samples that the weights stand for; None where they are counts.

        `are_counts` is whether the caller's own are whole numbers. These are counts: so
        often is the row repeated. Others are taken for counts while their sum is near
        the number of samples, as scikit-learn's linear models take them. Where it is
        far they can only be relative, and scikit-learn's glossary has such weights mean
        the same at any scale: (sum w)^2 / sum w^2, that is n where all are equal.
        Source: Kish (1965), Survey Sampling: as many samples of equal weights say as
        much.
        """
        if are_counts and self.rows / self.n > VERY_FAR:
            warnings.warn(
                f"sample_weight holds whole numbers, which are counts: {self.n} "
                f"samples count as {self.rows:.6g}. If they only say how much "
                "samples matter beside each other, give sample_weight / "
                "sample_weight.sum().",
                UserWarning,
                stacklevel=6,
            )
        mean = self.first / self.rows * self.largest
        if self.whole or 1 / FAR <= mean <= FAR:
            return None
        return self.first * (self.first / self.second)


def are_whole(weight: Array) -> bool:
    """Whether all are whole numbers to rounding, as 0.07 * 100."""
    return bool(np.allclose(weight, np.rint(weight), rtol=1e-9, atol=0))


def warn_of_size(weight: Array) -> None:
    """Say that `partial_fit` takes weights for counts that can't be counts."""
    warnings.warn(
        f"The weights of these {np.count_nonzero(weight)} samples sum to "
        f"{weight.sum():.6g}. partial_fit, which does not see the others, takes weights "
        "for counts, and weighs the penalty against them: scale them so that their "
        "mean over all samples is about 1.",
        UserWarning,
        stacklevel=5,
    )
