"""Plots by scikit-learn's Display convention; matplotlib is asked for when drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse

from sk_twolayer._arrays import MatrixLike, to_numpy
from sk_twolayer._typing import Array
from sk_twolayer.inspection._problem import Inner, inner_network, output_names

# Of a number: blue above 0, orange below, in every plot and in the explorer.
POSITIVE, NEGATIVE = "#0072b2", "#d55e00"
# Of curves, which are not numbers' signs.
TRAINING, VALIDATION, MARK = "#15191f", "#6a3fc4", "#b8bec8"
# Cells up to which a heat map has its numbers in them.
MOST_NUMBERS, MOST_COLUMNS = 120, 12


def _axes(display: Any, ax: Any, **options: Any) -> Any:
    """The axes to draw on, and a clear word where matplotlib is missing."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__} needs matplotlib: pip install "
            "'sk-twolayer[plot]'"
        ) from error
    return ax if ax is not None else plt.subplots(layout="constrained", **options)[1]


def _feature_names(inner: Inner, given: Sequence[str] | None, m: int) -> list[str]:
    names = inner.features if given is None else given
    if names is None:
        return [f"x{i}" for i in range(m)]
    if len(names) != m:
        raise ValueError(f"feature_names has {len(names)} names; X has {m} features.")
    return [str(name) for name in names]


@dataclass(kw_only=True, repr=False, eq=False)
class LossCurveDisplay:
    """Cost by iteration, in training and on the held-out samples.

    Parameters
    ----------
    loss_curve : sequence of float
        Training cost, in nats, from the start on.
    validation_loss_curve : sequence of float, default=None
        Validation cost likewise.
    estimator_name : str, default=None
        Title.
    round_n_iter : sequence of int, default=None
        Iterations done at the end of each round of the search for alpha: there the
        penalty changes, and with it the cost.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The training curve.
    validation_line_ : matplotlib Line2D or None
        The validation curve.
    round_lines_ : matplotlib LineCollection or None
        Where the penalty changes.
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure
        The figure of the axes.
    """

    loss_curve: Sequence[float]
    validation_loss_curve: Sequence[float] | None = None
    estimator_name: str | None = None
    round_n_iter: Sequence[int] | None = None

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None, name: str | None = None
    ) -> LossCurveDisplay:
        """Draw the curves of a fitted model.

        Parameters
        ----------
        estimator : TwoLayerSigmoidClassifier, Pipeline or search
            A fitted model, a pipeline that ends in one, or a search such as
            GridSearchCV over either, whose best estimator is taken.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Title; None is the class's name.

        Returns
        -------
        LossCurveDisplay
            The display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no TwoLayerSigmoidClassifier at its end.
        ImportError
            If matplotlib is not installed.
        """
        estimator = inner_network(estimator).network
        display = cls(
            loss_curve=estimator.loss_curve_,
            validation_loss_curve=getattr(estimator, "validation_loss_curve_", None),
            estimator_name=name or type(estimator).__name__,
            round_n_iter=getattr(estimator, "round_n_iter_", None),
        )
        return display.plot(ax=ax)

    def plot(self, ax: Any = None) -> LossCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        LossCurveDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = _axes(self, ax)
        (self.line_,) = ax.plot(
            self.loss_curve, color=TRAINING, label="training cost, penalty included"
        )
        self.round_lines_ = None
        # After the last round there is nothing to compare with.
        if self.round_n_iter and len(self.round_n_iter) > 1:
            self.round_lines_ = ax.vlines(
                self.round_n_iter[:-1],
                *(0, 1),
                transform=ax.get_xaxis_transform(),
                color=MARK,
                lw=0.8,
                zorder=0,
                label="another alpha: the penalty changes",
            )
        self.validation_line_ = None
        if self.validation_loss_curve:
            curve = self.validation_loss_curve
            (self.validation_line_,) = ax.plot(
                curve, color=VALIDATION, label="validation cross-entropy, no penalty"
            )
            best = int(np.argmin(curve))
            ax.plot(best, curve[best], "o", color=VALIDATION, label=f"best, at {best}")
        ax.set(xlabel="iteration", ylabel="cost (nats)", title=self.estimator_name)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


