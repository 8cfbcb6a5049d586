"""What outlives the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.errors import InputError
from emulator.clock import Clock
from emulator.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path


def test_a_block_that_raises_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "emulator.db")

    def write_and_fail() -> None:
        with database.transaction(), database.transaction():
            database.run("INSERT INTO meta VALUES ('a', 'b')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert database.one("SELECT * FROM meta WHERE name = 'a'") is None
    database.close()


def test_emulated_time_goes_on_where_it_was_at_another_scale_too(tmp_path: Path) -> None:
    real = [1_000.0]

    def source() -> float:
        return real[0]

    database = Database(tmp_path / "emulator.db")
    clock = database.clock(Clock(source(), source(), 60.0, source))
    real[0] += 10
    assert clock.now() == 1_600.0
    assert clock.real_seconds(120) == 2.0
    database.close()
    real[0] += 10  # the emulator is down, and time goes on

    database = Database(tmp_path / "emulator.db")
    assert database.clock(Clock(source(), source(), 60.0, source)).now() == 2_200.0
    slower = database.clock(Clock(source(), source(), 1.0, source))
    real[0] += 10
    assert slower.now() == 2_210.0
    assert database.clock(Clock(source(), source(), 1.0, source)).now() == 2_210.0
    database.close()


def test_its_secret_stays(tmp_path: Path) -> None:
    first = Database(tmp_path / "emulator.db")
    secret = first.secret()
    first.close()
    second = Database(tmp_path / "emulator.db")
    assert second.secret() == secret
    second.close()


def test_another_format_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "emulator.db")
    database.run("UPDATE meta SET value = '2' WHERE name = 'format'")
    database.close()
    with pytest.raises(InputError, match="has the format 2, and this emulator reads 1"):
        Database(tmp_path / "emulator.db")
