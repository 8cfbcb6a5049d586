"""The colours of figures: those of M. Okabe and K. Ito, which people who see few colours tell apart.

"Color universal design: how to make figures and presentations that are friendly to colorblind people", 2008.
"""

from __future__ import annotations

from typing import Final

AGENT: Final = "#0072b2"
TRAINING: Final = "#9aa5b4"
BEST: Final = "#d55e00"
BAND: Final = "rgba(0,114,178,0.2)"
BORDER: Final = "rgba(120,130,145,0.45)"
BASELINES: Final = ("#009e73", "#cc79a7", "#e69f00", "#d55e00")
SEEDS: Final = ("#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")

IN_THE_DARK: Final = {
    AGENT: "#56b4e9",
    TRAINING: "#6b7787",
    BEST: "#ff8a4c",
    BAND: "rgba(86,180,233,0.22)",
    BORDER: "rgba(150,160,175,0.35)",
    "#009e73": "#35c79b",
    "#cc79a7": "#e2a3c5",
    "#e69f00": "#f2bb45",
}
"""What stands for a colour on a dark ground; one that is not here is seen on either."""
