"""The calls that make, list and remove datasets, and lead to their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kagglesdk.datasets.types.dataset_api_service import (
    ApiCreateDatasetRequest,
    ApiCreateDatasetResponse,
    ApiCreateDatasetVersionByIdRequest,
    ApiCreateDatasetVersionRequest,
    ApiDataset,
    ApiDatasetFile,
    ApiDatasetVersion,
    ApiDeleteDatasetRequest,
    ApiDeleteDatasetResponse,
    ApiDownloadDatasetRawRequest,
    ApiDownloadDatasetRequest,
    ApiGetDatasetRequest,
    ApiGetDatasetStatusRequest,
    ApiGetDatasetStatusResponse,
    ApiListDatasetFilesRequest,
    ApiListDatasetFilesResponse,
    ApiListDatasetsRequest,
    ApiListDatasetsResponse,
)
from kagglesdk.datasets.types.dataset_enums import DatabundleVersionStatus, DatasetSelectionGroup
from starlette.responses import RedirectResponse, Response

from contract.storage.confinement import Strictness, confined
from emulator.calls.dataset_files import version_files
from emulator.calls.dataset_settings import stored_settings
from emulator.calls.paging import paginate
from emulator.calls.wire import ApiError, Call, Caller, denied, moment
from emulator.settings import EarlyVersion
from emulator.store.values import Dataset

if TYPE_CHECKING:
    from emulator.store.values import DatasetVersion

SHORTEST, LONGEST = 6, 50
"""Characters of a slug and of a title."""
_MINE = frozenset(
    {
        DatasetSelectionGroup.DATASET_SELECTION_GROUP_MY,
        DatasetSelectionGroup.DATASET_SELECTION_GROUP_MY_PRIVATE,
        DatasetSelectionGroup.DATASET_SELECTION_GROUP_MY_PUBLIC,
    }
)


def visible_dataset(caller: Caller, owner: str, slug: str) -> Dataset:
    """The dataset, if the caller may see it.

    Raises:
        ApiError: it is not there, or somebody else's.
    """
    dataset = caller.emulator.datasets.find(owner or caller.user, slug)
    if dataset is None or not caller.emulator.may_see(caller.user, dataset):
        raise denied("datasets.get")
    return dataset


def own_dataset(caller: Caller, dataset: Dataset | None, permission: str) -> Dataset:
    """The dataset, if it is the caller's.

    Raises:
        ApiError: it is not.
    """
    if dataset is None or dataset.owner != caller.user:
        raise denied(permission)
    return dataset


def create_dataset(caller: Caller, request: Any) -> Any:
    """Make a dataset and its first version."""
    emulator = caller.emulator
    owner = (request.owner_slug or caller.user).lower()
    if owner != caller.user:
        raise denied("datasets.create")
    slug, title = (request.slug or "").lower(), request.title or ""
    for kind, value in (("slug", slug), ("title", title)):
        if not SHORTEST <= len(value) <= LONGEST:
            return _refused(f"The dataset {kind} must be between {SHORTEST} and {LONGEST} characters")
    place = confined(slug, Strictness.THIS_SYSTEM)  # a slug is a folder where the dataset is mounted
    if place is None or place.parts != (slug,):
        return _refused(f"Invalid dataset slug: {slug}")
    taken = f'The requested slug "{slug}" is already in use by a dataset. Please choose another slug.'
    if emulator.datasets.find(owner, slug) is not None:
        return _refused(taken)
    contents = version_files(emulator, caller.user, request)
    if isinstance(contents, str):
        return _refused(contents)
    now = emulator.clock.now()
    new = Dataset(0, owner, slug, title, request.is_private, request.license_name or "", now, stored_settings(request))
    with emulator.database.transaction():
        if emulator.datasets.find(owner, slug) is not None:
            return _refused(taken)
        dataset = emulator.datasets.create(new)
        ready = now + emulator.settings.dataset_delay_seconds
        emulator.datasets.add_version(dataset.id, "Initial release", contents, now, ready)
    return _created(caller, dataset)


def create_version(caller: Caller, request: Any) -> Any:
    """Make a dataset's next version."""
    found = caller.emulator.datasets.find(request.owner_slug, request.dataset_slug)
    return _next_version(caller, own_dataset(caller, found, "datasets.update"), request.body)


