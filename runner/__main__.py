"""`python -m runner`: what `kaggle-relay` is, in a clone."""

import sys

from runner.command_line import main

if __name__ == "__main__":
    sys.exit(main())
