"""
Sparse text
===========

Which library does a docstring come from? Term counts stay sparse from end to end.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np
import scipy.linalg
import scipy.signal
import scipy.stats
import sklearn.cluster
import sklearn.linear_model
import sklearn.metrics
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

from sk_twolayer import TwoLayerSigmoidClassifier

SOURCES = {
    "numpy": [np, np.linalg],
    "scipy": [scipy.stats, scipy.linalg, scipy.signal],
    "sklearn": [sklearn.cluster, sklearn.linear_model, sklearn.metrics],
}
texts, labels = [], []
for label, modules in SOURCES.items():
    for module in modules:
        for name in sorted(dir(module)):
            text = inspect.getdoc(getattr(module, name)) or ""
            if not name.startswith("_") and callable(getattr(module, name)):
                # The first lines only, and no library gives itself away by name.
                first = text[:300].lower()
                for word in ("numpy", "scipy", "sklearn", "scikit", "np."):
                    first = first.replace(word, " ")
                texts.append(first)
                labels.append(label)

model = make_pipeline(
    TfidfVectorizer(sublinear_tf=True),
    TwoLayerSigmoidClassifier(8, alpha=0.05, random_state=0),
)
predicted = cross_val_predict(model, texts, labels, cv=5)
counts = model[0].fit_transform(texts)
print(f"{counts.shape[0]} docstrings, {counts.shape[1]} terms, {counts.nnz} entries")

ConfusionMatrixDisplay.from_predictions(labels, predicted, colorbar=False)
plt.title(f"accuracy {np.mean(predicted == np.array(labels)):.2f}")
plt.tight_layout()
plt.show()