@dataclass(kw_only=True, repr=False, eq=False)
class _WeightsPlot:
    """What plots of the weights hold."""

    W1: Array
    W2: Array
    feature_names: Sequence[str]
    output_names: Sequence[str]
    feature_scale: Array | None = None

    @property
    def _drawn(self) -> Array:
        """W1 as drawn: on the features' own scale, where it is known."""
        return self.W1 if self.feature_scale is None else self.W1 * self.feature_scale

    @classmethod
    def _of_estimator(
        cls, estimator: Any, X: Any, feature_names: Sequence[str] | None
    ) -> Self:
        inner = inner_network(estimator, X)
        network, scale = inner.network, None
        if X is not None:
            scale = _deviations(to_numpy(inner.X))
        elif hasattr(network, "alpha_curve_"):
            # Alpha was chosen. Then the features were divided by their deviations and nothing else.
            scale = 1 / network._standardisation.scale
        return cls(
            W1=network.W1_,
            W2=network.W2_,
            feature_names=_feature_names(inner, feature_names, network.W1_.shape[1]),
            output_names=output_names(network),
            feature_scale=scale,
        )


def _deviations(X: Any) -> Array:
    """Standard deviation of each feature."""
    X = X.toarray() if sparse.issparse(X) else X
    return np.asarray(X, dtype=float).std(axis=0)


