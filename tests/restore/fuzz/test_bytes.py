"""A checkpoint whose bytes are not those that were written is refused, or says what it said before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from contract.documents.session import FileEntry
from contract.errors import CheckpointError
from contract.storage.files import sha256_of_bytes
from tests.restore.fuzz.guard import fuzz
from tests.restore.fuzz.signing import Sound, signed

if TYPE_CHECKING:
    from tests.restore.fuzz.guard import Draw, Guard

ALGORITHMS = st.sampled_from(["PPO", "PPO", "SAC", "DQN"])


def damaged(draw: Draw, content: bytes) -> bytes:
    """With one to three pieces flipped, lost, doubled, moved, zeroed or foreign."""
    broken = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(broken) - 1))
        # Headers lie at both ends, and weigh little in a file of mostly numbers.
        place = draw(st.sampled_from([place, place % 4096, len(broken) - 1 - place % 4096]))
        length = draw(st.sampled_from([1, 2, 4, 16, 512, 4096]))
        piece = bytes(broken[place : place + length])
        match draw(st.sampled_from(["flip", "flip", "lose", "double", "move", "zero", "foreign", "swap"])):
            case "flip":
                broken[place] ^= 1 << draw(st.integers(0, 7))
            case "lose":
                del broken[place : place + length]
            case "double":
                broken[place:place] = piece
            case "move":
                del broken[place : place + length]
                target = draw(st.integers(0, len(broken)))
                broken[target:target] = piece
            case "zero":
                broken[place : place + length] = bytes(len(piece))
            case "foreign":
                broken[place : place + length] = draw(st.binary(max_size=64))
            case "swap":
                broken[place : place + length] = piece[::-1]
        if not broken:
            break
    return bytes(broken)


def test_bytes_that_are_wrong(guard: Guard, sound: dict[str, Sound]) -> None:
    whole = {name: signed(each).pack() for name, each in sound.items()}
    records = {name: guard.sound(content) for name, content in whole.items()}

    @fuzz(170)
    @given(data=st.data())
    def judged(data: st.DataObject) -> None:
        algorithm = data.draw(ALGORITHMS)
        verdict = guard.judge(damaged(data.draw, whole[algorithm]))
        # A zip's dates and permissions are nobody's business.
        assert isinstance(verdict, CheckpointError) or verdict == records[algorithm]

    judged()
    guard.enough()


def test_bytes_that_are_wrong_below_the_listed_digest(guard: Guard, sound: dict[str, Sound]) -> None:
    whole = signed(sound["PPO"]).pack()
    entry = FileEntry(bytes=len(whole), sha256=sha256_of_bytes(whole))

    @fuzz(100)
    @given(data=st.data())
    def refused(data: st.DataObject) -> None:
        broken = damaged(data.draw, whole)
        if broken != whole:
            guard.refused(broken, expected=entry)

    refused()
    guard.enough()


def test_a_checkpoint_that_is_cut_off(guard: Guard, sound: dict[str, Sound]) -> None:
    whole = {name: signed(each).pack() for name, each in sound.items()}

    @fuzz(100)
    @given(data=st.data())
    def refused(data: st.DataObject) -> None:
        content = whole[data.draw(ALGORITHMS)]
        length = data.draw(st.integers(0, len(content) - 1))
        filled = data.draw(st.sampled_from([b"", bytes(len(content) - length), b"\xff" * (len(content) - length)]))
        if filled != content[length:]:
            guard.refused(content[:length] + filled)

    refused()
    guard.enough()


def test_two_checkpoints_in_one_file(guard: Guard, sound: dict[str, Sound]) -> None:
    contents = [signed(each).pack() for each in sound.values()]
    for one in contents:
        for other in contents:
            guard.refused(one + other)
            guard.refused(one[: len(one) // 2] + other[len(other) // 2 :] if one != other else one + b"\0" + other)
            guard.refused(signed(sound["PPO"].but(**{"more.pth": one, "other.pth": other})).pack())
