"""
Calibration
===========

How often a probability of 0.8 comes true, for different penalties, for the one that
cross-validation chooses, and for the evidence.
"""

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

X, y = load_breast_cancer(return_X_y=True)
X = X[:, :5]  # radius, texture, perimeter, area, smoothness: not all too easy
cv = StratifiedKFold(5, shuffle=True, random_state=0)
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
for alpha in (0.001, 1.0, "auto", "evidence"):
    model = make_pipeline(
        StandardScaler(),
        TwoLayerSigmoidClassifier(alpha=alpha, max_iter=5000, random_state=0),
    )
    p = cross_val_predict(model, X, y, cv=cv, method="predict_proba")[:, 1]
    name = f"alpha={alpha}, Brier score {brier_score_loss(y, p):.4f}"
    CalibrationDisplay.from_predictions(y, p, n_bins=6, name=name, ax=ax)
ax.set_title("Calibration, five features of breast cancer")
plt.show()
