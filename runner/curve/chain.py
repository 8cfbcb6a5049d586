"""Which sessions a training's state stems from, and which part of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.lineage import Phase

if TYPE_CHECKING:
    from runner.lineage import Lineage, SessionState


@dataclass(frozen=True)
class Link:
    """A session, and the part of it that the training went through.

    Args:
        session: the session.
        begins: the timesteps that it went on from.
        ends: those that the next one went on from, or where the newest checkpoint stands; None for one whose end is
            not known yet.
    """

    session: SessionState
    begins: int
    ends: int | None


def links(lineage: Lineage) -> tuple[Link, ...]:
    """The chain of parents from where the training stands now, oldest first.

    What came before a session that is gone is in the chain too. What was redone, and what was left for an older
    checkpoint, is in none of them; of a session that was cut off, that stands in it up to the checkpoint which was gone
    on from.

    Raises:
        RelayError: a document of a session is damaged.
    """
    found: list[Link] = []
    session, ends = _newest(lineage)
    while session is not None:
        parent, before = session.request.parent if session.folder.request.exists() else None, lineage.before(session)
        begins = parent.timesteps if parent else 0
        if session.is_adopted and ends is not None:
            begins = ends  # it trained nothing
        found.append(Link(session, begins, ends))
        if before is not None and parent is not None:
            is_gone = before.number != int(parent.session)
            left = before.restored.checkpoint if is_gone else None
            ends = left.timesteps if left is not None else parent.timesteps
        session = before
    return tuple(reversed(found))


def _newest(lineage: Lineage) -> tuple[SessionState | None, int | None]:
    """The session that the training is in, and how far its state goes, where that is known."""
    head, tip = lineage.head, lineage.tip
    if head is not None and Phase.SUBMITTED <= head.phase < Phase.RESTORED:
        return head, None
    checkpoint = tip.restored.checkpoint if tip is not None else None
    if checkpoint is None:
        return None, None
    return lineage.session(int(checkpoint.session)), checkpoint.timesteps
