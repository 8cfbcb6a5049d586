"""Pages of a list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.calls.paging import LARGEST_PAGE, PAGE_SIZE, paginate
from emulator.calls.wire import ApiError


@given(st.integers(0, 500), st.one_of(st.none(), st.integers(-1, 300)))
def test_all_pages_together_are_the_list(count: int, size: int | None) -> None:
    items = range(count)
    seen: list[int] = []
    token = ""
    while True:
        page, token = paginate(items, size, token)
        assert len(page) <= LARGEST_PAGE
        seen += page
        if not token:
            break
    assert seen == [*items]


def test_a_page_can_be_asked_for_by_number() -> None:
    assert [*paginate(range(100), None, None, 2)[0]] == [*range(PAGE_SIZE, 2 * PAGE_SIZE)]
    assert [*paginate(range(100), 30, "", 4)[0]] == [*range(90, 100)]


@pytest.mark.parametrize("token", ["nonsense", "bm9uc2Vuc2U=", "YXQ6b25l", "ü"])
def test_a_token_of_something_else_is_refused(token: str) -> None:
    with pytest.raises(ApiError, match="page token"):
        paginate(range(100), 10, token)
