"""Three variables of the environment."""

from __future__ import annotations

import pytest

from contract.errors import InputError
from runner.backends.kaggle.api.settings import (
    PATIENCE_VARIABLE,
    POLL_VARIABLE,
    TIMEOUT_VARIABLE,
    KaggleSettings,
    settings_from,
)


def test_what_is_not_set_has_its_default() -> None:
    assert settings_from({}) == settings_from({POLL_VARIABLE: ""}) == KaggleSettings()
    given = {POLL_VARIABLE: "0.5", PATIENCE_VARIABLE: "1e3", TIMEOUT_VARIABLE: "7"}
    assert settings_from(given) == KaggleSettings(poll=0.5, patience=1000, timeout=7)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf"])
def test_what_is_no_number_of_seconds_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"variable {POLL_VARIABLE}: is '{text}'; set it to a number of seconds"):
        settings_from({POLL_VARIABLE: text})
