"""The task graph is kaggle-relay's own; `doit list` names the tasks. A `task_...` of yours may stand below."""

from runner.doit.tasks import *  # noqa: F403 - the tasks, whatever they are
