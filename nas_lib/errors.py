"""What can go wrong, and whose turn it is then.

Each error is also the builtin a caller would expect. Its message is one sentence that says where,
what was expected and what came. The command exits with `exit_code`: 2 for the user's input, 1 for
everything that happened during the run.
"""


class NasError(Exception):
    """Anything this library raises on purpose."""

    exit_code = 1


class ConfigError(NasError, ValueError):
    """A setting is unknown, of the wrong type or impossible."""

    exit_code = 2


class DataError(NasError, ValueError):
    """The user's data is missing, damaged or not what its format promises."""

    exit_code = 2


class ArchitectureError(NasError, ValueError):
    """A text or token sequence does not describe an architecture of the space."""

    exit_code = 2


class SearchMismatchError(ConfigError):
    """The folder holds the state of another search."""


class StoreError(NasError, OSError):
    """The object store could not do what was asked, retries included."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ObjectNotFoundError(StoreError, KeyError):
    """No object lies under this key."""


class CorruptStateError(StoreError):
    """A stored object is damaged; the message names it and what is wrong with it."""


class SearchHeldError(NasError):
    """Another run is working on this replica of the search."""


class InterruptedSearchError(NasError):
    """The user stopped the run; what was finished is stored."""

    exit_code = 130


class OutOfMemoryError(NasError, MemoryError):
    """What all children have in common does not fit into memory."""


class ClusterError(NasError):
    """Kubernetes or Kubeflow refused, or could not be reached."""
