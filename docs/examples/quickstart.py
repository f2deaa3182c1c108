"""
Quick start
===========

The main job on scikit-learn's breast cancer data: score, search, compare, look.
"""

from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

network = make_pipeline(StandardScaler(), TwoLayerSigmoidClassifier(random_state=0))
scores = cross_val_score(network, X_train, y_train, scoring="neg_log_loss")
print(f"5-fold log-loss of the defaults: {-scores.mean():.3f} ± {scores.std():.3f}")

search = GridSearchCV(
    network,
    {
        "twolayersigmoidclassifier__n_hidden": [4, 16],
        "twolayersigmoidclassifier__alpha": ["auto", 0.1, 1.0, 10.0],
    },
    scoring="neg_log_loss",
).fit(X_train, y_train)
print("chosen:", search.best_params_)

models = {
    "TwoLayerSigmoidClassifier": search.best_estimator_,
    "LogisticRegression": make_pipeline(StandardScaler(), LogisticRegression()),
    "MLPClassifier": make_pipeline(
        StandardScaler(), MLPClassifier(max_iter=1000, random_state=0)
    ),
}
print(f"\n{'on the test set':<27}{'log-loss':>9}{'accuracy':>10}{'ROC AUC':>9}")
for name, model in models.items():
    probability = model.fit(X_train, y_train).predict_proba(X_test)[:, 1]
    print(
        f"{name:<27}{log_loss(y_test, probability):>9.3f}"
        f"{accuracy_score(y_test, probability > 0.5):>10.3f}"
        f"{roc_auc_score(y_test, probability):>9.3f}"
    )

fitted = search.best_estimator_[-1]
print("\nparameters (k hidden neurons, m features):")
for name, letters in [("W1", "k, m"), ("b1", "k, 1"), ("W2", "1, k"), ("b2", "1, 1")]:
    print(f"  {name}_  ({letters}) = {getattr(fitted, name + '_').shape}")

try:
    import matplotlib
except ImportError:
    print("\nmatplotlib is not installed: no plots. pip install 'sk-twolayer[plot]'")
else:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from sklearn.calibration import CalibrationDisplay

    figures = Path("figures")
    figures.mkdir(exist_ok=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.plot(fitted.loss_curve_)
    left.set(xlabel="iteration", ylabel="cost (nats)", title="Cost in training")
    CalibrationDisplay.from_estimator(
        search.best_estimator_, X_test, y_test, n_bins=5, ax=right, name="network"
    )
    right.set_title("Calibration on the test set")
    figure.savefig(figures / "quickstart.png", dpi=100)
    print("\nsaved", figures / "quickstart.png")
