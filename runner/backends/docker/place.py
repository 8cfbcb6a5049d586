"""What a session in a container can be given: the Python of its image, which is asked what it has."""

from __future__ import annotations

import contextlib
import functools
import json
from typing import TYPE_CHECKING, Any

from contract.errors import BackendError
from contract.storage import files
from executors.docker.engine import open_engine, talking_to_engine
from runner.backends.docker.section import Docker
from runner.jobs.distributions import normalised
from runner.packages.places import Place, linux

if TYPE_CHECKING:
    from collections.abc import Mapping

_ASK = """
import json, platform
from importlib import metadata
has = {each.metadata["Name"]: each.version for each in metadata.distributions()}
glibc = platform.libc_ver()[1].partition(".")[2]
print(json.dumps({"python": ".".join(platform.python_version_tuple()[:2]), "glibc": int(glibc or 17),
    "machine": platform.machine(), "has": has}))
"""


def places(job: Mapping[str, Any]) -> tuple[Place, ...]:
    """The one place where a session of a job (as JSON) may find itself.

    Raises:
        BackendError: the engine or the image is not there, or the image has no Python.
    """
    image = Docker.model_validate(job.get("docker", {})).image
    with contextlib.closing(open_engine()) as engine, talking_to_engine(image):
        found = engine.images.get(image).id
    return (_place(image, str(found)),)


@functools.cache
def _place(image: str, _found: str) -> Place:
    """What is in an image; asked once of the same one."""
    with contextlib.closing(open_engine()) as engine, talking_to_engine(image):
        command = ["-I", "-c", _ASK]
        said = engine.containers.run(image, command, entrypoint=["python"], remove=True, network_mode="none")
    try:
        told = json.loads(said)
        has = {normalised(name): str(version) for name, version in told["has"].items() if name}
        platforms = linux(told["glibc"], told["machine"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = "does not say what is installed in it"
        raise BackendError(f"image {image}", problem, "name one whose `python` runs sessions") from error
    name = f"docker-{files.short(files.sha256_of_value([told['python'], platforms, has]))}"
    return Place(name, f"Python {told['python']} in the image {image}", has, told["python"], platforms)
