"""Rows as they come, standardised penalties, starts at the log-odds, given validation."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier, _estimator, network
from sk_twolayer._engine.moments import Moments
from sk_twolayer._engine.outputs import choose_output
from sk_twolayer._labels import class_counts, constant_cost, encode_labels
from sk_twolayer._solvers import Adam
from sk_twolayer._start import log_odds
from tests.helpers import make_objective, quick

STILL = 1e-13  # a learning rate that changes nothing that can be seen


@pytest.fixture(scope="module")
def raw():
    return load_breast_cancer(return_X_y=True)


def passes(model, X, y, size, number, seed=0):
    """So many passes over shuffled rows, so many a call."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        order = rng.permutation(len(y))
        for start in range(0, len(y), size):
            rows = order[start : start + size]
            model.partial_fit(X[rows], y[rows], classes=np.unique(y))
    return model


def default(**options):
    return TwoLayerSigmoidClassifier(solver="adam", random_state=0, **options)


# ---- moments


def test_moments_join_to_those_of_all():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 4)) * [1, 1e-3, 1e5, 0] + [1e6, 0, -1e7, 0.1]
    weight = rng.uniform(0.1, 3, 500)
    whole = Moments.of(X, weight)
    joined = Moments.of(X[:1], weight[:1])
    for start in range(1, 500, 7):
        rows = slice(start, start + 7)
        joined = joined.joined(Moments.of(X[rows], weight[rows]), X.dtype)
    assert joined.total == pytest.approx(whole.total, rel=1e-12)
    np.testing.assert_allclose(joined.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(joined.deviation, whole.deviation, rtol=1e-7)
    # A constant that float64 does not hold exactly has no deviation.
    assert joined.deviation[3] == 0
    huge = Moments.of(np.array([[1e200]])).joined(
        Moments.of(np.array([[-1e200]])), float
    )
    np.testing.assert_allclose(huge.deviation, 1e200)


def test_moments_of_sparse_rows_join(raw):
    X = raw[0]
    some = [Moments.of(sparse.csr_array(X[rows])) for rows in (slice(50), slice(50, 0))]
    some[1] = Moments.of(sparse.csr_array(X[50:]))
    joined = some[0].joined(some[1], X.dtype)
    np.testing.assert_allclose(joined.deviation, X.std(axis=0), rtol=1e-9)


def test_adams_moments_change_variables_with_the_features():
    """The first moment becomes what the new variables' gradients would have given."""
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(60, 3)), rng.randint(0, 2, 60).astype(np.int8)
    old = Moments.of(X[:20]).standardisation(0.0, X.dtype)
    new = Moments.of(5 * X + 3).standardisation(0.0, X.dtype)
    before, after = (
        make_objective(X, y, 4, 1, choose_output("logistic", 1), standardisation=scales)
        for scales in (old, new)
    )
    theta = rng.normal(size=before.size)
    optimizer, expected = Adam(STILL), np.zeros(before.size)
    for _ in range(3):
        parameters = before.to_parameters(theta)
        optimizer.update(theta, before.value_and_gradient(theta)[1])
        gradient = after.value_and_gradient(after.from_parameters(parameters))[1]
        expected = 0.9 * expected + gradient
    ratio, shift = new.scale / old.scale, new.scale * (old.center - new.center)
    second = optimizer._moments[1].copy()
    optimizer.change_variables(before.split, ratio, shift)
    np.testing.assert_allclose(optimizer._moments[0], expected, rtol=1e-8, atol=1e-10)
    assert (optimizer._moments[1] >= 0).all()
    # The rest does not depend on the features.
    np.testing.assert_array_equal(optimizer._moments[1][12:], second[12:])
    fresh = Adam(0.1)
    fresh.change_variables(before.split, ratio, shift)
    assert fresh._t == 0


def test_adams_step_shortens_where_it_is_told_to():
    still, theta = np.ones(1), np.zeros((2, 1))
    constant, slower = Adam(0.1), Adam(0.1, slow_down=4)
    lengths = []
    for _ in range(13):
        before = theta.copy()
        constant.update(theta[0], still)
        slower.update(theta[1], still)
        lengths.append((before - theta)[:, 0])
    lengths = np.array(lengths)
    expected = lengths[:, 0] / np.sqrt(1 + np.arange(13) / 4)
    np.testing.assert_allclose(lengths[:, 1], expected, rtol=1e-9)