class NetworkDisplay(_WeightsPlot):
    """Inputs, hidden neurons and outputs, with an edge for each weight.

    An edge's width and strength follow the weight's size in its layer, its colour the
    sign. Of more inputs or neurons than are drawn, those with the largest weights are.

    Parameters
    ----------
    W1 : ndarray of shape (k, m), float
        First layer's weights.
    W2 : ndarray of shape (K, k), float
        Second layer's weights.
    feature_names : sequence of str of length m
        Names of the inputs.
    output_names : sequence of str of length K
        Names of the outputs.
    feature_scale : ndarray of shape (m,), default=None
        Standard deviations that W1's columns are multiplied with; None draws W1.

    Attributes
    ----------
    edges_ : list of matplotlib LineCollection
        First and second layer's edges.
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure
        The figure of the axes.
    """

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike | None = None,
        *,
        feature_names: Sequence[str] | None = None,
        ax: Any = None,
        max_inputs: int = 30,
        max_hidden: int = 16,
        max_outputs: int = 12,
    ) -> NetworkDisplay:
        """Draw a fitted model.

        Parameters
        ----------
        estimator : TwoLayerSigmoidClassifier, Pipeline or search
            A fitted model, a pipeline that ends in one, or a search such as
            GridSearchCV over either, whose best estimator is taken.
        X : array-like or sparse matrix of shape (n, m), float, default=None
            Samples, as the estimator takes them, whose standard deviations put W1 on
            the features' own scale. None takes those of the training samples where
            alpha was chosen by them, and draws W1 as it is where not.
        feature_names : sequence of str of length m, default=None
            Names of the inputs; None takes those seen in `fit`, or those that a
            pipeline's steps give out.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        max_inputs, max_hidden, max_outputs : int, default=30, 16 and 12
            Most nodes to draw in a layer.

        Returns
        -------
        NetworkDisplay
            The display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no TwoLayerSigmoidClassifier at its end.
        ValueError
            If feature_names is not of length m.
        ImportError
            If matplotlib is not installed.
        """
        display = cls._of_estimator(estimator, X, feature_names)
        return display.plot(
            ax=ax,
            max_inputs=max_inputs,
            max_hidden=max_hidden,
            max_outputs=max_outputs,
        )

    def plot(
        self,
        ax: Any = None,
        *,
        max_inputs: int = 30,
        max_hidden: int = 16,
        max_outputs: int = 12,
    ) -> NetworkDisplay:
        """Draw the network.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        max_inputs, max_hidden, max_outputs : int, default=30, 16 and 12
            Most nodes to draw in a layer.

        Returns
        -------
        NetworkDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        hidden = _largest(np.abs(self.W2).sum(axis=0), max_hidden)
        inputs = _largest(np.abs(self._drawn).sum(axis=0), max_inputs)
        outputs = _largest(np.abs(self.W2).sum(axis=1), max_outputs)
        rows = max(len(inputs), len(hidden), len(outputs), 4)
        ax = _axes(self, ax, figsize=(9, 1.5 + 0.24 * rows))
        heights = [_spread(len(nodes)) for nodes in (inputs, hidden, outputs)]
        drawn = self._drawn[np.ix_(hidden, inputs)], self.W2[np.ix_(outputs, hidden)]
        self.edges_ = [
            _draw_edges(ax, x, heights[x], heights[x + 1], W)
            for x, W in enumerate(drawn)
        ]
        for x, height in enumerate(heights):
            ax.scatter(
                np.full(len(height), x),
                height,
                s=130,
                color="white",
                edgecolor="#444444",
                zorder=3,
            )
        for y, i in zip(heights[0], inputs, strict=True):
            ax.text(-0.04, y, _shorten(self.feature_names[i]), ha="right", va="center")
        for y, i in zip(heights[1], hidden, strict=True):
            ax.text(1, y, str(i + 1), ha="center", va="center", fontsize=7, zorder=4)
        for y, i in zip(heights[2], outputs, strict=True):
            name = _shorten(f"P({self.output_names[i]})")
            ax.text(2.04, y, name, ha="left", va="center")
        counts = [
            _count("input", len(inputs), self.W1.shape[1]),
            _count("hidden neuron", len(hidden), self.W1.shape[0]),
            _count("output", len(outputs), self.W2.shape[0]),
        ]
        for x, text in enumerate(counts):
            ax.annotate(
                *(text, (x, 1), (0, 11)),
                textcoords="offset points",
                ha="center",
                va="bottom",
            )
        for colour, label in ((POSITIVE, "positive"), (NEGATIVE, "negative weight")):
            ax.plot([], [], color=colour, lw=2, label=label)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, frameon=False)
        ax.set(xlim=(-0.9, 2.5), ylim=(-0.05, 1.05))
        ax.axis("off")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _largest(sizes: Array, most: int) -> Array:
    """Indices of the largest, in their own order."""
    return np.sort(np.argsort(-sizes, kind="stable")[:most])


def _spread(count: int) -> Array:
    return np.array([0.5]) if count == 1 else np.linspace(1, 0, count)


def _shorten(text: str, most: int = 28) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _count(what: str, drawn: int, there: int) -> str:
    text = f"{there} {what}{'' if there == 1 else 's'}"
    return text if drawn == there else f"{text},\nthe {drawn} largest drawn"


def _draw_edges(ax: Any, x: float, left: Array, right: Array, W: Array) -> Any:
    """Edges from column x to x + 1; W is (right, left). The largest come on top."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgb

    sizes = np.abs(W).ravel()
    order = np.argsort(sizes, kind="stable")
    strength = sizes[order] / (sizes.max() or 1.0)
    to, start = np.unravel_index(order, W.shape)
    lines = [[(x, left[i]), (x + 1, right[j])] for i, j in zip(start, to, strict=True)]
    # Squared, so that the few large ones stand out of many.
    colours = [
        (*to_rgb(POSITIVE if W[j, i] > 0 else NEGATIVE), 0.06 + 0.9 * s**2)
        for i, j, s in zip(start, to, strength, strict=True)
    ]
    edges = LineCollection(lines, colors=colours, linewidths=0.4 + 2.8 * strength)
    ax.add_collection(edges)
    return edges


