"""
A decision boundary over the iterations
=======================================

``warm_start`` goes on from the last weights, so training can be looked at on its way.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import DecisionBoundaryDisplay

from sk_twolayer import TwoLayerSigmoidClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_iris(return_X_y=True, as_frame=True)
X = X[["petal length (cm)", "petal width (cm)"]]
y = (y == 1).astype(int)  # versicolor lies between the two others

model = TwoLayerSigmoidClassifier(8, alpha=0.05, warm_start=True, random_state=0)
figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
done = 0
for ax, iterations in zip(axes, (1, 4, 10, 60), strict=True):
    model.set_params(max_iter=iterations - done).fit(X, y)
    done = iterations
    DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict_proba", ax=ax, cmap="RdBu", vmin=0, vmax=1
    )
    ax.scatter(*X.to_numpy().T, c=y, cmap="RdBu", edgecolor="black", s=15)
    ax.set_title(f"iteration {iterations}, cost {model.loss_:.3f}")
plt.show()
