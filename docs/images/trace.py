"""Writes docs/images/trace.html and trace_zh.html, the traces in "The matrices".

python docs/images/trace.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

from sk_twolayer import TwoLayerSigmoidClassifier
from sk_twolayer.inspection import trace

iris = load_iris(as_frame=True)
y = np.where(iris.target == 1, "versicolor", "another")
model = TwoLayerSigmoidClassifier(3, random_state=0).fit(iris.data, y)
seen = trace(model, iris.data, y)
for seen.language, name in (("en", "trace"), ("zh", "trace_zh")):
    path = Path(__file__).with_name(f"{name}.html")
    path.write_text(seen._repr_html_() + "\n", encoding="utf-8")
