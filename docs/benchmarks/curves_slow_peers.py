"""`curves.py --slow-peers`: the ranks with CatBoost and RealMLP, from their file."""

import sys

from curves import main

if __name__ == "__main__":
    sys.argv.insert(1, "--slow-peers")
    main()
