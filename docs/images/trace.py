"""Writes docs/images/trace.html, the trace in "The matrices", drawn by the library.

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
page = trace(model, iris.data, y)._repr_html_()
Path(__file__).with_name("trace.html").write_text(page + "\n", encoding="utf-8")
