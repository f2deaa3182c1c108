"""Evidence and moderation: against brute force, integrals and sampling."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, logsumexp, softmax
from sklearn.datasets import (
    load_breast_cancer,
    load_iris,
    load_wine,
    make_multilabel_classification,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier, network
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.outputs import choose_output
from sk_twolayer._engine.prior import B1_PRECISION, B2_PRECISION, Prior
from sk_twolayer._evidence import covariance as _covariance
from sk_twolayer._evidence import curvature as _curvature
from sk_twolayer._evidence import moderation as _moderation
from sk_twolayer._evidence import posterior as _posterior
from sk_twolayer._evidence import search as _evidence
from sk_twolayer._evidence.covariance import (
    LowRankCovariance,
    PairedCovariance,
    RootCovariance,
)
from sk_twolayer._evidence.curvature import Curvature
from sk_twolayer._evidence.jacobian import standardised
from sk_twolayer._evidence.moderation import choose_moderation, left_out
from sk_twolayer._evidence.posterior import DensePosterior, LowRankPosterior
from sk_twolayer._fitted import fitted
from sk_twolayer._monitor import Monitor, Start
from sk_twolayer._start import initial_parameters
from tests.helpers import interrupt_at, make_objective, quick, standardise

KINDS = ["binary", "multiclass", "multilabel"]


def problem(kind, n=60, m=3):
    """Noisy data of a kind: X and y."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, m)) * [1.0, 10.0, 0.1, *[1.0] * (m - 3)] + 1
    score = X[:, 0] + rng.normal(size=n)
    if kind == "multilabel":
        return X, (np.column_stack([score, X[:, 1] + X[:, 0] * 10]) > 1).astype(int)
    return X, np.digitize(score, [1] if kind == "binary" else [0.3, 1.7])


def objective_of(X, y, kind, k=2, weight=None, spread=1.0):
    """An objective and some weights for it."""
    outputs = {"binary": 1, "multiclass": 3, "multilabel": 2}[kind]
    output = choose_output("softmax" if kind == "multiclass" else "logistic", outputs)
    scales = standardise(X, 0.0, weight)
    objective = make_objective(
        X,
        y,
        k,
        outputs,
        output,
        sample_weight=weight,
        standardisation=scales,
        block_rows=64,
    )
    rng = np.random.RandomState(0)
    start = initial_parameters(rng, Layout(X.shape[1], k, outputs), scales)
    return objective, spread * objective.from_parameters(start)


def Z2_of(objective, theta, X):
    """Z2 in rows, by the article's equations."""
    X = X.toarray() if sparse.issparse(X) else X
    return network.forward(X.T.astype(float), *objective.to_parameters(theta)).Z2.T


def samples_of(objective, theta, X):
    """Standardised samples beside a 1, tanh(Z1 / 2) and W2."""
    X = standardised(X, objective.center, objective.scale)
    first, second = objective.split(theta)
    return X, np.tanh(X @ first / 2), second[:-1].T


def brute_force(objective, theta, X, kind, weight=None):
    """The Gauss-Newton matrix by central differences of Z2."""
    step = 1e-5 * np.eye(len(theta))
    J = np.stack(
        [
            (Z2_of(objective, theta + e, X) - Z2_of(objective, theta - e, X)) / 2e-5
            for e in step
        ],
        axis=-1,
    )
    Z2 = Z2_of(objective, theta, X)
    if kind == "multiclass":
        A2 = softmax(Z2, axis=1)
        curvature = A2[:, :, None] * (np.eye(Z2.shape[1]) - A2[:, None, :])
    else:
        A2 = expit(Z2)
        curvature = (A2 * (1 - A2))[:, :, None] * np.eye(Z2.shape[1])
    if weight is not None:
        curvature = curvature * weight[:, None, None]
    return np.einsum("nop,noq,nqr->pr", J, curvature, J), J


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("form", ["dense", "sparse", "float32"])
@pytest.mark.parametrize("kind", KINDS)
def test_gauss_newton_matrix_matches_finite_differences(kind, form, weighted):
    X, y = problem(kind)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(X)) if weighted else None
    if form == "sparse":
        X = sparse.csr_array(np.where(X > 0.5, X, 0))
    elif form == "float32":
        X = X.astype(np.float32)
    objective, theta = objective_of(X, y, kind, weight=weight)
    expected, _ = brute_force(objective, theta, X, kind, weight)
    curvature = Curvature(objective)
    H = curvature.matrix(theta, curvature._curvature_roots)
    tolerance = {"rtol": 0, "atol": 1e-5 * np.abs(expected).max()}
    np.testing.assert_allclose(H, expected, **tolerance)
    R = curvature.rows(theta, curvature._curvature_roots)
    np.testing.assert_allclose(R.T @ R, expected, **tolerance)


