"""What threads gain, with Python's lock and without it: on this Python and free ones.

    python docs/benchmarks/threaded_search.py        # and each python3.13t, 3.14t in PATH
    python docs/benchmarks/threaded_search.py here   # on this Python alone, but for limit.py

The search of grid_search.py in two of joblib's threads, against one, and fits whose folds
or starts have a thread each, with BLAS held to one thread, so that nothing but the threads
is added; and an evaluation's share of what the hardware could do, from limit.py.
"""

import os
import platform
import shutil
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

from _common import row, samples, side_by_side
from grid_search import ALPHAS
from joblib import parallel_config
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_twolayer import TwoLayerSigmoidClassifier

HERE = Path(__file__).parent
FREE = ("python3.13t", "python3.14t")
ONE = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}


def is_free():
    """Whether this Python has no lock, after all imports: one of them can bring it back."""
    return not getattr(sys, "_is_gil_enabled", lambda: True)()


def compare(work, function, repeats=5):
    """A row for function(n_jobs) with two threads and with one."""
    function(2)
    two, one = side_by_side([lambda: function(2), lambda: function(1)], repeats, lost=0)
    row(
        f"{work}, two threads",
        "one thread",
        f"{two:.2f}",
        f"{one:.2f}",
        "s",
        f"{one / two:.2f}×",
        "≥ 1.7×" if is_free() and "Grid" in work else "—",
    )


def search(neurons, n_jobs):
    X, y = load_breast_cancer(return_X_y=True)
    model = TwoLayerSigmoidClassifier(neurons, random_state=0)
    grid = {"twolayersigmoidclassifier__alpha": ALPHAS}
    # scikit-learn gives each fit the filters, which on 3.13t threads share: none may be
    # left after a search, of which it then warns at every fit.
    warnings.simplefilter("ignore")
    with parallel_config("threading", n_jobs=n_jobs):
        GridSearchCV(make_pipeline(StandardScaler(), model), grid).fit(X, y)


def fit(n, n_jobs, **options):
    model = TwoLayerSigmoidClassifier(random_state=0, n_jobs=n_jobs, **options)
    model.fit(*samples(n))


def here():
    version = platform.python_version()
    print(f"{version}, no lock" if is_free() else f"{version}, its lock on")
    for k in (10, 100):
        work = f"GridSearchCV, 20 candidates × 5 folds, breast cancer, scaled, k = {k}"
        compare(work, partial(search, k))
    compare("fit, 1000 × 30", partial(fit, 1000))
    committee = {"alpha": "evidence", "n_init": 4}
    compare("fit of a committee of four, 300 × 30", partial(fit, 300, **committee))


def run(python, *script, **environment):
    """What a script prints."""
    result = subprocess.run(
        [python, *script],
        check=True,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
    )
    return result.stdout.splitlines()


def main():
    print("| Python | work | peer | here | peer | ratio | to reach |")
    print("|---|---|---|---|---|---|---|")
    for python in [sys.executable, *filter(None, map(shutil.which, FREE))]:
        name, *rows = run(python, __file__, "here", **ONE)
        for line in rows + run(python, HERE / "limit.py"):
            print(f"| {name} {line}")


if __name__ == "__main__":
    here() if sys.argv[1:] == ["here"] else main()
