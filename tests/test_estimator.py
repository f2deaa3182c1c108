"""The estimator: against the equations, MLPClassifier, and scikit-learn's contract."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version

from sk_twolayer import inspection, network
from tests.helpers import quick

METHODS = [
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "input_gradient",
]
old_array_api = parse_version(sklearn.__version__) < parse_version("1.8")


@parametrize_with_checks(
    [
        quick(n_hidden=16),
        quick(n_hidden=16, solver="gd"),
        quick(n_hidden=16, solver="adam"),
        quick(n_hidden=16, n_init=2),
    ]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("solver", ["lbfgs", "gd"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fitted_model_is_the_articles_network(data, solver):
    X, y = data
    model = quick(solver=solver, max_iter=30).fit(X, y)
    shapes = [p.shape for p in (model.W1_, model.b1_, model.W2_, model.b2_)]
    assert shapes == [(4, 30), (4, 1), (1, 4), (1, 1)]
    Z2, A2 = network.forward(X.T, model.W1_, model.b1_, model.W2_, model.b2_)[2:]
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], A2[0], rtol=1e-10)
    penalty = (np.sum(model.W1_**2) + np.sum(model.W2_**2)) / (2 * len(X))
    expected = network.cross_entropy(Z2, y[None, :]) + penalty
    assert model.loss_ == pytest.approx(expected, rel=1e-12)
    assert len(model.loss_curve_) == model.n_iter_ + 1
    assert model.loss_curve_[-1] == model.loss_ < model.loss_curve_[0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_gd_is_the_articles_descent(data):
    X, y = data
    one = quick(solver="gd", alpha=0, learning_rate=0.3, max_iter=1).fit(X, y)
    two = quick(solver="gd", alpha=0, learning_rate=0.3, max_iter=2).fit(X, y)
    parameters = network.Parameters(one.W1_, one.b1_, one.W2_, one.b2_)
    activations = network.forward(X.T, *parameters)
    gradients = network.backward(X.T, y[None, :], one.W2_, activations)
    stepped = network.gradient_descent_step(parameters, gradients, 0.3)
    for name, expected in stepped._asdict().items():
        np.testing.assert_allclose(getattr(two, name + "_"), expected, rtol=1e-10)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_same_weights_in_mlpclassifier_agree(data):
    X, y = data
    model = quick(max_iter=20).fit(X, y)
    mlp = MLPClassifier((4,), activation="logistic", alpha=1.0, max_iter=1).fit(X, y)
    mlp.coefs_, mlp.intercepts_ = model.coefs_, model.intercepts_
    np.testing.assert_allclose(
        mlp.predict_proba(X), model.predict_proba(X), rtol=0, atol=1e-12
    )
    # MLPClassifier's own cost function, at these weights and without an update.
    mlp.set_params(solver="lbfgs", max_iter=1, warm_start=True)
    layers = [X, np.empty((len(X), 4)), np.empty((len(X), 1))]
    empty = [np.empty_like(w) for w in mlp.coefs_]
    deltas = [np.empty((len(X), 4)), np.empty((len(X), 1))]
    intercepts = [np.empty_like(b) for b in mlp.intercepts_]
    arguments = (X, y[:, None], None, layers, deltas, empty, intercepts)
    try:
        loss = mlp._backprop(*arguments)[0]
    except TypeError:  # scikit-learn < 1.7 has no sample_weight
        loss = mlp._backprop(*arguments[:2], *arguments[3:])[0]
    assert loss == pytest.approx(model.loss_, rel=1e-10)


def test_coefs_are_read_only(data):
    model = quick(max_iter=500).fit(*data)
    assert [c.shape for c in model.coefs_] == [(30, 4), (4, 1)]
    assert [b.shape for b in model.intercepts_] == [(4,), (1,)]
    with pytest.raises(AttributeError):
        model.coefs_ = []


@pytest.mark.parametrize("solver", ["lbfgs", "gd"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_whole_weight_equals_repeated_rows(data, solver):
    X, y = data
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    model = quick(solver=solver, tol=1e-7)
    weighted = clone(model).fit(X, y, weight).predict_proba(X)
    repeated = model.fit(np.repeat(X, weight, 0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted, repeated.predict_proba(X), rtol=0, atol=1e-6)


def test_pipeline_search_and_parallel_scores():
    X, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), quick())
    grid = {"twolayersigmoidclassifier__alpha": [0.1, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2, scoring="neg_log_loss")
    assert -search.fit(X, y).best_score_ < 0.1
    assert cross_val_score(pipeline, X, y, n_jobs=2).min() > 0.93


def test_clone_and_pickle(data):
    X, y = data
    model = quick().fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    assert not hasattr(clone(model), "W1_")
    assert clone(model).get_params() == model.get_params()


def test_data_frames_keep_their_names():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    scaled = (X - X.mean()) / X.std()
    labels = y.map({0: "malignant", 1: "benign"})
    model = quick().fit(scaled, labels)
    assert list(model.feature_names_in_) == list(X.columns)
    assert list(model.classes_) == ["benign", "malignant"]
    assert model.score(scaled, labels) > 0.97
    with pytest.raises(ValueError, match="feature names"):
        model.predict(pd.DataFrame(scaled).rename(columns={"mean radius": "x"}))
    # It has no wheels for a free-threaded Python.
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({name: scaled[name].to_numpy() for name in X.columns})
    # The two frames' memory layouts differ, and so does the rounding.
    W1 = quick().fit(frame, labels.to_numpy()).W1_
    np.testing.assert_allclose(W1, model.W1_, atol=1e-6)


def test_float32_stays_float32(data):
    X, y = data
    model = quick().fit(X.astype(np.float32), y)
    assert model.W1_.dtype == np.float64
    assert model.predict_proba(X.astype(np.float32)).dtype == np.float32
    expected = quick().fit(X, y).predict_proba(X)
    assert np.abs(model.predict_proba(X) - expected).max() < 0.02


def test_log_proba_stays_finite_in_saturation(data):
    X, y = data
    model = quick().fit(X, y)
    model.W2_ = model.W2_ * 1e4
    assert model.predict_proba(X).min() == 0
    assert np.isfinite(model.predict_log_proba(X)).all()


def test_convergence_warning_says_what_to_change(data):
    with pytest.warns(ConvergenceWarning, match=r"max_iter=3.*Increase max_iter"):
        quick(max_iter=3).fit(*data)


def test_a_failed_refit_leaves_the_model(data):
    X, y = data
    model = quick().fit(X, y)
    before = dict(vars(model))
    bad_X = X[:, :3].copy()
    bad_X[0, 0] = np.nan
    for bad in [
        (bad_X, y),
        (X[:, :3], np.full(len(X), b"a")),
        (X[:, :3], np.linspace(0, 1, len(X))),
    ]:
        with pytest.raises(ValueError):
            model.fit(*bad)
        assert vars(model) == before
    model.set_params(solver="gd", learning_rate=1e300)
    weights = model.W1_
    with pytest.raises(ValueError, match="lower learning_rate=1e"):
        model.fit(X, y)
    assert model.W1_ is weights


@pytest.mark.parametrize(
    "name, value",
    [
        ("n_hidden", 0),
        ("n_hidden", 2.5),
        ("solver", "sgd"),
        ("alpha", -1),
        ("learning_rate", 0),
        ("learning_rate", "fast"),
        ("momentum", 1),
        ("batch_size", 0),
        ("max_iter", 0),
        ("tol", -1e-3),
        ("early_stopping", 2),
        ("validation_fraction", 1),
        ("n_iter_no_change", 0),
        ("n_init", 0),
        ("warm_start", "yes"),
        ("class_weight", "equal"),
        ("n_jobs", 1.5),
        ("verbose", -1),
        ("random_state", "x"),
    ],
)
def test_bad_parameter_is_named(data, name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        quick(**{name: value}).fit(*data)


def test_bad_weights_and_unfitted_use(data):
    X, y = data
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        quick().fit(X, y, -np.ones(len(X)))
    with pytest.raises(NotFittedError):
        quick().predict(X)


@pytest.mark.parametrize(
    "options", [{"alpha": "auto"}, {"alpha": "evidence"}, {"solver": "adam"}]
)
def test_duplicate_entries_of_csr_are_summed_on_a_copy(options):
    rng = np.random.default_rng(0)
    X = rng.random((100, 8))
    X = sparse.csr_array(np.where(X > 0.5, X, 0))
    y = (X.sum(axis=1) > 2).astype(int)
    halves = np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr
    twice = sparse.csr_array(halves, shape=X.shape)
    before = [part.copy() for part in halves]
    model = quick(**options, max_iter=20)
    expected, found = clone(model).fit(X, y), clone(model).fit(twice, y)
    np.testing.assert_array_equal(found.W1_, expected.W1_)
    if options == {"solver": "adam"}:
        parts = [clone(model).partial_fit(A, y, [0, 1]) for A in (X, twice)]
        np.testing.assert_array_equal(parts[0].W1_, parts[1].W1_)
    for name in METHODS:
        method = getattr(expected, name)
        np.testing.assert_array_equal(method(twice), method(X))
    for part, was in zip(
        (twice.data, twice.indices, twice.indptr), before, strict=True
    ):
        np.testing.assert_array_equal(part, was)
    sums = inspection.trace(expected, twice, y)["X"].values
    np.testing.assert_allclose(sums, X.toarray().T)


def test_entries_of_csr_whose_sum_overflows_are_not_finite():
    X = sparse.csr_array(([1e308, 1e308, 1.0], [0, 0, 0], [0, 2, 3]), shape=(2, 1))
    with pytest.raises(ValueError, match="summed contains infinity"):
        quick().fit(X, [0, 1])


@pytest.fixture(params=["torch", "array_api_strict"])
def xp(request, monkeypatch):
    if old_array_api:
        pytest.skip("scikit-learn < 1.8 needs array-api-compat")
    # scipy's functions never see these arrays, so it may be set after their import.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    return pytest.importorskip(request.param)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dispatch", [False, True])
def test_arrays_of_other_libraries(data, xp, dispatch, dtype, monkeypatch):
    # With dispatch only as in scikit-learn 1.8: test_array_api.py has what came later.
    for module in ("_arrays", "_estimator"):
        monkeypatch.setattr(f"sk_twolayer.{module}.FOLLOWS_ARRAYS", False)
    X, y = data
    X = X.astype(dtype)
    A, b, weight = xp.asarray(X), xp.asarray(y), xp.asarray(np.full(len(X), 2.0))
    model = quick(alpha="evidence", max_iter=50)
    expected = clone(model).fit(X, y, np.full(len(X), 2))
    with sklearn.config_context(array_api_dispatch=dispatch):
        model.fit(A, b, weight)
        found = {name: getattr(model, name)(A) for name in METHODS}
        found["std"] = model.decision_function(A, return_std=True)[1]
        assert model.score(A, b) == pytest.approx(expected.score(X, y))
        stream = quick(solver="adam").partial_fit(A, b, classes=xp.asarray([0, 1]))
        named = quick(max_iter=9).fit(A, np.where(y == 1, "b", "a"))
        assert named.predict(A).dtype.kind == "U"
        assert inspection.gradient_check(model, A[:9, :], b[:9]).passed
    np.testing.assert_array_equal(model.W1_, expected.W1_)
    assert stream.W1_.shape == (4, 30)
    for name, values in found.items():
        assert type(values) is (type(A) if dispatch else np.ndarray)
        if name == "std":
            other = expected.decision_function(X, return_std=True)[1]
        else:
            other = getattr(expected, name)(X)
        np.testing.assert_array_equal(np.asarray(values), other)
        if name not in ("predict", "input_gradient"):
            assert str(values.dtype).endswith(dtype)
