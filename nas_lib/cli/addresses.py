"""How much address space a command takes."""

from __future__ import annotations

from nas_lib.errors import MachineError

WITH_TORCH_MB = 1024


def require_addresses(size_mb: int) -> None:
    """Refuse a limit of address space in which libraries end the process, or hang in its import."""
    try:
        import resource
    except ImportError:  # on Windows, which has no such limit
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < size_mb * 2**20:
        raise MachineError(
            f"this process may have {limit // 2**20:,} MiB of address space, and takes "
            f"{size_mb:,} MiB: raise the limit (ulimit -v)"
        )
