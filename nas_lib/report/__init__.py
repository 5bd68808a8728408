"""Tables, curves, pictures of networks, self-contained HTML pages. Pure functions, no torch."""

from __future__ import annotations

from nas_lib.report.compare import Comparison, compare
from nas_lib.report.compare_page import compare_page
from nas_lib.report.compare_shared import SharedComparison
from nas_lib.report.compare_tables import compare_json, compare_table
from nas_lib.report.curves import leaderboard, winner
from nas_lib.report.derivation import best_kept, winner_lines
from nas_lib.report.page import problem_page, run_sentence, search_page
from nas_lib.report.pictures import network_picture
from nas_lib.report.replica_tables import pace_line, replicas_table
from nas_lib.report.replicas import ReplicaSummary, replica_summaries
from nas_lib.report.shared_words import derivation_lines, epoch_text
from nas_lib.report.tables import headline, leaderboard_json, leaderboard_table, summary_json
from nas_lib.report.view import DataSummary, SearchView

__all__ = [
    "Comparison",
    "DataSummary",
    "ReplicaSummary",
    "SearchView",
    "SharedComparison",
    "best_kept",
    "compare",
    "compare_json",
    "compare_page",
    "compare_table",
    "derivation_lines",
    "epoch_text",
    "headline",
    "leaderboard",
    "leaderboard_json",
    "leaderboard_table",
    "network_picture",
    "pace_line",
    "problem_page",
    "replica_summaries",
    "replicas_table",
    "run_sentence",
    "search_page",
    "summary_json",
    "winner",
    "winner_lines",
]
