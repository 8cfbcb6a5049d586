"""Many jobs on few slots: how fair and how quick the waiting line is, simulated by a virtual clock.

    python bench/scale.py                   10, 100, 1,000 and 10,000 jobs of 20 sessions each, with and without kills
    python bench/scale.py --jobs 1000       so many jobs alone
    python bench/scale.py --seed 7          other ends of sessions, and other moments of kills

Kaggle's GPU sessions (two at once, a weekly quota of 30 hours, counted by the emulator's own code) and CPU sessions
(five at once), and a cluster of 512 slots. Sessions end by their limit, by a crash or by a loss; the command is killed
between any two of its steps, and goes on from what is on the disk. No session trains.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import random
import tracemalloc
from pathlib import Path
from typing import Any, Final

from measuring.many_runs import MOMENTS, Command, OnDisk, mean, quantile
from measuring.places import HOUR, QUOTA, Places
from measuring.tables import publish, table, write_raw

from runner.scheduling.slots import Slot

GPU: Final = Slot("kaggle", "gpu", 2, has_gpu=True)
CPU: Final = Slot("kaggle", "cpu", 5)
CLUSTER: Final = Slot("cluster", "", 512)
NAMES: Final = {GPU: "Kaggle, GPU", CPU: "Kaggle, CPU", CLUSTER: "cluster"}
PARTS: Final = ((GPU, 1), (CPU, 14), (CLUSTER, 85))
"""Of a hundred jobs."""
LIMITS: Final = {GPU: 8.75 * HOUR, CPU: 8.75 * HOUR, CLUSTER: 4 * HOUR}
PRIORITIES: Final = (0, 0, 0, 0, 5)
SEEDS_IN_A_GROUP: Final = 5
SESSIONS: Final = 20
KILLS: Final = 200
SIZES: Final = (10, 100, 1_000, 10_000)


def main() -> None:
    """Simulate, and print the report."""
    parser = argparse.ArgumentParser(description="Many jobs on few slots, simulated by a virtual clock.")
    parser.add_argument("--jobs", type=int, nargs="*", default=SIZES, help="how many")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="of each job")
    parser.add_argument("--kills", type=int, default=KILLS, help="of the command, about")
    parser.add_argument("--seed", type=int, default=1, help="of ends and of kills")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    options = parser.parse_args()
    undisturbed = {count: simulated(count, options.sessions, 0, options.seed) for count in options.jobs}
    largest = max(options.jobs)
    killed = simulated(largest, options.sessions, options.kills, options.seed)
    publish(f"### A tick of the waiting line, {options.sessions} sessions of each job")
    publish(ticks_table(undisturbed))
    publish(f"### {largest:,} jobs of {options.sessions} sessions")
    publish(places_table(undisturbed[largest], options.sessions))
    publish(evenness_table(undisturbed[largest]))
    publish(f"### The same, killed {len(killed.restarts) - 1} times")
    publish(places_table(killed, options.sessions))
    publish(outcome_table(undisturbed[largest], killed, options.sessions))
    raw: dict[str, Any] = {str(count): {"tick_seconds": each.ticks} for count, each in undisturbed.items()}
    write_raw(options.json, {"benchmark": "scale", "results": raw})


def jobs_of_a_lab(count: int, seed: int) -> list[OnDisk]:
    """So many jobs, in groups that differ in their seeds, on all places."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    jobs: list[OnDisk] = []
    while len(jobs) < count:
        slot = chance.choices([slot for slot, _ in PARTS], [part for _, part in PARTS])[0]
        priority, group = chance.choice(PRIORITIES), f"group{len(jobs) // SEEDS_IN_A_GROUP}"
        jobs += [
            OnDisk(f"{group}-seed{number}", slot, priority, group, LIMITS[slot]) for number in range(SEEDS_IN_A_GROUP)
        ]
    return jobs[:count]


def simulated(count: int, sessions: int, kills: int, seed: int) -> Command:
    """What a command over so many jobs came to."""
    command = Command(jobs_of_a_lab(count, seed), Places(seed), sessions, kills, seed)
    command.run()
    return command


def line_bytes(count: int, seed: int) -> int:
    """What the waiting line of so many jobs takes of memory, beside the jobs themselves."""
    command = Command(jobs_of_a_lab(count, seed), Places(seed), SESSIONS, 0, seed)
    tracemalloc.start()
    command.begin_anew()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken


def ticks_table(commands: dict[int, Command]) -> str:
    """How long the line takes."""
    head = ["jobs", "ticks", "mean", "99 of 100 below", "longest", "a line made anew", "its memory"]
    rows = []
    for count, each in commands.items():
        times = (mean(each.ticks), quantile(each.ticks, 0.99), max(each.ticks), max(each.restarts))
        shown = [f"{1000 * seconds:.3f} ms" for seconds in times]
        rows.append([f"{count:,}", f"{len(each.ticks):,}", *shown, f"{line_bytes(count, 1) / 2**20:.2f} MiB"])
    return table(head, rows)


def places_table(command: Command, sessions: int) -> str:
    """How the slots were used."""
    head = ["place", "jobs", "sessions", "most at once", "slots used", "refused", "ended by"]
    rows = []
    for slot, tally in command.places.tallies.items():
        jobs = sum(each.slot == slot for each in command.jobs.values())
        ends = ", ".join(f"{how} {number:,}" for how, number in sorted(tally.ends.items()))
        rows.append(
            [
                NAMES[slot],
                f"{jobs:,}",
                f"{sum(tally.ends.values()):,} of {jobs * sessions:,}",
                f"{tally.most_live} of {slot.most}",
                f"{100 * command.places.share_used(slot, command.full_until.get(slot, command.now)):.1f} %",
                f"{tally.refused:,}",
                ends,
            ]
        )
    return table(head, rows)


def evenness_table(command: Command) -> str:
    """How even it was among jobs of equal priority."""
    moments = [f"Jain's index at {100 * moment:.0f} %" for moment in MOMENTS]
    rows = []
    for (slot, priority), found in sorted(command.evenness.items(), key=lambda each: (NAMES[each[0][0]], -each[0][1])):
        jain = [f"{index:.4f}" for index in found.jain]
        waits = [f"{hours / HOUR:,.0f} h" for hours in (quantile(found.waits, 0.5), max(found.waits))]
        rows.append([NAMES[slot], str(priority), *jain, *[""] * (len(moments) - len(jain)), *waits])
    return table(["place", "priority", *moments, "median wait", "longest"], rows)


def outcome_table(undisturbed: Command, killed: Command, sessions: int) -> str:
    """What must hold, and whether it did."""
    rows = [["sessions submitted twice", "0", f"{undisturbed.places.submitted_twice + killed.places.submitted_twice}"]]
    most = max(undisturbed.places.most_used, killed.places.most_used)
    rows.append(["GPU hours of the week with most", f"at most {QUOTA / HOUR:.0f}", f"{most / HOUR:.3f}"])
    every = sum(len(each.ended) == sessions for each in killed.jobs.values())
    rows.append(["jobs that had all their sessions", f"{len(killed.jobs):,}", f"{every:,}"])
    rows.append(["sessions that ended otherwise for the kills", "0", f"{differing(undisturbed, killed):,}"])
    return table(["", "must be", "was"], rows)


def differing(one: Command, other: Command) -> int:
    """Sessions that lasted otherwise in two commands, but for those that the quota has cut in either."""
    both = ((each, other.places.sessions[key]) for key, each in one.places.sessions.items())
    return sum(not (each.is_cut or twin.is_cut or each.is_like(twin)) for each, twin in both)


if __name__ == "__main__":
    main()
