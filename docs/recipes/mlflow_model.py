"""Log a model with MLflow, and load it.

pip install mlflow skops

MLflow stores a scikit-learn model with skops, which loads only types that it is told:
`sk_twolayer.TRUSTED_TYPES`.
"""

import tempfile
from pathlib import Path

import mlflow
import numpy as np
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TRUSTED_TYPES, TwoLayerSigmoidClassifier

X, y = load_iris(return_X_y=True)
model = make_pipeline(
    StandardScaler(),
    TwoLayerSigmoidClassifier(n_init=3, committee=True, random_state=0),
).fit(X, y)

with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
    mlflow.set_tracking_uri(f"sqlite:///{Path(folder, 'mlflow.db')}")
    mlflow.create_experiment("iris", artifact_location=Path(folder, "files").as_uri())
    mlflow.set_experiment("iris")
    with mlflow.start_run():
        mlflow.log_params(model[-1].get_params())
        mlflow.log_metric("cv_loss", min(model[-1].cv_loss_curve_))
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format="skops",
            skops_trusted_types=TRUSTED_TYPES,
            pip_requirements=["sk-twolayer", "scikit-learn", "skops"],
        )
    loaded = mlflow.sklearn.load_model(logged.model_uri)

np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
print("loaded:", loaded[-1])
