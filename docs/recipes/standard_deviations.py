"""Standard deviations of Z2 through pipelines and searches.

pip install scikit-learn

With scikit-learn's metadata routing a pipeline passes `return_std` on. A search does not
take arguments for `decision_function`: ask its `best_estimator_`. Without routing, ask
the last step.
"""

import numpy as np
import sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

X, y = load_breast_cancer(return_X_y=True)
network = TwoLayerSigmoidClassifier(alpha="evidence", random_state=0)

# With routing: the network asks for the argument, and gets it.
with sklearn.config_context(enable_metadata_routing=True):
    pipeline = make_pipeline(
        StandardScaler(), network.set_decision_function_request(return_std=True)
    )
    search = GridSearchCV(
        pipeline,
        {"twolayersigmoidclassifier__n_hidden": [3, 10]},
        scoring="neg_log_loss",
        cv=3,
    ).fit(X, y)
    Z2, std = search.best_estimator_.decision_function(X, return_std=True)

# Without: the steps before, then the network itself.
best = search.best_estimator_
again = best[-1].decision_function(best[:-1].transform(X), return_std=True)
np.testing.assert_allclose([Z2, std], again)

least, most = std.argmin(), std.argmax()
print(f"surest:     log-odds {Z2[least]:6.2f} ± {std[least]:.2f}")
print(f"least sure: log-odds {Z2[most]:6.2f} ± {std[most]:.2f}")
