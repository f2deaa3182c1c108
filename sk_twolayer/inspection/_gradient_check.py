"""The article's gradient against finite differences, entry by entry."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from sk_twolayer import network
from sk_twolayer._typing import Array
from sk_twolayer.inspection._problem import (
    Problem,
    problem_of_estimator,
    problem_of_parameters,
)
from sk_twolayer.network import Parameters

NAMES = ("dW1", "db1", "dW2", "db2")
# Where the errors of a central difference, from rounding and from curvature, are equal.
STEP = float(np.cbrt(np.finfo(float).eps))


class GradientCheck(NamedTuple):
    """What `gradient_check` found; `str` gives a table and names the worst entry.

    Attributes
    ----------
    gradients : dict of str to ndarray, float64
        dW1 (k, m), db1 (k, 1), dW2 (K, k) and db2 (K, 1) that were checked.
    differences : dict of str to ndarray, float64
        The same by central finite differences.
    errors : dict of str to ndarray, float64
        ``abs(gradient - difference)`` over the largest of: both absolute values, 1e-3 of
        the largest difference of all, and what rounding leaves of a finite difference.
    worst : str
        The worst entry, as "dW1[3, 7] (neuron 3, feature mean radius)".
    worst_error : float
        Its error.
    tol : float
        What `passed` compares with.
    """

    gradients: dict[str, Array]
    differences: dict[str, Array]
    errors: dict[str, Array]
    worst: str
    worst_error: float
    tol: float

    @property
    def passed(self) -> bool:
        """Whether no error exceeds `tol`."""
        return self.worst_error <= self.tol

    def __str__(self) -> str:
        lines = ["matrix  shape         largest error"]
        for name in NAMES:
            shape, error = self.errors[name].shape, self.errors[name].max()
            lines.append(f"{name:<6}  {shape!s:<12}  {error:.2e}")
        name = self.worst.split("[")[0]
        i, j = np.unravel_index(self.errors[name].argmax(), self.errors[name].shape)
        verdict = "passed" if self.passed else "FAILED"
        lines.append(
            f"{verdict}: the worst entry is {self.worst}: gradient "
            f"{self.gradients[name][i, j]:.6g}, finite difference "
            f"{self.differences[name][i, j]:.6g}, error {self.worst_error:.2e} "
            f"(tol {self.tol:g})"
        )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        *rows, verdict = (escape(line) for line in str(self).splitlines())
        table = "\n".join(rows)
        return f"<pre>{table}</pre><p><strong>{verdict}</strong></p>"


def gradient_check(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    gradients: Sequence[Any] | dict[str, Any] | None = None,
    tol: float = 1e-5,
) -> GradientCheck:
    """Compare a gradient with finite differences, entry by entry.

    Each parameter is moved up and down a little and the cost computed twice, so a
    check takes two forward passes an entry: use some hundred samples.

    Parameters
    ----------
    estimator : TwoLayerSigmoidClassifier, Pipeline, search or four array-likes
        A fitted model, a pipeline that ends in one, or a search such as GridSearchCV
        over either, whose best estimator is taken; or W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1), with X of
        shape (m, n) and y the targets Y of shape (K, n), as in the article.
    X : array-like of shape (n, m), float
        Samples in rows.
    y : array-like of shape (n,) or (n, L)
        Their labels.
    gradients : sequence or dict of four array-likes, default=None
        Your own dW1, db1, dW2 and db2 to be checked; None checks those of
        `sk_twolayer.network.backward`.
    tol : float, default=1e-5
        Largest relative error that passes, above 0.

    Returns
    -------
    GradientCheck
        Gradients, differences and errors, and the worst entry by name.

    Raises
    ------
    TypeError
        If the estimator has no TwoLayerSigmoidClassifier at its end.
    ValueError
        If data and parameters do not fit, or a given gradient has another shape.
    """
    if isinstance(estimator, BaseEstimator):
        problem = problem_of_estimator(estimator, X, y)
    else:
        problem = problem_of_parameters(X, y, estimator, "sigmoid", None)
    checked = _given(problem, gradients)
    differences, cost = _differences(problem)
    largest = max(np.abs(d).max() for d in differences.values())
    # Below this, a finite difference has no digits left to compare to `tol`.
    rounding = 100 * STEP**2 * max(1.0, cost) / tol
    floor = max(1e-3 * largest, rounding)
    errors = {}
    for name in NAMES:
        one, other = checked[name], differences[name]
        size = np.maximum(np.maximum(np.abs(one), np.abs(other)), floor)
        # NaN in a student's gradient is the worst that can be.
        errors[name] = np.nan_to_num(np.abs(one - other) / size, nan=np.inf)
    name = max(NAMES, key=lambda each: errors[each].max())
    i, j = (int(k) for k in np.unravel_index(errors[name].argmax(), errors[name].shape))
    return GradientCheck(
        checked,
        differences,
        errors,
        f"{name}[{i}, {j}] ({_where(problem, name, i, j)})",
        float(errors[name][i, j]),
        tol,
    )


def _given(problem: Problem, gradients: Any) -> dict[str, Array]:
    X, Y, parameters, output = problem[:4]
    if gradients is None:
        activations = network.forward(X, *parameters, output=output)
        own = network.backward(X, Y, parameters.W2, activations)
        return {name: getattr(own, name) for name in NAMES}
    if not isinstance(gradients, dict):
        if len(gradients) != 4:
            raise ValueError(
                f"gradients has {len(gradients)} matrices; it needs dW1, db1, dW2, db2."
            )
        gradients = dict(zip(NAMES, gradients, strict=True))
    if missing := set(NAMES) - set(gradients):
        raise ValueError(f"gradients lacks {sorted(missing)}.")
    given = {name: np.asarray(gradients[name], dtype=float) for name in NAMES}
    for name in NAMES:
        shape = getattr(parameters, name[1:]).shape
        if given[name].shape != shape:
            raise ValueError(
                f"{name} has shape {given[name].shape}; it needs {shape}, that of "
                f"{name[1:]}."
            )
    return given


def _differences(problem: Problem) -> tuple[dict[str, Array], float]:
    """Central differences of the cross-entropy by each entry, and the cross-entropy."""
    X, Y, parameters, output = problem[:4]

    def cost_of(parameters: Parameters) -> float:
        Z2 = network.forward(X, *parameters, output=output).Z2
        return network.cross_entropy(Z2, Y, output=output)

    found = {}
    for name in Parameters._fields:
        matrix = getattr(parameters, name)
        difference = np.empty_like(matrix)
        for index in np.ndindex(*matrix.shape):
            step = STEP * max(1.0, abs(matrix[index]))
            costs = []
            for sign in (1, -1):
                moved = matrix.copy()
                moved[index] += sign * step
                costs.append(cost_of(parameters._replace(**{name: moved})))
            difference[index] = (costs[0] - costs[1]) / (2 * step)
        found["d" + name] = difference
    return found, cost_of(parameters)


def _where(problem: Problem, name: str, i: int, j: int) -> str:
    if name == "dW1":
        return f"neuron {i}, feature {problem.features[j]}"
    if name == "dW2":
        return f"{problem.outputs[i]}, neuron {j}"
    return f"neuron {i}" if name == "db1" else problem.outputs[i]
