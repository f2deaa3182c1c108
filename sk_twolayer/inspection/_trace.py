"""Every matrix of one forward and backward pass, with its meaning and its values."""

from __future__ import annotations

import math
import tempfile
import textwrap
import webbrowser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sk_twolayer import network
from sk_twolayer._typing import Array
from sk_twolayer.inspection._explorer import (
    check_language,
    explorer_frame,
    explorer_page,
)
from sk_twolayer.inspection._problem import (
    Problem,
    moderation_of,
    problem_of_estimator,
    problem_of_parameters,
)

# Name, symbol, equation, and the equation's terms with their letters: what the block
# diagrams draw. K stands for the outputs and becomes 1 where there is one.
STEPS = [
    ("X", "A⁰", "X = A0, the input", ["X:m,n"]),
    ("W1", "W¹", "W1, first layer's weights", ["W1:k,m"]),
    ("b1", "b¹", "b1, first layer's biases", ["b1:k,1"]),
    ("Z1", "Z¹", "Z1 = W1 X + b1", ["Z1:k,n", "=", "W1:k,m", "X:m,n", "+", "b1:k,1"]),
    ("A1", "A¹", "A1 = σ(Z1)", ["A1:k,n", "= σ", "Z1:k,n"]),
    ("W2", "W²", "W2, second layer's weights", ["W2:K,k"]),
    ("b2", "b²", "b2, second layer's biases", ["b2:K,1"]),
    ("Z2", "Z²", "Z2 = W2 A1 + b2", ["Z2:K,n", "=", "W2:K,k", "A1:k,n", "+", "b2:K,1"]),
    ("A2", "A²", "A2 = σ(Z2)", ["A2:K,n", "= σ", "Z2:K,n"]),
    ("Y", "Y", "Y, the targets", ["Y:K,n"]),
    ("dZ2", "∂Z²", "dZ2 = A2 − Y", ["dZ2:K,n", "=", "A2:K,n", "−", "Y:K,n"]),
    (
        "dW2",
        "∂W²",
        "dW2 = (1/n) dZ2 A1ᵀ",
        ["dW2:K,k", "= ¹⁄ₙ", "dZ2:K,n", "A1ᵀ:n,k"],
    ),
    ("db2", "∂b²", "db2 = (1/n) Σₙ dZ2", ["db2:K,1", "= ¹⁄ₙ Σ", "dZ2:K,n"]),
    (
        "dZ1",
        "∂Z¹",
        "dZ1 = W2ᵀ dZ2 ∗ σ′(Z1)",
        ["dZ1:k,n", "=", "W2ᵀ:k,K", "dZ2:K,n", "∗", "σ′(Z1):k,n"],
    ),
    (
        "dW1",
        "∂W¹",
        "dW1 = (1/n) dZ1 A0ᵀ",
        ["dW1:k,m", "= ¹⁄ₙ", "dZ1:k,n", "A0ᵀ:n,m"],
    ),
    ("db1", "∂b¹", "db1 = (1/n) Σₙ dZ1", ["db1:k,1", "= ¹⁄ₙ Σ", "dZ1:k,n"]),
]
# The same as Python, in ASCII: what a terminal shows and what is pasted from it.
CODE = {
    "Z1": "W1 @ X + b1",
    "A1": "1 / (1 + exp(-Z1))",
    "Z2": "W2 @ A1 + b2",
    "A2": "1 / (1 + exp(-Z2))",
    "dZ2": "A2 - Y",
    "dW2": "dZ2 @ A1.T / n",
    "db2": "dZ2.mean(axis=1, keepdims=True)",
    "dZ1": "W2.T @ dZ2 * A1 * (1 - A1)",
    "dW1": "dZ1 @ X.T / n",
    "db1": "dZ1.mean(axis=1, keepdims=True)",
}
# Characters in a line of a sample's sums.
WIDTH = 76
SOFTMAX = "exp(Z2) / exp(Z2).sum(axis=0)"
MEANINGS = {
    "m": "feature",
    "n": "sample",
    "k": "hidden neuron",
    "K": "output neuron",
    "1": "",
}