def test_only_the_default_step_shortens(raw):
    X, y = raw
    assert default().partial_fit(X, y, [0, 1])._optimizer.slow_down < np.inf
    model = default(learning_rate=0.1).partial_fit(X, y, [0, 1])
    assert model._optimizer.slow_down == np.inf


# ---- partial_fit


@pytest.mark.parametrize("size, number", [(1, 2), (5, 4), (100, 3)])
def test_rows_of_any_number_teach(raw, size, number):
    X, y = raw
    model = passes(default(), X, y, size, number)
    assert model.score(X, y) > 0.95
    assert log_loss(y, model.predict_proba(X)) < 0.2


def test_one_row_first_does_not_set_the_scale(raw):
    X, y = raw
    model = default().partial_fit(X[:1], y[:1], classes=[0, 1])
    np.testing.assert_allclose(model._standardisation.center, X[0])
    passes(model, X, y, 100, 5)
    assert model.score(X, y) > 0.97
    assert model._moments[0] == 1 + 5 * len(X)
    np.testing.assert_allclose(model._moments[2], X.std(axis=0), rtol=5e-2)


@pytest.mark.parametrize("change", [lambda X: 1000 * X, lambda X: X - 50.0])
def test_the_unit_of_a_feature_changes_nothing(raw, change):
    X, y = raw
    one, two = (passes(default(), Z, y, 30, 1) for Z in (X, change(X)))
    np.testing.assert_allclose(
        two.predict_proba(change(X)), one.predict_proba(X), atol=1e-6
    )


@pytest.mark.parametrize("options", [{"solver": "adam"}, {"early_stopping": True}])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_unit_of_a_feature_changes_no_fit(raw, options):
    X, y = raw
    model = TwoLayerSigmoidClassifier(4, max_iter=20, random_state=0, **options)
    one = model.fit(X, y).predict_proba(X)
    two = clone(model).fit(1000 * X, y).predict_proba(1000 * X)
    np.testing.assert_allclose(one, two, atol=1e-6)


@pytest.mark.parametrize("alpha", ["auto", 1.0])
@pytest.mark.parametrize("solver", ["adam", "gd"])
def test_the_function_stays_where_the_scale_moves(raw, solver, alpha):
    X, y = raw
    model = TwoLayerSigmoidClassifier(
        4, solver=solver, alpha=alpha, learning_rate=0.01, random_state=0
    ).partial_fit(X[:50], y[:50], [0, 1])
    before, scale = model.predict_proba(X), model._standardisation.scale
    model.set_params(learning_rate=STILL)
    model.partial_fit(7 * X[50:] + 3, y[50:])
    assert (model._standardisation.scale[:4] < scale[:4] / 2).all()
    np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-8)


@pytest.mark.parametrize("alpha", ["auto", 1.0])
def test_a_feature_that_begins_to_vary_has_weights_for_its_scale(raw, alpha):
    X, y = raw
    constant = X.copy()
    constant[:, [3, 5]] = 1234.5, 0.01
    model = default(alpha=alpha).partial_fit(constant, y, [0, 1])
    before, b1 = model.predict_proba(constant), model.b1_
    model.set_params(learning_rate=STILL).partial_fit(X, y)
    np.testing.assert_allclose(model.predict_proba(constant), before, atol=1e-8)
    assert not np.array_equal(model.b1_, b1)
    weights = np.abs(model.W1_ / model._standardisation.scale)
    assert (weights < 1).all() and (weights[:, [3, 5]] > 1e-4).all()


def test_the_penalty_counts_all_rows_seen(raw):
    """A full step of "gd" by hand, after other rows, weighted."""
    X, y = raw
    X = StandardScaler().fit_transform(X)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    options = {"solver": "gd", "alpha": 50.0, "learning_rate": 0.1}
    model = quick(**options).partial_fit(X[:300], y[:300], [0, 1], weight[:300])
    W1, b1, W2, b2 = model.W1_, model.b1_, model.W2_, model.b2_
    model.partial_fit(X[300:], y[300:], sample_weight=weight[300:])
    activations = network.forward(X[300:].T, W1, b1, W2, b2)
    share = weight[300:] / weight[300:].sum()
    dZ2 = (activations.A2 - y[300:]) * share
    expected = W2 - 0.1 * (dZ2 @ activations.A1.T + 50 / weight.sum() * W2)
    np.testing.assert_allclose(model.W2_, expected, rtol=1e-9, atol=1e-12)


