"""`python -m runner.verifying.loading_process FILE`: loads each model that a file names, or tries each device."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from contract.errors import InputError, RelayError
from runner.verifying.loading import ANSWER, DEVICES

_SIDE = 64


def main() -> None:
    """Answer each line of the file by one or more lines."""
    warnings.simplefilter("ignore")  # what Stable-Baselines3 says of versions was said where the model was made
    for word in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
        if word == DEVICES:
            _try_devices()
        else:
            _load(Path(word))


def _say(subject: str, problem: str = "", *, is_elsewhere: bool = False) -> None:
    told = {"subject": subject, "problem": problem, "is_elsewhere": is_elsewhere}
    sys.stdout.write(f"\n{ANSWER}{json.dumps(told)}\n")
    sys.stdout.flush()


def _load(path: Path) -> None:
    from trainer.inference import load_for_inference  # noqa: PLC0415 - it imports torch, which may fail

    try:
        load_for_inference(path)
    except InputError as error:
        _say(str(path), error.problem, is_elsewhere=True)
    except RelayError as error:
        _say(str(path), str(error))
    except Exception as error:  # noqa: BLE001 - whatever a library says of it is the answer
        _say(str(path), f"{type(error).__name__}: {error}")
    else:
        _say(str(path))


def _try_devices() -> None:
    """Multiply two matrices and go back through the product, on each device that torch has."""
    try:
        import torch  # noqa: PLC0415 - it may fail

        names = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    except Exception as error:  # noqa: BLE001 - likewise
        _say("torch", f"{type(error).__name__}: {error}")
        return
    for name in names:
        try:
            given = torch.ones(_SIDE, _SIDE, device=name, requires_grad=True)
            (gradient,) = torch.autograd.grad((given @ given).sum(), given)
            found = gradient.sum().item()
            expected = 2.0 * _SIDE**3
            _say(name, "" if found == expected else f"gives {found} instead of {expected}")
        except Exception as error:  # noqa: BLE001 - likewise
            _say(name, f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
