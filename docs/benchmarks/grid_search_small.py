"""GridSearchCV as in grid_search.py, with ten hidden neurons for both."""

from grid_search import compare

if __name__ == "__main__":
    compare(None, "MLPClassifier, default threads", "—", neurons=10)
