"""Saved models: pickle and its kin, skops, other versions, ONNX."""

import io
import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_multilabel_classification,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TRUSTED_TYPES, TwoLayerSigmoidClassifier, __version__
from tests.helpers import quick

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
OLD = sorted((Path(__file__).parent / "models").glob("*.pickle"))


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def through_cloudpickle(model):
    return pickle.loads(pytest.importorskip("cloudpickle").dumps(model))


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_skops(model):
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(model)
    # These types and no others.
    assert skops.get_untrusted_types(data=data) == TRUSTED_TYPES
    return skops.loads(data, trusted=TRUSTED_TYPES)


WAYS = [through_pickle, through_joblib, through_cloudpickle, through_skops]
GD = {"solver": "gd", "momentum": 0.9, "learning_rate": 0.01, "batch_size": 50}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("evidence", ["RootCovariance", "PairedCovariance", "LowRank"])
def test_a_saved_covariance_is_the_same(way, evidence):
    X, y = load_iris(return_X_y=True)
    if evidence == "RootCovariance":
        y = y == 1
    elif evidence == "PairedCovariance":
        X, y = load_digits(return_X_y=True)
        X, y = X[:300, ::4], y[:300]
    elif evidence == "LowRank":
        X, y = few_of_many_features()
    model = quick(alpha="evidence", max_iter=40).fit(X, y)
    assert evidence in type(model._covariance).__name__
    copy = way(model)
    for found, expected in zip(
        copy.decision_function(X, return_std=True),
        model.decision_function(X, return_std=True),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)
    assert type(copy._covariance) is type(model._covariance)


def test_a_saved_state_holds_one_type_of_this_package():
    """Also where a class is added: its attribute has to be saved as plain data."""
    X, y = load_iris(return_X_y=True)
    models = [
        quick(alpha="auto", max_iter=20).fit(X, y),
        quick(alpha="evidence", max_iter=20).fit(X, y),
        quick(solver="adam").partial_fit(X, y, [0, 1, 2]),
        quick(alpha="evidence", n_init=2, committee=True, max_iter=20).fit(X, y),
    ]
    names = set()

    class Finder(pickle.Unpickler):
        def find_class(self, module, name):
            if module.startswith("sk_twolayer"):
                names.add(f"{module}.{name}")
            return super().find_class(module, name)

    for model in models:
        Finder(io.BytesIO(pickle.dumps(model))).load()
    assert names == set(TRUSTED_TYPES)
    assert TRUSTED_TYPES == [
        f"{TwoLayerSigmoidClassifier.__module__}.{TwoLayerSigmoidClassifier.__name__}"
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("loader", [load_breast_cancer, load_iris])
@pytest.mark.parametrize("alpha", ["auto", "evidence"])
def test_a_saved_model_predicts_the_same(way, loader, alpha):
    X, y = loader(return_X_y=True)
    options = {"alpha": alpha, "n_init": 2, "committee": True, "max_iter": 40}
    model = make_pipeline(StandardScaler(), quick(**options)).fit(X, y)
    copy = way(model)
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    assert copy[-1].loss_curve_ == model[-1].loss_curve_
    assert vars(copy[-1]).keys() == vars(model[-1]).keys()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("options", [{"solver": "adam"}, GD], ids=["adam", "gd"])
def test_a_saved_model_goes_on_learning(way, options):
    X, y = load_iris(return_X_y=True)
    model = quick(**options).partial_fit(X, y, [0, 1, 2])
    copy = way(model)
    np.testing.assert_array_equal(
        copy.partial_fit(X, y).predict_proba(X),
        model.partial_fit(X, y).predict_proba(X),
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_models_of_earlier_versions_load(path):
    X, _ = load_iris(return_X_y=True)
    for model, probabilities in pickle.loads(path.read_bytes()).values():
        np.testing.assert_allclose(
            model.predict_proba(X), probabilities, rtol=0, atol=1e-12
        )


def test_this_version_has_a_fixture():
    assert __version__ in [path.stem for path in OLD]


@pytest.mark.parametrize("found", [None, 0, 99])
def test_a_model_of_another_format_says_what_to_do(found):
    model = quick()
    state = model.__getstate__() | {"_state_format": found, "_sk_twolayer_version": "9"}
    state["_covariance"] = {"type": "OfAnotherVersion", "fields": {}}
    with pytest.raises(
        ValueError, match=r"saved by sk_twolayer 9 .*fit the model again"
    ):
        quick().__setstate__(state)


def few_of_many_features():
    X, y = load_breast_cancer(return_X_y=True)
    return np.tile(X[:40] / X.std(axis=0), 4) + np.sin(np.arange(120)), y[:40]


onnx_sets = {
    "few samples": lambda return_X_y: few_of_many_features(),
    "breast cancer": load_breast_cancer,
    "iris": load_iris,
    "wine": load_wine,
    "digits": load_digits,
    "one class": lambda return_X_y: (np.eye(5), np.full(5, 3)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize(
    "scaled, alpha",
    [(True, 1.0), (False, 1.0), (False, "auto"), (False, "evidence")],
)
@pytest.mark.parametrize("name", [*onnx_sets, "labels"])
def test_onnx_gives_the_same_labels_and_probabilities(name, scaled, alpha, zipmap):
    skl2onnx = pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    import sk_twolayer.onnx  # noqa: F401

    if name == "labels":
        X, y = make_multilabel_classification(random_state=0)
    else:
        X, y = onnx_sets[name](return_X_y=True)
        if zipmap:
            y = np.array([f"class {i}" for i in range(10)])[y]
    X = X.astype(np.float32)
    model = quick(n_hidden=8, alpha=alpha)
    if scaled:
        model = make_pipeline(StandardScaler(), model)
    model.fit(X, y)
    options = {} if name == "labels" else {"zipmap": zipmap}
    converted = skl2onnx.to_onnx(model, X[:1], options=options or None)
    session = runtime.InferenceSession(
        converted.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    labels, probabilities = session.run(None, {session.get_inputs()[0].name: X})
    if isinstance(probabilities, list):
        probabilities = np.array([list(row.values()) for row in probabilities])
    np.testing.assert_array_equal(labels, model.predict(X))
    atol = 1e-5 if alpha == 1.0 else 1e-4
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=0, atol=atol)
