"""A torch file whose tensors are not those that it holds, or no numbers, is refused."""

from __future__ import annotations

import io
import math
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch as th
from hypothesis import given
from hypothesis import strategies as st

from contract.storage.layout import OPTIMIZER_MEMBER, POLICY_MEMBER, VARIABLES_MEMBER
from tests.restore.fuzz.guard import fuzz
from tests.restore.fuzz.pickles import FOUR, ORDERED, Name, Raw, program, storage, tensor, torch_file
from tests.restore.fuzz.signing import Sound, signed
from tests.restore.fuzz.zips import packed, unpacked

if TYPE_CHECKING:
    from tests.restore.fuzz.guard import Guard

TORCH_MEMBERS = (POLICY_MEMBER, OPTIMIZER_MEMBER, VARIABLES_MEMBER, "relay/more.pth")
NASTY = st.one_of(
    st.sampled_from(
        [None, True, -1, 1.0, float("nan"), "4", "", [], {}, (), [2, 2], {"a": 1}, ORDERED, 1 << 62, 1 << 63]
    ),
    st.sampled_from([(-1, 2), (2, 2.0), (2, None), (True, 2), (1 << 62, 1 << 62), (2,), (2,) * 65, ((2, 2),)]),
    st.sampled_from([Name("torch", "FloatStorage"), tensor(), storage(), storage(key="1", elements=9), Raw(b"I4\n")]),
    st.integers(1, 200).map(lambda bits: 1 << bits),
    st.integers(max_value=-1),
)
FIELDS = ("storage", "offset", "shape", "stride", "requires_grad", "hooks", "metadata")
STORAGE_FIELDS = ("elements", "kind", "key", "device")


def is_sound(value: object, field: str) -> bool:  # noqa: PLR0911 - one for each kind
    """Whether torch writes such an argument for a tensor of four numbers."""
    match field:
        case "storage":
            return value == storage()
        case "requires_grad":
            return value is True
        case "elements":
            return value == 4
        case "kind":
            return value == Name("torch", "FloatStorage")
        case "hooks":
            return value in ({}, ORDERED)
        case "metadata":
            return value in (None, {}, [], (), "", ORDERED)
    return False


def test_tensors_that_do_not_fit(guard: Guard, sound: dict[str, Sound]) -> None:
    @fuzz(180)
    @given(data=st.data())
    def refused(data: st.DataObject) -> None:
        field, value = data.draw(
            st.tuples(st.sampled_from(FIELDS + STORAGE_FIELDS), NASTY).filter(
                lambda each: not is_sound(each[1], each[0])
            )
        )
        if field in STORAGE_FIELDS:
            field, value = "storage", storage(**{field: value})
        content = torch_file(program({"weight": tensor(**{field: value})}), _0=FOUR)
        name = data.draw(st.sampled_from([OPTIMIZER_MEMBER, VARIABLES_MEMBER, "relay/more.pth"]))
        assert f"in '{name}'" in guard.refused(signed(sound["PPO"].but(**{name: content})).pack())

    refused()
    guard.enough()


def test_a_view_stays_inside_its_storage(guard: Guard, sound: dict[str, Sound]) -> None:
    numbers = st.one_of(st.integers(0, 5), st.integers(0, 1 << 62))

    @fuzz(100)
    @given(offset=numbers, sizes=st.lists(st.tuples(numbers, numbers), max_size=4))
    def judged(offset: int, sizes: list[tuple[int, int]]) -> None:
        shape, stride = tuple(size for size, _ in sizes), tuple(step for _, step in sizes)
        content = torch_file(program({"weight": tensor(offset=offset, shape=shape, stride=stride)}), _0=FOUR)
        reached = offset if 0 in shape else offset + 1 + sum((size - 1) * step for size, step in sizes)
        # torch multiplies the sizes of an empty tensor too, in 64 bits.
        fits = reached <= 4 and math.prod(shape) <= 4 and math.prod(size or 1 for size in shape) <= 1 << 62
        checkpoint = signed(sound["PPO"].but(**{"relay/more.pth": content})).pack()
        if not fits:
            guard.refused(checkpoint)
            return
        guard.sound(checkpoint)
        loaded = th.load(io.BytesIO(content), weights_only=True)["weight"]
        assert (tuple(loaded.shape), loaded.stride(), loaded.storage_offset()) == (shape, stride, offset)

    judged()
    guard.enough()