def test_partial_fit_after_fit_counts_its_rows_and_one_call(raw):
    X, y = raw
    model = default(max_iter=7, n_iter_no_change=7, tol=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    assert model.n_iter_ == 7 and model._moments[0] == len(X)
    curve = model.loss_curve_
    model.partial_fit(X[:10], y[:10])
    assert model.n_iter_ == 8 and model._moments[0] == len(X) + 10
    assert model.loss_curve_[:-1] == curve and len(curve) == 8
    model.partial_fit(X[:10], y[:10])
    assert model.n_iter_ == 9


def test_a_stream_keeps_no_more_than_the_last_entries(raw, monkeypatch):
    monkeypatch.setattr(_estimator, "CURVE_LENGTH", 5)
    X, y = raw
    model = default(n_hidden=2)
    lengths, last = [], []
    for _ in range(9):
        model.partial_fit(X[:20], y[:20], [0, 1])
        last.append(model.loss_)
        lengths.append(len(pickle.dumps(model)))
    assert model.n_iter_ == 9
    assert model.loss_curve_ == last[-5:]
    assert lengths[-1] == pytest.approx(lengths[4], abs=16)


def test_classes_and_as_many_labels_are_told_apart():
    X, y = load_iris(return_X_y=True)
    Y = np.eye(3, dtype=int)[y]
    for first, then in ((y, Y), (Y, y)):
        model = default().partial_fit(X, first, [0, 1, 2])
        with pytest.raises(ValueError, match="give y as in the first call"):
            model.partial_fit(X, then)


# ---- the penalty of alpha="auto" without the evidence


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_penalty_is_on_the_weights_of_standardised_features(raw, early_stopping):
    X, y = raw
    model = TwoLayerSigmoidClassifier(
        4, solver="adam", early_stopping=early_stopping, max_iter=30, random_state=0
    )
    given = {"X_val": X, "y_val": y} if early_stopping else {}
    model.fit(X, y, **given)
    norm = np.sum((model.W1_ * X.std(axis=0)) ** 2) + np.sum(model.W2_**2)
    expected = log_loss(y, model.predict_proba(X)) + model.alpha_ / (2 * len(X)) * norm
    assert model.alpha_ > 0
    assert model.loss_ == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_articles_descent_has_no_penalty_unless_given(raw):
    X, y = raw
    model = TwoLayerSigmoidClassifier(4, solver="gd", max_iter=5, random_state=0)
    model.fit(X, y)
    assert model.alpha_ == 0
    assert model.loss_ == pytest.approx(log_loss(y, model.predict_proba(X)), rel=1e-9)


# ---- the start


def test_log_odds_are_those_of_the_shares():
    weight = np.array([1.0, 2, 3, 4])

    def found(y, weight=None):
        counts = class_counts(encode_labels(np.array(y)), weight)
        return log_odds(counts), constant_cost(counts)

    odds, cost = found(["a", "b", "b", "b"])
    np.testing.assert_allclose(odds, [[np.log(3.5 / 1.5)]])
    assert cost == pytest.approx(log_loss([0, 1, 1, 1], np.full(4, 0.75)))
    np.testing.assert_allclose(
        found(["a", "b", "b", "b"], weight)[0], [[np.log(9.5 / 1.5)]]
    )
    odds, cost = found([0, 1, 2, 2], weight)
    shares = np.exp(odds[:, 0])
    np.testing.assert_allclose(shares / shares.sum(), np.array([1.5, 2.5, 7.5]) / 11.5)
    assert odds.mean() == pytest.approx(0)
    shares = np.tile([0.1, 0.2, 0.7], (4, 1))
    assert cost == pytest.approx(log_loss([0, 1, 2, 2], shares, sample_weight=weight))
    Y = [[0, 1], [0, 0], [1, 1], [0, 1]]
    odds, cost = found(Y, weight)
    np.testing.assert_allclose(odds, np.log([[3.5 / 7.5], [8.5 / 2.5]]))
    of_labels = [
        log_loss(column, np.full(4, share), sample_weight=weight)
        for column, share in zip(np.transpose(Y), (0.3, 0.8), strict=True)
    ]
    assert cost == pytest.approx(sum(of_labels))
    np.testing.assert_allclose(found(Y)[0], np.log([[1.5 / 3.5], [7 / 3]]))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_training_begins_at_the_class_shares(kind):
    """Where every neuron is at 1/2, the start gives the shares; it costs about theirs."""
    rng = np.random.default_rng(0)
    X, chance = rng.normal(size=(2000, 5)), rng.random(2000)
    y = (chance < 0.03).astype(int)
    if kind == "multiclass":
        y = y + (chance < 0.01)
    if kind == "multilabel":
        y = np.column_stack([y, chance > 0.02])
    # So small a rate that the weights after a pass are the start's.
    model = default(n_hidden=4, learning_rate=STILL).partial_fit(
        X, y, classes=np.arange(2) if kind == "multilabel" else np.unique(y)
    )
    Z2 = (model.b2_ + 0.5 * model.W2_.sum(axis=1, keepdims=True))[:, 0]
    if kind == "multiclass":
        expected = np.bincount(y) / 2000
        found = np.exp(Z2) / np.exp(Z2).sum()
    else:
        expected, found = np.mean(y, axis=0), 1 / (1 + np.exp(-Z2))
    np.testing.assert_allclose(np.squeeze(found), expected, atol=1e-3)


def test_one_pass_over_unbalanced_rows_is_no_worse_than_the_majority():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 5))
    y = (X[:, 0] + 0.5 * rng.normal(size=3000) > 2).astype(int)
    share = y.mean()
    assert share < 0.05
    entropy = log_loss(y, np.full(3000, share))
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        model = default(max_iter=1).fit(X, y)
    assert log_loss(y, model.predict_proba(X)) < entropy
    model = passes(default(), X, y, 100, 1)
    assert log_loss(y, model.predict_proba(X)) < 0.8 * entropy
    assert accuracy_score(y, model.predict(X)) >= 1 - share