def create_version_by_id(caller: Caller, request: Any) -> Any:
    """The same for a dataset that is named by its number."""
    found = caller.emulator.datasets.by_id(request.id)
    return _next_version(caller, own_dataset(caller, found, "datasets.update"), request.body)


def _next_version(caller: Caller, dataset: Dataset, body: Any) -> Any:
    emulator = caller.emulator
    if body is None:
        raise ApiError(400, "The request has no body")
    now = emulator.clock.now()
    is_early = emulator.datasets.ready_version(dataset.id, now) is None
    if is_early and emulator.settings.early_version is EarlyVersion.FORBIDDEN:
        raise denied("datasets.update")
    contents = version_files(emulator, caller.user, body)
    if isinstance(contents, str):
        return _refused(contents)
    with emulator.database.transaction():
        ready = now + emulator.settings.dataset_delay_seconds
        version = emulator.datasets.add_version(dataset.id, body.version_notes or "", contents, now, ready)
        if body.delete_old_versions:
            emulator.datasets.remove_versions_before(dataset.id, version.number)
    return _created(caller, dataset)


def _refused(error: str) -> Any:
    response = ApiCreateDatasetResponse()
    response.status = "error"
    response.error = error
    return response


def _created(caller: Caller, dataset: Dataset) -> Any:
    response = ApiCreateDatasetResponse()
    response.ref = dataset.ref
    response.url = caller.emulator.urls.page(f"/datasets/{dataset.ref}")
    response.status = "ok"
    return response


def get_status(caller: Caller, request: Any) -> Any:
    """Whether the newest version is ready."""
    dataset = visible_dataset(caller, request.owner_slug, request.dataset_slug)
    newest = caller.emulator.datasets.list_versions(dataset.id)[0]
    response = ApiGetDatasetStatusResponse()
    response.status = DatabundleVersionStatus[newest.state(caller.emulator.clock.now()).value]
    return response


def get_dataset(caller: Caller, request: Any) -> Any:
    """What a dataset says of itself, with its files and versions."""
    dataset = visible_dataset(caller, request.owner_slug, request.dataset_slug)
    described = _described(caller, dataset)
    versions = caller.emulator.datasets.list_versions(dataset.id)
    described.files = [_file(caller, dataset, each) for each in caller.emulator.datasets.files(versions[0].id)]
    described.versions = [_version(caller, dataset, each) for each in versions]
    return described


def list_datasets(caller: Caller, request: Any) -> Any:
    """The datasets that the caller may see, filtered and in pages."""
    datasets = [each for each in caller.emulator.datasets.all() if caller.emulator.may_see(caller.user, each)]
    if request.group in _MINE:
        datasets = [each for each in datasets if each.owner == caller.user]
    if request.user:
        datasets = [each for each in datasets if each.owner == request.user.lower()]
    if request.search:
        text = request.search.lower()
        datasets = [each for each in datasets if text in f"{each.slug} {each.title}".lower()]
    described = [_described(caller, each) for each in datasets]
    if request.min_size:
        described = [each for each in described if each.total_bytes >= request.min_size]
    if request.max_size:
        described = [each for each in described if each.total_bytes <= request.max_size]
    response = ApiListDatasetsResponse()
    response.datasets, response.next_page_token = paginate(
        described, request.page_size, request.page_token, request.page
    )
    return response


def list_files(caller: Caller, request: Any) -> Any:
    """The files of a dataset's version, in pages."""
    dataset, version = _asked_version(caller, request)
    files, token = paginate(caller.emulator.datasets.files(version.id), request.page_size, request.page_token)
    response = ApiListDatasetFilesResponse()
    response.dataset_files = [_file(caller, dataset, each) for each in files]
    response.next_page_token = token
    return response


