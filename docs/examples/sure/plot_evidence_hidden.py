"""
How many neurons? The evidence and the test error
=================================================

The evidence is computed from the training data alone. Where it is highest, the error on
data that the network has not seen is about lowest.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import log_loss

from sk_twolayer import TwoLayerSigmoidClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(6400, 2))
log_odds = 4 * np.sin(2 * X[:, 0]) + 2 * X[:, 1] ** 2 - 2
y = (rng.random(len(X)) < 1 / (1 + np.exp(-log_odds))).astype(int)
X_train, y_train, X_test, y_test = X[:400], y[:400], X[400:], y[400:]

sizes = range(1, 13)
evidence, errors, fixed = [], [], []
for k in sizes:
    model = TwoLayerSigmoidClassifier(k, alpha="evidence", n_init=5, random_state=0)
    model.fit(X_train, y_train)
    evidence.append(model.log_evidence_)
    errors.append(log_loss(y_test, model.predict_proba(X_test)))
    model.set_params(alpha=0.01).fit(X_train, y_train)
    fixed.append(log_loss(y_test, model.predict_proba(X_test)))

# %%
# With a penalty that is too small the error grows again with more neurons; with the one
# that the evidence chooses it hardly does.

figure, (upper, lower) = plt.subplots(
    2, figsize=(6.4, 6), sharex=True, layout="constrained"
)
upper.plot(sizes, evidence, "o-")
upper.set(ylabel="log evidence (nats)", title="Evidence and error by neurons")
lower.plot(sizes, errors, "o-", label='alpha="evidence"')
lower.plot(sizes, fixed, "s--", label="alpha=0.01")
lower.set(xlabel="hidden neurons k", ylabel="test log-loss (nats)")
lower.legend()
plt.show()

best = sizes[int(np.argmax(evidence))]
print(f"highest evidence: k = {best}, test log-loss {errors[best - 1]:.3f}")
print(f"lowest test log-loss: {min(errors):.3f}")
