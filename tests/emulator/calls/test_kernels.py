"""Kernels, as the official client lists, pulls and deletes them; and the quota."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from requests import HTTPError

from emulator.settings import T4
from emulator.store.values import KernelState
from tests.emulated import EmulatedKaggle, emulated, from_a_wednesday

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_pushed_is_pulled(emulator: EmulatedKaggle) -> None:
    script = "print('ünïcode')\n"
    folder = emulator.folder()
    fields: dict[str, Any] = {
        "title": "Pulled one",
        "machine_shape": T4,
        "keywords": ["games"],
        "enable_internet": True,
    }
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(script, "pulled-one", **fields)))
        api.kernels_push(str(emulator.kernel("print(2)", "pulled-one", **fields)))
        api.kernels_pull("alice/pulled-one/1", str(folder), metadata=True)
    assert (folder / "pulled-one.py").read_text(encoding="utf-8") == script
    metadata = json.loads((folder / "kernel-metadata.json").read_text(encoding="utf-8"))
    assert {name: metadata[name] for name in ("id", "title", "machine_shape", "keywords", "is_private")} == {
        "id": "alice/pulled-one",
        "title": "Pulled one",
        "machine_shape": T4,
        "keywords": ["games"],
        "is_private": True,
    }
    assert (metadata["enable_gpu"], metadata["enable_internet"]) == (False, True)


def test_kernels_are_listed_filtered_and_in_pages(tmp_path: Path) -> None:
    with emulated(tmp_path, cpu_slots=50) as kaggle:
        with kaggle.client("bob") as api:
            api.kernels_push(str(kaggle.kernel(slug="bobs-public", user="bob", is_private=False)))
            api.kernels_push(str(kaggle.kernel(slug="bobs-private", user="bob")))
        with kaggle.client() as api:
            for number in range(5):
                api.kernels_push(str(kaggle.kernel(slug=f"number-{number}")), no_run=True)
            assert [kernel.ref for kernel in api.kernels_list(user="bob")] == ["bob/bobs-public"]
            assert len(api.kernels_list()) == 6
            assert [kernel.slug for kernel in api.kernels_list(mine=True, search="number-3")] == ["number-3"]
            assert api.kernels_list(language="r") == []
            page = api.kernels_list_with_response(mine=True, page_size=3)
            rest = api.kernels_list_with_response(mine=True, page_size=3, page_token=page.next_page_token)
            slugs = [kernel.slug for kernel in (*page.kernels, *rest.kernels)]
            assert slugs == [f"number-{number}" for number in (4, 3, 2, 1, 0)]
            assert not rest.next_page_token


def test_only_its_owner_deletes_a_kernel(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(slug="a-public-one", is_private=False)))
    with emulator.client("bob") as other, pytest.raises(HTTPError, match="403"):
        other.kernels_delete("alice/a-public-one", no_confirm=True)
    with emulator.client() as api:
        api.kernels_delete("alice/a-public-one", no_confirm=True)
        with pytest.raises(ValueError, match="denied"):
            api.kernels_status("alice/a-public-one")


def test_the_quota_counts_gpu_sessions_in_emulated_time(tmp_path: Path) -> None:
    start, hours, end = from_a_wednesday()(), 0.0, tmp_path / "end"
    until_the_end = f"import os, time\nwhile not os.path.exists({str(end)!r}):\n    time.sleep(0.01)\n"
    # A second is an hour, and the clock stands still until it is set.
    with emulated(tmp_path, time_scale=3600.0, source=lambda: start + hours) as kaggle, kaggle.client() as api:
        assert api.quota_view().gpu_quota.time_used.total_seconds() == 0
        api.kernels_push(str(kaggle.kernel(slug="without-a-gpu")))
        kaggle.wait("without-a-gpu")
        assert api.quota_view().gpu_quota.time_used.total_seconds() == 0
        api.kernels_push(str(kaggle.kernel(until_the_end, "with-a-gpu", machine_shape=T4)))
        kaggle.wait_for("with-a-gpu", lambda state: state is KernelState.RUNNING)
        assert api.quota_view().gpu_quota.time_reserved.total_seconds() > 0
        hours = 1.5
        end.touch()
        kaggle.wait("with-a-gpu")
        quota = api.quota_view()
        used = quota.gpu_quota.time_used.total_seconds()
        assert used == pytest.approx(1.5 * 3600)
        assert quota.gpu_quota.total_time_allowed.total_seconds() == 30 * 3600
        assert quota.gpu_quota.time_reserved.total_seconds() == 0
        api.kernels_delete("alice/with-a-gpu", no_confirm=True)
        assert api.quota_view().gpu_quota.time_used.total_seconds() == pytest.approx(used), (
            "deleting gives nothing back"
        )
        assert quota.quota_refresh_time.strftime("%A %H:%M") == "Saturday 00:00"
