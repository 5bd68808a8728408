"""The local engine: `nas_lib.search`, and the loop of all replicas over one pool of workers."""

from nas_lib.engine.entry import SearchHandle, search
from nas_lib.engine.listener import Listener
from nas_lib.engine.loop import Engine
from nas_lib.engine.one_round import train_one, train_round
from nas_lib.engine.trainers import MakeTrainer, Trainer, default_workers, worker_processes

__all__ = [
    "Engine",
    "Listener",
    "MakeTrainer",
    "SearchHandle",
    "Trainer",
    "default_workers",
    "search",
    "train_one",
    "train_round",
    "worker_processes",
]
