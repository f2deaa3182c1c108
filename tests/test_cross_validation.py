"""alpha="auto": the folds, the way to the best precisions, the features' relevance."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import (
    load_breast_cancer,
    load_iris,
    make_classification,
    make_moons,
    make_multilabel_classification,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

from sk_twolayer import TwoLayerSigmoidClassifier, _cross_validation, network
from sk_twolayer._cross_validation import (
    BEGINS,
    FEWEST,
    FLOOR,
    FOLDS,
    GAIN,
    GAIN_OVER_SHARES,
    GRID,
    MANY_VALUES,
    SEARCH_ITERATIONS,
    SEARCH_TOL,
    cut,
    most_values,
    precision,
    relevance_factors,
)
from sk_twolayer._engine import threads as _threads
from sk_twolayer._engine.moments import Moments
from sk_twolayer._engine.outputs import choose_output
from sk_twolayer._fitted import fitted
from sk_twolayer._labels import are_whole, encode_labels
from sk_twolayer._lots import (
    BLOCK_ROWS,
    MOST_SAMPLES,
    OF_CLASS,
    few_rows,
    line_of,
    project,
)
from sk_twolayer._samples import Samples
from sk_twolayer._solvers import lbfgs
from tests.helpers import interrupt_at, make_objective, quick


def default(*positional, **options):
    return TwoLayerSigmoidClassifier(*positional, random_state=0, **options)


def auto(**options):
    return quick(**{"alpha": "auto"} | options)


def problem(n=57, m=3, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, m)), rng.integers(0, n_classes, n)


def family(n, seed):
    """Clusters on which few samples mislead: n to learn from, and 10 000 others."""
    X, y = make_classification(
        n + 10_000,
        30,
        n_informative=12,
        n_redundant=6,
        n_clusters_per_class=4,
        class_sep=1.2,
        flip_y=0.05,
        random_state=seed,
    )
    return X[:n], y[:n], X[n:], y[n:]


def few_matter(n=400, m=12):
    """Features 0 and 1, as a product, and 2 matter."""
    X = np.random.default_rng(0).normal(size=(n, m))
    return X, (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)


def folds_of(X, y, weight=None, scale=None):
    """Of each fold the weight (n_folds, n) of each row of X, in it and beside it."""
    moments = Moments.of(X, weight)
    scale = moments.standardisation(0.0, X.dtype).scale
    counts = weight if weight is not None and are_whole(weight) else None
    samples = Samples(X, encode_labels(y), weight, counts=counts)
    inside, outside = [], []
    for others, left_out in cut(samples, project(X, scale)):
        for part, found in ((others, outside), (left_out, inside)):
            of_part = np.ones(len(part.X)) if part.weight is None else part.weight
            share = np.zeros(len(X))
            for row, of_row, target in zip(
                part.X, of_part, part.labels.targets, strict=True
            ):
                (at,) = np.flatnonzero((row == X).all(axis=1))
                np.testing.assert_array_equal(target, samples.labels.targets[at])
                share[at] += of_row
            found.append(share)
    return np.array(inside), np.array(outside)


# ---- the folds


@pytest.mark.parametrize(
    "weigh",
    [
        lambda rng, n: None,
        lambda rng, n: rng.integers(1, 5, n).astype(float),
        lambda rng, n: rng.uniform(0.1, 3, n),
        lambda rng, n: np.full(n, 0.25),
        lambda rng, n: np.full(n, 0.1),
    ],
    ids=["none", "counts", "fractions", "quarters", "tenths"],
)
@pytest.mark.parametrize("n", [12, 57, 1000])
def test_folds_are_a_partition(n, weigh):
    X, y = problem(n)
    weight = weigh(np.random.default_rng(1), n)
    total = np.ones(n) if weight is None else weight
    inside, outside = folds_of(X, y, weight)
    assert len(inside) == FOLDS
    np.testing.assert_allclose(inside.sum(axis=0), total)
    np.testing.assert_allclose(inside + outside, np.tile(total, (len(inside), 1)))
    # No sample is in a fold by what rounding left of it.
    assert inside[inside > 0].min() > 1e-6
    counts = total if are_whole(total) else np.ones(n)
    of_rows = inside * counts / total
    if (counts == 1).all() or n >= MANY_VALUES:
        # What is left out is not known by a part of it, nor by a copy.
        assert ((inside > 0).sum(axis=0) == 1).all()
        counts, of_rows = np.ones(n), inside > 0
    # Of each class every fold has its part, but for one sample.
    for of_class in (y == 0, y == 1, y == 2, np.full(n, True)):
        of_folds = of_rows[:, of_class].sum(axis=1)
        part = counts[of_class].sum() / len(inside)
        assert np.abs(of_folds - part).max() <= 1 + 1e-9


@pytest.mark.parametrize("weigh", ["classes", "samples"])
def test_weights_that_are_no_counts_do_not_tell_what_is_left_out(weigh):
    """Of noise nothing is found, as without weights."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 5)), (np.arange(400) < 60).astype(int)
    options = {"class_weight": "balanced"} if weigh == "classes" else {}
    weight = None if weigh == "classes" else rng.exponential(size=400)
    with pytest.warns(ConvergenceWarning, match="no network that predicts"):
        model = auto(**options).fit(X, y, sample_weight=weight)
    assert np.ptp(model.predict_proba(X)[:, 1]) < 0.02


