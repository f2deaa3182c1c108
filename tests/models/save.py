"""Saves small models of this version, for the next ones to load.

    python tests/models/save.py

Run it at each release and commit what it writes; `tests/test_persistence.py` loads all.
"""

import pickle
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

from sk_twolayer import TwoLayerSigmoidClassifier, __version__

X, y = load_iris(return_X_y=True)
models = {
    "binary": TwoLayerSigmoidClassifier(3, random_state=0).fit(X, y == 1),
    "multiclass": TwoLayerSigmoidClassifier(3, random_state=0).fit(X, y),
    "multilabel": TwoLayerSigmoidClassifier(3, random_state=0).fit(X, np.eye(3)[y]),
    "evidence": TwoLayerSigmoidClassifier(3, alpha="evidence", random_state=0).fit(
        X, y
    ),
    "fixed alpha": TwoLayerSigmoidClassifier(3, alpha=1.0, random_state=0).fit(X, y),
    "committee": TwoLayerSigmoidClassifier(
        3, alpha="ard", n_init=2, committee=True, random_state=0
    ).fit(X, y),
    "few samples": TwoLayerSigmoidClassifier(3, alpha="evidence", random_state=0).fit(
        X[40:60], y[40:60]
    ),
    "partial": TwoLayerSigmoidClassifier(3, solver="adam", random_state=0).partial_fit(
        X, y, [0, 1, 2]
    ),
}
saved = {name: (model, model.predict_proba(X)) for name, model in models.items()}
path = Path(__file__).with_name(f"{__version__}.pickle")
path.write_bytes(pickle.dumps(saved, protocol=4))
