"""`curves.py --held-back`: the learning curves of data that no choice was made on."""

import sys

from curves import main

if __name__ == "__main__":
    sys.argv.insert(1, "--held-back")
    main()
