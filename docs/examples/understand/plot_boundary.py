"""
A decision boundary over the iterations
=======================================

``warm_start`` goes on from the last weights, so training can be looked at on its way.
Triangles are versicolor, and blue is where the network believes so.
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
figure, axes = plt.subplots(2, 2, figsize=(7.5, 6), layout="constrained")
done = 0
for ax, iterations in zip(axes.flat, (1, 4, 10, 60), strict=True):
    model.set_params(max_iter=iterations - done).fit(X, y)
    done = iterations
    DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict_proba", ax=ax, cmap="RdBu", vmin=0, vmax=1
    )
    for label, marker, face in ((0, "o", "white"), (1, "^", "black")):
        ax.scatter(
            *X[y == label].to_numpy().T, 18, face, marker=marker, edgecolor="black"
        )
    ax.set_title(f"iteration {iterations}, cost {model.loss_:.3f}")
plt.show()
