"""The input of a session on Kaggle: its own in the job's dataset, the replay buffer where later ones find it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from contract.storage import files
from runner.backends.kaggle.calibration.facts import read_facts
from runner.backends.kaggle.dataset import Content, Dataset
from runner.backends.kaggle.files.payload import MOST_FILES, dataset_files, replay_files
from runner.backends.kaggle.mounted import refuse_absent
from runner.backends.kaggle.replay import hold

if TYPE_CHECKING:
    from pathlib import Path

    from runner.backends.kaggle.api.connection import Connection
    from runner.layout import SessionFolder


class Session(NamedTuple):
    """A packaged session.

    Args:
        folder: where it lies.
        metadata: what Kaggle is told of its kernel.
        key: the session's.
    """

    folder: SessionFolder
    metadata: dict[str, Any]
    key: str


def put_input(connection: Connection, root: Path, store_bytes: int, session: Session) -> tuple[str, ...]:
    """Have the input of a session on Kaggle; what is there already is not sent again.

    Returns the datasets that it has to mount beside its own.

    Args:
        connection: to Kaggle.
        root: where it is noted which dataset holds what.
        store_bytes: of new segments of a replay buffer, from which on they get a dataset.
        session: whose input it is.

    Raises:
        BackendUnreachableError: Kaggle gives no answer.
        RefusedError: it refuses the input.
        BackendError: the input has more files than Kaggle takes.
    """
    folder, metadata, key = session
    dataset, *others = metadata["dataset_sources"]
    refuse_absent(connection, others)
    facts = read_facts(root)
    most_files = None if facts is not None and facts.takes_many_files else MOST_FILES
    dataset_files(folder, metadata, key, most_files=most_files)  # what is refused is refused before anything is sent
    held = hold(connection, root, metadata["id"], replay_files(folder, metadata), store_bytes)
    note = f"session {folder.number}, key {files.short(key)}"
    chosen = dataset_files(folder, metadata, key, held.names, most_files)
    Dataset(connection, dataset).ensure(Content(chosen, key, note))
    return held.datasets
