"""What saving costs a training: the pause of each save, its work in the background, and its share of the time.

    python bench/saving.py                        every case; about an hour and a half on two cores
    python bench/saving.py --case dqn --case sac  some of them
    python bench/saving.py --quick                small buffers and short windows: does it work at all?

Each case is a session in a process of its own, that saves every 10,000 timesteps. Its replay buffer is
full from the start, of what a random policy met: filling it by training would take hours. In every
round the same session also runs with its saves taken away. What Stable-Baselines3's own `save` and
`save_replay_buffer` take for the same model is measured after the session, in the same process.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from measuring.clock import run_timed
from measuring.graphs import project_path
from measuring.saving_session import SavingCase
from measuring.tables import note, publish, table, write_raw

from contract.storage.files import human_bytes

SAVE_FREQUENCY: Final = 10_000
GOAL_OF_PPO: Final = 0.01
GOAL_WITH_BUFFER: Final = 0.02
TRANSITIONS: Final = 1_000_000
IMAGES: Final = 100_000
SESSION: Final = "measuring.saving_session"
CART_POLE: Final = {"id": "CartPole-v1"}


def _job(algorithm: str, env: dict[str, Any], policy: str = "MlpPolicy", **hyperparameters: Any) -> dict[str, Any]:
    return {
        "algorithm": algorithm,
        "policy": policy,
        "env": env,
        "hyperparameters": hyperparameters,
        "save_freq": SAVE_FREQUENCY,
        "device": "cpu",
    }


def _ppo(width: int) -> dict[str, Any]:
    networks = {"net_arch": [width, width]}
    return _job("PPO", {**CART_POLE, "n_envs": 8}, n_steps=128, batch_size=256, policy_kwargs=networks)


CASES: Final = {
    "ppo-64": SavingCase("PPO, two layers of 64", _ppo(64), saves=10, filled=False),
    "ppo-256": SavingCase("PPO, two layers of 256", _ppo(256), saves=5, filled=False),
    "dqn": SavingCase("DQN, CartPole", _job("DQN", CART_POLE, buffer_size=TRANSITIONS), saves=10, filled=True),
    "sac": SavingCase(
        "SAC, Pendulum", _job("SAC", {"id": "Pendulum-v1"}, buffer_size=TRANSITIONS), saves=3, filled=True
    ),
    "images": SavingCase(
        "DQN, 84x84x4 images",
        _job("DQN", {"id": "measuring.frames:Frames-v0"}, "CnnPolicy", buffer_size=IMAGES),
        saves=2,
        filled=True,
        most_rounds=2,
    ),
}


def main() -> None:
    """Measure, and print the report."""
    options = _options()
    results = {}
    with tempfile.TemporaryDirectory(prefix="relay-bench-", ignore_cleanup_errors=True) as name:
        for key in options.case or CASES:
            case = shortened(CASES[key]) if options.quick else CASES[key]
            rounds = 1 if options.quick else min(options.rounds, case.most_rounds)
            results[key] = measure(Path(name) / key, case, rounds)
            publish(f"### {case.name}: {case.saves} saves a round")
            publish(report(key, case, results[key]))
    publish(summary(results))
    write_raw(options.json, {"benchmark": "saving", "results": results})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What saving costs a training.")
    parser.add_argument("--case", action="append", choices=list(CASES), help="all where left out")
    parser.add_argument("--rounds", type=int, default=3, help="sessions of each case, with and without saves")
    parser.add_argument("--quick", action="store_true", help="small and short, for a look at whether it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    return parser.parse_args()


def shortened(case: SavingCase) -> SavingCase:
    """The case with a small buffer and two saves."""
    hyperparameters = dict(case.job["hyperparameters"])
    if case.filled:
        hyperparameters["buffer_size"] = 2_000
    return replace(case, saves=2, job={**case.job, "save_freq": 1_200, "hyperparameters": hyperparameters})


def measure(folder: Path, case: SavingCase, rounds: int) -> list[dict[str, Any]]:
    """Run the session with and without saves in turns, each round starting with the other one."""
    folder.mkdir()
    (folder / "case.json").write_text(json.dumps(asdict(case)), encoding="utf-8")
    results = []
    for number in range(rounds):
        ways = {"saving": (), "never_saving": ("--never-save",)}
        result = {}
        for way in ways if number % 2 == 0 else reversed(ways):
            note(f"{case.name}, round {number + 1} of {rounds}: {way}")
            result[way] = _run(folder, ways[way])
        results.append(result)
    shutil.rmtree(folder)
    return results


def _run(folder: Path, more: tuple[str, ...]) -> dict[str, Any]:
    session = folder / "session"
    session.mkdir()
    command = (sys.executable, "-m", SESSION, str(folder / "case.json"), str(session), str(folder / "rows"), *more)
    output = run_timed(command, folder, project_path()).output
    shutil.rmtree(session)
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def report(key: str, case: SavingCase, rounds: list[dict[str, Any]]) -> str:
    """What was measured of one case."""
    saved = [each["saving"] for each in rounds]
    costs = [each["costs"] for each in saved]
    pauses, sb3 = _pauses(saved, "costs"), _pauses(saved, "sb3")
    saves = len(pauses)

    def per_save(what: str) -> float:
        return float(sum(each[what] for each in costs)) / saves

    rows = [
        ["pause of a save, median (max)", f"{_ms(statistics.median(pauses))} ({_ms(max(pauses))})"],
        ["copies between two saves, in training's thread", _ms(per_save("between"))],
        ["time between two saves", f"{per_save('window'):.2f} s"],
        ["**share of the time for which training waits**", _percent(share_waited(rounds))],
        ["time with saves / without, median of rounds", f"{overhead(rounds):.4f}"],
        ["writer thread, wall for each save", f"{per_save('writer_wall'):.3f} s"],
        ["writer thread, CPU for each save", f"{per_save('writer_cpu'):.3f} s"],
        ["written for each save", human_bytes(int(per_save("written")))],
    ]
    if case.filled:
        first = rounds[0]["saving"]["first_write"]
        rows += [
            ["the whole buffer in memory", human_bytes(rounds[0]["saving"]["buffer_bytes"])],
            ["the whole buffer as segments, once", human_bytes(first["written"])],
        ]
    rows += [
        ["SB3's own saving, median (max)", f"{_ms(statistics.median(sb3))} ({_ms(max(sb3))})"],
        ["SB3's own saving, written each time", human_bytes(rounds[0]["saving"]["sb3"]["written"])],
        ["share of the time for which training would wait for SB3's", _percent(share_with_sb3(rounds))],
    ]
    return table([key, "measured"], rows)


def summary(results: dict[str, list[dict[str, Any]]]) -> str:
    """The goals, and what was measured, all cases in one table."""
    rows = []
    for key, rounds in results.items():
        goal = GOAL_WITH_BUFFER if CASES[key].filled else GOAL_OF_PPO
        saved = [each["saving"] for each in rounds]
        pause, sb3 = (statistics.median(_pauses(saved, whose)) for whose in ("costs", "sb3"))
        saves = len(_pauses(saved, "costs"))
        written = sum(each["costs"]["written"] for each in saved) / saves
        rows.append(
            [
                CASES[key].name,
                f"{_percent(share_waited(rounds))} (at most {goal:.0%})",
                f"{overhead(rounds) - 1:+.2%}",
                _ms(pause),
                human_bytes(int(written)),
                _percent(share_with_sb3(rounds)),
                _ms(sb3),
                human_bytes(saved[0]["sb3"]["written"]),
            ]
        )
    head = ["", "training waits (goal)", "wall time", "pause", "written", "with SB3's own", "its pause", "it writes"]
    return table(head, rows)


def _pauses(saved: list[dict[str, Any]], whose: str) -> list[float]:
    return [pause for each in saved for pause in each[whose]["pauses"]]


def share_waited(rounds: list[dict[str, Any]]) -> float:
    """The share of the windows for which training waited for saves; of all rounds together."""
    costs = [each["saving"]["costs"] for each in rounds]
    waited = sum(sum(each["pauses"]) + each["between"] for each in costs)
    return float(waited / sum(each["window"] for each in costs))


def share_with_sb3(rounds: list[dict[str, Any]]) -> float:
    """The share for which it would wait, if it saved as often by SB3's own functions."""
    saved = [each["saving"] for each in rounds]
    saves, pause = len(_pauses(saved, "costs")), statistics.median(_pauses(saved, "sb3"))
    training = sum(each["never_saving"]["costs"]["window"] for each in rounds) / saves
    return float(pause / (pause + training))


def overhead(rounds: list[dict[str, Any]]) -> float:
    """Wall time of the window with saves by that without, the median of the rounds' own ratios."""
    ratios = [each["saving"]["costs"]["window"] / each["never_saving"]["costs"]["window"] for each in rounds]
    return float(statistics.median(ratios))


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


def _percent(share: float) -> str:
    return f"{share:.2%}"


if __name__ == "__main__":
    main()