@pytest.mark.parametrize("alpha", ["evidence", "ard"])
@pytest.mark.parametrize("kind", KINDS)
def test_evidence_and_gamma_match_brute_force(kind, alpha):
    X, y = problem(kind)
    model = quick(n_hidden=2, alpha=alpha).fit(X, y)
    objective, _ = objective_of(X, y, kind)
    theta = objective.from_parameters(fitted(model).parameters)
    H, _ = brute_force(objective, theta, X, kind)
    # The prior, written out on the weights of the standardised features.
    m, k, K = X.shape[1], 2, model.n_outputs_
    of_features = model.alpha_[:-1] if alpha == "ard" else model.alpha_[[0] * m]
    precision = np.concatenate(
        [
            np.repeat(of_features, k),
            np.full(k, B1_PRECISION),
            np.full(k * K, model.alpha_[-1]),
            np.full(K, B2_PRECISION),
        ]
    )
    A = H + np.diag(precision)
    Z2, Y = Z2_of(objective, theta, X), y
    if kind == "multiclass":
        likelihood = Z2[np.arange(len(y)), y] - logsumexp(Z2, axis=1)
    else:
        Y = y.reshape(len(X), -1)
        likelihood = np.where(Y == 1, -np.logaddexp(0, -Z2), -np.logaddexp(0, Z2))
    log_prior = -0.5 * precision @ theta**2 + 0.5 * np.log(precision).sum()
    expected = likelihood.sum() + log_prior - 0.5 * np.linalg.slogdet(A)[1]
    assert model.log_evidence_ == pytest.approx(expected, rel=1e-6)
    gamma = len(theta) - np.trace(np.linalg.inv(A) * precision)
    assert model.n_effective_parameters_ == pytest.approx(gamma, rel=1e-5)
    cost = -(likelihood.sum() - 0.5 * precision @ theta**2) / len(X)
    assert model.loss_ == pytest.approx(cost, rel=1e-8)


def test_evidence_of_one_neuron_matches_its_integral():
    """Importance sampling of likelihood times prior over W1, b1, W2 and b2."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    y = (rng.random(400) < expit(4 * np.tanh(2 * x[:, 0]))).astype(int)
    model = quick(n_hidden=1).set_params(alpha="evidence").fit(x, y)
    objective, _ = objective_of(x, y, "binary", k=1)
    theta = objective.from_parameters(fitted(model).parameters)
    precision = Prior(objective.layout, "evidence").precision(model.alpha_)
    H, _ = brute_force(objective, theta, x, "binary")
    A = H + np.diag(precision)
    # Student's t with 4 degrees of freedom about the optimum.
    n, root = 200_000, np.linalg.inv(np.linalg.cholesky(A)).T
    normal, chi = rng.normal(size=(n, 4)), rng.chisquare(4, size=(n, 1)) / 4
    steps = normal / np.sqrt(chi)
    thetas = theta + 1.3 * steps @ root.T
    log_proposal = (
        -4 * np.log1p((steps**2).sum(axis=1) / 4)
        + np.log(6 / (4 * np.pi) ** 2)
        + 0.5 * np.linalg.slogdet(A)[1]
        - 4 * np.log(1.3)
    )
    scaled = (x - objective.center) * objective.scale
    log_joint = np.empty(n)
    for rows in np.array_split(np.arange(n), 200):
        w1, b1, w2, b2 = thetas[rows].T
        hidden = expit(np.outer(w1, scaled) + b1[:, None]) - 0.5
        Z2 = w2[:, None] * hidden + b2[:, None]
        signed = np.where(y == 1, Z2, -Z2)
        log_joint[rows] = -np.logaddexp(0, -signed).sum(axis=1)
    log_joint += 0.5 * (np.log(precision) - np.log(2 * np.pi)).sum()
    log_joint -= 0.5 * thetas**2 @ precision
    log_integral = logsumexp(log_joint - log_proposal) - np.log(n)
    assert model.log_evidence_ == pytest.approx(log_integral, abs=0.25)


def nonlinear(n=2000):
    """Data whose evidence has its maximum inside the bounds of the precisions."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    log_odds = 3 * np.sin(2 * X[:, 0]) + 2 * X[:, 1] * X[:, 0]
    return X, (rng.random(n) < expit(log_odds)).astype(int)


def test_evidence_is_stationary_where_the_search_ends(monkeypatch):
    """Its derivative by log alpha, (gamma - alpha |w|^2) / 2, is about 0."""
    # A search that goes on as long as anything at all is gained.
    for name, value in {
        "GAIN": 1e-4,
        "GAIN_OF_SAMPLE": 0,
        "ROUND_TOL": 1e-3,
        "ROUND_ITERATIONS": 200,
    }.items():
        monkeypatch.setattr(_evidence, name, value)
    X, y = nonlinear()
    model = quick(n_hidden=2, alpha="evidence", tol=1e-6, random_state=1).fit(X, y)
    objective, _ = objective_of(X, y, "binary", k=2)
    theta = objective.from_parameters(fitted(model).parameters)
    prior = Prior(objective.layout, "evidence")
    posterior = Curvature(objective).posterior(theta, prior.precision(model.alpha_))
    gamma = prior.sums(posterior.well_determined)
    pull = model.alpha_ * prior.sums(theta**2)
    assert gamma.min() > 1
    np.testing.assert_allclose(pull, gamma, rtol=0.1)
    # By differences, with A's data part and theta as they are.
    H = Curvature(objective).matrix(theta, Curvature(objective)._curvature_roots)

    def log_evidence(log_alpha):
        precision = prior.precision(np.exp(log_alpha))
        value = 0.5 * np.log(precision).sum() - 0.5 * precision @ theta**2
        return value - 0.5 * np.linalg.slogdet(H + np.diag(precision))[1]

    at, steps = np.log(model.alpha_), 1e-4 * np.eye(2)
    slopes = [(log_evidence(at + e) - log_evidence(at - e)) / 2e-4 for e in steps]
    np.testing.assert_allclose(slopes, (gamma - pull) / 2, atol=1e-4)


