"""An epoch of Adam in float32, as in adam_float64.py."""

import numpy as np
from adam_float64 import compare

if __name__ == "__main__":
    compare(np.float32, "≥ 3×")
