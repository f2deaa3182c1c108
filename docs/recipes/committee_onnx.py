"""A committee to ONNX in one piece, inside its pipeline.

pip install skl2onnx onnxruntime

The graph averages the members' moderated probabilities. Meta-estimators that skl2onnx
converts, such as CalibratedClassifierCV, take the network likewise.
"""

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sk_twolayer.onnx  # noqa: F401  teaches skl2onnx
from sk_twolayer import TwoLayerSigmoidClassifier

X, y = load_wine(return_X_y=True)
X = X.astype(np.float32)
committee = TwoLayerSigmoidClassifier(
    10, alpha="evidence", n_init=5, committee=True, random_state=0
)
model = make_pipeline(StandardScaler(), committee).fit(X, y)

converted = to_onnx(model, X[:1], options={"zipmap": False})
session = onnxruntime.InferenceSession(
    converted.SerializeToString(), providers=["CPUExecutionProvider"]
)
labels, probabilities = session.run(None, {"X": X})

np.testing.assert_array_equal(labels, model.predict(X))
difference = np.abs(probabilities - model.predict_proba(X)).max()
print(f"{len(converted.SerializeToString()) / 1e3:.0f} kB")
print(f"largest difference of a probability: {difference:.1e}")
assert difference < 1e-4
