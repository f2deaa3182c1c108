"""Choose by the evidence in a search, without cross-validation.

pip install scikit-learn

The evidence compares models on the training data. So the search gets one split, which
trains on everything, and a scorer that looks at the model alone.
"""

import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer

from sk_twolayer import TwoLayerSigmoidClassifier

X, y = load_wine(return_X_y=True)
everything = np.arange(len(X))


def log_evidence(model, X, y):
    return model[-1].log_evidence_


search = GridSearchCV(
    make_pipeline(
        PowerTransformer(),
        TwoLayerSigmoidClassifier(alpha="evidence", n_init=3, random_state=0),
    ),
    {
        "twolayersigmoidclassifier__alpha": ["evidence", "ard"],
        "twolayersigmoidclassifier__n_hidden": [2, 5],
    },
    scoring=log_evidence,
    cv=[(everything, everything)],
).fit(X, y)

for options, score in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"log evidence {score:8.1f} with {options}")
best = search.best_estimator_[-1]
print("chosen:", best)
assert np.isclose(best.log_evidence_, search.best_score_)
