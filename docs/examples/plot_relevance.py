"""
Which features matter? Automatic relevance determination
========================================================

``alpha="ard"`` has a penalty for each feature. Where a feature does not help, its penalty
grows until its weights are 0.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict

from sk_twolayer import TwoLayerSigmoidClassifier

data = load_wine()
rng = np.random.default_rng(0)
noise = rng.normal(size=(len(data.data), 7))
X = np.column_stack([data.data, noise])
names = [*data.feature_names, *(f"noise {i}" for i in range(1, 8))]

model = TwoLayerSigmoidClassifier(8, alpha="ard", random_state=0).fit(X, data.target)
order = np.argsort(model.feature_relevance_)

figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
colors = ["tab:gray" if i >= data.data.shape[1] else "tab:blue" for i in order]
ax.barh(np.array(names)[order], model.feature_relevance_[order], color=colors)
ax.set_xlabel("feature_relevance_: standard deviation expected of the weights")
ax.set_title("Wine's features, and seven columns of noise")
plt.show()

# %%
# Nobody has to take the noise out: with it the log-loss is hardly higher.

for alpha in ("auto", "evidence", "ard"):
    network = TwoLayerSigmoidClassifier(8, alpha=alpha, random_state=0)
    for name, columns in (("wine", data.data), ("wine and noise", X)):
        p = cross_val_predict(
            network, columns, data.target, cv=5, method="predict_proba"
        )
        print(f"{alpha:>8}, {name}: log-loss {log_loss(data.target, p):.3f}")