class WeightsDisplay(_WeightsPlot):
    """Heat maps of W1 and W2, each with a scale that is symmetric about 0.

    Parameters
    ----------
    W1 : ndarray of shape (k, m), float
        First layer's weights.
    W2 : ndarray of shape (K, k), float
        Second layer's weights.
    feature_names : sequence of str of length m
        Names of the inputs.
    output_names : sequence of str of length K
        Names of the outputs.
    feature_scale : ndarray of shape (m,), default=None
        Standard deviations that W1's columns are multiplied with; None draws W1.

    Attributes
    ----------
    images_ : list of matplotlib AxesImage
        W1's and W2's.
    ax_ : ndarray of shape (2,), matplotlib Axes
        Where they are drawn.
    figure_ : matplotlib Figure
        The figure of the axes.
    """

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike | None = None,
        *,
        feature_names: Sequence[str] | None = None,
        ax: Any = None,
    ) -> WeightsDisplay:
        """Draw a fitted model's weights.

        Parameters
        ----------
        estimator : TwoLayerSigmoidClassifier, Pipeline or search
            A fitted model, a pipeline that ends in one, or a search such as
            GridSearchCV over either, whose best estimator is taken.
        X : array-like or sparse matrix of shape (n, m), float, default=None
            Samples, as the estimator takes them, whose standard deviations put W1 on
            the features' own scale. None takes those of the training samples where
            alpha was chosen by them, and draws W1 as it is where not.
        feature_names : sequence of str of length m, default=None
            Names of the inputs; None takes those seen in `fit`, or those that a
            pipeline's steps give out.
        ax : sequence of two matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        WeightsDisplay
            The display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no TwoLayerSigmoidClassifier at its end.
        ValueError
            If feature_names is not of length m.
        ImportError
            If matplotlib is not installed.
        """
        display = cls._of_estimator(estimator, X, feature_names)
        return display.plot(ax=ax)

    def plot(self, ax: Any = None) -> WeightsDisplay:
        """Draw the heat maps.

        Parameters
        ----------
        ax : sequence of two matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        WeightsDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        (k, m), n_outputs = self.W1.shape, len(self.W2)
        # A cell that holds its number is wider than one that does not.
        width, height = (0.5, 0.3) if _has_numbers(self.W1) else (0.22, 0.22)
        # The features' names stand upright below W1.
        names = 0.07 * max(len(_shorten(name)) for name in self.feature_names)
        axes = _axes(
            self,
            ax,
            nrows=2,
            figsize=(
                min(3 + width * max(m, k), 14),
                min(3 + names + height * (k + n_outputs), 14),
            ),
            height_ratios=[max(k, 4), max(n_outputs, 3)],
        )
        self.ax_ = np.asarray(axes)
        # Neurons are counted from 1, as in the explorer and in mathematics.
        neurons = [str(i + 1) for i in range(k)]
        self.images_ = [
            _draw_map(self.ax_[0], self._drawn, neurons, self.feature_names),
            _draw_map(self.ax_[1], self.W2, self.output_names, neurons),
        ]
        scaled = "" if self.feature_scale is None else ", per deviation of the feature"
        self.ax_[0].set(title=f"W1 (k, m) = ({k}, {m}){scaled}", ylabel="hidden neuron")
        self.ax_[1].set(title=f"W2 (K, k) = ({n_outputs}, {k})", xlabel="hidden neuron")
        self.figure_ = self.ax_[0].figure
        return self


def _has_numbers(W: Array) -> bool:
    return W.size <= MOST_NUMBERS and W.shape[1] <= MOST_COLUMNS


def _draw_map(ax: Any, W: Array, rows: Sequence[str], columns: Sequence[str]) -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    limit = np.abs(W).max() or 1.0
    colours = LinearSegmentedColormap.from_list("size", [NEGATIVE, "white", POSITIVE])
    image = ax.imshow(W, cmap=colours, vmin=-limit, vmax=limit, aspect="auto")
    for axis, names in ((ax.yaxis, rows), (ax.xaxis, columns)):
        step = -(-len(names) // 40)  # forty names are legible
        axis.set_ticks(range(0, len(names), step), [_shorten(n) for n in names[::step]])
    if max(len(name) for name in columns) > 3:
        ax.tick_params(axis="x", rotation=90)
    if _has_numbers(W):
        for (i, j), value in np.ndenumerate(W):
            ink = "white" if abs(value) > 0.7 * limit else "black"
            ax.text(
                *(j, i, f"{value:.2g}"), ha="center", va="center", color=ink, fontsize=8
            )
    ax.figure.colorbar(image, ax=ax, ticks=[-limit, 0, limit], format="%.2g")
    return image


@dataclass(kw_only=True, repr=False, eq=False)
class SensitivityDisplay:
    """How strongly each feature moves the probability, over some samples.

    Parameters
    ----------
    sensitivities : ndarray of shape (m,) or (K, m), float
        Mean of the gradient's absolute value, times the feature's deviation: the change
        of the probability for one standard deviation, to first order.
    feature_names : sequence of str of length m
        Names of the features.
    output_names : sequence of str of length K
        Names of the outputs.

    Attributes
    ----------
    bars_ : list of matplotlib BarContainer
        One an output.
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure
        The figure of the axes.
    """

    sensitivities: Array
    feature_names: Sequence[str]
    output_names: Sequence[str]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        *,
        feature_names: Sequence[str] | None = None,
        ax: Any = None,
        max_features: int = 20,
    ) -> SensitivityDisplay:
        """Compute and draw the sensitivities of a fitted model.

        Parameters
        ----------
        estimator : TwoLayerSigmoidClassifier, Pipeline or search
            A fitted model, a pipeline that ends in one, or a search such as
            GridSearchCV over either, whose best estimator is taken.
        X : array-like or sparse matrix of shape (n, m), float
            Samples in rows, as the estimator takes them.
        feature_names : sequence of str of length m, default=None
            Names of the features; None takes those seen in `fit`, or those that a
            pipeline's steps give out.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        max_features : int, default=20
            Most features to draw, the largest.

        Returns
        -------
        SensitivityDisplay
            The display. Source: the mean absolute partial derivative, Zurada et al.,
            Neurocomputing 14, 1997.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no TwoLayerSigmoidClassifier at its end.
        ValueError
            If X or feature_names do not fit it.
        ImportError
            If matplotlib is not installed.
        """
        inner = inner_network(estimator, X)
        values: Any = to_numpy(inner.X)
        gradient = np.abs(inner.network.input_gradient(values)).mean(axis=0)
        display = cls(
            sensitivities=gradient * _deviations(values),
            feature_names=_feature_names(inner, feature_names, gradient.shape[-1]),
            output_names=output_names(inner.network),
        )
        return display.plot(ax=ax, max_features=max_features)

    def plot(self, ax: Any = None, *, max_features: int = 20) -> SensitivityDisplay:
        """Draw the sensitivities.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        max_features : int, default=20
            Most features to draw, the largest.

        Returns
        -------
        SensitivityDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        values = np.atleast_2d(self.sensitivities)
        shown = np.argsort(-values.sum(axis=0), kind="stable")[:max_features][::-1]
        places = range(len(shown))
        ax = _axes(self, ax, figsize=(7, 1.2 + 0.28 * len(shown)))
        from matplotlib import colormaps

        self.bars_ = []
        # Several outputs stand behind one another: one bar a feature, however many.
        several = len(values) > 1
        colours = colormaps["viridis"](np.linspace(0, 0.92, len(values)))
        done = np.zeros(len(shown))
        names = [f"P({name})" for name in self.output_names]
        for i, (row, name) in enumerate(zip(values, names, strict=True)):
            colour = colours[i] if several else POSITIVE
            bars = ax.barh(places, row[shown], left=done, color=colour, label=name)
            self.bars_.append(bars)
            done += row[shown]
        ax.set_yticks(places, [_shorten(self.feature_names[j]) for j in shown])
        summed = ", summed over outputs" if several else f" ({names[0]})"
        ax.set_xlabel(f"change of the probability\nfor one standard deviation{summed}")
        if several:
            # The bars are shortest below.
            ax.legend(loc="lower right", ncols=-(-len(values) // 8))
        self.ax_, self.figure_ = ax, ax.figure
        return self
