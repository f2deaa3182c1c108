"""Two classes, several classes, several labels: against equations and MLPClassifier."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import log_loss
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import LabelBinarizer

from sk_twolayer import TwoLayerSigmoidClassifier, inspection, network
from sk_twolayer._alpha import FixedAlpha
from sk_twolayer._labels import Labels
from sk_twolayer._samples import Samples
from sk_twolayer._settings import Settings
from tests.helpers import gradient_by_parameters, pack, quick, standardise

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SOLVERS = ["lbfgs", "gd", "adam"]


def data(kind, n=60, m=5):
    """X, y as a user gives it, Y of the equations (n, K), output's name."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, m)) * [1, 5, 0.1, 1, 1] + [0, 3, 0, 0, 0]
    score = X @ rng.normal(size=(m, 3)) + rng.normal(size=(n, 3))
    if kind == "binary":
        y = (score[:, 0] > 0).astype(int)
        return X, y, y[:, None].astype(float), "sigmoid"
    if kind == "multiclass":
        y = score.argmax(axis=1)
        return X, y, np.eye(3)[y], "softmax"
    y = (score > 0).astype(int)
    return X, y, y.astype(float), "sigmoid"


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_what_the_solver_sees_is_the_equations(
    solver, kind, is_sparse, dtype, weighted
):
    """The objective that training builds has the reference equations' gradient."""
    X, y, Y, output = data(kind)
    X = X.astype(dtype)
    rng = np.random.default_rng(1)
    weight = rng.integers(1, 4, len(X)) if weighted else None
    model = TwoLayerSigmoidClassifier(4, solver=solver, alpha=0.7)
    settings = Settings(*(getattr(model, name) for name in Settings._fields))
    activation = "softmax" if output == "softmax" else "logistic"
    labels = Labels(np.arange(Y.shape[1]), y, Y.shape[1], activation)
    given = sparse.csr_array(X) if is_sparse else X
    weights = None if weight is None else weight.astype(float)
    scales = None if solver == "gd" else standardise(given, 0.7, weights)
    objective = Samples(given, labels, weights).objective(4, scales)
    FixedAlpha(settings).penalise(objective, objective.total)
    K = Y.shape[1]
    shapes = [(4, X.shape[1]), (4, 1), (K, 4), (K, 1)]
    parameters = network.Parameters(*(rng.normal(size=s) for s in shapes))
    theta = objective.from_parameters(parameters)
    cost, gradient = objective.value_and_gradient(theta)
    repeats = np.ones(len(X), int) if weight is None else weight
    A0, T = np.repeat(X, repeats, 0).T.astype(float), np.repeat(Y, repeats, 0).T
    n = A0.shape[1]
    activations = network.forward(A0, *parameters, output=output)
    g = network.backward(A0, T, parameters.W2, activations)
    W1, _, W2, _ = parameters
    expected = pack((g.dW1 + 0.7 / n * W1, g.db1, g.dW2 + 0.7 / n * W2, g.db2))
    expected_cost = network.cross_entropy(activations.Z2, T, output=output)
    expected_cost += 0.35 / n * (np.sum(W1**2) + np.sum(W2**2))
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    assert cost == pytest.approx(expected_cost, rel=tolerance)
    assert objective.value(theta) == pytest.approx(expected_cost, rel=tolerance)
    found = pack(gradient_by_parameters(objective, gradient))
    np.testing.assert_allclose(found, expected, rtol=0, atol=10 * tolerance)
    if not weighted:
        # One batch of everything, however shuffled, is everything.
        batch = next(iter(objective.batches(len(X), np.random.RandomState(0))))
        cost, gradient = objective.batch_value_and_gradient(theta, batch)
        found = pack(gradient_by_parameters(objective, gradient))
        assert cost == pytest.approx(expected_cost, rel=tolerance)
        np.testing.assert_allclose(found, expected, rtol=0, atol=10 * tolerance)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_fitted_model_is_the_network(kind, solver):
    X, y, Y, output = data(kind)
    options = {"batch_size": 16} if solver == "adam" else {}
    model = TwoLayerSigmoidClassifier(
        4, alpha=1.0, solver=solver, max_iter=40, random_state=0, **options
    ).fit(X, y)
    K = Y.shape[1]
    assert model.W2_.shape == (K, 4) and model.b2_.shape == (K, 1)
    assert [c.shape for c in model.coefs_] == [(5, 4), (4, K)]
    activations = network.forward(
        X.T, model.W1_, model.b1_, model.W2_, model.b2_, output=output
    )
    probabilities = model.predict_proba(X)
    if kind == "binary":
        probabilities = probabilities[:, 1:]
        np.testing.assert_allclose(model.decision_function(X), activations.Z2[0])
    else:
        np.testing.assert_allclose(model.decision_function(X), activations.Z2.T)
    np.testing.assert_allclose(probabilities, activations.A2.T, rtol=1e-10)
    np.testing.assert_allclose(
        np.exp(model.predict_log_proba(X)), model.predict_proba(X), rtol=1e-12
    )
    if kind != "multilabel":
        np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-14)
    penalty = (np.sum(model.W1_**2) + np.sum(model.W2_**2)) / (2 * len(X))
    cost = network.cross_entropy(activations.Z2, Y.T, output=output) + penalty
    assert model.loss_ == pytest.approx(cost, rel=1e-12)
    assert model.loss_ < model.loss_curve_[0]
    assert len(model.loss_curve_) == model.n_iter_ + 1
    expected = (probabilities > 0.5).astype(int)
    if kind == "multiclass":
        expected = probabilities.argmax(axis=1)
    np.testing.assert_array_equal(model.predict(X), np.squeeze(expected))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_mlpclassifier_with_the_same_weights_agrees(kind):
    X, y, _, _ = data(kind)
    model = TwoLayerSigmoidClassifier(4, alpha=1.0, max_iter=20, random_state=0).fit(
        X, y
    )
    mlp = MLPClassifier((4,), activation="logistic", max_iter=1).fit(X, y)
    mlp.coefs_, mlp.intercepts_ = model.coefs_, model.intercepts_
    assert model.out_activation_ == mlp.out_activation_
    assert model.n_outputs_ == mlp.n_outputs_
    np.testing.assert_allclose(
        model.predict_proba(X), mlp.predict_proba(X), rtol=0, atol=1e-12
    )
    np.testing.assert_array_equal(model.predict(X), mlp.predict(X))


