"""What a dataset says of itself: `kaggle datasets metadata`, both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kagglesdk.datasets.types.dataset_api_service import (
    ApiGetDatasetMetadataRequest,
    ApiGetDatasetMetadataResponse,
    ApiUpdateDatasetMetadataRequest,
    ApiUpdateDatasetMetadataResponse,
)
from kagglesdk.datasets.types.dataset_types import DatasetInfo

from emulator.calls.wire import Call, Caller, denied

_TITLE_LENGTHS = range(6, 51)
_SUBTITLE_LENGTHS = range(20, 81)
_KEPT = ("subtitle", "description", "keywords", "collaborators", "data", "expectedUpdateFrequency")
_SOURCES = "userSpecifiedSources"


def stored_settings(request: Any) -> dict[str, object]:
    """The settings that a request to create a dataset brings with it."""
    given = {"subtitle": request.subtitle, "description": request.description, "keywords": request.category_ids}
    return {name: value for name, value in given.items() if value}


def get_metadata(caller: Caller, request: Any) -> Any:
    """The metadata of a dataset."""
    dataset = caller.emulator.datasets.find(request.owner_slug or caller.user, request.dataset_slug)
    if dataset is None or not caller.emulator.may_see(caller.user, dataset):
        raise denied("datasets.get")
    fields = {
        **dataset.settings,
        "datasetId": dataset.id,
        "datasetSlug": dataset.slug,
        "ownerUser": dataset.owner,
        "title": dataset.title,
        "isPrivate": dataset.is_private,
        "licenses": [{"name": dataset.license_name}],
    }
    response = ApiGetDatasetMetadataResponse()
    response.info = DatasetInfo.from_dict(fields)
    return response


def update_metadata(caller: Caller, request: Any) -> Any:
    """Change the metadata of a dataset; what the request leaves out stays as it is, its visibility aside."""
    dataset = caller.emulator.datasets.find(request.owner_slug or caller.user, request.dataset_slug)
    if dataset is None or dataset.owner != caller.user:
        raise denied("datasets.update")
    response = ApiUpdateDatasetMetadataResponse()
    settings: dict[str, Any] = request.settings.to_dict() if request.settings is not None else {}
    response.errors = _problems(settings)
    if response.errors:
        return response
    licenses = settings.get("licenses") or [{}]
    changed = replace(
        dataset,
        title=settings.get("title") or dataset.title,
        is_private=bool(settings.get("isPrivate", False)),
        license_name=licenses[0].get("name") or dataset.license_name,
        settings={**dataset.settings, **{name: settings[name] for name in (*_KEPT, _SOURCES) if name in settings}},
    )
    caller.emulator.datasets.describe(changed)
    return response


def _problems(settings: dict[str, Any]) -> list[str]:
    checked = (("title", _TITLE_LENGTHS), ("subtitle", _SUBTITLE_LENGTHS))
    return [
        f"{name.capitalize()} length must be between {lengths.start} and {lengths.stop - 1} characters"
        for name, lengths in checked
        if settings.get(name) and len(settings[name]) not in lengths
    ]


CALLS = {
    "datasets.DatasetApiService/GetDatasetMetadata": Call(ApiGetDatasetMetadataRequest, get_metadata),
    "datasets.DatasetApiService/UpdateDatasetMetadata": Call(ApiUpdateDatasetMetadataRequest, update_metadata),
}
