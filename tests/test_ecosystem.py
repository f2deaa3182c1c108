"""What other packages ask for: importances, an MLPClassifier, standard deviations."""

import pickle
from itertools import product

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_multilabel_classification,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.helpers import quick

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SETS = {
    "two": load_breast_cancer(return_X_y=True),
    "named": (load_iris().data, load_iris().target_names[load_iris().target]),
    "labels": make_multilabel_classification(random_state=0),
}


def some_matter(seed=0):
    """Features 1, 4 and 6 matter, as a sum, a product and a square."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 8))
    return X, X[:, 1] * (1 + X[:, 4]) + X[:, 6] ** 2 > 1


@pytest.mark.parametrize("alpha", ["auto", "evidence", "ard", 1.0])
def test_selectors_find_the_features_that_matter(alpha):
    X, y = some_matter()
    model = quick(n_hidden=8, alpha=alpha)
    chosen = SelectFromModel(model).fit(X, y).get_support(indices=True)
    assert list(chosen) == [1, 4, 6]
    chosen = RFE(model, n_features_to_select=3).fit(X, y).get_support(indices=True)
    assert list(chosen) == [1, 4, 6]


@pytest.mark.parametrize("alpha", ["auto", "evidence", 0.01, 1.0])
@pytest.mark.parametrize("loader", [load_breast_cancer, load_iris, load_wine])
def test_importances_rank_as_the_mean_gradient(loader, alpha):
    X, y = loader(return_X_y=True)
    # Two of iris' features are close: short of the minimum they may change places.
    model = quick(n_hidden=10, alpha=alpha, tol=1e-6, max_iter=1000)
    model.fit(StandardScaler().fit_transform(X), y)
    gradients = np.abs(model.input_gradient(StandardScaler().fit_transform(X)))
    by_data = gradients.reshape(-1, X.shape[1]).mean(axis=0)
    ranks = [
        values.argsort().argsort() for values in (model.feature_importances_, by_data)
    ]
    assert np.corrcoef(ranks)[0, 1] > 0.85


@pytest.mark.parametrize("alpha", ["auto", "evidence"])
def test_importances_are_shares_whatever_the_units(alpha):
    X, y = load_iris(return_X_y=True)
    model = quick(alpha=alpha).fit(X, y)
    assert model.feature_importances_.sum() == pytest.approx(1)
    units = [1e-3, 1, 1e3, 10]
    other = quick(alpha=alpha).fit(X * units, y)
    np.testing.assert_allclose(
        other.feature_importances_, model.feature_importances_, rtol=1e-2
    )
    ard = quick(alpha="ard").fit(X, y)
    relevance = ard.feature_relevance_
    np.testing.assert_allclose(ard.feature_importances_, relevance / relevance.sum())
    pair = quick(n_init=2, committee=True).fit(X, y)
    members = [member.feature_importances_ for member in pair.estimators_]
    np.testing.assert_allclose(pair.feature_importances_, np.mean(members, axis=0))
    with pytest.raises(NotFittedError):
        quick().feature_importances_  # noqa: B018


@pytest.mark.parametrize(
    "solver, alpha",
    [
        *product(["lbfgs", "gd", "adam"], ["auto", 1e-3]),
        ("lbfgs", "evidence"),
        ("lbfgs", "ard"),
    ],
)
def test_a_constant_feature_has_no_importance(solver, alpha):
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = quick(solver=solver, alpha=alpha, n_init=2, committee=True, max_iter=30)
    model.fit(np.column_stack([X, np.full(len(X), 3.0)]), y)
    assert model.feature_importances_[-1] == 0
    assert model.estimators_[1].feature_importances_[-1] == 0
    assert (model.feature_importances_[:-1] > 0).all()


def test_importances_after_partial_fit():
    X, y = load_iris(return_X_y=True)
    model = quick(solver="adam").partial_fit(X, y, [0, 1, 2])
    assert model.feature_importances_.shape == (4,)
    assert model.feature_importances_.sum() == pytest.approx(1)


@pytest.mark.parametrize("dtype, atol", [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("alpha", [1.0, "auto", "evidence"])
@pytest.mark.parametrize("name", SETS)
def test_to_mlp_predicts_the_same(name, alpha, dtype, atol):
    X, y = SETS[name]
    X = X.astype(dtype)
    model = quick(alpha=alpha, max_iter=60).fit(X, y)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    mlp = model.to_mlp()
    now = np.random.get_state()[1]  # noqa: NPY002
    np.testing.assert_array_equal(now, before)
    assert type(mlp) is MLPClassifier and mlp.activation == "logistic"
    assert mlp.hidden_layer_sizes == (4,)
    np.testing.assert_array_equal(mlp.predict(X), model.predict(X))
    plain = clone(model).set_params(alpha=1.0, max_iter=1).fit(X, y)
    for matrix in ("W1_", "b1_", "W2_", "b2_"):
        setattr(plain, matrix, getattr(model, matrix))
    np.testing.assert_allclose(
        mlp.predict_proba(X), plain.predict_proba(X), rtol=0, atol=atol
    )
    sure = np.abs(mlp.predict_proba(X) - 0.5).max(axis=1)
    moderated = np.abs(model.predict_proba(X) - 0.5).max(axis=1)
    if alpha == "evidence":
        assert (sure > moderated - atol).all()
    else:
        np.testing.assert_allclose(sure, moderated, rtol=0, atol=atol)
    for attribute in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(mlp, attribute) == getattr(model, attribute)
    np.testing.assert_array_equal(mlp.classes_, model.classes_)
    for found, expected in zip(
        [*mlp.coefs_, *mlp.intercepts_],
        [*model.coefs_, *model.intercepts_],
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)
        assert not np.shares_memory(found, expected)


def test_to_mlp_is_a_whole_mlp():
    pandas = pytest.importorskip("pandas")
    data = load_iris()
    X = pandas.DataFrame(data.data, columns=data.feature_names)
    model = quick().fit(X, data.target)
    mlp = model.to_mlp()
    assert mlp.score(X, data.target) == model.score(X, data.target)
    assert list(mlp.feature_names_in_) == data.feature_names
    assert mlp.loss_ == model.loss_ and mlp.loss_curve_ == model.loss_curve_
    before = mlp.coefs_[0].copy()
    mlp.partial_fit(X, data.target)
    # A first step of Adam moves each weight by its rate, from where they were.
    assert 0 < np.abs(mlp.coefs_[0] - before).max() < 1.1e-3
    clone(mlp).set_params(max_iter=2).fit(X, data.target)


def test_to_mlp_of_what_is_no_network():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=r"to_mlp needs one network.* has 2: call"):
        quick(n_init=2, committee=True, max_iter=5).fit(X, y).to_mlp()
    with pytest.raises(NotFittedError):
        quick().to_mlp()
    with pytest.raises(NotFittedError):
        quick().n_layers_  # noqa: B018


@pytest.mark.parametrize("name", SETS)
def test_standard_deviations_through_pipelines_and_searches(name):
    X, y = SETS[name]
    model = quick(alpha="evidence", max_iter=60)
    plain = make_pipeline(StandardScaler(), model).fit(X, y)
    inner = plain[-1].decision_function(plain[:-1].transform(X), return_std=True)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = make_pipeline(
            StandardScaler(), model.set_decision_function_request(return_std=True)
        )
        search = GridSearchCV(
            routed, {"twolayersigmoidclassifier__n_hidden": [4]}, cv=2
        )
        search.fit(X, y)
        found = search.best_estimator_.decision_function(X, return_std=True)
        # Without the argument it is as ever.
        assert routed.fit(X, y).decision_function(X).shape == found[0].shape
    for values, expected in zip(found, inner, strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert (found[1] > 0).all()


def test_digits_pickle_size_is_not_doubled():
    """A saved committee's first network and the committee share what is large."""
    import pickle

    X, y = load_digits(return_X_y=True)
    model = quick(alpha="evidence", n_init=2, committee=True, max_iter=10).fit(
        X[:300], y[:300]
    )
    alone = [len(pickle.dumps(member)) for member in model.estimators_]
    assert len(pickle.dumps(model)) < 1.1 * sum(alone)


