"""A container's control group in a folder, as either version of them writes it."""

from __future__ import annotations

from pathlib import Path

MIB = 2**20


class FakeContainer:
    """What it has and uses may be set at any time; sizes are in MiB."""

    def __init__(self, folder: Path, version: int = 2) -> None:
        self.folder = folder
        self._version = version
        self._memory = folder if version == 2 else folder / "memory"
        self._memory.mkdir(parents=True, exist_ok=True)
        self.set(limit_mb=None, used_mb=0)
        self.set_killed(0)

    def set(self, *, limit_mb: int | None, used_mb: int, files_mb: int = 0) -> None:
        """`files_mb`, half of them active, are counted as used but can be dropped."""
        half = files_mb * MIB // 2
        if self._version == 2:
            self._write("memory.max", limit_mb * MIB if limit_mb else "max")
            self._write("memory.current", used_mb * MIB)
            self._write("memory.stat", f"anon 1\ninactive_file {half}\nactive_file {half}")
        else:
            self._write("memory.limit_in_bytes", limit_mb * MIB if limit_mb else 2**63 - 4096)
            self._write("memory.usage_in_bytes", used_mb * MIB)
            names = ("inactive_file", "active_file")
            own = "\n".join(f"{name} 0" for name in names)
            total = "\n".join(f"total_{name} {half}" for name in names)
            self._write("memory.stat", f"cache 1\n{own}\n{total}")

    def set_killed(self, count: int) -> None:
        """The kernel has ended so many processes."""
        if self._version == 2:
            self._write("memory.events", f"low 0\nhigh 0\nmax 9\noom 2\noom_kill {count}")
        else:
            self._write("memory.oom_control", f"oom_kill_disable 0\nunder_oom 0\noom_kill {count}")

    def _write(self, name: str, content: object) -> None:
        part = self._memory / "part"
        part.write_text(f"{content}\n")
        part.rename(self._memory / name)  # a reader sees the old or the new
