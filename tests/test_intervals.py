"""Prediction intervals: against brute force, mixtures and simulated truth."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, logit, softmax
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.neural_network import MLPClassifier

from sk_twolayer import TwoLayerSigmoidClassifier, _training
from sk_twolayer._evidence import laplace as _laplace
from sk_twolayer._evidence.covariance import SketchedCovariance
from sk_twolayer._evidence.jacobian import jacobian_rows, standardised
from sk_twolayer._evidence.predictive import interval
from sk_twolayer._fitted import fitted

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, TRUE = np.random.RandomState(0).normal(size=(2, 150, 3))
y = (X[:, 0] + 0.5 * X[:, 1] ** 2 + TRUE[:, 0] > 0.5).astype(int)
CLASSES = y + 2 * (X[:, 2] + 0.5 * TRUE[:, 1] > 0.8)
LABELS = np.column_stack([y, X[:, 2] + TRUE[:, 1] > 0])
TARGETS = {"two": y, "classes": CLASSES, "labels": LABELS}


def quick(n_hidden=3, **options):
    options = {"max_iter": 60, "random_state": 0} | options
    return TwoLayerSigmoidClassifier(n_hidden, **options)


def hidden(model, samples):
    """Standardised samples beside a 1, and T: what a covariance takes."""
    T = np.tanh((samples @ model.W1_.T + model.b1_.T) / 2)
    return standardised(samples, *model._standardisation), T


@pytest.mark.parametrize("alpha", ["auto", 1.0, 0.0, "evidence", "ard"])
@pytest.mark.parametrize("kind", ["two", "labels"])
def test_of_two_classes_and_labels_it_is_that_of_Z2(kind, alpha):
    model = quick(alpha=alpha).fit(X, TARGETS[kind])
    Z2, std = model.decision_function(X, return_std=True)
    lower, upper = model.predict_interval(X, level=0.8)
    q = norm.ppf(0.9)
    low, high = expit(Z2 - q * std), expit(Z2 + q * std)
    if kind == "two":
        low, high = np.column_stack([1 - high, low]), np.column_stack([1 - low, high])
    assert_allclose(lower, low, atol=1e-12)
    assert_allclose(upper, high, atol=1e-12)
    assert (std > 0).all()


@pytest.mark.parametrize("alpha", ["auto", "evidence"])
def test_of_classes_it_is_of_each_against_the_rest(alpha):
    model = quick(alpha=alpha).fit(X, CLASSES)
    lower, upper = model.predict_interval(X)
    Z2, _ = model.decision_function(X, return_std=True)
    odds = logit(softmax(Z2, axis=1))
    assert_allclose((logit(lower) + logit(upper)) / 2, odds, rtol=1e-6, atol=1e-6)
    S = model._covariance(*hidden(model, X), model.W2_)
    # The derivatives of the log-odds by Z2, numerically.
    steps = 1e-6 * np.eye(4)
    slopes = [
        (logit(softmax(Z2 + d, axis=1)) - logit(softmax(Z2 - d, axis=1))) / 2e-6
        for d in steps
    ]
    slopes = np.stack(slopes, axis=2)
    std = np.sqrt(np.einsum("bij,bjk,bik->bi", slopes, S, slopes))
    width = (logit(upper) - logit(lower)) / (2 * norm.ppf(0.95))
    assert_allclose(width, std, rtol=1e-4)


def test_higher_levels_hold_lower_ones():
    model = quick().fit(X, CLASSES)
    ends = [model.predict_interval(X, level) for level in (0.99, 0.9, 0.5, 1e-9)]
    for (low, high), (lower, upper) in pairwise(ends):
        assert (low < lower).all() and (upper < high).all()
    assert_allclose(*ends[-1], atol=1e-8)


@pytest.mark.parametrize("kind", TARGETS)
def test_committees_have_the_interval_of_the_mixture(kind):
    model = quick(alpha=0.1, n_init=3, committee=True).fit(X, TARGETS[kind])
    lower, upper = model.predict_interval(X)
    odds = [member.predict_interval(X, 0.6827) for member in model.estimators_]
    low, high = np.array([[logit(a), logit(b)] for a, b in odds]).swapaxes(0, 1)
    means, stds = (low + high) / 2, (high - low) / 2
    for end, part in ((lower, 0.05), (upper, 0.95)):
        found = norm.cdf((logit(end) - means) / stds).mean(axis=0)
        assert_allclose(found, part, atol=2e-4)


def test_a_committee_takes_single_precision():
    model = quick(alpha=0.1, n_init=3, committee=True).fit(X, CLASSES)
    ends = model.predict_interval(X.astype(np.float32))
    assert all(end.dtype == np.float32 for end in ends)
    assert_allclose(ends, model.predict_interval(X), atol=1e-4)


def test_what_overflows_is_unknown():
    model = quick().fit(X, CLASSES)
    for far in (1e160, 1e300):
        with np.errstate(over="ignore", invalid="ignore"):
            lower, upper = model.predict_interval(X[:3] * far)
        assert not (np.isnan(lower).any() or np.isnan(upper).any())
        assert (upper - lower > 0.9).all()


def test_the_interval_of_a_mixture():
    means = np.array([[0.0, 3.0], [10.0, 3.0]])
    stds = np.array([[1.0, 0.0], [1.0, 0.0]])
    low, high = interval(list(zip(means, stds, strict=True)), 0.9)
    # Each of two that lie apart has half of the mixture's ends.
    assert_allclose(low, [norm.ppf(0.1), 3], atol=1e-7)
    assert_allclose(high, [10 + norm.ppf(0.9), 3], atol=1e-7)
    one = interval([(means[0], stds[0])], 0.9)
    same = interval([(means[0], stds[0])] * 3, 0.9)
    assert_allclose(one, same, atol=1e-8)


@pytest.mark.parametrize("K", [1, 3])
def test_the_sketched_covariance_is_that_of_its_matrix(K):
    rng, k = np.random.RandomState(1), 4
    p = 4 * k + (k + 1) * K
    variance, rows = rng.uniform(1, 2, p), rng.normal(size=(5, p))
    less, more = 0.1 * rows[:3], rows[3:]
    samples = standardised(X[:7], np.zeros(3), np.ones(3))
    T, W2 = rng.uniform(-1, 1, (7, k)), rng.normal(size=(K, k))
    eye = np.broadcast_to(np.eye(K), (7, K, K))
    J = jacobian_rows(samples, T, W2, eye).reshape(7, K, p)
    inverse = np.diag(variance) - less.T @ less + more.T @ more
    found = SketchedCovariance(variance, less, more)(samples, T, W2)
    assert_allclose(found, J @ inverse @ J.transpose(0, 2, 1), rtol=1e-10)


@pytest.mark.parametrize("kind", TARGETS)
def test_with_all_vectors_it_is_laplace_s(kind, monkeypatch):
    """A = H + D by numerical derivatives, and what an uncertain penalty adds."""
    monkeypatch.setattr(_laplace, "VECTORS", 1000)
    model = quick(max_iter=300).fit(X, TARGETS[kind])
    samples, T = hidden(model, X)
    K, k = model.W2_.shape
    J = jacobian_rows(samples, T, model.W2_, np.broadcast_to(np.eye(K), (150, K, K)))
    J = J.reshape(150, K, -1)
    Z2 = np.reshape(model.decision_function(X, return_std=True)[0], (150, K))
    output = fitted(model).output
    first = np.broadcast_to(model.alpha_[:-1, None], (3, k)).ravel()
    b1, b2 = np.full(k, 0.25), np.full(K, 0.01)
    D = np.concatenate([first, b1, np.full(k * K, model.alpha_[-1]), b2])
    scale = model._standardisation.scale

    def covariance(C):
        H = np.einsum("bij,bjp->bip", C, J).reshape(-1, len(D))
        return np.linalg.inv(H.T @ H + np.diag(D))

    C = output.curvature_root(Z2)
    inverse = covariance(C)
    S = J @ inverse @ J.transpose(0, 2, 1)
    kappa = 1 / np.sqrt(1 + np.pi / 8 * output.variances(Z2, S))
    C = output.curvature_root(kappa * Z2) * np.sqrt(kappa)[:, :, None]
    inverse = covariance(C)
    expected = J @ inverse @ J.transpose(0, 2, 1)
    # What a factor of ten of W1's penalty, and of W2's, would move, to first order.
    pull = D * np.concatenate(
        [(model.W1_ / scale).T.ravel(), 0 * b1, model.W2_.T.ravel(), 0 * b2]
    )
    layer = np.arange(len(D)) < 4 * k
    for group in (layer, ~layer):
        moved = J @ (np.log(10) * inverse @ (pull * group))
        expected += moved[:, :, None] * moved[:, None, :]
    found = model._covariance(samples, T, model.W2_)
    assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.max())


def test_few_vectors_are_enough():
    data, target = make_classification(400, 20, n_informative=5, random_state=0)
    options = {"alpha": 3.0, "max_iter": 300}
    few = quick(10, **options).fit(data, target)
    widths = [np.subtract(*few.predict_interval(data)[::-1]).mean()]
    for vectors in (4, 500):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_laplace, "VECTORS", vectors)
            other = quick(10, **options).fit(data, target)
        assert_array_equal(other.W1_, few.W1_)
        widths.append(np.subtract(*other.predict_interval(data)[::-1]).mean())
    assert widths[0] == pytest.approx(widths[2], rel=0.1)
    assert widths[1] > 1.05 * widths[2]


def test_probabilities_are_those_without_a_covariance():
    for target in TARGETS.values():
        model = quick().fit(X, target)
        before = model.predict_proba(X), model.decision_function(X)
        assert not hasattr(model, "moderation_")
        lower, upper = model.predict_interval(X)
        assert (lower < before[0]).all() and (before[0] < upper).all()
        model.drop_covariance()
        assert_array_equal(model.predict_proba(X), before[0])
        assert_array_equal(model.decision_function(X), before[1])


def test_a_saved_default_is_less_than_twice_an_mlp():
    data, target = make_classification(1000, 30, random_state=0)
    model = TwoLayerSigmoidClassifier(random_state=0).fit(data, target)
    mlp = MLPClassifier(random_state=0, max_iter=5).fit(data, target)
    assert len(pickle.dumps(model)) < 2 * len(pickle.dumps(mlp))
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_interval(data), model.predict_interval(data))


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "adam"},
        {"solver": "gd", "max_iter": 200},
        {"early_stopping": True},
        {"alpha": 0.5},
        {},
    ],
    ids=str,
)
def test_every_solver_and_input(options):
    model = quick(**options).fit(X, CLASSES)
    lower, upper = model.predict_interval(X)
    assert lower.shape == upper.shape == (150, 4)
    assert ((lower >= 0) & (lower < upper) & (upper <= 1)).all()
    few = (
        clone(model).fit(X.astype(np.float32), CLASSES).predict_interval(X.astype("f"))
    )
    assert few[0].dtype == few[1].dtype == np.float32
    rows = clone(model).fit(sparse.csr_array(X), CLASSES)
    assert_allclose(
        rows.predict_interval(sparse.csr_array(X)), (lower, upper), atol=2e-3
    )


def test_weights_are_counts():
    weight = np.random.RandomState(0).randint(1, 4, 150)
    options = {"tol": 1e-7, "max_iter": 2000, "alpha": 1.0}
    weighted = quick(**options).fit(X, y, sample_weight=weight)
    repeated = quick(**options).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert_allclose(
        weighted.predict_interval(X), repeated.predict_interval(X), atol=1e-3
    )


def test_some_samples_stand_for_many(monkeypatch):
    data, target = make_classification(3000, 5, flip_y=0.3, random_state=0)
    widths = []
    for most in (500, 3000):
        monkeypatch.setattr(_training, "LAPLACE_SAMPLES", most)
        model = quick(10, alpha=5.0).fit(data, target)
        widths.append(np.subtract(*model.predict_interval(data)[::-1]).mean())
    assert_allclose(widths, widths[-1], rtol=0.06)


def test_separate_classes_are_not_all_doubt():
    """Where samples are certain A2 (1 - A2) is 0, and A hardly more than the prior."""
    data, target = load_iris(return_X_y=True)
    lower, upper = (
        TwoLayerSigmoidClassifier(random_state=0)
        .fit(data, target)
        .predict_interval(data)
    )
    assert np.mean(upper - lower) < 0.15


def test_away_from_the_data_it_is_wider():
    data, target = load_breast_cancer(return_X_y=True)
    target = target ^ (np.random.RandomState(0).uniform(size=569) < 0.2)
    model = TwoLayerSigmoidClassifier(random_state=0).fit(data, target)
    _, near = model.decision_function(data, return_std=True)
    away = data.mean(axis=0) + 3 * np.random.RandomState(1).normal(
        size=data.shape
    ) * data.std(axis=0)
    _, far = model.decision_function(away, return_std=True)
    assert np.median(far) > 1.5 * np.median(near)


def test_one_class_is_certain():
    model = quick().fit(X, np.zeros(150))
    assert_array_equal(model.predict_interval(X), np.ones((2, 150, 1)))


def test_a_fit_after_partial_fit_has_it_again():
    model = quick(solver="adam").partial_fit(X, y, [0, 1])
    with pytest.raises(ValueError, match="partial_fit has none"):
        model.predict_interval(X)
    model.fit(X, y).predict_interval(X)
    model.partial_fit(X, y)
    with pytest.raises(ValueError, match="partial_fit has none"):
        model.predict_interval(X)


def test_the_truth_is_inside_about_as_often_as_it_says():
    held = []
    for seed in range(4):
        rng = np.random.RandomState(seed)
        data = rng.normal(size=(1300, 4))
        true = expit(2 * np.sin(2 * data[:, 0]) + data[:, 1])
        target = rng.uniform(size=1300) < true
        model = TwoLayerSigmoidClassifier(random_state=seed)
        lower, upper = model.fit(data[:300], target[:300]).predict_interval(data[300:])
        held.append((lower[:, 1] <= true[300:]) & (true[300:] <= upper[:, 1]))
    assert 0.8 < np.mean(held) < 0.99


def test_nearly_infinite_weights_have_none(monkeypatch):
    laplace = _training.laplace
    monkeypatch.setattr(
        _training, "laplace", lambda o, theta, *more: laplace(o, theta * np.inf, *more)
    )
    model = quick(alpha=1.0).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
    with pytest.raises(ValueError, match="nearly infinite weights have none"):
        model.predict_interval(X)
