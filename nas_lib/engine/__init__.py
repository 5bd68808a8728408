"""The local engine: `nas_lib.search`, and the loop of all replicas over one pool of workers."""

from nas_lib.engine.entry import SearchHandle, search
from nas_lib.engine.listener import Listener
from nas_lib.engine.loop import Engine
from nas_lib.engine.trainers import MakeTrainer, Trainer, train_children

__all__ = [
    "Engine",
    "Listener",
    "MakeTrainer",
    "SearchHandle",
    "Trainer",
    "search",
    "train_children",
]
