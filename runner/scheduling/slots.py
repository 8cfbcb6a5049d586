"""What a session takes of the place where it runs, and how much of that there is."""

from __future__ import annotations

from dataclasses import dataclass, field

THIS_MACHINE = "this machine"


@dataclass(frozen=True)
class Slot:
    """One of the sessions that a place runs at once; equal ones are the same.

    Args:
        place: where, as for all backends that share one; empty for a place that is the backend's own.
        kind: what the place tells apart, such as sessions with a GPU from those without.
        most: sessions of that kind at once there; None where the place has a queue of its own.
        is_usual: whether `most` is only what is usual, and whoever asks for more sessions at once gets them.
        has_gpu: whether the session uses a GPU; says nothing of which slots are equal.
    """

    place: str = ""
    kind: str = ""
    most: int | None = None
    is_usual: bool = False
    has_gpu: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Caps:
    """What a command may use at most, of all places together.

    Args:
        sessions: at once.
        gpu_seconds: of all its sessions that use a GPU, which none may come to exceed.
    """

    sessions: int | None = None
    gpu_seconds: float | None = None

    @property
    def is_any(self) -> bool:
        """Whether there is one."""
        return self.sessions is not None or self.gpu_seconds is not None

    def most(self, slot: Slot) -> int | None:
        """Sessions in such slots at once."""
        return self.sessions if slot.is_usual and self.sessions is not None else slot.most

    def words(self, slot: Slot) -> str:
        """What a job waits for that has no such slot yet, in half a sentence."""
        if self.sessions is not None and (slot.is_usual or slot.most is None or self.sessions <= slot.most):
            return f"sessions={self.sessions} run at once"
        if slot.is_usual:
            return f"{slot.place} runs {slot.most} session at once (sessions=2 asks for two)"
        kind = f" of kind {slot.kind}" if slot.kind else ""
        return f"{slot.place} runs {slot.most} sessions{kind} at once"