def test_folds_of_labels_are_balanced_by_their_number():
    X, Y = make_multilabel_classification(200, n_classes=4, random_state=0)
    inside, _ = folds_of(X, Y)
    for number in range(5):
        of_folds = inside[:, Y.sum(axis=1) == number].sum(axis=1)
        assert np.ptp(of_folds) <= 1


def test_folds_are_the_same_in_any_order_and_unit():
    X, y = problem(200)
    inside, _ = folds_of(X, y)
    order = np.random.default_rng(2).permutation(len(y))
    np.testing.assert_array_equal(folds_of(X[order], y[order])[0], inside[:, order])
    np.testing.assert_array_equal(folds_of(X * [1000, 1, 1e-3], y)[0], inside)
    # And not those of the rows as they come.
    assert not (inside == folds_of(X[order], y[order])[0]).all()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("m", [1, 2, 3, 8, 30, 101])
def test_equal_rows_are_equal_on_the_line(m, order):
    """Matrix products round a row as its place among the others has it."""
    # Not as many as whole blocks, with one row in the last.
    X, _ = problem(301, m)
    rows = np.random.default_rng(1).permutation(np.repeat(np.arange(301), 3))
    rows = np.append(np.resize(rows, BLOCK_ROWS), rows[0])
    for dtype in (np.float64, np.float32):
        given = np.array(X[rows].astype(dtype), order=order)
        found = project(given, np.ones(m))
        assert len(np.unique(found)) == 301
        np.testing.assert_allclose(
            found, given @ line_of(np.ones(m)), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("m", [3, 30])
def test_a_row_of_weight_two_is_cut_as_two_rows(m):
    X, y = problem(200, m)
    weight = np.random.default_rng(1).integers(1, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    moments = Moments.of(X, weight.astype(float))
    scale = moments.standardisation(0.0, X.dtype).scale
    repeated = cut(
        Samples(X[rows], encode_labels(y[rows]), None), project(X[rows], scale)
    )
    weighted, _ = folds_of(X, y, weight.astype(float))
    for (_, left_out), share in zip(repeated, weighted, strict=True):
        found = [(left_out.X == row).all(axis=1).sum() for row in X]
        np.testing.assert_array_equal(found, share)


def test_few_of_many_samples_are_taken_by_lot():
    X, _ = problem(40_000)
    y = np.full(40_000, 2)
    y[:150] = 1
    y[:20] = 0
    samples = Samples(X, encode_labels(y), None)
    position = project(X, np.ones(3))
    rows = few_rows(samples, position)
    count = np.bincount(y[rows])
    # All of a class of few, enough of another, and the rest in proportion.
    assert count[0] == 20 and 0.7 * OF_CLASS < count[1] < 1.3 * OF_CLASS
    assert count[2] == pytest.approx(MOST_SAMPLES, rel=0.1)
    order = np.random.default_rng(1).permutation(len(y))
    moved = samples.take(order)
    np.testing.assert_array_equal(
        np.sort(order[few_rows(moved, position[order])]), np.sort(rows)
    )


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_few_of_many_equal_samples_are_no_lot(m):
    """All of 2^m different rows, each 20 000 / 2^m times, are searched on."""
    different = (np.arange(2**m)[:, None] >> np.arange(m) & 1).astype(float)
    X = np.tile(different, (20_000 // 2**m, 1))
    y = X.sum(axis=1).astype(int) % 2
    rows = few_rows(Samples(X, encode_labels(y), None), project(X, np.ones(m)))
    assert MOST_SAMPLES / 2 <= len(rows) <= 2 * MOST_SAMPLES
    _, count = np.unique(X[rows], axis=0, return_counts=True)
    assert len(count) == 2**m and np.ptp(count) <= 2


def test_a_row_of_weight_two_is_two_rows_in_the_lot():
    X, y = problem(6000)
    weight = np.random.default_rng(1).integers(1, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    weighted = Samples(X, encode_labels(y), weight.astype(float))
    repeated = Samples(X[rows], encode_labels(y[rows]), None)
    position = project(X, np.ones(3))
    taken = few_rows(weighted, position)
    again = rows[few_rows(repeated, position[rows])]
    np.testing.assert_array_equal(np.unique(again), taken)
    assert len(again) == weight[taken].sum()


# ---- the way to the best precisions


@pytest.mark.parametrize("weighted", [False, True])
def test_the_cost_is_that_of_samples_left_out(weighted):
    """The first cost, by networks of each fold's others and the article's equations."""
    X, y = load_breast_cancer(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else None
    model = auto(max_iter=1, n_hidden=2)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y, weight)
    assert model.alpha_curve_[0] == GRID[BEGINS[0][0]]
    scales = Moments.of(X, weight).standardisation(0.0, X.dtype)
    # The start, as any fit with this seed has it.
    begun = auto(solver="gd", learning_rate=1e-13, max_iter=1, n_hidden=2)
    with pytest.warns(ConvergenceWarning):
        begun.fit(X, y, weight)
    start = fitted(begun).parameters
    samples = Samples(X, encode_labels(y), weight)
    costs, total = 0.0, 0.0
    for others, left_out in cut(samples, project(X, scales.scale)):
        objective = make_objective(
            others.X,
            others.labels.targets,
            2,
            1,
            choose_output("logistic", 1),
            sample_weight=others.weight,
            standardisation=scales,
        )
        objective.set_precision(precision(objective, GRID[BEGINS[0][0]]))
        theta = lbfgs(
            objective,
            objective.from_parameters(start),
            max_iter=SEARCH_ITERATIONS,
            tol=SEARCH_TOL,
            report=lambda *_: False,
        ).theta
        A2 = network.forward(left_out.X.T, *objective.to_parameters(theta)).A2[0]
        of_left_out = np.ones(len(A2)) if left_out.weight is None else left_out.weight
        costs += of_left_out.sum() * log_loss(
            left_out.labels.targets, A2, sample_weight=of_left_out
        )
        total += of_left_out.sum()
    assert model.cv_loss_curve_[0] == pytest.approx(costs / total, abs=2e-3)


def test_the_prior_is_on_standardised_features():
    objective = make_objective(
        *problem(20, n_classes=2), 2, 1, choose_output("logistic", 1)
    )
    found = precision(objective, 3.0, np.array([1.0, 2.0, 11.0]))
    first, second = objective.split(found)
    np.testing.assert_array_equal(first[:-1], [[3, 3], [6, 6], [33, 33]])
    assert (second[:-1] == 3).all()
    # Biases are free.
    assert (first[-1] == 0).all() and (second[-1] == 0).all()


def sets():
    yield "breast cancer", *load_breast_cancer(return_X_y=True)
    yield "iris", *load_iris(return_X_y=True)
    yield "few matter", *few_matter()
    yield "labels", *make_multilabel_classification(random_state=0)


SETS = {name: (X, y) for name, X, y in sets()}


@pytest.mark.parametrize("name", SETS)
def test_the_best_is_what_the_curve_says(name):
    X, y = SETS[name]
    model = auto().fit(X, y)
    tried, costs = model.alpha_curve_, np.array(model.cv_loss_curve_)
    assert tried.shape == (len(costs),) and set(tried) <= set(GRID)
    # No precision is tried twice on the way.
    assert len(np.unique(tried[:-3])) == len(costs) - 3 > 1
    best = 0
    for i in range(1, len(costs) - 3):
        if costs[i] < costs[best] - GAIN / len(X):
            best = i
    chosen = tried[best]
    np.testing.assert_array_equal(tried[-3:], chosen)
    assert costs[best] <= costs[:-3].min() + GAIN / len(X)
    assert model.alpha_[-1] == chosen
    divided = np.ptp(model.alpha_[:-1]) > 0
    assert divided == (costs[-1] < costs[-3])
    if not divided:
        assert (model.alpha_[:-1] == chosen).all()
    assert model.alpha_.shape == (X.shape[1] + 1,)
    assert model.feature_relevance_.shape == (X.shape[1],)
    np.testing.assert_allclose(model.feature_relevance_, model.alpha_[:-1] ** -0.5)
    for absent in ("log_evidence_", "log_evidence_curve_", "moderation_"):
        assert not hasattr(model, absent)


def test_the_weights_are_an_optimum_at_alpha():
    """The cost is the documented one with the precisions that `alpha_` says."""
    X, y = few_matter()
    model = auto(tol=1e-6).fit(X, y)
    assert np.ptp(model.alpha_) > 0
    scale = X.std(axis=0)
    penalty = (model.alpha_[:-1] * (model.W1_ * scale) ** 2).sum()
    penalty += model.alpha_[-1] * (model.W2_**2).sum()
    penalty /= 2 * len(X)
    cost = log_loss(y, model.predict_proba(X)) + penalty
    assert model.loss_ == pytest.approx(cost, rel=1e-9)


def rings(n):
    X = np.random.default_rng(100).normal(size=(n, 2))
    return X, (np.floor(2 * np.hypot(*X.T)) % 2).astype(int)


def test_what_turns_often_is_found_from_weak_penalties():
    """At the first precision every network of rings is a constant."""
    X, y = rings(4000)
    model = auto(n_hidden="auto").fit(X[:2000], y[:2000])
    assert model.alpha_curve_[0] == GRID[BEGINS[0][0]]
    # Nothing had been found before it.
    again = list(model.alpha_curve_).index(GRID[BEGINS[1][0]])
    assert min(model.cv_loss_curve_[:again]) > 0.69 > model.cv_loss_curve_[again] + 0.1
    assert log_loss(y[2000:], model.predict_proba(X[2000:])) < 0.5
    # Noise is tried there, too, and nothing found.
    X = np.random.default_rng(0).normal(size=(200, 5))
    with pytest.warns(ConvergenceWarning, match="no network that predicts"):
        model = auto().fit(X, y[:200])
    assert np.ptp(model.predict_proba(X)[:, 1]) < 0.01


def test_a_number_that_ends_in_a_constant_says_so():
    X, y = rings(2000)
    match = r"0.693.* no lower than 0.693.*alpha=1.0 is too large: \"auto\" searches"
    with pytest.warns(ConvergenceWarning, match=match):
        quick(alpha=1.0).fit(X, y)


# ---- relevance


def test_relevance_factors_descend_on_their_penalty():
    """At weights that are given, and by the derivative of sum log(FLOOR + share)."""
    X, y = problem(30, m=4, n_classes=2)
    objective = make_objective(X, y, 3, 1, choose_output("logistic", 1))
    theta = np.random.default_rng(0).normal(size=objective.size)
    first = objective.split(theta)[0]
    first[3] = 0
    squares = (first[:-1] ** 2).mean(axis=1)
    share = squares / squares.mean()
    factors = relevance_factors(objective, theta)
    np.testing.assert_allclose(factors, (1 + FLOOR) / (FLOOR + share))
    assert factors[3] == factors.max() == pytest.approx(11)
    step = 1e-6 * np.eye(4)
    slope = [
        (np.log(FLOOR + share + e) - np.log(FLOOR + share - e)).sum() / 2e-6
        for e in step
    ]
    np.testing.assert_allclose(factors, (1 + FLOOR) * np.array(slope), rtol=1e-6)
    first[:-1] = 0
    np.testing.assert_array_equal(relevance_factors(objective, theta), np.ones(4))


def test_features_that_matter_are_told_from_the_others():
    X, y = few_matter()
    model = auto(n_hidden=8).fit(X, y)
    relevance = model.feature_relevance_
    assert relevance[:3].min() > 2 * relevance[3:].max()


def test_relevance_predicts_better_where_few_features_matter(monkeypatch):
    X, y = few_matter(1400)
    train, test = slice(0, 400), slice(400, None)
    model = default().fit(X[train], y[train])
    found = log_loss(y[test], model.predict_proba(X[test]))
    monkeypatch.setattr(_cross_validation, "FLOOR", 1e9)
    plain = default().fit(X[train], y[train])
    assert np.ptp(plain.alpha_[:-1]) < 1e-6 * plain.alpha_[0]
    assert found < 0.8 * log_loss(y[test], plain.predict_proba(X[test]))


@pytest.mark.parametrize("value", [0.0, 1.0, -3.3, 1e6])
@pytest.mark.parametrize(
    "options",
    [{}, {"alpha": 1.0}, {"alpha": 0.0}, {"solver": "adam"}, {"early_stopping": True}],
    ids=str,
)
def test_what_was_constant_has_no_say_on_new_samples(data, options, value):
    """No sample moves its weights, and what was drawn would stay and count there."""
    X, y = data
    X = np.column_stack([X, np.full(len(y), value)])
    model = default(**options).fit(X, y)
    new = X + np.append(np.zeros(X.shape[1] - 1), 5)
    assert (model.W1_[:, -1] == 0).all()
    np.testing.assert_array_equal(model.predict_proba(new), model.predict_proba(X))


@pytest.mark.parametrize("alpha", ["auto", "ard"])
@pytest.mark.parametrize("value", [0.0, 1.0, 1e6])
def test_a_constant_feature_is_the_least_relevant(alpha, value):
    X, y = load_breast_cancer(return_X_y=True)
    for features in ([0, 1, 2, 3], range(30)):
        given = np.column_stack([X[:, features], np.full(len(X), value)])
        model = quick(alpha=alpha).fit(given, y)
        assert model.feature_relevance_[-1] == model.feature_relevance_.min()


# ---- what the default learns

XOR = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("copies", [1, 32])
def test_xor_is_learned(copies, seed):
    X, y = np.repeat(XOR[0], copies, axis=0), np.repeat(XOR[1], copies)
    model = TwoLayerSigmoidClassifier(random_state=seed).fit(X, y)
    assert model.score(X, y) == 1.0
    assert log_loss(y, model.predict_proba(X)) < 0.2


@pytest.mark.parametrize("seed", range(3))
def test_a_wave_and_moons_are_learned(seed):
    X = np.random.RandomState(0).normal(size=(300, 1))
    y = (np.sin(3 * X[:, 0]) > 0).astype(int)
    model = TwoLayerSigmoidClassifier(random_state=seed)
    assert model.fit(X, y).score(X, y) > 0.97
    X, y = make_moons(300, noise=0.1, random_state=seed)
    assert model.fit(X, y).score(X, y) > 0.97


@pytest.mark.parametrize("seed", [0, 1])
def test_clusters_are_not_overfitted(seed):
    X, y, X_test, y_test = family(1000, seed)
    model = default(30).fit(X, y)
    assert log_loss(y_test, model.predict_proba(X_test)) < 0.42


def noise(seed):
    rng = np.random.RandomState(seed)
    return rng.normal(size=(2000, 20)), (rng.rand(2000) < 0.3).astype(int)


@pytest.mark.filterwarnings("ignore:alpha='auto' found no network")
@pytest.mark.parametrize("seed", range(4))
def test_noise_gives_about_the_class_shares(seed):
    X, y = noise(seed)
    model = default().fit(X[:200], y[:200])
    shares = log_loss(y[200:], np.full(1800, y[:200].mean()))
    assert log_loss(y[200:], model.predict_proba(X[200:])) < shares + 0.02


def test_noise_is_warned_of():
    X, y = noise(1)
    with pytest.warns(ConvergenceWarning, match="no network that predicts left-out"):
        model = default().fit(X[:200], y[:200])
    least = log_loss(y[:200], np.full(200, y[:200].mean())) - GAIN_OVER_SHARES / 200
    assert min(model.cv_loss_curve_) >= least
    np.testing.assert_allclose(
        model.predict_proba(X)[:, 1], y[:200].mean(), rtol=0, atol=0.02
    )


def test_more_features_than_samples():
    rng = np.random.RandomState(0)
    y = rng.randint(0, 2, 1060)
    X = rng.normal(size=(1060, 1000))
    X[:, :50] += 2 * y[:, None]
    model = default().fit(X[:60], y[:60])
    assert log_loss(y[60:], model.predict_proba(X[60:])) < 0.2


@pytest.mark.parametrize("sign", [1, -1])
def test_few_events_in_many_rows(sign):
    # Rare samples are a larger part of those that are searched on than of all.
    def drawn(seed):
        X = np.random.RandomState(seed).normal(size=(20_000, 5))
        X[:20] += 2.5
        X[:10] *= sign  # On both sides of the others, where it is -1.
        return X

    y = (np.arange(20_000) < 20).astype(int)
    model = default().fit(drawn(0), y)
    assert model.predict_proba(drawn(0))[:, 1].sum() == pytest.approx(20, abs=0.4)
    constant = log_loss(y, np.full(len(y), 1e-3))
    assert log_loss(y, model.predict_proba(drawn(1))) < constant / 4


@pytest.mark.parametrize("as_weights", [True, False])
def test_copies_say_nothing_of_what_is_left_out(as_weights):
    X, y, X_new, y_new = family(400, 0)
    once = default().fit(X, y)
    if as_weights:
        thrice = default(max_iter=3000).fit(X, y, sample_weight=np.full(len(y), 3.0))
    else:
        thrice = default(max_iter=3000).fit(np.repeat(X, 3, axis=0), np.repeat(y, 3))
    losses = [log_loss(y_new, m.predict_proba(X_new)) for m in (once, thrice)]
    assert losses[1] < 1.1 * losses[0]


def test_equal_samples_with_other_labels_are_no_copies():
    rng = np.random.RandomState(0)
    X = rng.randint(0, 3, (600, 4)).astype(float)
    y = (X.sum(axis=1) + rng.normal(size=600) > 4).astype(int)
    everyone = np.ones(600)
    place, sure = X @ [1, 9, 81, 729], X[:, 0] > 1
    assert not _cross_validation.are_copies(place, y, everyone, MANY_VALUES)
    assert _cross_validation.are_copies(place, sure, everyone, MANY_VALUES)
    # Of features with few values all categories are learned from.
    assert not _cross_validation.are_copies(place, sure, everyone, most_values(X))


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_the_feature_with_most_values_is_counted(make):
    X = np.array([[0, 1, 0], [0, 2, 5], [0, 3, 5], [0, 3, -1.0], [0, 0, 5]])
    assert most_values(make(X)) == 4
    assert most_values(make(X[:, [0]])) == 1 == most_values(make(X[:0]))


@pytest.mark.parametrize("n_categories", [20, 150])
def test_categories_that_say_the_class_are_learned(n_categories):
    """Equal rows with one class each are no copies: none could be left out."""
    rng = np.random.default_rng(0)
    category = rng.integers(n_categories, size=3000)
    y = rng.integers(2, size=n_categories)[category]
    X = np.eye(n_categories)[category]
    model = default().fit(X[:1500], y[:1500])
    assert log_loss(y[1500:], model.predict_proba(X[1500:])) < 0.05


def test_copies_of_few_samples_say_nothing_either():
    X, y, X_new, y_new = family(80, 1)
    once = default().fit(X, y)
    twice = default(max_iter=3000).fit(X, y, sample_weight=np.full(80, 5.0))
    losses = [log_loss(y_new, m.predict_proba(X_new)) for m in (once, twice)]
    assert losses[1] < 1.2 * losses[0]


def test_a_class_of_two_samples():
    X, y = load_iris(return_X_y=True)
    kept = np.r_[0:52, 100:150]
    X, y = X[kept], np.array(["a", "b", "c"])[y[kept]]
    model = auto().fit(X, y)
    assert list(model.classes_) == ["a", "b", "c"]
    assert np.isfinite(model.cv_loss_curve_).all()
    assert model.score(X, y) > 0.95
    few = np.arange(48, 54)  # a, a, b, b, c, c: fewer than the search takes
    assert auto().fit(X[few], y[few]).score(X[few], y[few]) == 1


@pytest.mark.filterwarnings("ignore:alpha='auto' found no network")
@pytest.mark.parametrize("n", [2, 3, FEWEST - 1, FEWEST])
def test_few_samples(n):
    X, y = problem(n, n_classes=2)
    y[:2] = 0, 1
    model = auto().fit(X, y)
    searched = n >= FEWEST
    assert (len(model.cv_loss_curve_) > 0) == searched
    assert model.alpha_curve_.shape == (len(model.cv_loss_curve_),)
    if not searched:
        np.testing.assert_array_equal(model.alpha_, np.full(4, GRID[0]))
        assert model.score(X, y) == 1
    assert np.isfinite(model.predict_proba(X)).all()


# ---- the same samples, otherwise given


@pytest.mark.parametrize("name", ["breast cancer", "iris", "labels"])
def test_float32_and_sparse_find_the_same(name):
    X, y = SETS[name]
    X = X - X.min(axis=0)
    X[X < np.median(X, axis=0)] = 0
    plain = auto(tol=1e-6).fit(X, y)
    for given in (X.astype(np.float32), sparse.csr_array(X)):
        model = auto(tol=1e-6).fit(given, y)
        np.testing.assert_array_equal(model.alpha_[-1], plain.alpha_[-1])
        proba = model.predict_proba(given)
        assert proba.dtype == given.dtype
        atol = 1e-3 if given.dtype == np.float64 else 0.02
        np.testing.assert_allclose(proba, plain.predict_proba(X), atol=atol)


def spam(n=1000):
    """Counts with many zeros and long tails, as of words in mails."""
    rng = np.random.RandomState(0)
    y = (rng.rand(n) < 0.4).astype(int)
    more = y[:, None] * np.array([1, 0.7, 0.5, 0.4, 0.2, 0])
    X = rng.lognormal(more, 1, (n, 6))
    X[rng.rand(n, 6) < 0.5 - 0.25 * y[:, None]] = 0
    return X, y


SAME = {
    "breast cancer": SETS["breast cancer"],
    "iris": SETS["iris"],
    "spam": spam(),
    "family": family(1000, 0)[:2],
}


@pytest.mark.parametrize("name", SAME)
def test_weights_are_repeated_rows_and_their_order_is_none(name):
    X, y = SAME[name]
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 4, len(y))
    rows = rng.permutation(np.repeat(np.arange(len(y)), weight))
    weighted = default().fit(X, y, weight)
    repeated = default().fit(X[rows], y[rows])
    np.testing.assert_array_equal(weighted.alpha_curve_, repeated.alpha_curve_)
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-3
    )


@pytest.mark.parametrize("name", ["breast cancer", "iris", "spam"])
def test_a_features_unit_is_none(name):
    X, y = SAME[name]
    units = np.where(np.arange(X.shape[1]) == 1, 1000, 1)
    plain, scaled = default().fit(X, y), default().fit(X * units, y)
    np.testing.assert_array_equal(plain.alpha_curve_, scaled.alpha_curve_)
    np.testing.assert_allclose(
        plain.predict_proba(X), scaled.predict_proba(X * units), atol=1e-3
    )


def test_threads_find_the_same(monkeypatch):
    monkeypatch.setattr(_threads, "fits_in_threads", lambda work: True)
    X, y, _, _ = family(1000, 0)
    one, two = (default(n_jobs=n).fit(X, y) for n in (1, 2))
    np.testing.assert_array_equal(one.alpha_curve_, two.alpha_curve_)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), atol=1e-3)


def test_the_same_seed_gives_the_same_bits(data):
    first, second = (auto().fit(*data) for _ in range(2))
    np.testing.assert_array_equal(first.W1_, second.W1_)
    assert first.cv_loss_curve_ == second.cv_loss_curve_


# ---- how a fit goes


def state(model):
    parameters = model.get_params()
    return {n: v for n, v in vars(model).items() if n not in parameters}


@pytest.mark.parametrize("at", [1, 30, 150])
def test_ctrl_c_in_the_search_leaves_the_model(data, at, monkeypatch):
    X, y = data
    model = auto().fit(X[:100], y[:100])
    before = state(model)
    interrupt_at(monkeypatch, at)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    after = state(model)
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)
    assert not hasattr(auto(), "W1_")