# ---- a cost that rises is no convergence


@pytest.mark.parametrize("seed", range(3))
def test_a_descent_that_does_not_descend_warns(raw, seed):
    """On raw features it ends above its start, or above the class shares' cost."""
    X, y = raw
    model = TwoLayerSigmoidClassifier(
        solver="gd", momentum=0.9, batch_size=32, random_state=seed
    )
    match = r"no lower.*lower learning_rate='auto' \(0.5\), or scale the features"
    with pytest.warns(ConvergenceWarning, match=match) as caught:
        model.fit(X, y)
    assert caught[0].filename == __file__


def test_a_cost_above_the_starts_is_named(data):
    match = r"no lower cost than the start's.*lower learning_rate=1000.0, or scale"
    model = TwoLayerSigmoidClassifier(solver="gd", learning_rate=1e3, random_state=0)
    with pytest.warns(ConvergenceWarning, match=match):
        model.fit(*data)
    assert model.loss_ >= model.loss_curve_[0]


def test_a_network_that_collapsed_to_a_constant_is_named(data):
    match = "that of the class shares alone; lower learning_rate=0.01, or alpha=5000.0"
    model = quick(solver="adam", alpha=5e3, learning_rate=0.01, batch_size=569)
    with pytest.warns(ConvergenceWarning, match=match):
        model.fit(*data)
    assert np.ptp(model.predict_proba(data[0])[:, 1]) < 0.02


@pytest.mark.parametrize("solver", ["gd", "adam"])
def test_early_stopping_that_returns_the_start_warns(raw, solver):
    X, y = raw
    model = TwoLayerSigmoidClassifier(
        solver=solver, early_stopping=True, learning_rate=1e6, random_state=0
    )
    match = "no lower validation cost.*lower learning_rate=1000000.0"
    with pytest.warns(ConvergenceWarning, match=match):
        model.fit(X, y)
    assert np.argmin(model.validation_loss_curve_) == 0


