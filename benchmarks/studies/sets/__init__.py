"""Sets of examples that are nobody's benchmark, from packages of registries.

Each module lays one out as people have theirs: a folder for each class, or a table. Nothing of them
is in this repository.
"""

from __future__ import annotations

from benchmarks.studies.sets.clipart import write_clipart
from benchmarks.studies.sets.emoji import write_emoji
from benchmarks.studies.sets.exercises import write_exercises
from benchmarks.studies.sets.sprites import write_sprites

WRITERS = {
    "clipart": write_clipart,
    "emoji": write_emoji,
    "sprites": write_sprites,
    "exercises": write_exercises,
}
"""By the names of the sets: each takes a folder for packages, and one for the set."""
