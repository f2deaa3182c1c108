"""Explain predictions by SHAP values.

pip install shap

SHAP takes any function of X. Log-odds add up better than probabilities, so
`decision_function` is explained. `input_gradient` and
`sk_twolayer.inspection.SensitivityDisplay` answer a simpler question at once.
"""

import numpy as np
import shap
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

data = load_breast_cancer()
model = make_pipeline(StandardScaler(), TwoLayerSigmoidClassifier(random_state=0))
model.fit(data.data, data.target)

background = shap.sample(data.data, 50, random_state=0)
explainer = shap.PermutationExplainer(model.decision_function, background, seed=0)
explained = explainer(data.data[:5], silent=True)

total = explained.base_values + explained.values.sum(axis=1)
np.testing.assert_allclose(total, model.decision_function(data.data[:5]), rtol=1e-6)
order = np.abs(explained.values[0]).argsort()[::-1]
print("log-odds of the first sample:", f"{total[0]:.2f}, made of")
for i in order[:5]:
    print(f"  {explained.values[0, i]:6.2f}  {data.feature_names[i]}")
