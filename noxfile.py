"""The suite on every supported Python, and at both ends of the dependencies.

    pip install nox && nox            # all
    nox -s tests-3.13                 # one Python
    nox -s oldest typing lint docs
    nox -s nightly speed              # what the weekly workflow runs

``.ci/run`` runs the newest and the oldest dependencies on one Python, types, lint and
docs; the other Pythons are here, since not every machine has them.
"""

from functools import partial
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session):
    session.install(".[test,persistence]")
    session.run("pytest", *session.posargs)


@nox.session(python=["3.13t", "3.14t"], default=False)
def free_threaded(session):
    """Without polars and skl2onnx, whose wheels it can't load, and Dask: docs/trust.md."""
    others = ["array-api-strict", "hypothesis", "matplotlib", "numpydoc", "pandas"]
    others += ["cloudpickle", "pyarrow", "pytest", "rich", "skops"]
    # NumPy 2.5, SciPy 1.18 and scikit-learn 1.9 have no wheels for 3.13t.
    session.install("--prefer-binary", ".", *others)
    has_no_lock = "import sys, sk_twolayer; assert not sys._is_gil_enabled()"
    session.run("python", "-c", has_no_lock)
    session.run("pytest", *session.posargs)


@nox.session
def arrays(session):
    """SciPy must know of arrays of other libraries when it is imported."""
    session.install("torch", "--index-url", "https://download.pytorch.org/whl/cpu")
    session.install(".[test]")
    env = {"SCIPY_ARRAY_API": "1"}
    session.run("pytest", "tests/test_array_api.py", *session.posargs, env=env)


@nox.session(python="3.11")
def oldest(session):
    session.install("-c", "tests/constraints-oldest.txt", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def coverage(session):
    session.install("-e", ".[test,persistence]", "coverage[toml]")
    session.run("coverage", "run", "-m", "pytest")
    session.run("coverage", "report", "--fail-under=97")


@nox.session
def recipes(session):
    session.install(".[test,persistence,recipes]")
    session.run("pytest", "tests/test_recipes.py", *session.posargs)


@nox.session(default=False)
def nightly(session):
    session.install(".[test]")
    wheels = "https://pypi.anaconda.org/scientific-python-nightly-wheels/simple"
    options = ["--pre", "--upgrade", "--only-binary=:all:", "--extra-index-url", wheels]
    session.install(*options, "numpy", "scipy", "scikit-learn")
    session.run("pytest", *session.posargs)


@nox.session(default=False)
def speed(session):
    """The kernels of docs/benchmarks, and how a commit's compare, or a release's."""
    session.install(".", "pytest", "pytest-benchmark>=5")
    git = partial(session.run, "git", external=True)
    releases = git("tag", "--list", "v*", "--sort=-version:refname", silent=True)
    before = [*session.posargs, *releases.split()][:1]
    folder = Path(session.create_tmp()).resolve()
    kernels = ["docs/benchmarks/kernels.py", f"--benchmark-storage=file://{folder}"]
    # `python -m` imports the package of the folder that it runs in.
    pytest = ["python", "-m", "pytest", *kernels]
    if before:
        checkout = str(folder / "before")
        git("worktree", "add", "--force", "--detach", checkout, *before)
        try:
            with session.chdir(checkout):
                session.run(*pytest, "--benchmark-save=before")
        finally:
            git("worktree", "remove", "--force", checkout)
        pytest += ["--benchmark-compare", "--benchmark-compare-fail=min:20%"]
    session.run(*pytest)


@nox.session
def mutation(session):
    session.install("-e", ".[test]", "mutmut")
    session.run("mutmut", "run")
    session.run("mutmut", "results")


@nox.session
def typing(session):
    session.install(".[lint,test]")
    session.run("mypy")
    session.run("mypy", "tests/typed_use.py")


@nox.session
def lint(session):
    session.install(".[lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")


@nox.session
def docs(session):
    session.install(".[docs]")
    session.run("sphinx-build", "-W", "-b", "html", "docs", "docs/_build/html")


@nox.session
def distribution(session):
    session.install("build", "twine")
    session.run("python", "-m", "build")
    session.run("python", "tests/check_distribution.py", "dist")
    session.run("twine", "check", "--strict", "dist/*")