def test_the_order_of_the_neurons_does_not_change_the_evidence():
    X, y = problem("multiclass")
    objective, theta = objective_of(X, y, "multiclass", k=3, spread=2)
    W1, b1, W2, b2 = objective.to_parameters(theta)
    order = [2, 0, 1]
    # And a neuron with its signs turned, sigma(-z) = 1 - sigma(z), is the same one.
    turned = objective.from_parameters(
        (
            -W1[order],
            -b1[order],
            -W2[:, order],
            b2 + W2.sum(axis=1, keepdims=True),
        )
    )
    precision = Prior(objective.layout, "evidence").precision(np.array([0.7, 0.2]))
    curvature = Curvature(objective)
    first, second = (curvature.posterior(t, precision) for t in (theta, turned))
    assert first.log_determinant == pytest.approx(second.log_determinant)
    assert theta @ (precision * theta) == pytest.approx(turned @ (precision * turned))
    assert objective.value(theta) == pytest.approx(objective.value(turned))


@pytest.mark.parametrize("alpha", ["evidence", "ard"])
def test_the_features_units_do_not_change_the_evidence(alpha):
    X, y = problem("binary", n=200)
    units = np.array([2.0**10, 0.25, 8.0])
    plain = quick(alpha=alpha).fit(X, y)
    scaled = quick(alpha=alpha).fit(X * units, y)
    assert scaled.log_evidence_ == pytest.approx(plain.log_evidence_, abs=1e-9)
    np.testing.assert_allclose(scaled.alpha_, plain.alpha_)
    np.testing.assert_allclose(scaled.W1_ * units, plain.W1_)


def test_ard_finds_the_irrelevant_features():
    X, y = nonlinear()
    X = np.column_stack([X, np.random.default_rng(1).normal(size=(len(X), 4))])
    model = quick(n_hidden=6, alpha="ard").fit(X, y)
    assert model.alpha_.shape == (8,) and model.feature_relevance_.shape == (7,)
    relevance = model.feature_relevance_
    np.testing.assert_allclose(relevance, 1 / np.sqrt(model.alpha_[:-1]))
    assert relevance[:2].min() > 5 * relevance[2:].max()
    assert set(np.argsort(model.alpha_[:-1])[-5:]) == {2, 3, 4, 5, 6}


def test_a_failed_factorisation_falls_back_and_says_so(monkeypatch):
    X, y = problem("binary")
    plain = quick(alpha="evidence").fit(X, y)

    def fail(A):
        raise np.linalg.LinAlgError

    monkeypatch.setattr(_posterior, "_invert_cholesky", fail)
    with pytest.warns(RuntimeWarning, match="failed; falls back to its eigenvalues"):
        model = quick(alpha="evidence").fit(X, y)
    assert model.log_evidence_ == pytest.approx(plain.log_evidence_, abs=0.02)
    np.testing.assert_allclose(
        model.predict_proba(X), plain.predict_proba(X), atol=0.01
    )


def test_a_singular_matrix_has_its_eigenvalues_raised():
    row = np.ones((1, 5))
    with pytest.warns(RuntimeWarning, match="eigenvalues"):
        posterior = DensePosterior(np.zeros(5), (row.T @ row))
    assert np.isfinite(posterior.log_determinant)
    assert np.isfinite(posterior.covariance(1, 1).root).all()


