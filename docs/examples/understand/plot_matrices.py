"""
The matrices of one pass
========================

Every matrix of a forward and a backward pass: name, equation, shape, meaning, values.
"""

# %%
# A small network on three features of the wine data, so that everything is in sight.

# sphinx_gallery_thumbnail_path = 'images/flow.svg'
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier, network
from sk_twolayer.inspection import (
    WeightsDisplay,
    from_parameters,
    gradient_check,
    trace,
)

wine = load_wine(as_frame=True)
X = wine.data[["alcohol", "proline", "hue"]]
X = StandardScaler().set_output(transform="pandas").fit_transform(X)
y = np.where(wine.target == 0, "class 0", "another")
model = TwoLayerSigmoidClassifier(4, random_state=0).fit(X, y)

seen = trace(model, X, y)
print(seen)

# %%
# In a notebook the trace is a page to explore. Samples are columns, so one sample is one
# vertical line; choose any number to see the row and the column it came from.
# ``seen.save("trace.html")`` keeps it, ``seen.show()`` opens it in a browser.

seen

# %%
# One sample, followed through every step: its column, with the sums written out.

print(seen.sample(0))

# %%
# Is a gradient written by hand right? Here one with a forgotten factor 1/n in db2: the
# check names the entry.

A0, Y = X.to_numpy().T, (y == "class 0").astype(float)[None, :]
parameters = (model.W1_, model.b1_, model.W2_, model.b2_)
good = network.backward(A0, Y, model.W2_, network.forward(A0, *parameters))
mine = {"dW1": good.dW1, "db1": good.db1, "dW2": good.dW2}
mine["db2"] = good.dZ2.sum(axis=1, keepdims=True)
print(gradient_check(model, X, y, gradients=mine))

# %%
# For teaching, the same without an estimator.

print(from_parameters(A0[:, :5], Y[:, :5], *parameters))

# %%
# And a picture to print: the weights alone, a row a neuron.

WeightsDisplay.from_estimator(model)
plt.show()
