"""A stranger's words, as a terminal may be given them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.plain_text import LONGEST_SENTENCE, one_line, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Straße: 交通 \N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}\ta\N{NO-BREAK SPACE}b", None),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "\\x1b]0;title\\x07text"),
        ("\x1b[2J\x9b2J", "\\x1b[2J\\x9b2J"),
        ("one\rtwo\x08\x00", "one\\rtwo\\x08\\x00"),
        ("\x1b\x1b[0m[31m", "\\x1b[31m"),
        ("right\N{RIGHT-TO-LEFT OVERRIDE}left", "right\\u202eleft"),
        ("caf\udce9", "caf\\udce9"),
    ],
)
def test_colours_go_and_whatever_else_steers_a_terminal_is_spelled_out(text: str, shown: str | None) -> None:
    assert plain(text) == (text if shown is None else shown)


@given(st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "L", "Zs"])))
def test_nothing_that_is_left_steers_a_terminal(text: str) -> None:
    shown = plain(text)
    assert all(each == "\t" or each >= " " for each in shown)
    assert "\x7f" not in shown
    shown.encode()


def test_a_part_of_a_sentence_is_on_one_line_and_short() -> None:
    assert one_line(" two\nlines\x07 ") == "two lines\\x07"
    assert one_line("x" * LONGEST_SENTENCE) == "x" * LONGEST_SENTENCE
    assert one_line("x" * 10_000_000) == "x" * LONGEST_SENTENCE + "…"
