"""
Quick start
===========

The network at its defaults, on features as they come, beside scikit-learn's own.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier
from sk_twolayer.inspection import trace

mlp = MLPClassifier(max_iter=3000, random_state=0)
models = {
    "TwoLayerSigmoidClassifier, raw": TwoLayerSigmoidClassifier(random_state=0),
    "MLPClassifier, raw": mlp,
    "MLPClassifier, scaled": make_pipeline(StandardScaler(), mlp),
    "LogisticRegression, scaled": make_pipeline(StandardScaler(), LogisticRegression()),
}
loaders = {"iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer}
# With pandas the features have names, in the trace and the plot too.
options = {"return_X_y": True, "as_frame": find_spec("pandas") is not None}
data = {name: load(**options) for name, load in loaders.items()}
folds = StratifiedKFold(5, shuffle=True, random_state=0)

print(f"{'log-loss (accuracy), 5-fold':<32}" + "".join(f"{s:>15}" for s in data))
for name, model in models.items():
    line = f"{name:<32}"
    for X, y in data.values():
        found = cross_validate(
            model, X, y, cv=folds, scoring=("neg_log_loss", "accuracy")
        )
        loss, accuracy = -found["test_neg_log_loss"], found["test_accuracy"]
        line += f"{loss.mean():>7.3f} ({accuracy.mean():.3f})"
    print(line)

# %%
# One network, its matrices in a page to open in a browser, and what matters to it.

X, y = data["breast cancer"]
y = np.array(["malignant", "benign"])[y]
network = TwoLayerSigmoidClassifier(random_state=0).fit(X, y)
print(f"\nbreast cancer, m = {X.shape[1]} features, k = {network.n_hidden_} neurons:")
for name, letters in [("W1", "k, m"), ("b1", "k, 1"), ("W2", "1, k"), ("b2", "1, 1")]:
    print(f"  {name}_  ({letters}) = {getattr(network, name + '_').shape}")

figures = Path("figures")
figures.mkdir(exist_ok=True)
trace(network, X, y).save(figures / "trace.html")
print("\nsaved", figures / "trace.html", "- every matrix, to open in a browser")

try:
    import matplotlib
except ImportError:
    print("matplotlib is not installed: no plots. pip install 'sk-twolayer[plot]'")
else:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from sk_twolayer.inspection import SensitivityDisplay

    display = SensitivityDisplay.from_estimator(network, X)
    display.figure_.savefig(figures / "quickstart.png", dpi=100, bbox_inches="tight")
    print("saved", figures / "quickstart.png", "- which features matter")
    plt.show()