@pytest.mark.parametrize("max_iter", [1, 3, 7, 20])
def test_max_iter_is_the_most(data, max_iter):
    with pytest.warns(ConvergenceWarning, match=f"stopped at max_iter={max_iter}"):
        model = auto(max_iter=max_iter).fit(*data)
    assert model.n_iter_ == max_iter
    assert len(model.loss_curve_) == max_iter + 1
    assert model.score(*data) > 0.6


def test_the_curve_begins_at_the_start_and_ends_at_the_cost(data):
    X, y = few_matter()
    model = auto().fit(X, y)
    assert len(model.loss_curve_) == model.n_iter_ + 1
    assert model.loss_curve_[-1] == pytest.approx(model.loss_, rel=1e-12)


def test_verbose_prints_each_evaluation(data, capsys):
    model = auto(verbose=True).fit(*data)
    lines = capsys.readouterr().out.splitlines()
    searched = [line for line in lines if "left out" in line]
    assert len(searched) == len(model.cv_loss_curve_)
    for line, cost, alpha in zip(
        searched, model.cv_loss_curve_, model.alpha_curve_, strict=True
    ):
        assert line.endswith(f"{cost:.6f}") and f"alpha {alpha:.3g}:" in line
    # A line an iteration, as of other fits.
    assert len(lines) - len(searched) >= model.n_iter_
    auto().fit(*data)
    assert capsys.readouterr().out == ""


