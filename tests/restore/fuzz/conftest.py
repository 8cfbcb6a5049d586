"""Sound checkpoints to damage, and the guard that damaged ones are judged under."""

from __future__ import annotations

import shutil

import pytest

from contract.storage.layout import POLICY_MEMBER, STATE_MEMBER
from tests.restore.conftest import parameters
from tests.restore.fuzz.guard import Guard, Watchman
from tests.restore.fuzz.signing import Sound, signed


@pytest.fixture(scope="session")
def sound(saved_models: dict[str, dict[str, bytes]]) -> dict[str, Sound]:
    """What sound checkpoints of some algorithms hold beside their records."""
    return {
        algorithm: Sound(
            {**saved_models[algorithm], STATE_MEMBER: b"\x80\x05not for validation to open."},
            algorithm,
            parameters(saved_models[algorithm][POLICY_MEMBER]),
        )
        for algorithm in ("PPO", "SAC", "DQN")
    }


@pytest.fixture(scope="session")
def watchman(tmp_path_factory: pytest.TempPathFactory, sound: dict[str, Sound]) -> Watchman:
    own = Watchman(tmp_path_factory.mktemp("guarded"))
    (own.folder / "artifacts").mkdir()
    for each in sound.values():  # what is imported on the first call is read here
        assert Guard(own).sound(signed(each).pack()).training == {"algorithm": each.algorithm}
    return own


@pytest.fixture
def guard(watchman: Watchman) -> Guard:
    for left in watchman.folder.iterdir():  # by a test that failed
        shutil.rmtree(left)
    (watchman.folder / "artifacts").mkdir()
    return Guard(watchman)
