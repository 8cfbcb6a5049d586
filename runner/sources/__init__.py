"""The sources that a session carries, and what they mean.

`walk`: which files a folder holds, and what is refused in one. `meaning`: what a file means. `carried`: all that a
session carries, its identity and its bundle. `reading`: the same from disk, with digests remembered between commands.
"""

from runner.sources.carried import (
    DECIDING_FOLDERS,
    OWN_FOLDERS,
    PYTHON,
    SourceDigest,
    SourceFolder,
    Sources,
    changed_files,
    identity_from_table,
)
from runner.sources.meaning import digest_meaning
from runner.sources.reading import SourceReader

__all__ = [
    "DECIDING_FOLDERS",
    "OWN_FOLDERS",
    "PYTHON",
    "SourceDigest",
    "SourceFolder",
    "SourceReader",
    "Sources",
    "changed_files",
    "digest_meaning",
    "identity_from_table",
]
