"""
Probabilities that know what they don't know
============================================

With ``alpha="evidence"`` the network says less where there were no data to learn from.
Triangles are of the second class.
"""

# sphinx_gallery_thumbnail_number = 2

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from sk_twolayer import TwoLayerSigmoidClassifier

X, y = make_moons(100, noise=0.3, random_state=0)
grid = np.stack(np.meshgrid(np.linspace(-5, 6, 111), np.linspace(-5, 5, 101)), axis=-1)
points = grid.reshape(-1, 2)
N_HIDDEN = 10
models = {
    "alpha=0.01": TwoLayerSigmoidClassifier(N_HIDDEN, alpha=0.01, random_state=0),
    'alpha="evidence"': TwoLayerSigmoidClassifier(
        N_HIDDEN, alpha="evidence", random_state=0
    ),
    "a committee of five": TwoLayerSigmoidClassifier(
        N_HIDDEN, alpha="evidence", n_init=5, committee=True, random_state=0
    ),
}

figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    p = model.fit(X, y).predict_proba(points)[:, 1].reshape(grid.shape[:2])
    shown = ax.contourf(*grid.T, p.T, np.linspace(0, 1, 11), cmap="RdBu")
    for label, marker, face in ((0, "o", "white"), (1, "^", "black")):
        ax.scatter(*X[y == label].T, 14, face, marker=marker, edgecolor="black", lw=0.6)
    ax.set_title(name)
figure.colorbar(shown, ax=axes, label="probability of the second class")
plt.show()

# %%
# The standard deviation of Z2 is behind that: small at the data, large elsewhere.

model = models['alpha="evidence"']
Z2, std = model.decision_function(points, return_std=True)

figure, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
shown = ax.contourf(*grid.T, std.reshape(grid.shape[:2]).T, 12, cmap="viridis")
ax.scatter(*X.T, c="white", edgecolor="black", s=15)
ax.set_title("Standard deviation of Z2")
figure.colorbar(shown, label="standard deviation of Z2 (nats)")
plt.show()

# %%
# The evidence rises with each round, while the precisions move.

figure, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
for column, name in enumerate(("W1", "W2")):
    ax.semilogx(
        model.alpha_curve_[:, column], model.log_evidence_curve_, "o-", label=name
    )
ax.set(xlabel="precision alpha", ylabel="log evidence (nats)")
ax.set_title("The evidence against alpha, round by round")
ax.legend()
plt.show()

print(f"alpha_ of W1 and W2: {model.alpha_.round(3)}")
print(f"log_evidence_: {model.log_evidence_:.1f}")
print(f"n_effective_parameters_: {model.n_effective_parameters_:.1f} of 41")
