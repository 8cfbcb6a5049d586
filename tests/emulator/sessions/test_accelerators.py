"""Which machine a kernel gets."""

from __future__ import annotations

import pytest

from emulator.sessions.accelerators import TPU, choose_machine, is_trap
from emulator.settings import P100, T4
from emulator.store.values import KernelOptions


@pytest.mark.parametrize(
    ("options", "machine"),
    [
        (KernelOptions(), ""),
        (KernelOptions(enable_gpu=True), P100),
        (KernelOptions(enable_tpu=True), TPU),
        (KernelOptions(machine_shape=T4), T4),
        (KernelOptions(enable_gpu=True, machine_shape="None"), ""),
        (KernelOptions(machine_shape=P100), P100),
        (KernelOptions(machine_shape="Tpu1VmV38"), TPU),
        (KernelOptions(enable_tpu=True, machine_shape="TpuV2256"), ""),
    ],
)
def test_a_machine_shape_overrides_the_switches(options: KernelOptions, machine: str) -> None:
    assert choose_machine(options, default_gpu=P100) == machine


def test_a_retired_gpu_is_replaced_where_it_is_not_the_default() -> None:
    assert choose_machine(KernelOptions(machine_shape=P100), default_gpu=T4) == T4
    assert choose_machine(KernelOptions(enable_gpu=True), default_gpu=T4) == T4


def test_only_a_p100_is_a_trap() -> None:
    assert is_trap(P100)
    assert not is_trap(T4)
    assert not is_trap("")