@pytest.mark.parametrize("kind", KINDS)
def test_forms_of_the_posterior_agree(kind):
    """Whole, and by rows."""
    X, y = problem(kind, n=120)
    objective, theta = objective_of(X, y, kind, k=3)
    precision = np.random.default_rng(0).uniform(0.5, 2, len(theta))
    exact = Curvature(objective)
    assert exact.method == "exact"
    whole = exact.posterior(theta, precision)
    R = exact.rows(theta, exact._curvature_roots)
    by_rows = LowRankPosterior(precision, R)
    assert by_rows.log_determinant == pytest.approx(whole.log_determinant)
    np.testing.assert_allclose(by_rows.well_determined, whole.well_determined)
    A = R.T @ R + np.diag(precision)
    _, J = brute_force(objective, theta, X, kind)
    expected = J @ np.linalg.inv(A) @ J.transpose(0, 2, 1)
    samples, k, K = samples_of(objective, theta, X), 3, J.shape[1]
    paired = PairedCovariance(np.linalg.inv(A), k, K)
    for covariance in (
        RootCovariance(whole._root),
        paired,
        by_rows.covariance(k, K),
    ):
        S = covariance(*samples)
        np.testing.assert_allclose(S, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(paired.root.T @ paired.root, np.linalg.inv(A))


def test_few_rows_against_the_whole_matrix():
    rng = np.random.default_rng(0)
    R, precision = rng.normal(size=(3, 16)), 1 + rng.random(16)
    A = R.T @ R + np.diag(precision)
    posterior = LowRankPosterior(precision, R)
    assert posterior.log_determinant == pytest.approx(np.linalg.slogdet(A)[1])
    determined = 1 - precision * np.diag(np.linalg.inv(A))
    np.testing.assert_allclose(posterior.well_determined, determined)
    # As A's diagonal has it, S S' = 1 / diag(A).
    u = rng.normal(size=16)
    whitened = posterior.whiten(posterior.whiten_gradient(u))
    np.testing.assert_allclose(whitened, u / np.diag(A))
    X, T, W2 = rng.normal(size=(50, 4)), rng.uniform(-1, 1, (50, 3)), np.ones((1, 3))
    dense = PairedCovariance(np.linalg.inv(A), 3, 1)
    low_rank = posterior.covariance(3, 1)
    np.testing.assert_allclose(low_rank(X, T, W2), dense(X, T, W2))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("max_iter", [60, 70, 80])
def test_all_rounds_share_the_iterations(data, max_iter):
    model = quick(alpha="evidence", max_iter=max_iter).fit(*data)
    assert model.n_iter_ == max_iter
    assert len(model.log_evidence_curve_) > 1


def test_training_ends_in_a_later_round(data):
    X, y = data
    objective, theta = objective_of(X, y, "binary", k=3)
    calls = []

    def at_the_sixtieth(_):
        calls.append(monitor.found)
        return len(calls) == 59

    monitor = Monitor(callback=at_the_sixtieth)
    way = _evidence.EvidenceMaximisation("evidence", np.ones(2), 1000, 1e-4)
    found = way.choose(objective, Start(theta, np.random.RandomState(0)), monitor)
    assert len(monitor.history) == 60 and "log_evidence_" in calls[-1]
    # The round that was ended is not believed.
    earlier = max(found.attributes["log_evidence_curve_"][:-1])
    assert earlier - _evidence.GAIN < found.attributes["log_evidence_"] <= earlier


def test_precisions_have_an_upper_bound(monkeypatch):
    monkeypatch.setattr(_evidence, "HIGHEST", 30.0)
    X, y = nonlinear(500)
    X = np.column_stack([X, np.random.default_rng(1).normal(size=(len(X), 3))])
    assert quick(alpha="ard").fit(X, y).alpha_.max() == 30


def test_few_samples_of_many_features_use_their_kernel(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 120))
    y = (X[:, 0] + 0.3 * rng.normal(size=50) > 0).astype(int)
    kernel = quick(n_hidden=2, alpha="evidence").fit(X, y)
    assert kernel.evidence_method_ == "kernel"
    monkeypatch.setattr(_curvature, "MOST_ROWS", 1)
    exact = quick(n_hidden=2, alpha="evidence").fit(X, y)
    assert exact.evidence_method_ == "exact"
    assert kernel.log_evidence_ == pytest.approx(exact.log_evidence_, abs=0.5)
    monkeypatch.setattr(_curvature, "LARGEST", 10)
    message = r"at most 10 rows.* 245 and 50\. Give fewer .* n_hidden=2"
    with pytest.raises(ValueError, match=message):
        quick(n_hidden=2, alpha="evidence").fit(X, y)


def test_the_evidence_takes_no_more_neurons_than_its_matrix(monkeypatch):
    X, y = problem("multiclass", n=120)
    m, K = X.shape[1], 3
    monkeypatch.setattr(_curvature, "LARGEST", 60)
    model = quick(n_hidden="auto", alpha="evidence").fit(X, y)
    size = (m + 1 + K) * model.n_hidden_ + K
    assert size <= 60 < size + m + 1 + K
    assert quick(n_hidden="auto", alpha="auto").fit(X, y).n_hidden_ == 30


def test_a_weight_is_a_count_in_the_evidence():
    X, y = problem("multiclass", n=120)
    weight = np.random.default_rng(0).integers(1, 4, len(X))
    weighted = quick(alpha="evidence").fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(len(X)), weight)
    repeated = quick(alpha="evidence").fit(X[rows], y[rows])
    assert weighted.log_evidence_ == pytest.approx(repeated.log_evidence_, abs=1e-2)
    np.testing.assert_allclose(weighted.alpha_, repeated.alpha_, rtol=1e-2)
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-3
    )


@pytest.mark.parametrize("kind", KINDS)
def test_float32_and_sparse_find_the_same(kind):
    X, y = problem(kind, n=200)
    X = np.where(X > 0, X, 0)
    # From seed 0 rounding alone leads two of these to an optimum of more evidence.
    plain = quick(alpha="evidence", random_state=1).fit(X, y)
    for given in (X.astype(np.float32), sparse.csr_array(X)):
        model = quick(alpha="evidence", random_state=1).fit(given, y)
        assert model.log_evidence_ == pytest.approx(plain.log_evidence_, abs=0.5)
        proba = model.predict_proba(given)
        assert proba.dtype == given.dtype
        np.testing.assert_allclose(proba, plain.predict_proba(X), atol=0.03)


