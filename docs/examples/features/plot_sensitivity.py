"""
Which inputs matter
===================

Gradients by the inputs, the network's picture, and scikit-learn's own tools.
"""

# sphinx_gallery_thumbnail_number = 4

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.inspection import PartialDependenceDisplay, permutation_importance

from sk_twolayer import TwoLayerSigmoidClassifier
from sk_twolayer.inspection import (
    LossCurveDisplay,
    NetworkDisplay,
    SensitivityDisplay,
    WeightsDisplay,
)

X, y = load_wine(return_X_y=True, as_frame=True)
model = TwoLayerSigmoidClassifier(6, early_stopping=True, random_state=0).fit(X, y)

# %%
# Training and validation cost by iteration.

LossCurveDisplay.from_estimator(model)
plt.show()

# %%
# The network: an edge a weight, the largest strongest.

NetworkDisplay.from_estimator(model)
plt.show()

# %%
# The same weights as heat maps.

WeightsDisplay.from_estimator(model)
plt.show()

# %%
# To first order, how much one standard deviation of an input moves each probability.

SensitivityDisplay.from_estimator(model, X)
plt.show()

# %%
# scikit-learn's permutation importance asks another question: what is lost without it?

importance = permutation_importance(model, X, y, n_repeats=10, random_state=0)
order = importance.importances_mean.argsort()
figure, ax = plt.subplots(layout="constrained")
ax.boxplot(importance.importances[order].T, orientation="horizontal")
ax.set_yticklabels(X.columns[order])
ax.set_xlabel("accuracy lost")
plt.show()

# %%
# And its partial dependence: the mean probability of class 0 over one input's range.

PartialDependenceDisplay.from_estimator(
    model, X, ["proline", "alcohol", "flavanoids"], target=0
)
plt.tight_layout()
plt.show()
