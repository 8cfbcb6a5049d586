"""Names that Kaggle takes, and that tell jobs apart."""

from __future__ import annotations

import pytest

from contract.errors import SessionLostError
from runner.backends.kaggle.names import LONGEST_SLUG, Handle, dataset_slug, kernel_slug, store_slug

JOBS = ["a", "traffic_light_control", "a_b", "a-b", "a__b", "a_", "j" * 63, "j" * 62 + "-", f"{'j' * 35}-{'k' * 20}"]


@pytest.mark.parametrize("job", JOBS)
def test_slugs_are_what_kaggle_makes_of_their_titles(job: str) -> None:
    kernel = kernel_slug(job)
    for slug in (kernel, dataset_slug(kernel), store_slug(kernel, "ab" * 32)):
        assert 6 <= len(slug) <= LONGEST_SLUG
        assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert "--" not in slug
        assert slug == slug.strip("-")


def test_no_two_jobs_share_a_slug_and_a_plain_name_stays_plain() -> None:
    assert len({kernel_slug(job) for job in JOBS}) == len(JOBS)
    assert kernel_slug("traffic_light_control") == "relay-traffic-light-control"


def test_a_handle_is_read_as_it_was_written() -> None:
    handle = Handle("relay-cart", 12, "ab" * 32)
    assert Handle.parse(str(handle)) == handle
    assert handle.label == "v12"


@pytest.mark.parametrize(
    "text", ["", "relay-cart", "relay-cart/0/ab", "relay-cart/1/", "../x/1/ab", "alice/relay/1/ab"]
)
def test_what_is_no_handle_is_a_lost_session(text: str) -> None:
    with pytest.raises(SessionLostError):
        Handle.parse(text)