def test_labels_of_any_type_give_the_same_model():
    X, y = load_iris(return_X_y=True)
    plain = TwoLayerSigmoidClassifier(4, alpha=1.0, random_state=0).fit(X, y)
    names = np.array(["setosa", "versicolor", "virginica"])
    kinds = [
        names[y],
        y * 2.0 - 7,
        y == 1,
        y.astype("M8[D]"),
        pd.Series(y, dtype="Int8"),
    ]
    kinds += [labels.astype(object) for labels in kinds[:3]]
    kinds += [
        names[y].astype(np.dtypes.StringDType()),
        pd.Series(y == 1).astype(object),
    ]
    for labels in kinds:
        model = TwoLayerSigmoidClassifier(4, alpha=1.0, random_state=0).fit(X, labels)
        assert set(model.predict(X)) <= set(labels)
        assert model.score(X, labels) > 0.9
        assert (model.classes_.dtype == bool) == (len(model.classes_) == 2)
        if len(model.classes_) == 3:
            np.testing.assert_array_equal(model.W1_, plain.W1_)


def test_multilabel_indicator_may_be_sparse():
    X, y = make_multilabel_classification(n_samples=80, random_state=0)
    dense = TwoLayerSigmoidClassifier(4, alpha=1.0, random_state=0).fit(X, y)
    model = TwoLayerSigmoidClassifier(4, alpha=1.0, random_state=0).fit(
        X, sparse.csr_array(y)
    )
    np.testing.assert_array_equal(model.W1_, dense.W1_)
    assert model.predict(X).shape == y.shape
    assert model.predict_proba(X).shape == y.shape
    assert model.score(X, y) > 0.4


def test_multilabel_indicator_of_objects_or_one_column():
    X, Y = make_multilabel_classification(n_samples=80, random_state=0)
    plain = quick().fit(X, Y)
    model = quick().fit(X, Y.astype(object))
    np.testing.assert_array_equal(model.W1_, plain.W1_)
    assert model.score(X, Y.astype(object)) == plain.score(X, Y)
    column = sparse.csr_array(Y[:, :1])
    model = quick().fit(X, Y[:, 0])
    with pytest.warns(DataConversionWarning):
        np.testing.assert_array_equal(quick().fit(X, column).W1_, model.W1_)
    assert model.score(X, column) == model.score(X, Y[:, 0])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_names_of_labels_are_kept(library):
    X, y, _, _ = data("multilabel")
    names = ["warm", "dry", "calm"]
    library = pytest.importorskip(library)
    frame = library.DataFrame(dict(zip(names, y.T, strict=True)))
    model = quick(n_init=2, committee=True, max_iter=9).fit(X, frame)
    assert list(model.label_names_) == names
    assert list(model.estimators_[1].label_names_) == names
    assert inspection.trace(model, X, frame)["A2"].row_labels == [
        f"P({n})" for n in names
    ]
    assert not hasattr(model.fit(X, y), "label_names_")
    stream = quick(solver="adam").partial_fit(X, frame).partial_fit(X, y)
    assert list(stream.label_names_) == names
    other = library.DataFrame(dict(zip(names[::-1], y.T, strict=True)))
    with pytest.raises(ValueError, match="those of earlier calls were"):
        stream.partial_fit(X, other)
    numbered = pd.DataFrame(y)
    assert not hasattr(quick(max_iter=9).fit(X, numbered), "label_names_")