def test_moderation_of_one_output():
    X, y = problem("binary")
    model = quick(alpha="evidence").fit(X, y)
    Z2, std = model.decision_function(X, return_std=True)
    np.testing.assert_allclose(
        Z2, network.forward(X.T, *fitted(model).parameters).Z2[0], rtol=1e-10
    )
    least = (1 - model.moderation_) * np.minimum(std**2, model._moderation_limit)
    moderated = Z2 / np.sqrt(1 + np.pi * (std**2 - least) / 8)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(moderated))
    np.testing.assert_allclose(model.decision_function(X), moderated)
    np.testing.assert_array_equal(model.predict(X), (Z2 > 0).astype(int))
    # Away from the data the weights say less.
    far = model.decision_function(10 * X, return_std=True)[1]
    assert far.mean() > 1.5 * std.mean()


@pytest.mark.parametrize("kind", KINDS)
def test_standard_deviation_is_that_of_the_posterior(kind):
    """Of Z2 made linear in the weights, by central differences."""
    X, y = problem(kind, n=300)
    model = quick(n_hidden=2, alpha="evidence", tol=1e-6).fit(X, y)
    objective, _ = objective_of(X, y, kind)
    theta = objective.from_parameters(fitted(model).parameters)
    precision = Prior(objective.layout, "evidence").precision(model.alpha_)
    curvature = Curvature(objective)
    laplace = curvature.posterior(theta, precision)
    covariance, _ = curvature.predictive(theta, precision, laplace)
    inverse = covariance.root.T @ covariance.root
    _, J = brute_force(objective, theta, X, kind)
    if kind == "multiclass":
        J = J - J.mean(axis=1, keepdims=True)
    variance = np.einsum("nkp,pq,nkq->nk", J, inverse, J)
    std = model.decision_function(X, return_std=True)[1].reshape(len(X), -1)
    np.testing.assert_allclose(std, np.sqrt(variance), rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_moderated_probabilities_are_means_over_the_posterior(kind):
    """Against 4000 draws of the weights, Z2 made linear in them."""
    X, y = problem(kind)
    model = quick(n_hidden=2, alpha="evidence").fit(X, y)
    model.moderation_ = 1.0
    objective, _ = objective_of(X, y, kind)
    theta = objective.from_parameters(fitted(model).parameters)
    _, J = brute_force(objective, theta, X, kind)
    draws = np.random.default_rng(0).normal(size=(4000, len(theta)))
    steps = draws @ model._covariance.root
    Z2 = Z2_of(objective, theta, X)[:, :, None] + np.einsum("nop,sp->nos", J, steps)
    means = (softmax(Z2, axis=1) if kind == "multiclass" else expit(Z2)).mean(axis=2)
    proba = model.predict_proba(X)
    if kind == "binary":
        proba = proba[:, 1:]
    if kind == "multiclass":
        np.testing.assert_allclose(proba.sum(axis=1), 1)
    error = np.abs(proba - means)
    assert error.max() < (0.12 if kind == "multiclass" else 0.03)
    plain = network.forward(
        X.T,
        *fitted(model).parameters,
        output="softmax" if kind == "multiclass" else "sigmoid",
    ).A2.T
    assert error.mean() < 0.7 * np.abs(plain - means).mean()


def chosen(X, y, kind, k=2, weight=None):
    """What a moderation is chosen by: objective, theta, covariance and roots."""
    objective, theta = objective_of(X, y, kind, k=k, weight=weight, spread=2)
    precision = np.random.default_rng(0).uniform(0.05, 0.2, len(theta))
    curvature = Curvature(objective)
    laplace = curvature.posterior(theta, precision)
    return objective, theta, *curvature.predictive(theta, precision, laplace)


@pytest.mark.parametrize("kind", KINDS)
def test_leave_one_out_matches_removing_a_sample(kind):
    """A without the sample, and one step of Newton's from the optimum with it."""
    X, y = problem(kind)
    objective, theta, covariance, roots = chosen(X, y, kind)
    samples = samples_of(objective, theta, X)
    Z2, (_, J) = Z2_of(objective, theta, X), brute_force(objective, theta, X, kind)
    S, C = covariance(*samples), roots(*samples[:2], Z2)
    dZ2 = np.random.default_rng(1).normal(size=Z2.shape)
    A = np.linalg.inv(covariance.root.T @ covariance.root)
    found = left_out(Z2, S, C, dZ2)
    for i in range(len(X)):
        without = np.linalg.inv(A - J[i].T @ C[i].T @ C[i] @ J[i])
        expected_Z2 = Z2[i] + J[i] @ without @ J[i].T @ dZ2[i]
        expected_S = J[i] @ without @ J[i].T
        np.testing.assert_allclose(found[0][i], expected_Z2, rtol=1e-5)
        np.testing.assert_allclose(found[1][i], expected_S, rtol=1e-4, atol=1e-4)


@pytest.fixture
def compared(monkeypatch):
    """The losses, one price less, of which `choose_moderation` takes the least."""
    found, argmin = [], np.argmin

    def spy(values):
        found.append(values)
        return argmin(values)

    monkeypatch.setattr(_moderation.np, "argmin", spy)
    return found


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_moderation_has_the_least_left_out_loss(kind, weighted, compared):
    """Written out for each sample and each strength."""
    X, y = problem(kind)
    if kind == "multiclass":
        y = np.digitize(X[:, 0], [0.3, 1.7])
    weight = np.random.default_rng(1).uniform(0.3, 2, len(X)) if weighted else None
    objective, theta, covariance, roots = chosen(X, y, kind, weight=weight)
    samples = samples_of(objective, theta, X)
    Z2, S = Z2_of(objective, theta, X), covariance(*samples)
    C = roots(*samples[:2], Z2)
    K, softmax_output = Z2.shape[1], kind == "multiclass"
    Y = np.eye(3)[y] if softmax_output else np.reshape(y, (len(X), -1))

    def variances(z, s):
        if not softmax_output:
            return np.diag(s)
        a, total, weights = softmax(z), 0, 0
        for i in range(K):
            for j in range(i):
                total += a[i] * a[j] * (s[i, i] + s[j, j] - 2 * s[i, j])
                weights += a[i] * a[j]
        return np.array([total / weights])

    def moderated(z, variances):
        return z / np.sqrt(1 + np.pi * variances / 8)

    left_out = []
    count = np.ones(len(X)) if weight is None else weight
    for z, s, root, label, w in zip(Z2, S, C, Y, count, strict=True):
        at, one = moderated(z, variances(z, s)), min(w, 1)
        dZ2 = (softmax(at) if softmax_output else expit(at)) - label
        rest = s @ np.linalg.inv(np.eye(K) - one * root.T @ root @ s)
        left = np.clip(z + one * rest @ dZ2, Z2.min(axis=0), Z2.max(axis=0))
        left_out.append((left, variances(left, rest), label, w))
    limit, losses = max(v.max() for _, v, _, _ in left_out), np.zeros(21)
    for left, v, label, w in left_out:
        for i, c in enumerate(np.linspace(0, 1, 21)):
            at = moderated(left, c * v)
            if softmax_output:
                losses[i] += w * (logsumexp(at) - label @ at)
            else:
                costs = np.logaddexp(0, np.where(label == 1, -at, at))
                losses[i] += w * costs.sum()
    losses -= np.linspace(0, 1, 21)
    found = choose_moderation(objective, theta, covariance, roots)
    np.testing.assert_allclose(compared[0], losses, rtol=1e-5)
    assert found.part == np.linspace(0, 1, 21)[losses.argmin()]
    assert found.limit == pytest.approx(limit, rel=1e-5)


def test_a_weight_is_a_count_of_which_one_is_left_out(compared):
    X, y = load_breast_cancer(return_X_y=True)
    X, y = X[:120, :4], y[:120]
    weight = np.random.default_rng(0).integers(1, 4, len(X))
    rows = np.repeat(np.arange(len(X)), weight)
    weighted = chosen(X, y, "binary", weight=weight.astype(float))
    repeated = chosen(X[rows], y[rows], "binary")
    np.testing.assert_allclose(weighted[1], repeated[1])
    first, second = choose_moderation(*weighted), choose_moderation(*repeated)
    assert first == pytest.approx(second)
    np.testing.assert_allclose(*compared, rtol=1e-6)


def test_moderation_of_noise_and_of_separate_classes():
    noisy = quick(alpha="evidence").fit(*problem("binary"))
    assert noisy.moderation_ > 0.8
    X, y = load_wine(return_X_y=True)
    separate = quick(alpha="evidence").fit(X, y)
    assert separate.moderation_ < 0.3
    # Away from the samples its probabilities know less than its weights say.
    far = X.mean(axis=0) + 5 * (X - X.mean(axis=0))
    plain = network.forward(far.T, *fitted(separate).parameters, output="softmax").A2.T
    proba = separate.predict_proba(far)
    assert plain.max(axis=1).mean() > 0.95 and proba.max(axis=1).mean() < 0.85
    # At the samples, without any moderation, they are what the weights say.
    separate.moderation_ = 0.0
    plain = network.forward(X.T, *fitted(separate).parameters, output="softmax").A2.T
    np.testing.assert_allclose(separate.predict_proba(X), plain, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_samples_at_a_time_give_the_same(kind, monkeypatch, compared):
    arguments = chosen(*problem(kind, n=150), kind)
    choose_moderation(*arguments)
    monkeypatch.setattr(_covariance, "ROWS_SIZE", 400)
    choose_moderation(*arguments)
    np.testing.assert_allclose(*compared)


def test_separate_classes_are_sure_at_every_size():
    """Log-loss falls as samples are added: nothing ends at some number a parameter."""
    losses = []
    for n in (300, 600, 819, 821, 1500):
        rng = np.random.RandomState(0)
        y = rng.randint(0, 2, 2 * n)
        X = rng.normal(size=(2 * n, 2)) + 8 * y[:, None]
        model = quick(n_hidden=10, alpha="evidence").fit(X[:n], y[:n])
        losses.append(log_loss(y[n:], model.predict_proba(X[n:])))
    assert max(losses) < 0.01 and losses[3] < 1.5 * losses[2]


def test_probabilities_of_rare_events_sum_to_their_number():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(20_000, 5)), np.zeros(20_000, int)
    X[:20] += 2.5
    y[:20] = 1
    model = quick(n_hidden=10, alpha="evidence").fit(X, y)
    assert model.predict_proba(X)[:, 1].sum() == pytest.approx(20, abs=2)


def test_rounding_leaves_no_negative_variance():
    rng = np.random.default_rng(0)
    X, T, W2 = rng.normal(size=(50, 4)), rng.uniform(-1, 1, (50, 3)), np.ones((1, 3))
    known = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    S = LowRankCovariance(np.ones(16), known)(X, T, W2)
    assert (S >= 0).all() and S.max() < 1e-12


def test_many_samples_are_thinned(monkeypatch, compared):
    X, y = problem("binary", n=601)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    objective, theta = objective_of(X, y, "binary", weight=weight)
    objective.set_precision(np.ones(len(theta)))
    few = objective.thinned(3)
    assert few.n == 201 and few.total == pytest.approx(weight[::3].sum())
    expected = make_objective(
        X[::3],
        y[::3],
        2,
        1,
        objective.output,
        sample_weight=weight[::3],
        standardisation=standardise(X, 0.0, weight),
    )
    assert few.value(theta) == pytest.approx(expected.value(theta))
    objective, theta, covariance, roots = chosen(X, y, "binary")
    choose_moderation(objective.thinned(3), theta, covariance, roots)
    monkeypatch.setattr(_moderation, "MOST_SAMPLES", 250)
    choose_moderation(objective, theta, covariance, roots)
    price = np.linspace(0, 1, 21)
    np.testing.assert_allclose(compared[1], 3 * (compared[0] + price) - price)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"n_init": 3, "committee": True}])
