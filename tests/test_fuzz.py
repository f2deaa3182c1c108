"""Random valid and invalid input: only documented exceptions and warnings."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

from sk_twolayer import TwoLayerSigmoidClassifier

CASES = 600
EXPECTED = (ValueError, TypeError)
NUMBERS = [0, 1, -1, 0.5, 1e-300, 1e300, np.inf, -np.inf, np.nan]


def random_X(rng):
    n, m = rng.integers(0, 12), rng.integers(0, 5)
    X = rng.normal(size=(n, m)) * 10.0 ** rng.integers(-20, 20)
    if X.size and rng.random() < 0.3:
        X.flat[rng.integers(X.size)] = rng.choice(NUMBERS)
    kind = rng.integers(9)
    if kind == 0:
        with np.errstate(over="ignore"):
            return X.astype(np.float32)
    if kind == 1:
        return X.tolist()
    if kind == 2:
        return X.astype(object)
    if kind == 3:
        return sparse.csr_array(X) if X.size else X
    if kind == 4:
        return np.asfortranarray(X)
    if kind == 5:
        return X.ravel()
    if kind == 6:
        return (X > 0).astype(np.uint8)
    return X


def random_y(rng, n):
    kind = rng.integers(8)
    if kind == 0:
        return rng.normal(size=n)
    if kind == 1:
        return np.array(["a", "b", "c"], dtype=object)[rng.integers(0, 3, n)]
    if kind == 2:
        return rng.integers(0, 2, (n, 3))
    if kind == 3:
        return rng.integers(0, 2, n)[:, None]
    if kind == 4:
        return rng.choice([0, 1, None, "a"], n)
    if kind == 5:
        return rng.integers(0, 3, rng.integers(0, 12))
    return rng.integers(0, rng.integers(1, 4), n)


def random_model(rng):
    def maybe(good, *bad):
        return bad[rng.integers(len(bad))] if bad and rng.random() < 0.03 else good

    return TwoLayerSigmoidClassifier(
        maybe(int(rng.integers(1, 5)), 0, -1, 1.5, "4", None),
        solver=maybe(str(rng.choice(["lbfgs", "gd", "adam"])), "sgd", None),
        alpha=maybe(
            "auto" if rng.random() < 0.4 else float(10.0 ** rng.integers(-10, 5)),
            "ard",
            "evidence",
            -1,
            np.nan,
            "x",
        ),
        class_weight=maybe(None, "balanced", {0: 2}, {0: -1}, [1], 3),
        learning_rate=maybe("auto", 1e-3, 1e10, 0, None),
        momentum=maybe(0.0, 0.9, 1.0),
        batch_size=maybe("auto", 1, 5, 0, "x"),
        max_iter=maybe(6, 0),
        tol=maybe(1e-4, 0, -1),
        early_stopping=maybe(bool(rng.random() < 0.2), "x"),
        validation_fraction=maybe(0.3, 0, 1, 2),
        n_init=maybe(1, 2, 0),
        committee=maybe(bool(rng.random() < 0.2), "x"),
        random_state=maybe(0, "x"),
        n_jobs=maybe(-1, 1, None, 0, "x"),
    )


@pytest.mark.parametrize("seed", range(6))
def test_only_documented_errors_and_warnings(seed):
    rng = np.random.default_rng(seed)
    fitted = 0
    for _ in range(CASES // 6):
        X, model = random_X(rng), random_model(rng)
        n = X.shape[0] if hasattr(X, "shape") else len(X)
        y = random_y(rng, n)
        weight = rng.choice([-1.0, 0.0, 1.0, np.nan], n) if rng.random() < 0.1 else None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                model.fit(X, y, sample_weight=weight)
            except EXPECTED as error:
                assert str(error).strip()
                assert not hasattr(model, "W1_")
            else:
                fitted += 1
                assert np.isfinite(model.predict_log_proba(X)).all()
                assert len(model.predict(X)) == n
        for warning in caught:
            known = issubclass(
                warning.category, ConvergenceWarning | DataConversionWarning
            )
            assert known or "of a rare class none" in str(warning.message), warning
    assert fitted > 10
