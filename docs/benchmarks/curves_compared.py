"""`curves.py --compared`: the learning curves of data that choices were compared on."""

import sys

from curves import main

if __name__ == "__main__":
    sys.argv.insert(1, "--compared")
    main()
