"""One L-BFGS iteration, 100 000 x 30, k = 64, float32, against MLPClassifier."""

import numpy as np
from lbfgs_float64 import compare

if __name__ == "__main__":
    compare(np.float32, "≥ 10×")
