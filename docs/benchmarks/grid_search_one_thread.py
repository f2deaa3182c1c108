"""GridSearchCV as in grid_search.py, against MLPClassifier with one BLAS thread."""

from grid_search import compare

if __name__ == "__main__":
    compare(1, "MLPClassifier, BLAS held to one thread", "≥ 2×")