def test_early_stopping_where_nothing_is_learned_warns():
    """The start gives the class shares, and noise holds nothing more."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(60, 5)), np.arange(60) % 2
    model = TwoLayerSigmoidClassifier(early_stopping=True, alpha=0, random_state=0)
    with pytest.warns(ConvergenceWarning, match="features may say nothing about y"):
        model.fit(X, y, X_val=X, y_val=1 - y)


@pytest.mark.parametrize("solver", ["lbfgs", "adam", "gd"])
def test_only_the_articles_descent_is_told_to_scale(raw, solver):
    X, y = raw
    model = quick(solver=solver, max_iter=2)
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(StandardScaler().fit_transform(X), y)
    assert ("StandardScaler" in str(caught[0].message)) == (solver == "gd")


# ---- given validation samples


@pytest.fixture(scope="module")
def halves(raw):
    X, y = raw
    return train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["lbfgs", "adam", "gd"])
def test_given_samples_are_followed(halves, solver):
    X, X_val, y, y_val = halves
    weight = np.random.default_rng(0).uniform(0, 2, len(y_val))
    model = TwoLayerSigmoidClassifier(
        4, solver=solver, alpha=0.01, early_stopping=True, max_iter=60, random_state=0
    )
    model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    held = log_loss(y_val, model.predict_proba(X_val), sample_weight=weight)
    assert held == pytest.approx(min(model.validation_loss_curve_), rel=1e-9)
    assert len(model.validation_loss_curve_) == model.n_iter_ + 1
    # No row of X was held out.
    assert model._moments[0] == len(X)
    other = clone(model).fit(X, y, X_val=X_val, y_val=y_val)
    held = log_loss(y_val, other.predict_proba(X_val))
    assert held == pytest.approx(min(other.validation_loss_curve_), rel=1e-9)


def test_given_samples_may_be_sparse_float32_of_some_classes():
    X, y = load_iris(return_X_y=True)
    model = TwoLayerSigmoidClassifier(
        4, early_stopping=True, random_state=0, class_weight="balanced"
    )
    few = X[20:80]
    names = np.array(["x", "y", "z"], dtype=object)[y]
    model.fit(
        X, names, X_val=sparse.csr_array(few, dtype=np.float32), y_val=names[20:80]
    )
    held = log_loss(names[20:80], model.predict_proba(few), labels=model.classes_)
    assert held == pytest.approx(min(model.validation_loss_curve_), rel=0.2)
    Y = np.eye(3, dtype=int)[y]
    labels = clone(model).set_params(class_weight=None)
    labels.fit(X, Y, X_val=X, y_val=Y)
    assert np.argmin(labels.validation_loss_curve_) > 5


def test_given_labels_have_the_names_of_y():
    pd = pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True)
    Y = pd.DataFrame(np.eye(3, dtype=int)[y], columns=["a", "b", "c"])
    model = quick(early_stopping=True, max_iter=5)
    with pytest.raises(ValueError, match=r"^X_val, y_val.*y has the columns"):
        model.fit(X, Y, X_val=X, y_val=Y[["c", "a", "b"]])


def test_importances_follow_all_samples_seen(raw):
    """The deviations are those of all of them, not of the last few."""
    X, y = raw
    model = quick(solver="adam").partial_fit(X[:300], y[:300], [0, 1])
    model.partial_fit(X[300:], y[300:])
    effect = np.square(model.W2_ @ model.W1_) + np.square(model.W2_) @ np.square(
        model.W1_
    )
    expected = np.sqrt(effect[0]) * X.std(axis=0)
    np.testing.assert_allclose(
        model.feature_importances_, expected / expected.sum(), rtol=1e-9
    )


def test_given_samples_pass_through_a_pipeline(halves):
    X, X_val, y, y_val = halves
    scaler = StandardScaler().fit(X)
    network = TwoLayerSigmoidClassifier(4, early_stopping=True, random_state=0)
    alone = clone(network).fit(
        scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val
    )
    with config_context(enable_metadata_routing=True):
        network.set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
        pipeline = make_pipeline(StandardScaler(), network, transform_input=["X_val"])
        weight = np.ones(len(y_val))
        pipeline.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    np.testing.assert_allclose(
        pipeline.predict_proba(X), alone.predict_proba(scaler.transform(X)), atol=1e-6
    )


def test_a_call_that_fails_draws_nothing():
    """The pass after it is the one that would have come without it."""
    X = np.random.default_rng(0).normal(size=(300, 5))
    y = (X[:, 0] > 0).astype(int)
    options = {"solver": "adam", "alpha": "auto", "batch_size": 20}
    models = [quick(**options).partial_fit(X, y, classes=[0, 1]) for _ in range(2)]
    with pytest.raises(ValueError, match="non-finite"):
        models[0].partial_fit(X * 1e300, y)
    first, second = (m.partial_fit(X, y).predict_proba(X) for m in models)
    np.testing.assert_array_equal(first, second)
