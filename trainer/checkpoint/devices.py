"""Tensors inside plain containers, moved from one device to another."""

from __future__ import annotations

from typing import Any

import torch


def moved(value: Any, device: torch.device | str) -> Any:
    """`value` with every tensor in it, or in the tuples, lists and dicts that it is made of, on `device`."""
    if isinstance(value, torch.Tensor):
        return value.detach().to(device)
    if isinstance(value, tuple):
        parts = [moved(each, device) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, list):
        return [moved(each, device) for each in value]
    if isinstance(value, dict):
        return {key: moved(each, device) for key, each in value.items()}
    return value
