"""Reports: tables, curves, pictures of networks, self-contained HTML pages. No torch.

What searches have come to is decided in `nas_lib.results`; here it is drawn and worded.
"""

from __future__ import annotations

from nas_lib.report.compare import compare_json, compare_page, compare_plot, compare_table
from nas_lib.report.formatting import duration_text, rate_text, score_text
from nas_lib.report.learning import epoch_text, metrics_text
from nas_lib.report.model import model_json, terminal_final
from nas_lib.report.page import problem_page, search_page, waiting_page
from nas_lib.report.summary import (
    leaderboard_json,
    leaderboard_text,
    lost_run_lines,
    summary_lines,
    terminal_parts,
)

__all__ = [
    "compare_json",
    "compare_page",
    "compare_plot",
    "compare_table",
    "duration_text",
    "epoch_text",
    "leaderboard_json",
    "leaderboard_text",
    "lost_run_lines",
    "metrics_text",
    "model_json",
    "problem_page",
    "rate_text",
    "score_text",
    "search_page",
    "summary_lines",
    "terminal_final",
    "terminal_parts",
    "waiting_page",
]