def test_partial_fit_of_labels_needs_no_classes():
    X, y, _, _ = data("multilabel")
    one, other = (
        quick(solver="adam").partial_fit(X, y, classes=classes)
        for classes in (None, [0, 1, 2])
    )
    np.testing.assert_array_equal(one.W1_, other.W1_)
    np.testing.assert_array_equal(one.classes_, [0, 1, 2])


OPTIONS = [
    {"alpha": "auto"},
    {"alpha": "evidence"},
    {"alpha": "ard"},
    {"alpha": 1.0},
    {"solver": "gd"},
    {"solver": "adam", "learning_rate": 0.01},
    {"early_stopping": True},
    {"n_init": 2, "committee": True},
]


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_one_class_is_predicted_everywhere(options, is_sparse):
    X, _, _, _ = data("binary")
    X = sparse.csr_array(X) if is_sparse else X
    model = quick(**options).fit(X, ["a"] * X.shape[0])
    assert list(model.classes_) == ["a"]
    np.testing.assert_array_equal(model.predict(X), ["a"] * X.shape[0])
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((X.shape[0], 1)))
    np.testing.assert_array_equal(
        model.predict_log_proba(X), 0 * model.predict_proba(X)
    )
    assert model.decision_function(X).shape == (X.shape[0],)
    np.testing.assert_array_equal(model.input_gradient(X), np.zeros(X.shape))
    assert model.score(X, ["a"] * X.shape[0]) == 1
    traced = inspection.trace(model, X, ["a"] * X.shape[0])
    assert traced["A2"].row_labels == ["P(a)"] and traced["A2"].values.min() == 1
    # Z2 is no probability.
    assert traced["Z2"].row_labels == ["a"]
    assert np.abs(traced["dW1"].values).max() == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["lbfgs", "adam", "gd"])
def test_of_one_class_nothing_is_learned_and_no_fit_warns(solver, early_stopping):
    X, y, _, _ = data("binary")
    model = TwoLayerSigmoidClassifier(
        4, solver=solver, early_stopping=early_stopping, random_state=0, max_iter=500
    )
    model.fit(X, np.full(len(X), 3))
    if solver != "gd":  # which is slow to be certain
        model.fit(X, y, sample_weight=(y == 1).astype(float))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_weight_of_one_class_alone_is_nearly_certain_of_it(kind, options):
    X, y, _, _ = data(kind, n=200)
    model = quick(**options).fit(X, y, sample_weight=(y == 1).astype(float))
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert model.predict_proba(X)[:, 1].min() > 0.95


def test_bags_chains_and_constant_labels():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    y = np.arange(200) % 50 == 0
    for seed in range(4):
        bag = BaggingClassifier(quick(), n_estimators=20, random_state=seed).fit(X, y)
        assert 0.005 < bag.predict_proba(X)[:, 1].mean() < 0.08
        np.testing.assert_array_equal(bag.classes_, [False, True])
    Y = np.column_stack([X[:, 0] > 0, np.zeros(200), np.ones(200)]).astype(int)
    for meta in (ClassifierChain(quick()), MultiOutputClassifier(quick())):
        predicted = meta.fit(X, Y).predict(X)
        np.testing.assert_array_equal(predicted[:, 1:], Y[:, 1:])
        assert (predicted == Y).mean() > 0.95


def test_multioutput_classes_are_refused():
    X, _, _, _ = data("binary")
    y = np.random.default_rng(0).integers(0, 3, (len(X), 2))
    with pytest.raises(ValueError, match="multiclass-multioutput"):
        TwoLayerSigmoidClassifier().fit(X, y)


def test_digits_are_learned():
    X, y = load_digits(return_X_y=True)
    model = TwoLayerSigmoidClassifier(24, random_state=0).fit(X[:1200], y[:1200])
    assert model.score(X[1200:], y[1200:]) > 0.9
    assert log_loss(y[1200:], model.predict_proba(X[1200:])) < 0.35


def test_softmax_of_two_is_the_sigmoid():
    """Two softmax outputs with weights +-W2 / 2 are one sigmoid output."""
    X, y, _, _ = data("binary")
    model = TwoLayerSigmoidClassifier(4, alpha=1.0, random_state=0).fit(X, y)
    halves = np.vstack([-0.5 * model.W2_, 0.5 * model.W2_])
    biases = np.vstack([-0.5 * model.b2_, 0.5 * model.b2_])
    A2 = network.forward(X.T, model.W1_, model.b1_, halves, biases, "softmax").A2
    np.testing.assert_allclose(model.predict_proba(X), A2.T, rtol=1e-12)
    Y = LabelBinarizer().fit_transform(y)
    one_hot = np.hstack([1 - Y, Y]).T
    Z2 = model.decision_function(X)
    assert network.cross_entropy(Z2[None], Y.T) == pytest.approx(
        network.cross_entropy(np.vstack([-Z2, Z2]) / 2, one_hot, "softmax"), rel=1e-12
    )