@pytest.mark.parametrize("key", ["00", "-1", "1.5", "../0", "0/../0", "0 ", "\u0660", "1000000000", "", "a", "0\0"])
def test_a_storage_is_called_by_a_plain_number(guard: Guard, sound: dict[str, Sound], key: str) -> None:
    content = torch_file(program({"weight": tensor(storage=storage(key=key))}), **{f"_{key}": FOUR})
    guard.refused(signed(sound["PPO"].but(**{"relay/more.pth": content})).pack())


KINDS = {"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "ComplexFloatStorage": "<f4"}


def test_numbers_that_are_none(guard: Guard, sound: dict[str, Sound]) -> None:
    """Anywhere in a storage, whether a tensor looks at the place or not, and whatever the bits of the NaN."""

    @fuzz(70)
    @given(data=st.data())
    def refused(data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(sorted(KINDS)))
        each = np.dtype(KINDS[kind])
        exponent = {2: 0x7C00, 4: 0x7F800000, 8: 0x7FF0000000000000}[each.itemsize]
        mantissa = exponent & -exponent
        bits = (
            exponent
            | data.draw(st.sampled_from([0, 1, mantissa - 1, mantissa >> 1]))
            | data.draw(st.booleans()) << (8 * each.itemsize - 1)
        )
        count = data.draw(st.sampled_from([8, 64, 1000, 600_000 // each.itemsize, 2_500_000 // each.itemsize]))
        values = np.full(count, data.draw(st.sampled_from([0.0, 1.0, float(np.finfo(each).max)])), dtype=each)
        values.view(f"<u{each.itemsize}")[data.draw(st.sampled_from([0, 1, count // 2, count - 1]))] = bits
        elements = count // 2 if kind.startswith("Complex") else count
        described = tensor(storage=storage(kind=Name("torch", kind), elements=elements))
        content = torch_file(program({"layer": {"weight": described}}), _0=values.tobytes())
        name = data.draw(st.sampled_from([VARIABLES_MEMBER, "relay/more.pth"]))
        sentence = guard.refused(signed(sound["PPO"].but(**{name: content})).pack())
        assert f"in '{name}': tensor 'layer.weight' holds NaN or infinity" in sentence

    refused()
    guard.enough()


def test_files_of_other_kinds(guard: Guard, sound: dict[str, Sound]) -> None:
    stream = io.BytesIO()
    th.save({"weight": th.ones(2)}, stream, _use_new_zipfile_serialization=False)
    plain = unpacked(torch_file(program({"weight": tensor()}), _0=FOUR))
    scripted = plain | {"archive/code/model.py": b"", "archive/constants.pkl": b"\x80\x02)."}
    array = io.BytesIO()
    np.save(array, np.ones(4))
    safetensors = b'{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    contents = {
        "of torch before 1.6": stream.getvalue(),
        "of TorchScript": packed(scripted).pack(),
        "of numpy": array.getvalue(),
        "of safetensors": struct.pack("<Q", len(safetensors)) + safetensors + bytes(4),
        "a pickle": program({"weight": 1}),
        "nothing": b"",
        "a page": b"<!DOCTYPE html>",
        "an empty zip": packed({}).pack(),
        "big-endian": packed({**plain, "archive/byteorder": b"big"}).pack(),
        "of a later version": packed({**plain, "archive/version": b"11"}).pack(),
        "of no version": packed({name: each for name, each in plain.items() if name != "archive/version"}).pack(),
        "two roots": packed({**plain, "other/data.pkl": b""}).pack(),
        "no root": packed({"data.pkl": program({})}).pack(),
        "a checkpoint": signed(sound["PPO"]).pack(),
    }
    for name in TORCH_MEMBERS:
        for kind, content in contents.items():
            assert f"in '{name}'" in guard.refused(signed(sound["PPO"].but(**{name: content})).pack()), kind
