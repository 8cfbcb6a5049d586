"""Whatever goes wrong with a stranger's file, as one sentence that names it."""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING

from contract.errors import CheckpointError, shown
from restore.reading.spans import UnsoundError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def judging(name: str, remedy: str) -> Iterator[None]:
    """Read a file inside; no error leaves but one of this kind, whatever the file holds.

    Args:
        name: the file's, for the sentence.
        remedy: what to do, where what is wrong has no remedy of its own.

    Raises:
        CheckpointError: the file is not sound.
    """
    try:
        yield
    except UnsoundError as error:
        raise CheckpointError(name, error.problem, error.remedy or remedy) from None
    except OSError as error:
        raise CheckpointError(name, f"cannot be read: {error.strerror or error}", remedy) from error
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, MemoryError, struct.error) as error:
        # What no check foresaw is a reason to refuse like any other, and its traceback stays attached.
        problem = f"cannot be understood ({type(error).__name__}: {shown(str(error))})"
        raise CheckpointError(name, problem, remedy) from error


def refuse_large(size: int, most: int, key: str) -> None:
    """Refuse a file of more bytes than a job allows.

    Args:
        size: its bytes.
        most: as many as it may have.
        key: of the job's, which says so.

    Raises:
        UnsoundError: it has more.
    """
    if size > most:
        raise UnsoundError(f"has {size:,} bytes, more than the {most:,} allowed", f"raise {key}")
