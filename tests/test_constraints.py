"""Monotonic constraints: a guarantee everywhere, whatever chose the weights."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

from sk_twolayer import TwoLayerSigmoidClassifier
from sk_twolayer._engine.layout import Layout
from sk_twolayer._monitor import Monitor
from sk_twolayer._solvers import slope
from tests.helpers import before_each_block, interrupt_at

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.{ConvergenceWarning.__name__}"
)
RNG = np.random.RandomState(0)
X = RNG.normal(size=(160, 4)) * [1, 30, 0.1, 1] + [0, 100, 5, 0]
# What a plain network learns falls somewhere with the first, and rises with the second.
Z = 2 * np.sin(2 * X[:, 0]) + 2 * np.cos((X[:, 1] - 100) / 15) + X[:, 3]
y = (Z + RNG.logistic(size=160) > 0).astype(int)
LABELS = np.column_stack([y, RNG.permutation(y)])
SIGNS = [1, -1, 0, 0]


def quick(**options):
    options = {"n_hidden": 6, "max_iter": 80, "random_state": 0} | options
    options = {"monotonic_cst": SIGNS} | options
    return TwoLayerSigmoidClassifier(**options)


def pairs(n=2000):
    """Points, and others that differ from them in constrained features only."""
    rng = np.random.RandomState(1)
    # Also far away from the data.
    low = X.mean(axis=0) + X.std(axis=0) * rng.standard_t(1.5, size=(n, 4))
    steps = np.abs(rng.standard_t(1.0, size=(n, 2))) * X.std(axis=0)[:2]
    high = low.copy()
    high[:, 0] += steps[:, 0]
    high[:, 1] -= steps[:, 1]
    return low, high


def assert_monotone(model, convert=lambda A: A, rounding=1e-12):
    low, high = (convert(A) for A in pairs())
    shape = len(pairs()[0]), -1
    for method in (model.predict_proba, model.decision_function):
        below, above = (np.reshape(method(A), shape) for A in (low, high))
        if method == model.predict_proba and model.n_outputs_ == 1:
            below, above = below[:, 1:], above[:, 1:]
        assert (above >= below - rounding * (1 + np.abs(below))).all()
    assert (model.W2_ >= 0).all()
    assert (model.W1_[:, 0] >= 0).all() and (model.W1_[:, 1] <= 0).all()


def violates(model):
    with pytest.raises(AssertionError):
        assert_monotone(model)


WAYS = [
    {"alpha": 1.0},
    {"alpha": 0.0},
    {"alpha": "auto"},
    {"alpha": "evidence"},
    {"alpha": "ard"},
    {"alpha": 0.1, "n_init": 3, "committee": True},
    {"alpha": "evidence", "n_init": 2, "committee": True},
    {"alpha": "auto", "early_stopping": True},
    {"alpha": 0.1, "early_stopping": True, "solver": "adam"},
    {"solver": "adam", "alpha": 0.01},
    {"solver": "gd", "momentum": 0.9, "learning_rate": 0.01},
    {"solver": "gd", "batch_size": 16, "learning_rate": 0.01},
]


@pytest.mark.parametrize("options", WAYS, ids=str)
@pytest.mark.parametrize("target", [y, LABELS], ids=["two", "labels"])
def test_order_is_kept_everywhere(options, target):
    assert_monotone(quick(**options).fit(X, target))
    if "learning_rate" not in options and target is y:
        violates_without = clone(quick(**options)).set_params(monotonic_cst=None)
        violates(violates_without.fit(X, target))


@pytest.mark.parametrize("alpha", ["auto", "evidence", 0.1])
def test_float32_and_sparse(alpha):
    as_float32 = quick(alpha=alpha).fit(X.astype(np.float32), y)
    assert_monotone(as_float32, lambda A: A.astype(np.float32), rounding=1e-5)
    rows = quick(alpha=alpha).fit(sparse.csr_array(X), y)
    assert_monotone(rows, sparse.csr_array)


def test_relevance_rounds_keep_the_order():
    rng = np.random.RandomState(2)
    data = rng.normal(size=(300, 30))
    target = 2 * data[:, 0] + 2 * data[:, 1] + rng.logistic(size=300) > 0
    # The second is constrained against what the samples say.
    model = quick(alpha="auto", monotonic_cst=[1, -1] + [0] * 28).fit(data, target)
    assert len(np.unique(model.alpha_[:-1])) > 10
    assert (model.W1_[:, 0] >= 0).all() and (model.W1_[:, 0] > 0).any()
    assert (model.W1_[:, 1] <= 0).all() and (model.W2_ >= 0).all()


@pytest.mark.parametrize("solver", ["adam", "gd"])
def test_partial_fit_keeps_the_order(solver):
    model = quick(solver=solver, learning_rate=0.05)
    for i in range(0, 160, 20):
        rows = slice(i, i + 20)
        model.partial_fit(
            X[rows] if solver == "adam" else X[rows] / 50, y[rows], [0, 1]
        )
        assert (model.W2_ >= 0).all()
        assert (model.W1_[:, 0] >= 0).all() and (model.W1_[:, 1] <= 0).all()
    assert_monotone(model)


@pytest.mark.parametrize("alpha", ["auto", "evidence"])
@pytest.mark.parametrize("committee", [False, True])
def test_onnx_keeps_the_order(alpha, committee):
    pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    from skl2onnx import to_onnx

    import sk_twolayer.onnx  # noqa: F401

    options = {"n_init": 2, "committee": True} if committee else {}
    model = quick(alpha=alpha, **options).fit(X, y)
    made = to_onnx(model, X[:1].astype(np.float32), options={"zipmap": False})
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    low, high = (A.astype(np.float32) for A in pairs())
    below, above = (session.run(None, {"X": A})[1][:, 1] for A in (low, high))
    assert (above >= below - 1e-5).all()
    assert_allclose(below, model.predict_proba(low)[:, 1], atol=1e-4)


def test_moderation_does_not_break_the_order():
    """Moderated by their deviations, these probabilities would fall somewhere."""
    model = quick(alpha="evidence").fit(X, y)
    assert model.moderation_ == 0
    Z2, std = model.decision_function(X, return_std=True)
    assert_allclose(model.decision_function(X), Z2, rtol=1e-12)
    assert (std > 0).all()
    model.moderation_ = 1.0
    model._moderation_limit = 0.0
    violates(model)


@pytest.mark.parametrize("alpha", ["auto", "evidence", 1.0])
def test_weights_at_a_bound_drop_out_of_the_posterior(alpha):
    model = quick(alpha=alpha).fit(X, y)
    held = model.W1_[:, :2] == 0
    assert held.any() and not held.all()
    lower, upper = model.predict_interval(X)
    assert (lower < upper).all()
    # The intervals are those of a model in which these weights do not exist.
    J = derivatives(model, X)
    free = np.concatenate(
        [(model.W1_ != 0).T.ravel(), [True] * 6, model.W2_[0] != 0, [True]]
    )
    D = precisions(model)
    slopes = np.prod(model.predict_proba(X), axis=1)
    if alpha == "evidence":
        A = (J.T * slopes) @ J + np.diag(D)
        inverse = np.zeros_like(A)
        inverse[np.ix_(free, free)] = np.linalg.inv(A[np.ix_(free, free)])
        n_effective = np.sum(1 - D[free] * np.diagonal(inverse)[free])
        assert model.n_effective_parameters_ == pytest.approx(n_effective, rel=1e-4)
        log_evidence = -160 * model.loss_ + 0.5 * np.log(D[free]).sum()
        log_evidence -= 0.5 * np.linalg.slogdet(A[np.ix_(free, free)])[1]
        assert model.log_evidence_ == pytest.approx(log_evidence, abs=1e-4)
    from sk_twolayer._evidence.jacobian import standardised

    T = np.tanh((X @ model.W1_.T + model.b1_.T) / 2)
    rows = standardised(X, *model._standardisation)
    before = model._covariance(rows, T, model.W2_)
    covariance = model._covariance
    if hasattr(covariance, "variance"):
        assert (covariance.variance[~free] < 1e-11).all()
    else:
        diagonal = np.square(covariance.root).sum(axis=0)
        assert (diagonal[~free] < 1e-11).all()
    assert (before > 0).all()


def derivatives(model, samples):
    """J of Z2 by theta (n, p)."""
    from sk_twolayer._evidence.jacobian import jacobian_rows, standardised

    T = np.tanh((samples @ model.W1_.T + model.b1_.T) / 2)
    rows = standardised(samples, *model._standardisation)
    return jacobian_rows(rows, T, model.W2_, np.ones((len(samples), 1, 1)))


def precisions(model):
    """D, of the two that the evidence has."""
    first = np.full(4 * 6, np.ravel(model.alpha_)[0])
    second = np.full(6, np.ravel(model.alpha_)[-1])
    return np.concatenate([first, np.full(6, 0.25), second, [0.01]])


def test_the_optimum_is_that_of_the_constrained_problem():
    """Where a bound holds, the cost would fall beyond it; elsewhere it is stationary."""
    model = quick(alpha=1.0, tol=1e-6, max_iter=5000).fit(X, y)
    from sk_twolayer import network

    T = np.tanh((X @ model.W1_.T + model.b1_.T) / 2)
    A1 = (1 + T) / 2
    dZ2 = (model.predict_proba(X)[:, 1] - y)[:, None] / 160
    W1, W2, n = model.W1_, model.W2_, 160
    by_W2 = dZ2.T @ A1 + W2 / n
    by_W1 = ((dZ2 @ W2) * A1 * (1 - A1)).T @ X + W1 / n
    assert network is not None
    deviation = X.std(axis=0)
    scaled = by_W1 / deviation
    held = W1 == 0
    assert np.abs(scaled[~held]).max() < 1e-3
    assert (scaled[:, 0][held[:, 0]] > -1e-3).all()
    assert (scaled[:, 1][held[:, 1]] < 1e-3).all()
    assert (by_W2[W2 == 0] > -1e-4).all()
    assert np.abs(by_W2[W2 > 0]).max() < 1e-4


def test_no_constraint_is_none():
    plain = quick(monotonic_cst=None).fit(X, y)
    zeros = quick(monotonic_cst=[0, 0, 0, 0]).fit(X, y)
    assert_array_equal(zeros.W1_, plain.W1_)
    assert (plain.W2_ < 0).any()


def test_a_dict_has_names():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    named = quick(monotonic_cst={"b": -1, "a": 1}).fit(frame, y)
    listed = quick().fit(X, y)
    assert_allclose(named.W1_, listed.W1_, rtol=1e-9)
    tuples = quick(monotonic_cst=tuple(SIGNS)).fit(X, y)
    assert_array_equal(tuples.W1_, listed.W1_)


def test_units_and_order_of_rows_make_no_difference():
    model = quick(alpha="auto").fit(X, y)
    order = np.random.RandomState(3).permutation(160)
    other = quick(alpha="auto").fit(X[order] * 2.0**7, y[order])
    found = other.predict_proba(X * 2.0**7)
    assert_allclose(found, model.predict_proba(X), rtol=1e-9)


def test_a_true_order_costs_nothing_and_helps():
    rng = np.random.RandomState(0)
    data = rng.normal(size=(3200, 5))
    target = (2 * np.tanh(data[:, 0]) - data[:, 1] + rng.logistic(size=3200) > 0) * 1
    few, new = slice(200), slice(200, None)
    losses = []
    for signs in (None, [1, -1, 0, 0, 0]):
        model = quick(alpha=0.1, monotonic_cst=signs, max_iter=500)
        model.fit(data[few], target[few])
        losses.append(log_loss(target[new], model.predict_proba(data[new])))
    assert losses[1] < losses[0]


def test_given_and_earlier_weights_are_turned_and_then_held():
    plain = quick(monotonic_cst=None, alpha=0.1).fit(X, y)
    start = {"coef_init": plain.coefs_, "intercept_init": plain.intercepts_}
    model = quick(alpha=0.1, max_iter=1).fit(X, y, **start)
    assert_monotone(model)
    # Turned neurons are the same function: what obeys already stays as it is.
    obeys = quick(alpha=0.1, max_iter=300).fit(X, y)
    W1, W2 = obeys.coefs_[0] * [[-1]], obeys.coefs_[1] * -1
    b1 = -obeys.intercepts_[0]
    b2 = obeys.intercepts_[1] + obeys.coefs_[1].sum(axis=0)
    again = clone(obeys).fit(X, y, coef_init=[W1, W2], intercept_init=[b1, b2])
    assert again.loss_curve_[0] == pytest.approx(obeys.loss_, rel=1e-5)
    warm = quick(monotonic_cst=None, alpha=0.1, warm_start=True).fit(X, y)
    violates(warm)
    assert_monotone(warm.set_params(monotonic_cst=SIGNS).fit(X, y))
    goes_on = quick(solver="adam", monotonic_cst=None).fit(X, y)
    assert_monotone(goes_on.set_params(monotonic_cst=SIGNS).partial_fit(X, y))


def test_several_classes_are_refused_and_nothing_changes():
    model = quick().fit(X, y)
    before = model.W1_
    with pytest.raises(ValueError, match="not supported for multiclass classification"):
        model.fit(X, y + 2 * (X[:, 3] > 0))
    assert model.W1_ is before
    # Without a constraint it is none.
    quick(monotonic_cst=None).fit(X, y + 2 * (X[:, 3] > 0))


def test_bounds_and_the_gradient_within_them():
    layout = Layout(3, 2, 1)
    lower, upper = layout.bounds(np.array([1, -1, 0]))
    assert_array_equal(lower, [0, 0, *[-np.inf] * 6, 0, 0, -np.inf])
    assert_array_equal(upper, [np.inf, np.inf, 0, 0, *[np.inf] * 7])
    theta, gradient = np.array([0.0, 1.0]), np.array([5.0, 2.0])
    assert slope(theta, gradient, None) == 5
    bounds = np.zeros(2), np.full(2, np.inf)
    # The first is held; the second could go down by 1 only.
    assert slope(theta, gradient, bounds) == 1
    assert slope(theta, -gradient, bounds) == 5


def test_a_saved_model_keeps_it():
    model = quick().fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert_monotone(copy)
    assert copy.monotonic_cst == SIGNS


@pytest.mark.parametrize("alpha", [0.1, "auto", "evidence"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_ctrl_c_leaves_a_model_that_keeps_it(alpha, share, monkeypatch):
    count = {"n": 0}

    def more():
        count["n"] += 1

    with pytest.MonkeyPatch.context() as patch:
        before_each_block(patch, more)
        quick(alpha=alpha).fit(X, y)
    searched = 0
    if alpha == "auto":
        # Before the last fit Ctrl-C is an error, and the model the one before.
        searched = count["n"] - 60
    interrupt_at(monkeypatch, int(searched + share * (count["n"] - searched)))
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = quick(alpha=alpha).fit(X, y)
    assert_monotone(model)


@pytest.mark.parametrize("alpha", ["auto", "evidence"])
def test_callbacks_see_weights_that_keep_it(alpha, monkeypatch):
    seen, bounds = [], Layout(4, 6, 1).bounds(np.array(SIGNS))

    def spy(self, theta, cost, steepest, original=Monitor.__call__):
        seen.append(bool(((theta >= bounds[0]) & (theta <= bounds[1])).all()))
        return original(self, theta, cost, steepest)

    monkeypatch.setattr(Monitor, "__call__", spy)
    model = quick(alpha=alpha).fit(X, y)
    assert all(seen) and len(seen) == model.n_iter_ + 1


def test_ard_takes_few_iterations_within_the_bounds():
    """Penalties of a million once made hundreds of them."""
    rng = np.random.RandomState(2)
    data = rng.normal(size=(600, 8))
    target = 2 * np.tanh(data[:, 0]) - data[:, 1] + rng.logistic(size=600) > 0
    options = {"alpha": "ard", "max_iter": 2000, "random_state": 2, "n_hidden": 10}
    model = quick(**options, monotonic_cst=[1, -1] + [0] * 6).fit(data, target)
    assert model.alpha_.max() > 1e3
    *_, searched, ended = model.round_n_iter_
    assert ended - searched < 150