@dataclass(frozen=True, repr=False)
class MatrixTrace:
    """One matrix of the pass.

    Attributes
    ----------
    name : str
        Its name in `sk_twolayer.network`, as "dW1".
    symbol : str
        As the article writes it.
    equation : str
        How it is computed. Source: the article.
    terms : list of str
        The equation's terms: "W1:k,m" for a matrix, else an operator.
    letters : tuple of str
        Its shape in letters, as ("k", "n").
    axes : tuple of str
        Likewise, but K for the outputs also where there is one.
    values : ndarray of the shape, float64
        Its entries.
    row_labels, column_labels : list of str
        What each row and column is.
    """

    name: str
    symbol: str
    equation: str
    terms: list[str]
    letters: tuple[str, str]
    axes: tuple[str, str]
    values: Array
    row_labels: list[str]
    column_labels: list[str]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, in numbers."""
        rows, columns = self.values.shape
        return rows, columns

    @property
    def rows(self) -> str:
        """What a row is, in words."""
        return _meaning("row", self.axes[0])

    @property
    def columns(self) -> str:
        """What a column is, in words."""
        return _meaning("column", self.axes[1])

    @property
    def shape_text(self) -> str:
        """Letters and numbers, as "(k, n) = (16, 569)"."""
        return f"({', '.join(self.letters)}) = {self.shape}"

    def __repr__(self) -> str:
        return f"{self.name} {self.shape_text}: {self.rows}, {self.columns}"


def _meaning(side: str, letter: str) -> str:
    what = MEANINGS[letter]
    if not what:
        return f"one {side}"
    return f"one {side} {'an' if letter == 'K' else 'a'} {what}"


class Trace:
    """Every matrix of one forward and backward pass, in order.

    `str` gives a table for the terminal, whose lines are Python; a notebook shows the
    explorer, which `save` writes to a file and `show` opens.

    Parameters
    ----------
    problem : Problem
        Data, targets and parameters with their names.
    frames : list of Parameters, default=None
        Those of each iteration, ending with the problem's, where they were recorded.
    learning_rate : float, default=1.0
        What the explorer descends with; None where the frames are of another solver.
    moderation : ndarray of shape (K, n), default=None
        Factors that draw Z2 towards 0 after a fit by evidence.

    Attributes
    ----------
    matrices : list of MatrixTrace
        The sixteen matrices, from X to db1.
    cost : float
        Mean cross-entropy, in nats, without a penalty.
    language : {"en", "zh"}
        What its page opens in.
    sizes : dict of str to int
        What m, n, k and K are.
    output : {"sigmoid", "softmax"}
        The output's activation.
    """

    def __init__(
        self,
        problem: Problem,
        frames: list[network.Parameters] | None = None,
        learning_rate: float | None = 1.0,
        moderation: Array | None = None,
    ) -> None:
        X, Y, parameters, output = problem[:4]
        self.problem, self.frames = problem, frames
        self.learning_rate, self.moderation = learning_rate, moderation
        activations = network.forward(X, *parameters, output=output)
        gradients = network.backward(X, Y, parameters.W2, activations)
        self.output, self.language = output, "en"
        self.cost = network.cross_entropy(activations.Z2, Y, output=output)
        (m, n), (K, k) = X.shape, parameters.W2.shape
        self.sizes = {"m": m, "n": n, "k": k, "K": K}
        values = {"X": X, "Y": Y}
        for matrices in (parameters, activations, gradients):
            values |= matrices._asdict()
        names = {
            "m": problem.features,
            "n": problem.samples,
            "k": [f"neuron {i}" for i in range(k)],
            "K": problem.outputs,
            "1": [""],
        }
        self.matrices = []
        for name, symbol, equation, template in STEPS:
            terms = template
            if K == 1:
                terms = [term.replace("K", "1") for term in template]
            if output == "softmax" and name == "A2":
                equation = "A2 = softmax(Z2)"
                terms = [*terms[:1], "= softmax", *terms[2:]]
            first, second = template[0].split(":")[1].split(",")
            letters = terms[0].split(":")[1].split(",")
            rows, columns = names[first], names[second]
            if name == "A2":
                rows = [f"P({each})" for each in rows]
            how = symbol, equation, terms, (letters[0], letters[1]), (first, second)
            self.matrices.append(MatrixTrace(name, *how, values[name], rows, columns))

    def __getitem__(self, name: str) -> MatrixTrace:
        """The matrix of that name."""
        for matrix in self.matrices:
            if matrix.name == name:
                return matrix
        raise KeyError(f"{name!r}; the matrices are {[m.name for m in self.matrices]}")

    def __iter__(self) -> Iterator[MatrixTrace]:
        return iter(self.matrices)

    def __len__(self) -> int:
        return len(self.matrices)

    def __str__(self) -> str:
        codes = [f"{m.name} = {self._code(m.name)}".removesuffix(" = ") for m in self]
        shapes = [f"# {m.shape_text}" for m in self]
        sides = [" x ".join(filter(None, map(MEANINGS.get, m.axes))) for m in self]
        columns = [codes, shapes, sides, [_first(m.values) for m in self]]
        if self.moderation is not None:
            n, K = self.sizes["n"], self.sizes["K"]
            columns[0].append(f"P = {self.output}(moderation * Z2)")
            columns[1].append(f"# (K, n) = {(K, n)}")
            columns[2].append("predict_proba")
            columns[3].append(_first(self.moderated))
        widths = [max(map(len, column)) for column in columns]
        table = [
            "  ".join(map(str.ljust, row, widths)).rstrip()
            for row in zip(*columns, strict=True)
        ]
        return "\n".join([f"# {self.summary()}", *table])

    @property
    def moderated(self) -> Array:
        """A2 of the moderated Z2 (K, n): what ``predict_proba`` says."""
        Z2 = self["Z2"].values
        if self.moderation is not None:
            Z2 = self.moderation * Z2
        activation = network.softmax if self.output == "softmax" else network.sigmoid
        return activation(Z2)

    def _code(self, name: str) -> str:
        """How the matrix is computed, as Python; empty for a given one."""
        softmax = name == "A2" and self.output == "softmax"
        return SOFTMAX if softmax else CODE.get(name, "")

    def __repr__(self) -> str:
        return f"Trace({self.summary()})"

    def summary(self) -> str:
        """One line: the sizes and the cost.

        Returns
        -------
        str
            As "m = 30 features, n = 569 samples, ...; cost 0.0714 nats".
        """
        sizes = ", ".join(
            f"{letter} = {size} {MEANINGS[letter]}{'' if size == 1 else 's'}"
            for letter, size in self.sizes.items()
        )
        return f"{sizes}; cost {self.cost:.4g} nats"

    def _repr_html_(self) -> str:
        return explorer_frame(self, self.language)

    def save(self, path: str | PathLike[str], *, language: str | None = None) -> None:
        """Write the explorer as one HTML file that needs nothing else.

        Parameters
        ----------
        path : str or path
            Where to.
        language : {"en", "zh"}, default=None
            What it opens in, and a button on it changes; None is the trace's own.

        Raises
        ------
        ValueError
            If language is another.
        """
        page = explorer_page(self, language or self.language)
        Path(path).write_text(page, encoding="utf-8")

    def show(self, *, language: str | None = None) -> None:
        """Open the explorer in the browser, from a temporary file.

        Parameters
        ----------
        language : {"en", "zh"}, default=None
            What it opens in, and a button on it changes; None is the trace's own.

        Raises
        ------
        ValueError
            If language is another.
        """
        check_language(language or self.language)
        path = Path(tempfile.mkdtemp(prefix="sk_twolayer-")) / "trace.html"
        self.save(path, language=language)
        webbrowser.open(path.as_uri())

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Everything as plain Python: what JSON can hold.

        Returns
        -------
        dict of str to dict
            Name to symbol, equation, letters, shape, meanings, labels and values.
        """
        return {
            m.name: {
                "symbol": m.symbol,
                "equation": m.equation,
                "letters": list(m.letters),
                "shape": list(m.shape),
                "rows": m.rows,
                "columns": m.columns,
                "row_labels": m.row_labels,
                "column_labels": m.column_labels,
                "values": m.values.tolist(),
            }
            for m in self.matrices
        }

    def to_frame(self) -> Any:
        """One row a matrix.

        Returns
        -------
        pandas.DataFrame
            Equation, shape, meanings, least, mean and largest value, indexed by name.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "Trace.to_frame needs pandas: pip install pandas"
            ) from error
        return pd.DataFrame(
            [
                {
                    "name": m.name,
                    "equation": m.equation,
                    "letters": f"({', '.join(m.letters)})",
                    "shape": m.shape,
                    "rows": m.rows,
                    "columns": m.columns,
                    "min": m.values.min(),
                    "mean": m.values.mean(),
                    "max": m.values.max(),
                }
                for m in self.matrices
            ]
        ).set_index("name")

    def sample(self, i: int) -> SampleTrace:
        """Follow one sample through every step.

        Parameters
        ----------
        i : int
            Which column, from 0; negative counts from the end.

        Returns
        -------
        SampleTrace
            Its numbers.

        Raises
        ------
        IndexError
            If there is no such sample.
        """
        n = self.sizes["n"]
        if not -n <= i < n:
            raise IndexError(f"sample {i}; there are {n}, numbered from 0.")
        return SampleTrace(self, i % n)


class SampleTrace:
    """One sample's column through every step; `str` writes the sums out.

    Parameters
    ----------
    trace : Trace
        The pass that it is a column of.
    index : int
        Which column.

    Attributes
    ----------
    index : int
        Which column.
    values : dict of str to ndarray, float64
        Columns of X, Z1, A1, Z2, A2, Y, dZ2 and dZ1, and the sample's part of dW2,
        db2, dW1 and db1, which sum to those over all samples.
    """

    def __init__(self, trace: Trace, index: int) -> None:
        self._trace, self.index = trace, index
        column = slice(index, index + 1)
        names = ["X", "Z1", "A1", "Z2", "A2", "Y", "dZ2", "dZ1"]
        self.values = {name: trace[name].values[:, column] for name in names}
        n = trace.sizes["n"]
        v = self.values
        v["dW2"] = v["dZ2"] @ v["A1"].T / n
        v["db2"] = v["dZ2"] / n
        v["dW1"] = v["dZ1"] @ v["X"].T / n
        v["db1"] = v["dZ1"] / n

    def __str__(self) -> str:
        t, v = self._trace, self.values
        n = t.sizes["n"]
        W1, b1, W2, b2 = t.problem.parameters
        X, A1, Z2, A2, Y, dZ2 = (
            v[name][:, 0] for name in ("X", "A1", "Z2", "A2", "Y", "dZ2")
        )
        lines = [
            f"# sample {t['X'].column_labels[self.index]} (column {self.index} of {n})",
            "# Numbers are to six digits; each line is Python.",
            "from math import exp, log",
            "# X",
        ]
        lines += [
            f"{_number(x)}  # {f}" for f, x in zip(t.problem.features, X, strict=True)
        ]
        lines.append(f"# Z1 = {t._code('Z1')}, A1 = {t._code('A1')}")
        for j, name in enumerate(t["Z1"].row_labels):
            lines += _line(_sum(W1[j], X, b1[j, 0]), f"Z1, {name}", v["Z1"][j, 0])
            lines += _line(f"1 / (1 + exp({_number(-v['Z1'][j, 0])}))", "A1", A1[j])
        lines.append(f"# Z2 = {t._code('Z2')}, A2 = {t._code('A2')}, dZ2 = A2 - Y")
        exps = " + ".join(f"exp({_number(z)})" for z in Z2)
        costs = []
        for o, name in enumerate(t["Z2"].row_labels):
            lines += _line(_sum(W2[o], A1, b2[o, 0]), f"Z2, {name}", Z2[o])
            if t.output == "softmax":
                lines += _line(f"exp({_number(Z2[o])}) / ({exps})", "A2", A2[o])
                costs += [f"log({exps}) - {_factor(Z2[o])}"] if Y[o] else []
            else:
                lines += _line(f"1 / (1 + exp({_number(-Z2[o])}))", "A2", A2[o])
                # -log A2, or -log(1 - A2), which do not round to log 0.
                costs.append(f"log(1 + exp({_number(-Z2[o] if Y[o] else Z2[o])}))")
            lines += _line(f"{_number(A2[o])} - {_number(Y[o])}", "dZ2", dZ2[o])
        lines.append("# the sample's cost")
        cost = network.cross_entropy(v["Z2"], v["Y"], output=t.output)
        lines += _line(" + ".join(costs), "cost", cost)
        lines.append(f"# dZ1 = {t._code('dZ1')}")
        for j, name in enumerate(t["Z1"].row_labels):
            a, total = _number(A1[j]), _sum(W2[:, j], dZ2)
            text = f"({total}) * {a} * (1 - {a})"
            lines += _line(text, f"dZ1, {name}", v["dZ1"][j, 0])
        lines.append("# the sample's part of the gradients, which add up over samples")
        for name, left, right in (("dW2", dZ2, A1), ("dW1", v["dZ1"][:, 0], X)):
            for i, each in enumerate(left):
                terms = (f"{_factor(each)}*{_factor(x)}/{n}" for x in right)
                lines += _line(f"[{', '.join(terms)}]", f"{name}[{i}]", v[name][i])
                lines += _line(f"{_factor(each)}/{n}", f"db{name[2]}[{i}]", each / n)
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"SampleTrace(column {self.index} of {self._trace.sizes['n']})"

    def _repr_html_(self) -> str:
        return explorer_frame(self._trace, self._trace.language, self.index)


def _number(value: float) -> str:
    return f"{value:.6g}"


def _factor(value: float) -> str:
    """A number that can stand in a product."""
    return f"({_number(value)})" if value < 0 else _number(value)


def _sum(weights: Array, inputs: Array, bias: float | None = None) -> str:
    """The sum of products as one would type it."""
    terms = [f"{_factor(w)}*{_factor(x)}" for w, x in zip(weights, inputs, strict=True)]
    return " + ".join(terms if bias is None else [*terms, _factor(bias)])


def _line(code: str, name: str, value: Any) -> list[str]:
    """Code with what it gives; a long one within brackets, on several lines."""
    result = ", ".join(map(_number, np.atleast_1d(value)))
    comment = f"  # {name} = {result}"
    if len(code + comment) <= WIDTH:
        return [code + comment]
    code = code if code.startswith("[") else f"({code})"
    wrap = textwrap.TextWrapper(WIDTH, break_long_words=False, break_on_hyphens=False)
    wrap.subsequent_indent = " "
    lines = [f"# {name}", *wrap.wrap(code)]
    wrap.initial_indent = wrap.subsequent_indent = "# "
    return lines + wrap.wrap(f"= {result}")


def _first(values: Array) -> str:
    """The first entries of the first row."""
    text = " ".join(f"{value:.3g}" for value in values[0, :3])
    return text + (" ..." if values.size > 3 else "")


def trace(estimator: Any, X: Any, y: Any) -> Trace:
    """Every matrix of one forward and backward pass of a fitted model.

    The gradients are the article's: of the mean cross-entropy, each sample counting
    once and without the penalty. Of a pipeline X is what reaches the network. After a
    fit by the evidence the moderation is one more step, after which the last row is
    what ``predict_proba`` says; the gradients are those without it. Of a committee it
    is the pass of its best network.

    Parameters
    ----------
    estimator : TwoLayerSigmoidClassifier, Pipeline or search
        A fitted model, a pipeline that ends in one, or a search such as GridSearchCV
        over either, whose best estimator is taken.
    X : array-like or sparse matrix of shape (n, m), float
        Samples in rows, as the estimator takes them; a sparse one is made dense.
    y : array-like of shape (n,) or (n, L)
        Their labels.

    Returns
    -------
    Trace
        The matrices, samples in columns.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it has no TwoLayerSigmoidClassifier at its end.
    ValueError
        If X or y do not fit it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_twolayer import TwoLayerSigmoidClassifier
    >>> from sk_twolayer.inspection import trace
    >>> X, y = load_iris(return_X_y=True)
    >>> model = TwoLayerSigmoidClassifier(5, random_state=0).fit(X, y)
    >>> trace(model, X, y)["dW1"]
    dW1 (k, m) = (5, 4): one row a hidden neuron, one column a feature
    """
    moderation = moderation_of(estimator, X)
    return Trace(problem_of_estimator(estimator, X, y), moderation=moderation)


def from_parameters(
    X: Any,
    Y: Any,
    W1: Any,
    b1: Any,
    W2: Any,
    b2: Any,
    *,
    output: str = "sigmoid",
    feature_names: Sequence[str] | None = None,
) -> Trace:
    """Every matrix of a pass with given parameters, for teaching: no estimator.

    Parameters
    ----------
    X : array-like of shape (m, n), float
        Input, samples in columns.
    Y : array-like of shape (K, n), float
        Targets, 0 or 1.
    W1 : array-like of shape (k, m), float
        First layer's weights.
    b1 : array-like of shape (k, 1), float
        First layer's biases.
    W2 : array-like of shape (K, k), float
        Second layer's weights.
    b2 : array-like of shape (K, 1), float
        Second layer's biases.
    output : {"sigmoid", "softmax"}, default="sigmoid"
        The output's activation.
    feature_names : sequence of str of length m, default=None
        Names of the features; None is x0, x1, ...

    Returns
    -------
    Trace
        The matrices.

    Raises
    ------
    ValueError
        If a matrix is not of the shape that the others need.
    """
    return Trace(problem_of_parameters(X, Y, (W1, b1, W2, b2), output, feature_names))


def descent(
    X: Any,
    Y: Any,
    parameters: Sequence[Any],
    learning_rate: float,
    n_steps: int,
    *,
    output: str = "sigmoid",
    feature_names: Sequence[str] | None = None,
) -> Trace:
    """The article's gradient descent, every iteration recorded.

    Parameters
    ----------
    X : array-like of shape (m, n), float
        Input, samples in columns.
    Y : array-like of shape (K, n), float
        Targets, 0 or 1.
    parameters : sequence of four array-likes
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1) to begin with.
    learning_rate : float
        Step length, above 0.
    n_steps : int
        Steps, at least 1.
    output : {"sigmoid", "softmax"}, default="sigmoid"
        The output's activation.
    feature_names : sequence of str of length m, default=None
        Names of the features; None is x0, x1, ...

    Returns
    -------
    Trace
        The last iteration's matrices; its page plays them all.

    Raises
    ------
    ValueError
        If a matrix is not of the shape that the others need, learning_rate is not a
        positive number or n_steps not a positive integer.
    """
    if not (learning_rate > 0 and math.isfinite(learning_rate)):
        raise ValueError(f"learning_rate={learning_rate!r}; it must be above 0.")
    if n_steps < 1 or n_steps != int(n_steps):
        raise ValueError(f"n_steps={n_steps!r}; it must be an integer of at least 1.")
    problem = problem_of_parameters(X, Y, parameters, output, feature_names)
    frames = [problem.parameters]
    for _ in range(n_steps):
        activations = network.forward(problem.X, *frames[-1], output=output)
        gradients = network.backward(problem.X, problem.Y, frames[-1].W2, activations)
        frames.append(
            network.gradient_descent_step(frames[-1], gradients, learning_rate)
        )
    return Trace(problem._replace(parameters=frames[-1]), frames, learning_rate)
