"""Archives: what they hold is read wherever it lies, and what they claim is not believed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nas_lib.data.allowance import Allowance
from nas_lib.data.file_sets import open_files
from nas_lib.errors import DataError

MIB = 2**20
FILES = {"data/a.txt": b"first", "data/below/b.txt": b"second" * 1000}


def write_folder(path: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("data")
        for name, data in files.items():
            archive.writestr(name, data)


def tar_of(files: dict[str, bytes], *members: tarfile.TarInfo) -> bytes:
    """Return a tar with these files, and with members that have a header alone."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member in members:
            archive.addfile(member)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, *, size: int = 0, link: str = "") -> bytes:
    """Return the header of a member of a tar, whatever follows it."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info.tobuf(tarfile.GNU_FORMAT)


def write_tar(pack: Callable[[bytes], bytes]) -> Callable[[Path, dict[str, bytes]], None]:
    return lambda path, files: path.write_bytes(pack(tar_of(files))) and None


WRITERS = {
    "folder": write_folder,
    "zip": write_zip,
    "tar": write_tar(bytes),
    "tar.gz": write_tar(gzip.compress),
    "tar.bz2": write_tar(bz2.compress),
    "tar.xz": write_tar(lzma.compress),
}


def contents(path: Path, allowed: int = 2**30) -> dict[str, bytes]:
    with open_files(str(path), Allowance(allowed)) as files:
        return {str(file.name): bytes(file.read()) for file in files}


@contextmanager
def refused_within_bounds(message: str) -> Iterator[None]:
    """Check that something is refused in a sentence, in little time and memory."""
    started_s = time.perf_counter()
    tracemalloc.start()
    with pytest.raises(DataError, match=message) as caught:
        yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert peak < 20 * MIB
    assert time.perf_counter() - started_s < 5  # on a busy machine


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_files_are_found_in_each_form(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "any name"
    WRITERS[kind](path, FILES)
    assert contents(path) == FILES
    with open_files(str(path), Allowance(MIB)) as files:
        place = files[-1].place
    assert place == (f"{path}/data/below" if kind == "folder" else f"{path}: data/below")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_packed_file_is_unpacked_whatever_its_name(
    tmp_path: Path, kind: str, pack: Callable[[bytes], bytes]
) -> None:
    WRITERS[kind](tmp_path / "x", {"packed": pack(b"text"), "plain.gz": b"text", "empty": b""})
    assert contents(tmp_path / "x") == {"packed": b"text", "plain.gz": b"text", "empty": b""}


def test_gzip_in_several_members_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"one ") + gzip.compress(b"two"))
    assert contents(tmp_path) == {"x.gz": b"one two"}


@pytest.mark.parametrize("kind", WRITERS)
def test_what_systems_leave_is_passed_over(tmp_path: Path, kind: str) -> None:
    junk = {"__MACOSX/data/._a.txt": b"", "data/.DS_Store": b"", "data/._a.txt": b""}
    WRITERS[kind](tmp_path / "x", FILES | junk)
    assert contents(tmp_path / "x") == FILES


def test_files_are_read_in_any_order(tmp_path: Path) -> None:
    for kind, write in WRITERS.items():
        write(tmp_path / kind, FILES)
        with open_files(str(tmp_path / kind), Allowance(MIB)) as files:
            assert [len(file.read()) for file in reversed(files)] == [6000, 5]


def test_a_folder_far_below_is_not_looked_into(tmp_path: Path) -> None:
    write_folder(tmp_path, {"1/2/3/here": b"", "1/2/3/4/too-deep": b""})
    assert list(contents(tmp_path)) == ["1/2/3/here"]


def test_a_folder_that_may_not_be_read_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path, {"private/x": b"", "here": b""})
    monkeypatch.setattr(os, "access", lambda path, mode: "private" not in str(path))  # root may all
    assert list(contents(tmp_path)) == ["here"]


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas_lib.data.file_sets._MOST_FILES", 2)
    write_folder(tmp_path, {"a": b"", "b": b"", "c": b""})
    with pytest.raises(DataError, match="at most 2 files in it, got more: give the folder that"):
        contents(tmp_path)


class TestBombs:
    @pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
    def test_a_packed_file_larger_than_allowed(
        self, tmp_path: Path, pack: Callable[[bytes], bytes]
    ) -> None:
        (tmp_path / "bomb").write_bytes(pack(bytes(40 * MIB)))
        with refused_within_bounds(r"bomb: .* more than the 4 MiB allowed: set resources"):
            contents(tmp_path, 4 * MIB)

    def test_all_files_share_the_allowance(self, tmp_path: Path) -> None:
        write_folder(tmp_path, {name: gzip.compress(bytes(MIB)) for name in "abc"})
        with pytest.raises(DataError, match="/c: "):
            contents(tmp_path, 5 * MIB // 2)

    def test_a_plain_file_larger_than_allowed_is_not_read(self, tmp_path: Path) -> None:
        with (tmp_path / "sparse").open("wb") as file:
            file.truncate(2**40)
        with refused_within_bounds("sparse: with it the data would take 1,048,576 MiB or more"):
            contents(tmp_path, MIB)

    def test_a_zip_that_says_how_large_it_is(self, tmp_path: Path) -> None:
        write_zip(tmp_path / "x.zip", {"zeros": bytes(40 * MIB)})
        with refused_within_bounds("x.zip: zeros: with it the data would take 40 MiB or more"):
            contents(tmp_path / "x.zip", 4 * MIB)

    def test_a_zip_that_says_it_is_small(self, tmp_path: Path) -> None:
        write_zip(tmp_path / "x.zip", {"zeros": bytes(40 * MIB)})
        true, false = struct.pack("<I", 40 * MIB), struct.pack("<I", 5)
        packed = (tmp_path / "x.zip").read_bytes()
        (tmp_path / "x.zip").write_bytes(packed.replace(true, false))
        with refused_within_bounds("x.zip: zeros: cannot be read: Bad CRC-32"):
            contents(tmp_path / "x.zip", 4 * MIB)

    def test_a_zip_packed_by_bzip2_which_would_be_unpacked_without_a_bound(
        self, tmp_path: Path
    ) -> None:
        with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_BZIP2) as archive:
            archive.writestr("zeros", bytes(40 * MIB))
        with refused_within_bounds("zeros: is packed by another method than deflate"):
            contents(tmp_path / "x.zip")

    def test_a_packed_tar_with_a_large_member_is_refused_before_it_is_unpacked(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "x.tgz").write_bytes(gzip.compress(member("zeros", size=2**40) + bytes(MIB)))
        with refused_within_bounds("x.tgz: zeros: with it the data would take 1,048,576 MiB"):
            contents(tmp_path / "x.tgz", 4 * MIB)

    def test_a_plain_tar_may_hold_more_than_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "x.tar").write_bytes(tar_of({"large": bytes(2 * MIB), "small": b"here"}))
        with open_files(str(tmp_path / "x.tar"), Allowance(MIB)) as (_, small):
            assert small.read() == b"here"

    @pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
    def test_a_tar_with_a_header_without_an_end(self, tmp_path: Path, kind: bytes) -> None:
        packed = gzip.compress(member("x", kind, size=40 * MIB) + b"9" * (40 * MIB))
        (tmp_path / "x.tgz").write_bytes(packed)
        with refused_within_bounds("which files it has: 41,943,040 bytes"):
            contents(tmp_path / "x.tgz")

    def test_a_tar_with_many_headers_that_take_long_is_refused(self, tmp_path: Path) -> None:
        size = 2**14 - 512
        comment = b"%d comment=" % size
        header = member("x", tarfile.XHDTYPE, size=size) + comment.ljust(size - 1, b"x") + b"\n"
        (tmp_path / "x.tar").write_bytes(header + member("y"))
        assert contents(tmp_path / "x.tar") == {"y": b""}
        (tmp_path / "x.tar").write_bytes((header + member("y")) * 100)
        with pytest.raises(DataError, match="at too great length which files it has"):
            contents(tmp_path / "x.tar")

    def test_a_tar_of_nothing_but_folders_has_an_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("nas_lib.data.archives._MOST_WORK", 2**20)  # 2**30: of 2**20 folders
        (tmp_path / "x.tar").write_bytes(member("d", tarfile.DIRTYPE) * 1000)
        assert contents(tmp_path / "x.tar") == {}
        (tmp_path / "x.tar").write_bytes(member("d", tarfile.DIRTYPE) * 1030)
        with pytest.raises(DataError, match=r"at too great length which files it has$"):
            contents(tmp_path / "x.tar")

    def test_a_zip_with_a_directory_of_any_length_is_refused(self, tmp_path: Path) -> None:
        entry = b"PK\x01\x02" + bytes(42)
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, 46 * 400_000, 0, 0)
        (tmp_path / "x.zip").write_bytes(b"PK\x03\x04" + entry * 400_000 + end)
        with refused_within_bounds("x.zip: .* which files it has: 18,400,000 bytes"):
            contents(tmp_path / "x.zip")

    def test_a_tar_with_a_very_long_name_is_read(self, tmp_path: Path) -> None:
        name = "/".join(["d" * 200] * 20)
        (tmp_path / "x.tar").write_bytes(tar_of({name: b"here"}))
        assert contents(tmp_path / "x.tar") == {name: b"here"}


class TestWhatIsNoFile:
    def test_a_pipe_in_a_folder_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with refused_within_bounds("pipe: expected a file, got a pipe"):
            contents(tmp_path)

    def test_a_link_out_of_a_folder_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("secret")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "x").symlink_to("../secret")
        with pytest.raises(DataError, match="data/x: is a link that leaves"):
            contents(tmp_path / "data")

    def test_a_linked_folder_is_not_looked_into_but_named(self, tmp_path: Path) -> None:
        write_folder(tmp_path, {"elsewhere/x": b"", "data/y": b""})
        (tmp_path / "data" / "raw").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "data" / "ring").symlink_to(".")
        with open_files(str(tmp_path / "data"), Allowance(MIB)) as files:
            names = [str(file.name) for file in files]
        assert names == ["raw (a link to a folder)", "ring (a link to a folder)", "y"]

    @pytest.mark.parametrize(
        ("kind", "link"),
        [
            (tarfile.SYMTYPE, "/etc/passwd"),
            (tarfile.LNKTYPE, "../secret"),
            (tarfile.FIFOTYPE, ""),
            (tarfile.CHRTYPE, ""),
        ],
    )
    def test_a_link_or_device_in_a_tar(self, tmp_path: Path, kind: bytes, link: str) -> None:
        (tmp_path / "x.tar").write_bytes(member("odd", kind, link=link) + tar_of({}))
        with pytest.raises(DataError, match=r"x\.tar: odd: is a link or a device, and is not"):
            contents(tmp_path / "x.tar")

    def test_a_link_in_a_zip(self, tmp_path: Path) -> None:
        info = zipfile.ZipInfo("odd")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr(info, "/etc/passwd")
        with pytest.raises(DataError, match=r"x\.zip: odd: is a link or a device, and is not"):
            contents(tmp_path / "x.zip")

    @pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
    @pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
    def test_a_name_that_leads_out_of_an_archive(
        self, tmp_path: Path, kind: str, name: str
    ) -> None:
        WRITERS[kind](tmp_path / "packed", {name: b"x"})
        with pytest.raises(DataError, match="x: has a name that leads out of the archive"):
            contents(tmp_path / "packed")


class TestDamage:
    @pytest.mark.parametrize("kind", sorted(set(WRITERS) - {"folder", "tar", "zip"}))
    def test_a_truncated_archive(self, tmp_path: Path, kind: str) -> None:
        WRITERS[kind](tmp_path / "x", {"a": os.urandom(2000), "b": os.urandom(2000)})
        (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:1500])
        with pytest.raises(DataError, match=r"x: cannot be read: .*(end|ended)"):
            contents(tmp_path / "x")

    def test_a_truncated_tar(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(tar_of({"a": bytes(2000)})[:1500])
        with pytest.raises(DataError, match="cannot be read: unexpected end of data"):
            contents(tmp_path / "x")

    def test_a_truncated_zip(self, tmp_path: Path) -> None:
        write_zip(tmp_path / "x", FILES)
        (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:-10])
        with pytest.raises(DataError, match="x: cannot be read: File is not a zip file"):
            contents(tmp_path / "x")

    @pytest.mark.parametrize("kind", ["zip", "gzip"])
    def test_a_wrong_checksum(self, tmp_path: Path, kind: str) -> None:
        text = os.urandom(1000)
        if kind == "zip":
            with zipfile.ZipFile(tmp_path / "x", "w") as archive:
                archive.writestr("a", text)
            packed = (tmp_path / "x").read_bytes().replace(text, text[::-1])
        else:
            packed = gzip.compress(text)[:-8] + bytes(8)
        (tmp_path / "x").write_bytes(packed)
        with pytest.raises(DataError, match=r"x.*: cannot be read: .*CRC"):
            contents(tmp_path / "x" if kind == "zip" else tmp_path)

    def test_an_encrypted_zip(self, tmp_path: Path) -> None:
        write_zip(tmp_path / "x.zip", FILES)
        packed = bytearray((tmp_path / "x.zip").read_bytes())
        directory = packed.index(b"PK\x01\x02", packed.index(b"PK\x01\x02") + 1)
        packed[directory + 8] |= 1  # the flag for encryption; the first entry is a folder
        (tmp_path / "x.zip").write_bytes(packed)
        with pytest.raises(DataError, match=r"x\.zip: data/a\.txt: is encrypted, and is not read"):
            contents(tmp_path / "x.zip")

    @pytest.mark.parametrize(
        "data",
        [b"", b"text", gzip.compress(b"text", mtime=0), bytes(100)],
        ids=["nothing", "text", "packed text", "zeros"],
    )
    def test_a_file_that_is_no_archive(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(
            DataError, match=r"expected a folder, or an archive .* got another file"
        ):
            contents(tmp_path / "x")

    def test_names_do_not_break_a_sentence(self, tmp_path: Path) -> None:
        WRITERS["tar"](tmp_path / "x", {"a\nb\x1b[2J": gzip.compress(bytes(MIB))[:-9]})
        with pytest.raises(DataError) as caught:
            contents(tmp_path / "x")
        assert "\n" not in str(caught.value)
        assert "\x1b" not in str(caught.value)