def test_methods_agree_with_each_other(kind, options):
    X, y = problem(kind)
    model = quick(alpha="evidence", **options).fit(X, y)
    proba, decision = model.predict_proba(X), model.decision_function(X)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), proba)
    if kind == "multiclass":
        np.testing.assert_array_equal(proba.argmax(axis=1), model.predict(X))
        np.testing.assert_allclose(softmax(decision, axis=1), proba)
    else:
        of_second = proba[:, 1] if kind == "binary" else proba
        np.testing.assert_array_equal(of_second > 0.5, model.predict(X) == 1)
        np.testing.assert_allclose(expit(decision), of_second)
    Z2, std = model.decision_function(X, return_std=True)
    assert Z2.shape == std.shape == decision.shape
    assert (std > 0).all()


def test_the_highest_evidence_or_the_committee():
    X, y = load_wine(return_X_y=True)
    single = [
        quick(alpha="evidence", random_state=seed).fit(X, y).log_evidence_
        for seed in range(2)
    ]
    assert len(set(single)) == 2
    best = quick(alpha="evidence", n_init=4).fit(X, y)
    assert not hasattr(best, "estimators_")
    committee = quick(alpha="evidence", n_init=4, committee=True).fit(X, y)
    evidences = [member.log_evidence_ for member in committee.estimators_]
    assert evidences == sorted(evidences, reverse=True) and len(evidences) == 4
    assert committee.log_evidence_ == best.log_evidence_ == evidences[0]
    np.testing.assert_array_equal(committee.W1_, best.W1_)
    mean = np.mean([m.predict_proba(X) for m in committee.estimators_], axis=0)
    np.testing.assert_allclose(committee.predict_proba(X), mean)
    stds = committee.decision_function(X, return_std=True)[1]
    inner = [m.decision_function(X, return_std=True)[1] for m in committee.estimators_]
    means = [m.decision_function(X, return_std=True)[0] for m in committee.estimators_]
    variance = np.mean(np.square(inner), axis=0) + np.var(means, axis=0)
    np.testing.assert_allclose(stds, np.sqrt(variance))
    gradients = [m.input_gradient(X) for m in committee.estimators_]
    np.testing.assert_allclose(committee.input_gradient(X), np.mean(gradients, axis=0))
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        assert getattr(committee, method)(X.astype(np.float32)).dtype == np.float32
    assert not hasattr(committee.set_params(committee=False).fit(X, y), "estimators_")


