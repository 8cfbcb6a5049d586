"""The tasks of this project are those of kaggle-relay: `doit list` names them.

A task of your own is a function `task_NAME` below that returns a dictionary: https://pydoit.org/tasks.html
"""

from kaggle_relay.tasks import *  # noqa: F403 - the tasks, whatever they are
