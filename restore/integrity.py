"""Whether a checkpoint is sound: one file in, its record out, or one sentence that says what is wrong.

Cheap checks come first, and each stands on those before it: the file, the zip, the record, the
digests of the members, and only then what the members hold. Nothing is unpickled, executed or
extracted, torch is not imported, and memory is bounded whatever the file says of itself.
What a sound checkpoint does not prove is said in docs/validation.md.
"""

from __future__ import annotations

import hashlib
import stat
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import ValidationError

from contract.documents.session import FORMAT, CheckpointRecord
from contract.errors import shown
from contract.storage.files import short
from contract.storage.layout import (
    OPTIMIZER_MEMBER,
    POLICY_MEMBER,
    RECORD_MEMBER,
    STATE_MEMBER,
    VARIABLES_MEMBER,
    checkpoint_name,
    timesteps_in_name,
)
from job.algorithms.registry import ALGORITHMS
from restore.reading.judging import judging, refuse_large
from restore.reading.spans import Span, UnsoundError, number
from restore.reading.strict_json import read_object
from restore.reading.tensors import read_tensor_specs
from restore.reading.zip_file import LOCAL_SIGNATURE, ArchiveLimits, StrictZip

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from contract.documents.session import FileEntry
    from restore.reading.tensor_specs import TensorSpec

MAX_MEMBERS = 64
MAX_RECORD_BYTES = 1 << 20
MAX_DATA_BYTES = 16 << 20
"""SB3's `data` holds the latest observations: 64 environments of four 84 x 84 frames take 5 MB."""
MAX_JSON_VALUES = 200_000
"""JSON of this many values takes some tens of MB in memory; `data` has about 300."""

DATA_MEMBER, TORCH_SUFFIX = "data", ".pth"
_VERSION_MEMBER = "_stable_baselines3_version"
_OPTIMIZER_WORD = "optimizer"
_REQUIRED = (DATA_MEMBER, POLICY_MEMBER, VARIABLES_MEMBER, _VERSION_MEMBER)

_REMEDY = "download it again, or go on from an earlier checkpoint"
_UPDATE = "read it with the version of kaggle-relay that wrote it, or a later one"
_SHOWN_BYTES = 16


def inspect_checkpoint(path: Path, *, job: str | None, expected: FileEntry | None, max_bytes: int) -> CheckpointRecord:
    """Read a checkpoint, a best model or a final model to its last byte.

    Args:
        path: the file.
        job: the job's name, to hold the file's name against its record; None where the name says nothing.
        expected: size and digest from the session's manifest, or None where there is none.
        max_bytes: the largest file to look at.

    Returns:
        What the checkpoint says of itself.

    Raises:
        CheckpointError: it is not sound; no other error leaves here, whatever the file holds.
    """
    with judging(path.name, _REMEDY):
        if not stat.S_ISREG(path.lstat().st_mode):
            _refuse("is not a plain file (a link, a folder or a device)")
        with path.open("rb") as stream:
            span = Span(stream)
            _check_file(span, expected, max_bytes)
            archive = StrictZip(span, ArchiveLimits(MAX_MEMBERS, max_bytes))
            record = _read_record(archive)
            _check_name(path.name, job, record)
            _check_members(archive, record)
            _check_data(archive, record)
            _check_tensors(archive, record)
            return record


def _refuse(problem: str, remedy: str | None = None) -> NoReturn:
    raise UnsoundError(problem, remedy)


def _check_file(span: Span, expected: FileEntry | None, max_bytes: int) -> None:
    if span.size == 0:
        _refuse("is empty (0 bytes)")
    beginning = span.read(0, min(_SHOWN_BYTES, span.size))
    if not beginning.startswith(LOCAL_SIGNATURE[:2]):
        guess = ", a web page or message that was saved as a file" if beginning.lstrip()[:1] in {b"<", b"{"} else ""
        _refuse(f"is not a zip{guess}: it has {span.size:,} bytes and begins with {shown(beginning)}")
    refuse_large(span.size, max_bytes, "validation.max_checkpoint_bytes")
    if expected is None:
        return
    if span.size != expected.bytes:
        guess = ": it is cut off" if span.size < expected.bytes else ""
        _refuse(f"has {span.size:,} bytes instead of {number(expected.bytes)}{guess}")
    _check_digest("", span.chunks(), expected.sha256)


def _check_digest(member: str, chunks: Iterable[bytes], expected: str) -> None:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    if (found := digest.hexdigest()) != expected:
        _refuse(f"{member}has the sha256 {short(found)}… instead of {short(expected)}…")


