"""The local engine: `nas_lib.search` and what is built on it, and the loop of all replicas."""

from nas_lib.engine.comparison import compare
from nas_lib.engine.entry import search
from nas_lib.engine.final import train_best
from nas_lib.engine.handle import FoundChild, SearchHandle, open
from nas_lib.engine.loop import Engine
from nas_lib.engine.one_round import train_one, train_round
from nas_lib.engine.refreshing import refresh
from nas_lib.engine.transferring import transfer
from nas_lib.engine.workers import MakeWorkers, Workers, default_workers, worker_processes
from nas_lib.procedures import Listener

__all__ = [
    "Engine",
    "FoundChild",
    "Listener",
    "MakeWorkers",
    "SearchHandle",
    "Workers",
    "compare",
    "default_workers",
    "open",
    "refresh",
    "search",
    "train_best",
    "train_one",
    "train_round",
    "transfer",
    "worker_processes",
]