def test_the_best_of_several_starts_and_a_committee(data):
    X, y = data
    best = auto(n_init=3).fit(X, y)
    committee = auto(n_init=3, committee=True).fit(X, y)
    losses = [member.loss_ for member in committee.estimators_]
    assert losses == sorted(losses) and len(set(losses)) == 3
    assert best.loss_ == committee.loss_ == losses[0]
    # One search for all of them.
    for member in committee.estimators_:
        assert member.cv_loss_curve_ == committee.cv_loss_curve_
        assert member.alpha_[-1] == committee.alpha_[-1]
    mean = np.mean([m.predict_proba(X) for m in committee.estimators_], axis=0)
    np.testing.assert_allclose(committee.predict_proba(X), mean)
    Z2, std = committee.decision_function(X, return_std=True)
    means, stds = zip(
        *(m.decision_function(X, return_std=True) for m in committee.estimators_),
        strict=True,
    )
    np.testing.assert_allclose(Z2, np.mean(means, axis=0))
    assert (std >= np.min(stds, axis=0)).all()


@pytest.mark.parametrize("options", [{}, {"n_init": 2, "committee": True}], ids=str)
def test_warm_start_goes_on(data, options):
    X, y = data
    cold = auto(**options).fit(X, y)
    model = auto(warm_start=True, **options).fit(X, y)
    curve, before = model.loss_curve_, model.predict_proba(X)
    model.fit(X, y)
    # It begins near where the last one ended, but not the folds, which would know then
    # what is left out.
    assert model.loss_curve_[0] < curve[-1] + 0.2 * (curve[0] - curve[-1])
    assert model.cv_loss_curve_ == cold.cv_loss_curve_
    np.testing.assert_allclose(model.predict_proba(X), before, atol=0.1)
    # And from it to another strategy, and back.
    for alpha in ("evidence", "ard", 1.0, "auto"):
        model.set_params(alpha=alpha).fit(X, y)
        assert hasattr(model, "cv_loss_curve_") == (alpha == "auto")
        assert hasattr(model, "log_evidence_") == (alpha in ("evidence", "ard"))


def test_early_stopping_ends_where_its_patience_does():
    X, y = make_classification(
        600, 20, n_informative=4, n_redundant=0, flip_y=0.2, random_state=0
    )
    model = auto(early_stopping=True, n_iter_no_change=5)
    model.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    curve = np.array(model.validation_loss_curve_)
    assert model.n_iter_ <= curve.argmin() + 5
    best = np.minimum.accumulate(curve)
    # Nowhere before were there five iterations without an improvement by tol.
    assert (best[: -5 - 1] - best[5:-1] > 0).all()


def test_early_stopping_follows_given_samples(data):
    X, y = data
    model = auto(early_stopping=True)
    model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    held = log_loss(y[1::2], model.predict_proba(X[1::2]))
    assert held == pytest.approx(min(model.validation_loss_curve_), rel=1e-9)
    assert len(model.cv_loss_curve_) == len(model.alpha_curve_) > 0
