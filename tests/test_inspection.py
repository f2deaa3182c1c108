"""Traces, gradient checks, input gradients and plots."""

import json
import re
import subprocess
import sys
from html import unescape
from itertools import pairwise

import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier, inspection, network
from sk_twolayer._engine.forward import input_gradients
from sk_twolayer._fitted import FittedNetwork

matplotlib.use("Agg")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NAMES = [
    "X",
    "W1",
    "b1",
    "Z1",
    "A1",
    "W2",
    "b2",
    "Z2",
    "A2",
    "Y",
    "dZ2",
    "dW2",
    "db2",
    "dZ1",
    "dW1",
    "db1",
]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    matplotlib.pyplot.close("all")


def fitted(kind, **options):
    """A small model and its data: X (n, m), y, and Y (K, n)."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    score = X @ rng.normal(size=(3, 3))
    y = {
        "binary": np.where(score[:, 0] > 0, "yes", "no"),
        "multiclass": np.array(["a", "b", "c"])[score.argmax(axis=1)],
        "multilabel": (score > 0).astype(int),
    }[kind]
    Y = {
        "binary": (y == "yes")[None].astype(float),
        "multiclass": np.eye(3)[score.argmax(axis=1)].T,
        "multilabel": (score > 0).astype(float).T,
    }[kind]
    options = {"alpha": 1.0, "random_state": 0} | options
    return TwoLayerSigmoidClassifier(4, **options).fit(X, y), X, y, Y


KINDS = ["binary", "multiclass", "multilabel"]


@pytest.mark.parametrize("kind", KINDS)
def test_trace_holds_the_equations_matrices_in_order(kind):
    model, X, y, Y = fitted(kind)
    trace = inspection.trace(model, X, y)
    assert [m.name for m in trace] == NAMES and len(trace) == 16
    output = "softmax" if kind == "multiclass" else "sigmoid"
    parameters = (model.W1_, model.b1_, model.W2_, model.b2_)
    activations = network.forward(X.T, *parameters, output=output)
    gradients = network.backward(X.T, Y, model.W2_, activations)
    for name, value in {
        **activations._asdict(),
        **gradients._asdict(),
        "X": X.T,
        "Y": Y,
    }.items():
        np.testing.assert_array_equal(trace[name].values, value)
    K = len(Y)
    sizes = {"m": 3, "n": 40, "k": 4, "K": K, "1": 1}
    for matrix in trace:
        assert matrix.shape == tuple(sizes[letter] for letter in matrix.letters)
        assert len(matrix.row_labels) == matrix.shape[0]
        assert len(matrix.column_labels) == matrix.shape[1]
        for term in matrix.terms:
            if ":" in term:
                assert set(term.split(":")[1].split(",")) <= set(sizes)
    assert trace.cost == network.cross_entropy(activations.Z2, Y, output=output)
    assert trace["W1"].rows == "one row a hidden neuron"
    assert trace["Z2"].columns == "one column a sample"
    assert trace["Z2"].letters == (("1", "n") if kind == "binary" else ("K", "n"))
    with pytest.raises(KeyError, match="dW1"):
        trace["W3"]


def test_equations_inner_dimensions_match():
    """In each product of a trace the letters that meet are the same."""
    model, X, y, _ = fitted("multiclass")
    for matrix in inspection.trace(model, X, y):
        for left, right in pairwise(matrix.terms):
            if ":" in left and ":" in right:
                inner = left.split(":")[1].split(",")[1]
                assert inner == right.split(":")[1].split(",")[0], matrix.terms


@pytest.mark.parametrize("kind", KINDS)
def test_text_is_a_table_whose_lines_are_python(kind):
    model, X, y, _ = fitted(kind)
    trace = inspection.trace(model, X, y)
    lines = str(trace).splitlines()
    assert lines[0].startswith("# m = 3 features, n = 40 samples, k = 4 hidden neurons")
    assert len(lines) == 1 + 16
    column = lines[1].index("#")
    assert all(line[column] == "#" for line in lines[1:])
    assert any("(k, n) = (4, 40)" in line for line in lines)
    space = {
        m.name: m.values
        for m in trace
        if m.name in ("X", "Y", *network.Parameters._fields)
    }
    space |= {"exp": np.exp, "n": 40}
    exec("\n".join(lines), space)  # noqa: S102
    for matrix in trace:
        np.testing.assert_allclose(space[matrix.name], matrix.values, atol=1e-12)


def test_text_is_for_terminals_of_any_encoding():
    model, X, y, _ = fitted("multiclass")
    trace = inspection.trace(model, X, y)
    check = inspection.gradient_check(model, X, y)
    for text in (trace, repr(trace), trace.sample(0), *trace, check):
        str(text).encode("ascii")


def test_frame_and_dict():
    model, X, y, _ = fitted("binary")
    trace = inspection.trace(model, X, y)
    frame = trace.to_frame()
    assert list(frame.index) == NAMES
    assert frame.loc["dW1", "shape"] == (4, 3)
    assert frame.loc["W1", "max"] == model.W1_.max()
    restored = json.loads(json.dumps(trace.to_dict()))
    np.testing.assert_array_equal(restored["W1"]["values"], model.W1_)
    assert restored["Z1"]["letters"] == ["k", "n"]


@pytest.mark.parametrize("kind", KINDS)
def test_samples_parts_sum_to_the_whole_and_can_be_checked_by_hand(kind):
    model, X, y, _ = fitted(kind)
    trace = inspection.trace(model, X, y)
    for name in ("dW2", "db2", "dW1", "db1"):
        total = sum(trace.sample(i).values[name] for i in range(40))
        np.testing.assert_allclose(total, trace[name].values, rtol=0, atol=1e-15)
    # Each line, pasted, gives what its comment says.
    text = str(trace.sample(-1))
    assert "column 39 of 40" in text and max(map(len, text.splitlines())) <= 80
    lines = [
        line for line in text.splitlines() if re.search(r"\S  # \w.* = -?\d", line)
    ]
    assert len(lines) >= 3 * 4
    for line in lines:
        code, comment = line.split("  # ")
        value = eval(code, {"exp": np.exp, "log": np.log})
        wanted = [float(v) for v in comment.split(" = ")[1].split(", ")]
        np.testing.assert_allclose(np.ravel(value), wanted, rtol=2e-4, atol=1e-5)
    exec(text, {})  # noqa: S102
    column = trace.sample(-1).values
    cost = network.cross_entropy(column["Z2"], column["Y"], output=trace.output)
    assert re.search(rf"# cost.*= {cost:.6g}\n", text, re.DOTALL)
    with pytest.raises(IndexError, match="there are 40"):
        trace.sample(40)


def test_page_escapes_what_it_is_given():
    import pandas as pd

    X, y = load_iris(return_X_y=True)
    hostile = ["</script><script>alert(1)</script>", '"onload="x', "a & b", "'quoted'"]
    frame = pd.DataFrame(X, columns=hostile)
    labels = np.array(["<b>x</b>", "y", "z"])[y]
    model = TwoLayerSigmoidClassifier(3, max_iter=5, random_state=0).fit(frame, labels)
    fragment = inspection.trace(model, frame, labels)._repr_html_()
    assert fragment.startswith('<iframe sandbox="allow-scripts" ')
    srcdoc = fragment.split('srcdoc="')[1].split('"')[0]
    assert "<" not in srcdoc and ">" not in srcdoc
    page = unescape(srcdoc)
    assert "alert" in page and "<script>alert" not in page and "<b>x" not in page
    assert page.count("<script") == page.count("</script>") == 2
    assert page.count("<table>") == 16 and "shown in part" in page
    assert not re.search(r"<(link|img|script)[^>]*(https?:|src=)|@import|url\(", page)


def test_from_parameters_needs_no_estimator():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2, 5)), np.array([[0, 1, 0, 1, 1.0]])
    parameters = [rng.normal(size=s) for s in ((3, 2), (3, 1), (1, 3), (1, 1))]
    trace = inspection.from_parameters(X, Y, *parameters, feature_names=["p", "q"])
    assert trace["W1"].column_labels == ["p", "q"]
    assert trace["A2"].values.shape == (1, 5)
    with pytest.raises(ValueError, match="W1 has shape"):
        inspection.from_parameters(X[:1], Y, *parameters)


def test_trace_of_sparse_and_bad_data():
    model, X, y, _ = fitted("binary")
    dense = inspection.trace(model, X, y)
    given = inspection.trace(model, sparse.csr_array(X), y)
    np.testing.assert_array_equal(given["dW1"].values, dense["dW1"].values)
    with pytest.raises(ValueError, match="y has 39 samples, but X has 40"):
        inspection.trace(model, X, y[1:])
    with pytest.raises(ValueError, match="not in"):
        inspection.trace(model, X, np.full(40, "maybe"))
    with pytest.raises(NotFittedError):
        inspection.trace(TwoLayerSigmoidClassifier(), X, y)
    labels, X, Y, _ = fitted("multilabel")
    with pytest.raises(ValueError, match="y has 2 columns; it needs 3"):
        inspection.trace(labels, X, Y[:, :2])


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_check_passes_the_articles_gradient(kind):
    model, X, y, _ = fitted(kind)
    check = inspection.gradient_check(model, X, y)
    assert check.passed and check.worst_error < 1e-6
    assert "passed" in str(check)


@pytest.mark.parametrize(
    "name, index, where",
    [
        ("dW1", (2, 1), "dW1[2, 1] (neuron 2, feature x1)"),
        ("db1", (3, 0), "db1[3, 0] (neuron 3)"),
        ("dW2", (0, 2), "dW2[0, 2] (yes, neuron 2)"),
        ("db2", (0, 0), "db2[0, 0] (yes)"),
    ],
)
@pytest.mark.parametrize("wrong", [1.01, np.nan])
def test_gradient_check_names_a_students_wrong_entry(name, index, where, wrong):
    model, X, y, Y = fitted("binary")
    g = network.backward(
        X.T,
        Y,
        model.W2_,
        network.forward(X.T, model.W1_, model.b1_, model.W2_, model.b2_),
    )
    own = {n: getattr(g, n).copy() for n in ("dW1", "db1", "dW2", "db2")}
    own[name][index] = own[name][index] * wrong + 0.01
    check = inspection.gradient_check(model, X, y, gradients=own)
    assert not check.passed
    assert check.worst == where and where in str(check)
    by_hand = inspection.gradient_check(
        (model.W1_, model.b1_, model.W2_, model.b2_),
        X.T,
        Y,
        gradients=list(own.values()),
    )
    assert not by_hand.passed


def test_gradient_check_refuses_wrong_gradients():
    model, X, y, _ = fitted("binary")
    with pytest.raises(ValueError, match="gradients lacks"):
        inspection.gradient_check(model, X, y, gradients={"dW1": model.W1_})
    with pytest.raises(ValueError, match="has 2 matrices"):
        inspection.gradient_check(model, X, y, gradients=[1, 2])
    wrong = [model.W1_.T, model.b1_, model.W2_, model.b2_]
    with pytest.raises(ValueError, match=r"dW1 has shape \(3, 4\); it needs \(4, 3\)"):
        inspection.gradient_check(model, X, y, gradients=wrong)


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_input_gradient_matches_finite_differences(kind, is_sparse):
    model, X, _, _ = fitted(kind)
    given = sparse.csr_array(X) if is_sparse else X
    gradient = model.input_gradient(given)
    assert gradient.shape == ((40, 3) if kind == "binary" else (40, 3, 3))
    for j in range(3):
        step = np.zeros(3)
        step[j] = 1e-6
        difference = (
            model.predict_proba(X + step) - model.predict_proba(X - step)
        ) / 2e-6
        if kind == "binary":
            difference = difference[:, 1]
        np.testing.assert_allclose(gradient[..., j], difference, rtol=1e-5, atol=1e-8)
    with pytest.raises(NotFittedError):
        TwoLayerSigmoidClassifier().input_gradient(X)


@pytest.mark.parametrize("kind", KINDS)
def test_after_the_evidence_all_that_looks_at_the_model_sees_what_it_predicts(kind):
    model, X, y, _ = fitted(kind, alpha="evidence")
    model.moderation_ = 0.5
    # The gradient, of which plain differences of the probabilities have fewer digits.
    gradient = model.input_gradient(X)
    step = np.array([1e-5, 0, 0])
    difference = (model.predict_proba(X + step) - model.predict_proba(X - step)) / 2e-5
    if kind == "binary":
        gradient, difference = gradient[:, None], difference[:, 1:]
    np.testing.assert_allclose(gradient[..., 0], difference, rtol=1e-4, atol=1e-7)
    plain = input_gradients(X, FittedNetwork(model).parameters, model.out_activation_)
    assert np.abs(gradient - plain).max() > 1e-3
    # The trace, to its last row.
    pages = inspection.trace(model, X, y)
    proba = model.predict_proba(X).T[-len(pages.moderated) :]
    np.testing.assert_allclose(pages.moderated, proba, rtol=1e-9)
    assert np.abs(pages["A2"].values - proba).max() > 1e-3
    assert str(pages).splitlines()[-1].startswith("P = s")
    # Without the covariance there is no such step.
    pages = inspection.trace(model.drop_covariance(), X, y)
    assert pages.moderation is None
    np.testing.assert_array_equal(pages.moderated, pages["A2"].values)


def test_loss_curve_display():
    model, _, _, _ = fitted("binary", early_stopping=True)
    display = inspection.LossCurveDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.line_.get_ydata(), model.loss_curve_)
    np.testing.assert_array_equal(
        display.validation_line_.get_ydata(), model.validation_loss_curve_
    )
    assert display.figure_ is display.ax_.figure
    _, ax = matplotlib.pyplot.subplots()
    plain = fitted("binary")[0]
    display = inspection.LossCurveDisplay.from_estimator(plain, ax=ax, name="mine")
    assert display.ax_ is ax and ax.get_title() == "mine"
    assert display.validation_line_ is None
    with pytest.raises(NotFittedError):
        inspection.LossCurveDisplay.from_estimator(TwoLayerSigmoidClassifier())


def test_network_display_draws_what_fits():
    X, y = load_breast_cancer(return_X_y=True)
    model = TwoLayerSigmoidClassifier(20, max_iter=5, random_state=0).fit(X, y)
    display = inspection.NetworkDisplay.from_estimator(model)
    first, second = (edges.get_segments() for edges in display.edges_)
    assert len(first) == 30 * 16 and len(second) == 16
    texts = [text.get_text() for text in display.ax_.texts]
    assert "20 hidden neurons,\nthe 16 largest drawn" in texts and "P(1)" in texts
    small = inspection.NetworkDisplay.from_estimator(
        model,
        max_inputs=4,
        feature_names=[f"feature number {i:040d}" for i in range(30)],
    )
    drawn = np.sort(np.argsort(-np.abs(model.W1_).sum(axis=0))[:4])
    names = [t.get_text() for t in small.ax_.texts if t.get_text().startswith("feat")]
    assert len(names) == len(drawn) == 4 and all(len(name) <= 28 for name in names)
    with pytest.raises(ValueError, match="feature_names has 2 names"):
        inspection.NetworkDisplay.from_estimator(model, feature_names=["a", "b"])


def test_weights_display_shows_both_matrices_on_the_features_own_scale():
    X, y = load_wine(return_X_y=True, as_frame=True)
    model = TwoLayerSigmoidClassifier(5, random_state=0).fit(X, y)
    display = inspection.WeightsDisplay.from_estimator(model)
    W1 = model.W1_ * X.to_numpy().std(axis=0)
    np.testing.assert_allclose(display.images_[0].get_array(), W1, rtol=1e-6)
    np.testing.assert_array_equal(display.images_[1].get_array(), model.W2_)
    low, high = display.images_[0].get_clim()
    assert low == -high and high == pytest.approx(np.abs(W1).max(), rel=1e-6)
    # Blue above 0 and orange below, as everywhere.
    (r, _, b, _), (s, _, c, _) = display.images_[1].cmap([1.0, 0.0])
    assert b > r and s > c
    labels = [t.get_text() for t in display.ax_[0].get_xticklabels()]
    assert "alcohol" in labels and "proline" in labels
    numbers = [float(text.get_text()) for text in display.ax_[1].texts]
    np.testing.assert_allclose(numbers, model.W2_.ravel(), rtol=0.06)
    assert not display.ax_[0].texts, "65 cells in 13 columns are too narrow for numbers"
    _, axes = matplotlib.pyplot.subplots(2)
    assert inspection.WeightsDisplay.from_estimator(model, ax=axes).ax_[0] is axes[0]


def test_weights_display_of_a_given_alpha_takes_the_scale_from_samples():
    X, y = load_wine(return_X_y=True)
    model = TwoLayerSigmoidClassifier(2, alpha=1.0, random_state=0).fit(X, y)
    display = inspection.WeightsDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.images_[0].get_array(), model.W1_)
    assert "deviation" not in display.ax_[0].get_title()
    for given in (X, sparse.csr_array(X)):
        display = inspection.WeightsDisplay.from_estimator(model, given)
        np.testing.assert_allclose(
            display.images_[0].get_array(), model.W1_ * X.std(axis=0)
        )
        assert "deviation" in display.ax_[0].get_title()
    network_display = inspection.NetworkDisplay.from_estimator(model, X, max_inputs=3)
    largest = np.argsort(-np.abs(model.W1_ * X.std(axis=0)).sum(axis=0))[:3]
    drawn = {text.get_text() for text in network_display.ax_.texts}
    assert {f"x{i}" for i in largest} <= drawn


@pytest.mark.parametrize("n_hidden", [1, 4, 16])
@pytest.mark.parametrize("data", [load_iris, load_breast_cancer])
def test_labels_do_not_collide(data, n_hidden):
    X, y = data(return_X_y=True, as_frame=True)
    model = TwoLayerSigmoidClassifier(n_hidden, alpha=1.0, max_iter=5, random_state=0)
    model.fit(X, y)
    for display in (
        inspection.NetworkDisplay.from_estimator(model),
        inspection.WeightsDisplay.from_estimator(model, X),
        inspection.SensitivityDisplay.from_estimator(model, X),
    ):
        display.figure_.canvas.draw()
        boxes = [
            text.get_window_extent()
            for ax in display.figure_.axes
            for text in [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()]
            if text.get_text()
        ]
        # A tick beyond an axis has a label that isn't drawn.
        whole = display.figure_.bbox
        boxes = [box for box in boxes if whole.contains(box.x0, box.y0)]
        assert len(boxes) > 4
        for i, box in enumerate(boxes):
            assert not [other for other in boxes[:i] if box.overlaps(other)]
        matplotlib.pyplot.close(display.figure_)


def test_rounds_of_the_search_for_alpha_are_marked():
    X, y = load_breast_cancer(return_X_y=True)
    model = TwoLayerSigmoidClassifier(3, alpha="evidence", random_state=0).fit(X, y)
    ends = model.round_n_iter_
    assert len(ends) == len(model.log_evidence_curve_) > 1
    assert ends == sorted(ends) and ends[-1] == model.n_iter_
    # Within a round L-BFGS descends.
    rises = np.flatnonzero(np.diff(model.loss_curve_) > 1e-12)
    assert len(rises) and set(rises) <= set(ends)
    display = inspection.LossCurveDisplay.from_estimator(model)
    marked = [segment[0][0] for segment in display.round_lines_.get_segments()]
    assert marked == ends[:-1]
    model.set_params(alpha=1.0).fit(X, y)
    assert not hasattr(model, "round_n_iter_")
    assert inspection.LossCurveDisplay.from_estimator(model).round_lines_ is None


@pytest.mark.parametrize("kind", KINDS)
def test_sensitivity_display(kind):
    model, X, _, _ = fitted(kind)
    display = inspection.SensitivityDisplay.from_estimator(model, X, max_features=2)
    gradient = np.abs(model.input_gradient(X)).mean(axis=0) * X.std(axis=0)
    np.testing.assert_allclose(display.sensitivities, gradient)
    assert len(display.bars_) == len(np.atleast_2d(gradient))
    assert len(display.bars_[0]) == 2


def test_without_matplotlib_or_pandas_the_message_says_what_to_install():
    script = """