def download(caller: Caller, request: Any) -> Response:
    """Lead to a file of a dataset's version, or to a zip of them all."""
    dataset, version = _asked_version(caller, request)
    urls = caller.emulator.urls
    url = urls.archive(version.id, dataset.slug)
    if request.file_name:
        if all(each.path != request.file_name for each in caller.emulator.datasets.files(version.id)):
            raise ApiError(404, "Not found")
        url = urls.dataset(version.id, request.file_name)
    return RedirectResponse(url, 302)


def _asked_version(caller: Caller, request: Any) -> tuple[Dataset, DatasetVersion]:
    dataset = visible_dataset(caller, request.owner_slug, request.dataset_slug)
    number = request.dataset_version_number or None
    version = caller.emulator.datasets.ready_version(dataset.id, caller.emulator.clock.now(), number)
    if version is None:
        raise ApiError(404, "Not found")
    return dataset, version


def delete_dataset(caller: Caller, request: Any) -> Any:
    """Remove a dataset with its versions."""
    found = caller.emulator.datasets.find(request.owner_slug or caller.user, request.dataset_slug)
    caller.emulator.datasets.delete(own_dataset(caller, found, "datasets.delete").id)
    return ApiDeleteDatasetResponse()


def _described(caller: Caller, dataset: Dataset) -> Any:
    newest = caller.emulator.datasets.list_versions(dataset.id)[0]
    described = ApiDataset()
    described.id = dataset.id
    described.ref = dataset.ref
    described.title = dataset.title
    described.subtitle = str(dataset.settings.get("subtitle", ""))
    described.description = str(dataset.settings.get("description", ""))
    described.creator_name = described.owner_name = described.owner_ref = dataset.owner
    described.url = caller.emulator.urls.page(f"/datasets/{dataset.ref}")
    described.license_name = dataset.license_name
    described.is_private = dataset.is_private
    described.total_bytes = newest.total_bytes
    described.last_updated = moment(newest.created_at)
    described.current_version_number = newest.number
    return described


def _file(caller: Caller, dataset: Dataset, file: Any) -> Any:
    described = ApiDatasetFile()
    described.ref = file.path
    described.name = file.path
    described.dataset_ref = dataset.ref
    described.owner_ref = dataset.owner
    described.total_bytes = file.bytes
    described.creation_date = moment(file.created_at)
    described.url = caller.emulator.urls.page(f"/datasets/{dataset.ref}?select={file.path}")
    return described


def _version(caller: Caller, dataset: Dataset, version: DatasetVersion) -> Any:
    described = ApiDatasetVersion()
    described.version_number = version.number
    described.creation_date = moment(version.created_at)
    described.creator_name = described.creator_ref = dataset.owner
    described.version_notes = version.notes
    described.status = version.state(caller.emulator.clock.now()).value.capitalize()
    return described


CALLS = {
    "datasets.DatasetApiService/CreateDataset": Call(ApiCreateDatasetRequest, create_dataset, is_slow=True),
    "datasets.DatasetApiService/CreateDatasetVersion": Call(
        ApiCreateDatasetVersionRequest, create_version, is_slow=True
    ),
    "datasets.DatasetApiService/CreateDatasetVersionById": Call(
        ApiCreateDatasetVersionByIdRequest, create_version_by_id, is_slow=True
    ),
    "datasets.DatasetApiService/GetDatasetStatus": Call(ApiGetDatasetStatusRequest, get_status),
    "datasets.DatasetApiService/GetDataset": Call(ApiGetDatasetRequest, get_dataset),
    "datasets.DatasetApiService/ListDatasets": Call(ApiListDatasetsRequest, list_datasets),
    "datasets.DatasetApiService/ListDatasetFiles": Call(ApiListDatasetFilesRequest, list_files),
    "datasets.DatasetApiService/DownloadDataset": Call(ApiDownloadDatasetRequest, download),
    "datasets.DatasetApiService/DownloadDatasetRaw": Call(ApiDownloadDatasetRawRequest, download),
    "datasets.DatasetApiService/DeleteDataset": Call(ApiDeleteDatasetRequest, delete_dataset),
}