def test_a_committee_of_fixed_alpha(data):
    X, y = data
    model = quick(n_init=3, committee=True, max_iter=15).fit(X, y)
    assert len(model.estimators_) == 3 and model.alpha_ == 1.0
    mean = np.mean([m.predict_proba(X) for m in model.estimators_], axis=0)
    np.testing.assert_allclose(model.predict_proba(X), mean)
    assert fitted(model).moderation is None


def test_a_number_for_alpha_has_no_evidence(data):
    X, y = data
    model = quick(alpha="ard", max_iter=30).fit(X, y)
    assert {"log_evidence_", "feature_relevance_"} <= vars(model).keys()
    model.set_params(alpha=2.0).fit(X, y)
    assert model.alpha_ == 2.0 and fitted(model).moderation is None
    gone = [
        "moderation_",
        "log_evidence_",
        "feature_relevance_",
        "alpha_curve_",
        "evidence_method_",
    ]
    assert not any(hasattr(model, name) for name in gone)
    for solver, expected in (("adam", 0.3), ("gd", 0.0)):
        model = quick(alpha="auto", max_iter=5, solver=solver).fit(X, y)
        assert model.alpha_ == expected
        assert not hasattr(model, "log_evidence_")


def test_the_search_is_recorded(data, capsys):
    X, y = data
    model = quick(alpha="evidence", verbose=True).fit(X, y)
    rounds = [line for line in capsys.readouterr().out.splitlines() if "round" in line]
    assert len(rounds) == len(model.log_evidence_curve_) == len(model.alpha_curve_)
    assert f"{model.log_evidence_:12.4f}" in rounds[-1]
    assert model.alpha_curve_.shape[1] == 2
    np.testing.assert_array_equal(model.alpha_curve_[0], [1.0, 1.0])
    assert model.alpha_ in model.alpha_curve_
    assert len(model.loss_curve_) == model.n_iter_ + 1
    # All but the last one, which only makes the weights more exact.
    assert model.log_evidence_ >= max(model.log_evidence_curve_) - 2
    assert model.log_evidence_ > model.log_evidence_curve_[0]


