"""Data that several tests share; hypothesis's profiles.

Hypothesis tries the same examples in each CI run, and new ones elsewhere.

    pytest --hypothesis-profile=thorough

tries many more.
"""

import os

import pytest
from hypothesis import settings
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=25)
settings.register_profile("local", deadline=None, max_examples=25, print_blob=True)
settings.register_profile("thorough", deadline=None, max_examples=600, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def data():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y
