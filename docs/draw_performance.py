"""Draw docs/performance.png from the predictions of left-out rows.  Needs matplotlib.

python -m planner.performance.fit --predictions left_out.csv && python docs/draw_performance.py left_out.csv
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PANELS = (
    ("unseen", "tpot", "TPOT, configuration unseen", "ms"),
    ("row", "tpot", "TPOT, row left out", "ms"),
    ("row", "ttft", "TTFT, row left out", "ms"),
    ("unseen", "throughput", "static batch and full load, configuration unseen", "output tok/s"),
)
COLORS = {"vllm": "#1f77b4", "trtllm": "#76b900", "sglang": "#d62728"}

rows = pd.read_csv(sys.argv[1])
figure, axes = plt.subplots(2, 2, figsize=(11, 10))
for axis, (left_out, quantity, title, unit) in zip(axes.flat, PANELS, strict=True):
    part = rows[(rows.left_out == left_out) & (rows.quantity == quantity)]
    for engine in (*COLORS, "other engines"):
        of_engine = part[~part.engine.isin(list(COLORS)) if engine == "other engines" else part.engine == engine]
        if len(of_engine):
            axis.scatter(
                of_engine.measured, of_engine.predicted, s=5, alpha=0.35, linewidths=0,
                color=COLORS.get(engine, "#999999"), label=f"{engine} ({len(of_engine):,})",
            )  # fmt: skip
    ends = np.array([part.measured.min() * 0.8, part.measured.max() * 1.25])
    axis.plot(ends, ends, color="black", linewidth=0.8)
    for factor in (1 / 1.4, 1.4):
        axis.plot(ends, ends * factor, color="black", linewidth=0.5, linestyle=":")
    off = (part.predicted / part.measured - 1).abs()
    axis.set_title(f"{title}\nmedian {off.median():.1%}, 90 % {off.quantile(0.9):.0%}, {len(part):,} rows", fontsize=10)
    axis.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axis.set(xlabel=f"measured [{unit}]", ylabel=f"predicted [{unit}]")
    axis.legend(fontsize=8, loc="upper left", markerscale=3)
figure.text(0.5, 0.005, "dotted: 1.4 times too high or too low", ha="center", fontsize=8)
figure.tight_layout(rect=(0, 0.015, 1, 1))
figure.savefig(Path(__file__).with_name("performance.png"), dpi=110)
