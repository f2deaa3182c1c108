"""Labels: from y to the small integers that the outputs learn, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import column_or_1d, compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

Array = NDArray[Any]

# Rows looked at together, so that finding the classes takes no copy of y.
LABEL_ROWS = 2**16


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
    """

    classes: Array
    targets: Array
    n_outputs: int
    activation: str


def encode_labels(y: Any) -> Labels:
    """Find the classes and each sample's target.

    Parameters
    ----------
    y : ndarray of shape (n,), (n, 1) or (n, L), or sparse (n, L)
        Labels of any type, or an indicator matrix.

    Returns
    -------
    Labels
        Classes and targets.

    Raises
    ------
    ValueError
        If y is no classification target or has one class only.
    """
    if is_indicator(y):
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind != "multilabel-indicator":
            raise ValueError(
                f"y of shape {y.shape} is {kind}; a two-dimensional y must be an "
                "indicator matrix of 0 and 1, one column a label."
            )
        y = y.toarray() if sparse.issparse(y) else y
        targets = (y != 0).astype(np.int8)
        return Labels(np.arange(y.shape[1]), targets, y.shape[1], "logistic")
    y = column_or_1d(y, warn=True)
    classes = _unique(y)
    if classes.dtype.kind not in "biuUS":
        # Tiled, since few samples a class would look like a continuous target.
        check_classification_targets(np.tile(classes, 3))
    if len(classes) < 2:
        raise ValueError(
            f"y has one class only, {classes[0]!r}; TwoLayerSigmoidClassifier can't "
            "train when only one class is present: give samples of two classes."
        )
    return Labels(classes, encode_known(y, classes), *_outputs_for(classes))


def is_indicator(y: Any) -> bool:
    """Whether y has a column a label.

    Parameters
    ----------
    y : ndarray of shape (n,), (n, 1) or (n, L), or sparse (n, L)
        Labels.

    Returns
    -------
    bool
        True for several columns, or a sparse y.
    """
    return bool(sparse.issparse(y) or (y.ndim == 2 and y.shape[1] > 1))


def encode_for_classes(
    y: Any, classes: Any, fitted: Array | None, fitted_outputs: int | None = None
) -> Labels:
    """Targets of some samples, for classes that are known: what `partial_fit` needs.

    Parameters
    ----------
    y : ndarray of shape (n,), (n, 1) or (n, L), or sparse (n, L)
        Labels of some of the classes, or an indicator matrix.
    classes : array-like of shape (n_classes,) or None
        The caller's classes, in any order.
    fitted : ndarray of shape (n_classes,) or None
        Classes of earlier calls, sorted.
    fitted_outputs : int, default=None
        Output neurons of earlier calls.

    Returns
    -------
    Labels
        Classes and targets.

    Raises
    ------
    ValueError
        If classes are missing, differ from earlier ones or lack a label of y.
    """
    if fitted is None and classes is None:
        raise ValueError("classes must be passed on the first call to partial_fit.")
    known = fitted
    if classes is not None:
        known = np.unique(np.asarray(classes))
        if fitted is not None and not np.array_equal(known, fitted):
            raise ValueError(
                f"classes={classes!r} is not the same as on the last call to "
                f"partial_fit, which was {fitted!r}."
            )
    assert known is not None
    if is_indicator(y):
        labels = encode_labels(y)
        if not np.array_equal(labels.classes, known):
            raise ValueError(
                f"y has {len(labels.classes)} columns; classes={known!r} must number "
                "them from 0."
            )
    else:
        y = column_or_1d(y, warn=True)
        if len(known) < 2:
            raise ValueError(f"classes={known!r} has fewer than two classes.")
        others = np.setdiff1d(_unique(y), known)
        if len(others):
            raise ValueError(
                f"y has classes that are not in classes={known!r}: {others}."
            )
        labels = Labels(known, encode_known(y, known), *_outputs_for(known))
    if fitted_outputs is not None and labels.n_outputs != fitted_outputs:
        raise ValueError(
            f"y of shape {y.shape} needs {labels.n_outputs} output(s), but the network "
            f"so far has {fitted_outputs}: give y as in the first call, one column of "
            "classes or one column a label."
        )
    return labels


def _outputs_for(classes: Array) -> tuple[int, str]:
    return (1, "logistic") if len(classes) == 2 else (len(classes), "softmax")


def encode_known(y: Array, classes: Array) -> Array:
    """Index of each label in sorted classes that contain it.

    Parameters
    ----------
    y : ndarray of shape (n,), any dtype
        Labels.
    classes : ndarray of shape (K,), dtype of y
        Sorted labels.

    Returns
    -------
    ndarray of shape (n,), the smallest signed integer dtype
        Indices.
    """
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
            weights = count.sum() / (
                np.count_nonzero(count) * np.maximum(count, 1e-300)
            )
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
    return np.asarray(of_class if sample_weight is None else sample_weight * of_class)


def drop_zero_weights(
    X: Any, labels: Labels, sample_weight: Array, one_class: bool = False
) -> tuple[Any, Labels, Array]:
    """Leave out the samples of weight 0.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, m), float
        Samples in rows.
    labels : Labels
        What `encode_labels` returned.
    sample_weight : ndarray of shape (n,), float64
        Weights.
    one_class : bool, default=False
        Whether samples of one class are enough.

    Returns
    -------
    X : ndarray or CSR matrix of shape (n', m), float
        The samples that count; a copy where any was left out.
    labels : Labels
        Their targets; the classes are unchanged.
    sample_weight : ndarray of shape (n',), float64
        Their weights.

    Raises
    ------
    ValueError
        If none is left, or without `one_class` fewer than two classes are left.
    """
    kept = sample_weight > 0
    left = labels.targets[kept]
    if not kept.any():
        raise ValueError(
            "sample_weight and class_weight leave no sample with a weight above 0."
        )
    if left.ndim == 1 and left.min() == left.max() and not one_class:
        raise ValueError(
            "sample_weight leaves fewer than two classes with a weight above 0: only "
            "one class can't be learned; give samples of two classes a positive weight."
        )
    if kept.all():
        return X, labels, sample_weight
    return X[kept], labels._replace(targets=left), sample_weight[kept]
