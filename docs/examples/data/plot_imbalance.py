"""
Classes of unequal size
=======================

``class_weight="balanced"`` lets the rare class count as much as the frequent one.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay, recall_score
from sklearn.model_selection import train_test_split

from sk_twolayer import TwoLayerSigmoidClassifier

X, y = load_digits(return_X_y=True)
y = np.where(y == 8, "eight", "other")  # a tenth, and the hardest digit
X = X[:, ::4]  # a quarter of the pixels, or it would be too easy
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for ax, weight in zip(axes, (None, "balanced"), strict=True):
    model = TwoLayerSigmoidClassifier(8, class_weight=weight, random_state=0)
    predicted = model.fit(X_train, y_train).predict(X_test)
    ConfusionMatrixDisplay.from_predictions(y_test, predicted, ax=ax, colorbar=False)
    recall = recall_score(y_test, predicted, pos_label="eight")
    ax.set_title(f"class_weight={weight!r}\nfound {recall:.0%} of the eights")
plt.show()
