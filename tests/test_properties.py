"""Properties of a fit, each stated in one sentence and tried on random problems."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from sk_twolayer import TwoLayerSigmoidClassifier, network
from sk_twolayer._engine.outputs import choose_output
from sk_twolayer._engine.threads import Workers
from sk_twolayer.inspection import gradient_check
from tests.helpers import make_objective

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@st.composite
def problems(draw, kinds=("binary", "multiclass", "multilabel")):
    """X, y, and a model that starts from given weights, so that only the data differ."""
    kind = draw(st.sampled_from(kinds))
    seed = draw(st.integers(0, 10**6))
    n, m, k = (
        draw(st.integers(12, 40)),
        draw(st.integers(1, 5)),
        draw(st.integers(1, 5)),
    )
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, m)) * rng.choice([0.1, 1, 10], m) + rng.normal(size=m)
    if kind == "multilabel":
        y = rng.integers(0, 2, (n, 2))
        outputs = 2
    else:
        classes = 2 if kind == "binary" else 3
        y = np.append(np.arange(classes), rng.integers(0, classes, n - classes))
        outputs = 1 if kind == "binary" else 3
    initial = {
        "coef_init": [rng.normal(size=(m, k)), rng.normal(size=(k, outputs))],
        "intercept_init": [rng.normal(size=k), rng.normal(size=outputs)],
    }
    model = TwoLayerSigmoidClassifier(k, alpha=1.0, max_iter=8, tol=0)
    return X, y, model, initial, rng


def same(a, b, tolerance=1e-6):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


@given(problems())
def test_the_order_of_the_rows_does_not_matter(problem):
    X, y, model, initial, rng = problem
    before = model.fit(X, y, **initial).predict_proba(X)
    order = rng.permutation(len(X))
    same(model.fit(X[order], y[order], **initial).predict_proba(X), before)


@given(problems())
def test_the_order_of_the_hidden_neurons_does_not_matter(problem):
    X, y, model, initial, rng = problem
    before = model.fit(X, y, **initial).predict_proba(X)
    order = rng.permutation(model.n_hidden)
    W1, W2 = initial["coef_init"]
    b1, b2 = initial["intercept_init"]
    permuted = model.fit(
        X, y, coef_init=[W1[:, order], W2[order]], intercept_init=[b1[order], b2]
    )
    same(permuted.predict_proba(X), before)


@given(problems(kinds=("multiclass",)))
def test_the_names_of_the_classes_do_not_matter(problem):
    X, y, model, initial, _ = problem
    before = model.fit(X, y, **initial).predict_proba(X)
    names = np.array(["x", "yes", "zebra"])
    renamed = model.fit(X, names[y], **initial)
    np.testing.assert_array_equal(renamed.predict_proba(X), before)
    assert set(renamed.predict(X)) <= set(names)


@given(problems(kinds=("binary",)))
def test_exchanging_two_classes_exchanges_their_probabilities(problem):
    X, y, model, initial, _ = problem
    before = model.fit(X, y, **initial).predict_proba(X)
    W1, W2 = initial["coef_init"]
    b1, b2 = initial["intercept_init"]
    swapped = model.fit(X, 1 - y, coef_init=[W1, -W2], intercept_init=[b1, -b2])
    same(swapped.predict_proba(X)[:, ::-1], before)


@given(problems())
def test_the_order_of_the_features_does_not_matter(problem):
    X, y, model, initial, rng = problem
    before = model.fit(X, y, **initial).predict_proba(X)
    order = rng.permutation(X.shape[1])
    W1, W2 = initial["coef_init"]
    moved = initial | {"coef_init": [W1[order], W2]}
    same(model.fit(X[:, order], y, **moved).predict_proba(X[:, order]), before)


@given(problems(), st.floats(0.1, 10))
def test_equal_weights_are_the_rows_that_many_times(problem, weight):
    """With alpha = 0 the size of equal weights does not matter."""
    X, y, model, initial, _ = problem
    model.set_params(alpha=0)
    before = model.fit(X, y, **initial).predict_proba(X)
    weighted = model.fit(X, y, sample_weight=np.full(len(X), weight), **initial)
    same(weighted.predict_proba(X), before)


@given(problems())
def test_a_weight_may_be_split_over_duplicated_rows(problem):
    X, y, model, initial, rng = problem
    weight = rng.uniform(0.5, 2, len(X))
    before = model.fit(X, y, sample_weight=weight, **initial).predict_proba(X)
    part = rng.uniform(0, 1, len(X))
    twice = (np.vstack([X, X]), np.concatenate([y, y]))
    split = np.concatenate([weight * part, weight * (1 - part)])
    same(model.fit(*twice, sample_weight=split, **initial).predict_proba(X), before)


@given(problems())
def test_sparse_and_dense_are_the_same(problem):
    X, y, model, initial, rng = problem
    X = X * (rng.random(X.shape) < 0.5)
    before = model.fit(X, y, **initial).predict_proba(X)
    same(model.fit(sparse.csc_array(X), y, **initial).predict_proba(X), before)


@given(problems(), st.integers(1, 4), st.integers(1, 50))
def test_threads_and_block_size_change_only_rounding(problem, threads, rows):
    X, y, model, _, _ = problem
    outputs = 1 if y.ndim == 1 and y.max() == 1 else 3 if y.ndim == 1 else 2
    output = choose_output("softmax" if outputs == 3 else "logistic", outputs)
    arguments = (X, y.astype(np.int8), model.n_hidden, outputs, output)
    one = make_objective(*arguments)
    many = make_objective(*arguments, workers=Workers(threads), block_rows=rows)
    theta = np.random.default_rng(0).normal(size=one.size)
    with many.workers.started():
        cost, gradient = many.value_and_gradient(theta)
    expected_cost, expected = one.value_and_gradient(theta)
    assert cost == pytest.approx(expected_cost, rel=1e-13)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-12 * abs(X).max())


@given(problems())
def test_lbfgs_never_raises_the_cost(problem):
    X, y, model, initial, _ = problem
    curve = model.set_params(max_iter=30).fit(X, y, **initial).loss_curve_
    assert np.all(np.diff(curve) <= 1e-14)


@given(problems(), st.sampled_from([1.0, 1e3, 1e8, 1e-8]))
def test_probabilities_are_probabilities(problem, size):
    X, y, model, initial, _ = problem
    model.fit(X, y, **initial)
    p = model.predict_proba(X * size)
    assert np.all((p >= 0) & (p <= 1))
    if y.ndim == 1:
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
    assert np.isfinite(model.predict_log_proba(X * size)).all()


@given(problems(), st.sampled_from([0.1, 1.0, 30.0]))
def test_the_gradient_is_right_also_in_saturation(problem, size):
    X, y, model, initial, _ = problem
    model.fit(X, y, **initial)
    model.W1_ = model.W1_ * size
    model.W2_ = model.W2_ * min(size, 3)
    assert gradient_check(model, X, y, tol=1e-4).passed


@given(st.integers(0, 10**6), st.integers(1, 4), st.floats(0, 1e4))
def test_outputs_far_out_lose_neither_cost_nor_gradient(seed, outputs, size):
    """Cost and dZ2 of each output layer are those of the reference for any Z2."""
    rng = np.random.default_rng(seed)
    Z2 = rng.normal(size=(20, outputs)) * size
    if outputs > 2:
        targets = rng.integers(0, outputs, 20)
        Y, name, output = np.eye(outputs)[targets], "softmax", "softmax"
    else:
        targets = rng.integers(0, 2, (20, outputs))
        Y, name, output = targets, "logistic", "sigmoid"
    layer = choose_output(name, outputs)
    dZ2 = Z2.copy()
    prepared = layer.prepare(targets, np.float64)
    costs = layer.costs(dZ2, prepared, np.empty((2, 20, outputs)))
    expected = network.cross_entropy(Z2.T, Y.T, output=output)
    assert costs.sum() / 20 == pytest.approx(expected, rel=1e-12, abs=1e-15)
    A2 = network.softmax(Z2.T) if outputs > 2 else network.sigmoid(Z2.T)
    np.testing.assert_allclose(dZ2, A2.T - Y, rtol=0, atol=1e-12)
