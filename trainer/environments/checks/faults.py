"""What an environment gave that nothing can be learned from: noticed before anything takes it in."""

from __future__ import annotations

from typing import NamedTuple

from contract.errors import SessionError

FAULTY_ENVIRONMENT = "faulty environment"
"""Why a session ended by it, as `interrupted_by` says it."""

_SHOWN_CHARACTERS = 80
_REMEDY = "no checkpoint holds anything of it: correct the environment, and go on from the latest one"


class Fault(NamedTuple):
    """What is wrong with a value of an environment.

    Args:
        what: which value, as in `the reward`.
        problem: what is wrong with it, as in `is not finite`.
        found: the value itself, and where it stands.
    """

    what: str
    problem: str
    found: str


class FaultyEnvironmentError(SessionError):
    """An environment gave what nothing can be learned from, and nothing has taken it in.

    Args:
        subject: the environments.
        index: which of them; None where it is what they gave together.
        fault: what is wrong with what it gave.
        moment: when that was, as in `at 598 timesteps`; empty where that is not known yet.
    """

    def __init__(self, subject: str, index: int | None, fault: Fault, moment: str = "") -> None:
        self.index = index
        self.fault = fault
        self.moment = moment
        self.timesteps_taken = 0
        whose = "all environments" if index is None else f"environment {index}"
        statement = f"{fault.what} of {whose} {fault.problem}"
        super().__init__(subject, " ".join(filter(None, (statement, moment, f"({fault.found})"))), _REMEDY)

    def at(self, timesteps: int, during: str = "") -> FaultyEnvironmentError:
        """The same, with the moment in its sentence.

        Args:
            timesteps: where the training stood before the environments were stepped.
            during: what else went on, as in `in the evaluation`.
        """
        if self.moment:
            return self
        moment = f"at {timesteps + self.timesteps_taken:,} timesteps"
        return FaultyEnvironmentError(self.subject, self.index, self.fault, " ".join(filter(None, (during, moment))))


def beginning(value: object) -> str:
    """A value in a few words."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