import sys
sys.modules["matplotlib"] = sys.modules["matplotlib.pyplot"] = None
import numpy as np
from sk_twolayer import TwoLayerSigmoidClassifier, inspection
X = np.arange(20.0).reshape(10, 2); y = np.arange(10) % 2
model = TwoLayerSigmoidClassifier(2, max_iter=3).fit(X, y)
seen = inspection.trace(model, X, y)
for draw in (
    lambda: inspection.LossCurveDisplay.from_estimator(model),
    lambda: inspection.NetworkDisplay.from_estimator(model),
    lambda: inspection.WeightsDisplay.from_estimator(model),
    lambda: inspection.SensitivityDisplay.from_estimator(model, X),
    lambda: sys.modules.update(pandas=None) or seen.to_frame(),
):
    try:
        draw()
    except ImportError as error:
        print(error)
"""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = result.stdout.splitlines()
    assert len(lines) == 5
    assert (
        lines[1] == "NetworkDisplay needs matplotlib: pip install 'sk-twolayer[plot]'"
    )
    assert "pip install pandas" in lines[4]


def test_scikit_learns_displays_and_tools_take_the_model():
    from sklearn.calibration import CalibrationDisplay
    from sklearn.inspection import (
        DecisionBoundaryDisplay,
        partial_dependence,
        permutation_importance,
    )

    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :2]
    model = TwoLayerSigmoidClassifier(4, alpha=1.0, random_state=0).fit(X, y)
    DecisionBoundaryDisplay.from_estimator(model, X, response_method="predict_proba")
    CalibrationDisplay.from_estimator(model, X, y)
    result = permutation_importance(model, X, y, n_repeats=2, random_state=0)
    assert result.importances_mean.shape == (2,)
    assert partial_dependence(model, X, [0])["average"].shape[0] == 1


def through_pipeline():
    """A pipeline on named features, the network in it, and what reaches that."""
    import pandas as pd

    data = load_iris()
    X = pd.DataFrame(data.data, columns=list("abcd"), index=range(100, 250))
    network_ = TwoLayerSigmoidClassifier(3, alpha=1.0, random_state=0)
    pipeline = make_pipeline(
        StandardScaler(), "passthrough", SelectKBest(k=2), network_
    ).fit(X, data.target)
    return pipeline, pipeline[:-1].transform(X), X, data.target


WRAPPED = {
    "pipeline": lambda pipeline: pipeline,
    "nested": lambda pipeline: Pipeline([("inner", pipeline)]),
    "search": lambda pipeline: GridSearchCV(
        pipeline, {"twolayersigmoidclassifier__alpha": [1.0]}, cv=2
    ),
    "search in a pipeline": lambda pipeline: make_pipeline(
        GridSearchCV(pipeline, {"twolayersigmoidclassifier__alpha": [1.0]}, cv=2)
    ),
    "random": lambda pipeline: RandomizedSearchCV(
        pipeline, {"twolayersigmoidclassifier__alpha": [1.0]}, n_iter=1, cv=2
    ),
}


@pytest.mark.parametrize("wrap", WRAPPED)
def test_pipelines_and_searches_are_looked_into(wrap):
    pipeline, reaches, X, y = through_pipeline()
    model = pipeline[-1]
    whole = WRAPPED[wrap](pipeline).fit(X, y)
    found = inspection.trace(whole, X, y)
    expected = inspection.trace(model, reaches, y)
    for matrix, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(matrix.values, other.values, rtol=0, atol=1e-12)
    assert found["X"].row_labels == found["W1"].column_labels == ["c", "d"]
    assert found["X"].column_labels[:2] == ["100", "101"]
    check = inspection.gradient_check(whole, X, y)
    assert check.passed
    np.testing.assert_allclose(
        check.gradients["dW1"], found["dW1"].values, rtol=0, atol=1e-15
    )
    for display in (inspection.NetworkDisplay, inspection.WeightsDisplay):
        drawn = display.from_estimator(whole)
        assert drawn.feature_names == ["c", "d"]
        np.testing.assert_allclose(drawn.W1, model.W1_, rtol=1e-10)
        assert display.from_estimator(
            whole, feature_names=["p", "q"]
        ).feature_names == [
            "p",
            "q",
        ]
    sensitivity = inspection.SensitivityDisplay.from_estimator(whole, X)
    inner = inspection.SensitivityDisplay.from_estimator(model, reaches)
    np.testing.assert_allclose(
        sensitivity.sensitivities, inner.sensitivities, rtol=1e-10
    )
    assert sensitivity.feature_names == ["c", "d"]
    curve = inspection.LossCurveDisplay.from_estimator(whole)
    np.testing.assert_allclose(curve.loss_curve, model.loss_curve_, rtol=1e-10)
    assert curve.estimator_name == "TwoLayerSigmoidClassifier"


def test_names_where_a_step_gives_none():
    X, y = load_iris(return_X_y=True)
    network_ = TwoLayerSigmoidClassifier(2, alpha=1.0, random_state=0)
    plain = make_pipeline(StandardScaler(), network_).fit(X, y)
    assert inspection.trace(plain, X, y)["X"].row_labels == ["x0", "x1", "x2", "x3"]
    silent = make_pipeline(FunctionTransformer(np.square), network_).fit(X, y)
    assert inspection.trace(silent, X, y)["X"].row_labels == ["x0", "x1", "x2", "x3"]


def test_words_through_a_pipeline():
    texts = ["good film", "bad film", "good plot", "bad plot"] * 5
    y = [1, 0, 1, 0] * 5
    pipeline = make_pipeline(
        TfidfVectorizer(), TwoLayerSigmoidClassifier(2, alpha=1.0, random_state=0)
    ).fit(texts, y)
    found = inspection.trace(pipeline, texts, y)
    assert found["X"].row_labels == ["bad", "film", "good", "plot"]
    drawn = inspection.SensitivityDisplay.from_estimator(pipeline, texts)
    bad, film, good, plot = drawn.sensitivities
    assert min(bad, good) > 10 * max(film, plot)


@pytest.mark.parametrize(
    "wrong",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        Pipeline([("nothing", "passthrough")]),
        GridSearchCV(TwoLayerSigmoidClassifier(), {"alpha": [1.0]}, refit=False),
        TwoLayerSigmoidClassifier,
        None,
    ],
    ids=lambda wrong: str(wrong)[:30],
)
def test_other_estimators_get_one_clear_error(wrong):
    X, y = load_iris(return_X_y=True)
    if isinstance(wrong, BaseEstimator):
        wrong.fit(X, y)
    calls = [
        lambda: inspection.trace(wrong, X, y),
        lambda: inspection.NetworkDisplay.from_estimator(wrong),
        lambda: inspection.WeightsDisplay.from_estimator(wrong),
        lambda: inspection.LossCurveDisplay.from_estimator(wrong),
        lambda: inspection.SensitivityDisplay.from_estimator(wrong, X),
    ]
    if isinstance(wrong, BaseEstimator):
        calls.append(lambda: inspection.gradient_check(wrong, X, y))
    for call in calls:
        with pytest.raises(TypeError, match="estimator must be a TwoLayerSigmoidClass"):
            call()


def test_pipelines_that_are_not_fitted():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), TwoLayerSigmoidClassifier())
    with pytest.raises(NotFittedError):
        inspection.trace(pipeline, X, y)
    with pytest.raises(NotFittedError):
        inspection.SensitivityDisplay.from_estimator(pipeline, X)
