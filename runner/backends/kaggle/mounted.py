"""The datasets of others that a session mounts: looked for before anything is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kagglesdk.datasets.types.dataset_api_service import ApiListDatasetFilesRequest

from contract.errors import RefusedError
from runner.backends.kaggle.api.answers import RejectedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.backends.kaggle.api.connection import Connection


def refuse_absent(connection: Connection, datasets: Iterable[str]) -> None:
    """Look for each dataset; a name alone is one of the account's own.

    Raises:
        RefusedError: one is not there, or may not be read.
    """
    for name in datasets:
        owner, slug, *_ = name.split("/") if "/" in name else (connection.owner, name)
        request = ApiListDatasetFilesRequest()
        request.owner_slug, request.dataset_slug, request.page_size = owner, slug, 1
        try:
            connection.ask("files of a dataset", connection.datasets.list_dataset_files, request)
        except RejectedError as refusal:
            if not refusal.is_absence:
                raise
            problem = "is not on Kaggle, or this account may not read it"
            raise RefusedError(f"dataset {name}", problem, "correct kaggle.datasets in jobs.yaml") from None
