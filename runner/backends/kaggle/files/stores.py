"""Which datasets hold which segments of a replay buffer, so that a segment is sent once and not with each session.

A new version of a dataset keeps no file of the one before (https://github.com/Kaggle/kaggle-cli/issues/274, 496): what
is to stay without being sent again lies in a dataset of its own, which never gets a second version.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from contract.storage import files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MOST_STORES = 32
"""Mounted beside a session's own input; how many Kaggle takes is not known."""


class Store(msgspec.Struct, frozen=True):
    """A dataset that was filled once.

    Args:
        slug: of the dataset.
        packs: the size of each file in it.
        held: the files in those packs, by their names in a session's input.
    """

    slug: str
    packs: dict[str, int]
    held: frozenset[str]


class Stores(msgspec.Struct, frozen=True):
    """Those of one kernel.

    Args:
        stores: from the first to the latest.
        are_found: whether nothing is known against a session's finding what they hold.
    """

    stores: tuple[Store, ...] = ()
    are_found: bool = True

    def write(self, root: Path, kernel: str) -> None:
        """Keep it below `root`."""
        target = _file(root, kernel)
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(target, msgspec.to_builtins(self))


def read_stores(root: Path, kernel: str) -> Stores:
    """What is known of a kernel's stores; what cannot be read was never there, and is sent again."""
    with contextlib.suppress(OSError, ValueError, msgspec.ValidationError):
        return msgspec.convert(files.read_json(_file(root, kernel)), Stores)
    return Stores()


def lose(root: Path, kernel: str) -> None:
    """Remember that a session did not find what it was to mount: those that follow are sent all of it."""
    known = read_stores(root, kernel)
    if known.stores and known.are_found:
        msgspec.structs.replace(known, are_found=False).write(root, kernel)


def forget(root: Path, kernel: str) -> None:
    """Note that the datasets are gone; segments are sent again."""
    _file(root, kernel).unlink(missing_ok=True)


def _file(root: Path, kernel: str) -> Path:
    return root / "stores" / f"{kernel}.json"


@dataclass(frozen=True)
class Division:
    """What a session finds in stores, and what it does not.

    Args:
        mounted: the stores that it is to mount.
        rest: the files that none of them holds.
    """

    mounted: tuple[Store, ...]
    rest: frozenset[str]


def divided(wanted: Mapping[str, int], stores: Sequence[Store], most: int = MOST_STORES) -> Division:
    """The stores that hold what is wanted, fewer than may be mounted: the rest needs one too.

    Where it would be too many, the fuller half is mounted, and what is in the others goes into one with the rest: so
    that this happens once in a while, and with a part of it.

    Args:
        wanted: the size of each file.
        stores: those that are on Kaggle.
        most: how many may be mounted.
    """
    rest, mounted = frozenset(wanted), list[Store]()
    while found := max(stores, key=lambda store: _shared_bytes(store, wanted, rest), default=None):
        if not found.held & rest:
            break
        mounted.append(found)
        rest -= found.held
    if len(mounted) >= most:
        mounted = mounted[: most // 2]
        rest = frozenset(wanted).difference(*(store.held for store in mounted))
    return Division(tuple(mounted), rest)


def _shared_bytes(store: Store, wanted: Mapping[str, int], rest: frozenset[str]) -> int:
    return sum(wanted[name] for name in store.held & rest)
