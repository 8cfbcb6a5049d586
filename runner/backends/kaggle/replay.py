"""The replay buffer on Kaggle: each of its segments is sent once, and mounted by every session that needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from contract.storage import files
from runner.backends.kaggle.dataset import Content, Dataset
from runner.backends.kaggle.files.payload import packed_by_size
from runner.backends.kaggle.files.stores import Store, divided, read_stores
from runner.backends.kaggle.names import store_slug

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runner.backends.kaggle.api.connection import Connection

_MARK_LENGTH = 16


@dataclass(frozen=True)
class Mounted:
    """What a session finds beside its own input.

    Args:
        datasets: that it has to mount.
        names: of the files in them.
    """

    datasets: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()


def hold(connection: Connection, root: Path, kernel: str, paths: Mapping[str, Path], from_bytes: int) -> Mounted:
    """Have segments on Kaggle where later sessions find them too, and send those that are not there yet.

    Args:
        connection: to Kaggle.
        root: where it is noted which dataset holds what.
        kernel: whose sessions they are.
        paths: where each file lies, by its name in the session's input, which follows from its content.
        from_bytes: less than that is not worth a dataset, and left to the session's own input.

    Raises:
        BackendUnreachableError: Kaggle gives no answer.
        RefusedError: it refuses a dataset.
    """
    known = read_stores(root, kernel)
    if not paths or not known.are_found:
        return Mounted()
    sizes = {name: path.stat().st_size for name, path in paths.items()}
    there = [store for store in known.stores if store.held & sizes.keys() and _is_there(connection, store)]
    division = divided(sizes, there)
    mounted = division.mounted
    if sum(sizes[name] for name in division.rest) >= from_bytes:
        made = _fill(connection, kernel, {name: paths[name] for name in division.rest})
        if made not in known.stores:
            msgspec.structs.replace(known, stores=(*known.stores, made)).write(root, kernel)
        mounted = (*mounted, made)
    held = frozenset[str]().union(*(store.held for store in mounted)) & sizes.keys()
    return Mounted(tuple(store.slug for store in mounted), held)


def _is_there(connection: Connection, store: Store) -> bool:
    """Whether its packs are listed: their names follow from what they hold, and sizes are a hint."""
    listed = Dataset(connection, store.slug).files()
    return listed is not None and listed.keys() == store.packs.keys()


def _fill(connection: Connection, kernel: str, paths: Mapping[str, Path]) -> Store:
    """A dataset that holds these files; its name follows from them, so that what a kill left there is gone on with."""
    digest = files.sha256_of_value([kernel, sorted(paths)])
    packs = packed_by_size(paths, name=digest[:_MARK_LENGTH])
    content = Content(packs, digest, f"{len(paths)} segments of a replay buffer")
    slug = store_slug(kernel, digest)
    Dataset(connection, slug).ensure(content)
    return Store(slug, content.sizes, frozenset(paths))