def _read_record(archive: StrictZip) -> CheckpointRecord:
    """The record, after what its bytes mean was found to be plain.

    Raises:
        UnsoundError: it is missing, of another format, or not as `CheckpointRecord` has it.
    """
    if RECORD_MEMBER not in archive.members:
        _refuse(f"lacks {RECORD_MEMBER}: it is a model that was saved by hand, or made by another program")
    content = archive.read(RECORD_MEMBER, MAX_RECORD_BYTES)
    values = _read_json(RECORD_MEMBER, content, strict=True)
    version = values.get("format")
    if type(version) is not int or version < FORMAT:  # `true` equals 1 too
        _refuse(f"states the format {shown(version)} instead of {FORMAT}")
    if version > FORMAT:
        written = f"was written in format {number(version)}"
        _refuse(f"{written}, and format {FORMAT} is the latest that can be read here", _UPDATE)
    try:
        return CheckpointRecord.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = shown(".".join(map(str, first["loc"])))
        if first["type"] == "extra_forbidden":
            raise UnsoundError(f"{RECORD_MEMBER} has the unknown field {place}", _UPDATE) from None
        raise UnsoundError(f"{RECORD_MEMBER} has a wrong {place}: {first['msg'].lower()}") from None


def _read_json(name: str, content: bytes, *, strict: bool) -> dict[str, Any]:
    """A JSON object; a strict one says everything once and holds no NaN.

    Raises:
        UnsoundError: it is something else, or holds so many values that reading it would fill the memory.
    """
    try:
        return read_object(content, max_values=MAX_JSON_VALUES, strict=strict)
    except UnsoundError as error:
        raise UnsoundError(f"member {name} {error.problem}") from None


def _check_name(name: str, job: str | None, record: CheckpointRecord) -> None:
    """The number in a checkpoint's name is what everything else goes by, so it must be the record's."""
    if job is None:
        return
    if record.kind == "checkpoint" and name != (right := checkpoint_name(job, record.timesteps)):
        _refuse(f"holds the checkpoint at {number(record.timesteps)} timesteps, whose name is {shown(right)}")
    if record.kind != "checkpoint" and timesteps_in_name(name, job) is not None:
        _refuse(f"holds a {record.kind} model under the name of a checkpoint")


def _check_members(archive: StrictZip, record: CheckpointRecord) -> None:
    """Exactly the members that the record lists, each with its size and digest, and all that a model needs."""
    listed, found = record.members.keys(), archive.members.keys() - {RECORD_MEMBER}
    if missing := listed - found:
        _refuse(f"lacks the member {shown(min(missing))}, which its record lists")
    if unknown := found - listed:
        _refuse(f"has the member {shown(min(unknown))}, which its record does not list")
    required = (*_REQUIRED, STATE_MEMBER) if record.kind == "checkpoint" else _REQUIRED
    for name in required:
        if name not in found:
            _refuse(f"lacks the member {name}, without which no training goes on")
    _check_optimizers(found, record.training.get("algorithm"))
    for name, entry in record.members.items():
        size = archive.members[name].size
        if size != entry.bytes:
            _refuse(f"member {shown(name)} has {size:,} bytes instead of {number(entry.bytes)}")
        _check_digest(f"member {shown(name)} ", archive.stream(name), entry.sha256)


def _check_optimizers(found: set[str], algorithm: object) -> None:
    """The state of each optimizer of the algorithm; one that is not known here has at least one."""
    known = ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if known is None:
        if not any(_OPTIMIZER_WORD in name and name.endswith(TORCH_SUFFIX) for name in found):
            _refuse(f"lacks the state of its optimizer ({OPTIMIZER_MEMBER})")
        return
    for name in known.optimizers:
        if (member := f"{name}{TORCH_SUFFIX}") not in found:
            _refuse(f"lacks the state of its optimizer ({member})")


def _check_data(archive: StrictZip, record: CheckpointRecord) -> None:
    """SB3's own JSON; the pickles inside its strings stay shut."""
    values = _read_json(DATA_MEMBER, archive.read(DATA_MEMBER, MAX_DATA_BYTES), strict=False)
    timesteps = values.get("num_timesteps")
    if type(timesteps) is not int or timesteps != record.timesteps:  # 32.0 would be counted on from
        _refuse(f"holds a model at {shown(timesteps)} timesteps, and its record says {number(record.timesteps)}")


def _check_tensors(archive: StrictZip, record: CheckpointRecord) -> None:
    """Every torch file in it, since SB3 loads each; the policy's tensors are those of the record."""
    for name in archive.names:
        if not name.endswith(TORCH_SUFFIX):
            continue
        try:
            tensors = read_tensor_specs(archive.span(name))
            if name == POLICY_MEMBER:
                _check_parameters(tensors, record)
        except UnsoundError as error:
            raise UnsoundError(f"in {shown(name)}: {error.problem}", error.remedy) from None


def _check_parameters(tensors: dict[str, TensorSpec], record: CheckpointRecord) -> None:
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    if missing := record.parameters.keys() - shapes.keys():
        _refuse(f"lacks the tensor {shown(min(missing))}, which the record lists")
    if unknown := shapes.keys() - record.parameters.keys():
        _refuse(f"has the tensor {shown(min(unknown))}, which the record does not list")
    for name, shape in shapes.items():
        if shape != record.parameters[name]:
            _refuse(f"tensor {shown(name)} has the shape {shown(shape)} instead of {shown(record.parameters[name])}")
    if not shapes:
        _refuse("holds no tensors")
