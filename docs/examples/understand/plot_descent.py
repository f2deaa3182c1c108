"""
Gradient descent by hand against L-BFGS
=======================================

The article's descent in four lines, the same through the estimator, and L-BFGS.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier, network

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
warnings.simplefilter("ignore", ConvergenceWarning)

# %%
# Both begin with the same weights, given to ``fit``.

start = TwoLayerSigmoidClassifier(8, alpha=0, max_iter=1, random_state=0).fit(X, y)
initial = {"coef_init": start.coefs_, "intercept_init": start.intercepts_}

parameters = network.Parameters(start.W1_, start.b1_, start.W2_, start.b2_)
costs = []
for _ in range(200):
    activations = network.forward(X.T, *parameters)
    costs.append(network.cross_entropy(activations.Z2, y[None, :]))
    gradients = network.backward(X.T, y[None, :], parameters.W2, activations)
    parameters = network.gradient_descent_step(parameters, gradients, 0.5)

options = {"alpha": 0, "max_iter": 199}
descent = TwoLayerSigmoidClassifier(8, solver="gd", learning_rate=0.5, **options)
descent.fit(X, y, **initial)
print(
    "largest difference:",
    max(abs(a - b) for a, b in zip(costs, descent.loss_curve_, strict=True)),
)

# %%
# L-BFGS takes the same gradients and gets further with each.

lbfgs = TwoLayerSigmoidClassifier(8, **options).fit(X, y, **initial)

figure, ax = plt.subplots(layout="constrained")
ax.semilogy(costs, lw=5, alpha=0.4, label="descent by hand")
ax.semilogy(descent.loss_curve_, label='solver="gd"')
ax.semilogy(lbfgs.loss_curve_[:60], label='solver="lbfgs"')
ax.set(xlabel="iteration", ylabel="cost (nats)", title="Descent and L-BFGS")
ax.legend()
plt.show()
