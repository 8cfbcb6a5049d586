"""The command `kaggle-relay`, and `python -m kaggle_relay`."""

import sys

from runner.command_line import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