def test_too_few_iterations_warn_and_still_give_a_model(data):
    X, y = data
    with pytest.warns(ConvergenceWarning, match="stopped at max_iter=7"):
        model = quick(alpha="evidence", max_iter=7).fit(X, y)
    assert model.n_iter_ == 7
    assert np.isfinite(model.log_evidence_)
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("at", [12, 150])
def test_ctrl_c_keeps_the_best_evidence(data, at, monkeypatch):
    X, y = data
    interrupt_at(monkeypatch, at)
    model = quick(alpha="evidence")
    with pytest.warns(ConvergenceWarning, match="interrupted after"):
        model.fit(X, y)
    assert model.n_iter_ < at
    assert model.log_evidence_ == max(model.log_evidence_curve_)
    assert model.score(X, y) > 0.9
    assert (model.decision_function(X, return_std=True)[1] > 0).all()


def test_warm_start_begins_with_the_precisions_found(data):
    X, y = data
    model = quick(alpha="evidence", warm_start=True).fit(X, y)
    found, evidence = model.alpha_, model.log_evidence_
    model.fit(X, y)
    np.testing.assert_array_equal(model.alpha_curve_[0], found)
    assert model.log_evidence_ >= evidence - 0.5
    # Those of another kind do not fit: it begins anew.
    model.set_params(alpha="ard").fit(X, y)
    np.testing.assert_array_equal(model.alpha_curve_[0], np.ones(X.shape[1] + 1))


def test_diverging_weights_are_an_error(data):
    X, y = data
    model = quick(alpha="evidence")
    huge = [np.full((X.shape[1], 4), 1e200), np.full((4, 1), 1e200)]
    with pytest.raises(ValueError, match="ended in non-finite weights"):
        model.fit(X, y, coef_init=huge, intercept_init=[np.zeros(4), np.zeros(1)])


def test_the_same_seed_gives_the_same_bits(data):
    X, y = data
    first, second = (quick(alpha="ard").fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(first.W1_, second.W1_)
    assert first.log_evidence_ == second.log_evidence_
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_plugs_into_pipeline_and_grid_search():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(
        StandardScaler(), TwoLayerSigmoidClassifier(random_state=0)
    )
    grid = {"twolayersigmoidclassifier__alpha": ["auto", "evidence", "ard", 1.0]}
    search = GridSearchCV(pipeline, grid, cv=3, scoring="neg_log_loss").fit(X, y)
    assert search.best_score_ > -0.15


def test_raw_and_scaled_features_are_the_same_to_the_evidence():
    X, y = load_breast_cancer(return_X_y=True)
    raw = TwoLayerSigmoidClassifier(4, alpha="evidence", random_state=0).fit(X, y)
    scaled = StandardScaler().fit(X)
    other = TwoLayerSigmoidClassifier(4, alpha="evidence", random_state=0).fit(
        scaled.transform(X), y
    )
    assert raw.log_evidence_ == pytest.approx(other.log_evidence_, abs=1.0)


def test_predictions_of_many_labels_take_bounded_memory():
    X, y = make_multilabel_classification(400, n_classes=12, random_state=0)
    model = quick(alpha="evidence", max_iter=30).fit(X, y)
    proba = model.predict_proba(X)
    for few in (slice(0, 7), slice(-7, None)):
        np.testing.assert_allclose(proba[few], model.predict_proba(X[few]), rtol=1e-9)


def test_gradients_far_from_zero():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = X[:, 0] + rng.normal(size=200) > 0
    near, far, farther = (
        quick(alpha="evidence").fit(X + at, y).input_gradient(X[:5] + at)
        for at in (0.0, 1e8, 1e12)
    )
    scale = np.abs(near).max()
    assert np.abs(far - near).max() < 0.05 * scale
    # There the samples themselves are rounded, by 1e-4.
    assert np.abs(farther - near).max() < 0.5 * scale