@pytest.mark.parametrize("committee", [False, True])
def test_dropping_the_covariance(committee):
    """A saved model is small, and predicts as the plain network does."""
    X, y = load_iris(return_X_y=True)
    # Noisy, so that probabilities are moderated.
    y[::4] = (y[::4] + 1) % 3
    options = {"committee": True, "n_init": 2} if committee else {}
    model = quick(alpha="evidence", max_iter=40, **options).fit(X, y)
    labels, moderated = model.predict(X), model.predict_proba(X)
    size = len(pickle.dumps(model))
    assert model.drop_covariance() is model
    assert len(pickle.dumps(model)) < size / 2
    members = getattr(model, "estimators_", [model])
    plain = np.mean([member.to_mlp().predict_proba(X) for member in members], axis=0)
    np.testing.assert_allclose(model.predict_proba(X), plain, rtol=1e-9)
    assert np.abs(plain - moderated).max() > 1e-3
    if not committee:
        np.testing.assert_array_equal(model.predict(X), labels)
    with pytest.raises(ValueError, match="drop_covariance leaves it"):
        model.decision_function(X, return_std=True)


def test_each_of_a_committee_goes_on_from_its_own_weights():
    """A warm start once began all but the best anew."""
    X, y = load_iris(return_X_y=True)
    options = {"alpha": 0.1, "n_init": 3, "committee": True, "warm_start": True}
    model = quick(max_iter=5, **options).fit(X, y)
    before = [member.loss_ for member in model.estimators_]
    for _ in range(3):
        model.fit(X, y)
    after = [member.loss_ for member in model.estimators_]
    starts = [member.loss_curve_[0] for member in model.estimators_]
    assert max(after) < min(before)
    assert max(starts) < min(before)
