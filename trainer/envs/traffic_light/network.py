"""The intersection: its fundamental diagram, lane groups and phases.

The fundamental diagram is triangular, as the cell transmission model asks for: C. F. Daganzo, "The
cell transmission model: a dynamic representation of highway traffic consistent with the
hydrodynamic theory", Transportation Research Part B 28(4), 1994, pp. 269-287.
"""

from __future__ import annotations

from typing import Final

import numpy as np

SECONDS_PER_STEP: Final = 1
FREE_FLOW_SPEED: Final = 15.0
"""Metres per second (54 km/h)."""
WAVE_SPEED: Final = 5.0
"""Metres per second at which a queue's end travels upstream as it dissolves."""
CELL_LENGTH: Final = FREE_FLOW_SPEED * SECONDS_PER_STEP
"""Metres: what a vehicle covers in one step in free flow, as the model demands."""
JAM_VEHICLES: Final = 2.0
"""Vehicles per lane that fill a cell: 7.5 m each."""
JAM_DENSITY: Final = JAM_VEHICLES / CELL_LENGTH
"""Vehicles per metre and lane."""
CAPACITY: Final = JAM_DENSITY * FREE_FLOW_SPEED * WAVE_SPEED / (FREE_FLOW_SPEED + WAVE_SPEED)
"""Vehicles per second and lane at the triangle's top: 0.5, which is 1,800 an hour."""
WAVE_RATIO: Final = WAVE_SPEED / FREE_FLOW_SPEED
CELLS: Final = 12
"""Cells per approach, 180 m."""

APPROACHES: Final = ("north", "east", "south", "west")
"""Where the traffic comes from."""
MOVEMENTS: Final = ("through_right", "left")
LANES_PER_MOVEMENT: Final = (2, 1)
LANE_GROUPS: Final = tuple(f"{approach}_{movement}" for approach in APPROACHES for movement in MOVEMENTS)
"""The last axis of every array of the simulator; each group has its lanes to itself over the whole approach."""
LANES: Final = np.array(LANES_PER_MOVEMENT * len(APPROACHES), dtype=np.float64)
"""Shape (8,)."""
APPROACH_LANES: Final = sum(LANES_PER_MOVEMENT)

_PHASE_GROUPS: Final = {
    "north-south through and right": ("north_through_right", "south_through_right"),
    "north-south left": ("north_left", "south_left"),
    "east-west through and right": ("east_through_right", "west_through_right"),
    "east-west left": ("east_left", "west_left"),
}
PHASES: Final = tuple(_PHASE_GROUPS)
SERVED: Final = np.array([[group in served for group in LANE_GROUPS] for served in _PHASE_GROUPS.values()])
"""Shape (4, 8), bool: which lane groups a phase lets through; every left turn is protected."""
