"""What dodo.py of a project elsewhere holds."""

from runner.doit.tasks import *  # noqa: F403 - the tasks, whatever they are
