"""Pictures are read as what they show, whatever they are stored as."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from allowances import AMPLE
from image_files import random_images
from PIL import Image, ImageOps, PngImagePlugin

from nas_lib.config import ImageFolderData
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import RawImages
from nas_lib.tasks.images.readers import read_images

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
PICTURE = Image.fromarray(random_images(4, 4, 3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose first image is the test's, and which has a second class."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    PICTURE.save(tmp_path / "b" / "1.png")
    return tmp_path


def read(folder: Path, size: int = 4, **settings: Any) -> RawImages:
    return read_images(ImageFolderData(path=str(folder), size=size, **settings), AMPLE)


def first(folder: Path, size: int = 4, **settings: Any) -> Any:
    """Return the first image, `[H, W, C]`."""
    return read(folder, size, **settings).train.images[0].transpose(1, 2, 0)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png_of_size(width: int, height: int) -> bytes:
    """Return the beginning of a PNG that says it is as large, and what it takes to be opened."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(bytes(10_000)))
    return b"\x89PNG\r\n\x1a\n" + header + data + png_chunk(b"IEND", b"")


class TestTransparency:
    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
    def test_the_background_is_white_unless_another_is_wanted(
        self, folder: Path, mode: str
    ) -> None:
        options: dict[str, Any] = {}
        if mode == "P":
            picture = Image.new("P", (4, 4), 1)
            picture.putpalette([9, 9, 9, 0, 0, 0])
            options = {"transparency": bytes([255, 0])}
        elif mode == "RGB":
            picture, options = Image.new("RGB", (4, 4)), {"transparency": BLACK}
        else:
            picture = Image.new(mode, (4, 4), (0,) * len(mode))
        picture.save(folder / "a" / "1.png", **options)
        assert (first(folder) == 255).all()
        assert (first(folder, background="black") == 0).all()
        assert (first(folder, background="#0a141e") == (10, 20, 30)).all()
        assert (first(folder, grey=True) == 255).all()

    def test_half_of_it_is_seen_through_half_transparent_pixels(self, folder: Path) -> None:
        Image.new("RGBA", (4, 4), (255, 0, 0, 51)).save(folder / "a" / "1.webp", lossless=True)
        # a fifth (51 / 255) of red, and four fifths of white: 0.8 x 255 = 204
        assert (first(folder) == (255, 204, 204)).all()

    @pytest.mark.parametrize("background", ["pink", "#fff", "", "white\n"])
    def test_other_backgrounds_are_refused(self, background: str) -> None:
        with pytest.raises(ValueError, match="background"):
            ImageFolderData(path=".", background=background)


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("suffix", ["png", "tiff", "jpg"])
    def test_pictures_are_upright(self, folder: Path, orientation: int, suffix: str) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        PICTURE.save(folder / "a" / f"1.{suffix}", exif=exif, quality=100, subsampling=0)
        expected = np.asarray(ImageOps.exif_transpose(Image.open(folder / "a" / f"1.{suffix}")))
        np.testing.assert_array_equal(first(folder), expected)

    def test_a_large_photo_is_upright_too(self, folder: Path) -> None:
        left_half_black = np.full((400, 800, 3), 255, np.uint8)
        left_half_black[:, :400] = 0
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees, clockwise: what was left is on top
        Image.fromarray(left_half_black).save(folder / "a" / "1.jpg", exif=exif)
        image = first(folder)
        assert (image[:2] < 40).all()
        assert (image[2:] > 215).all()

    def test_damaged_exif_does_not_matter(self, folder: Path) -> None:
        PICTURE.save(folder / "a" / "1.png", exif=b"Exif\x00\x00no such thing")
        np.testing.assert_array_equal(first(folder), np.asarray(PICTURE))


class TestDepth:
    values = np.array([[0, 257, 25_700, 65_535]] * 4, np.uint16)
    """In 8 bits: divided by 257 (65,535 / 255)."""
    expected = np.array([[0, 1, 100, 255]] * 4)

    @pytest.mark.parametrize("suffix", ["png", "tiff", "pgm"])
    def test_16_bits_become_8_by_their_range(self, folder: Path, suffix: str) -> None:
        Image.fromarray(self.values).save(folder / "a" / f"1.{suffix}")
        raw = read(folder)
        for channel in raw.train.images[0]:
            np.testing.assert_array_equal(channel, self.expected)
        (notice,) = raw.notices
        assert "0 to 65,535 became 0 to 255, and the highest value is 65,535" in notice

    def test_the_order_of_bytes_does_not_matter(self, folder: Path) -> None:
        big_endian = Image.frombytes("I;16B", (4, 4), self.values.astype(">u2").tobytes())
        big_endian.save(folder / "a" / "1.tiff")
        np.testing.assert_array_equal(first(folder)[..., 0], self.expected)

    def test_a_dark_picture_of_16_bits_stays_dark(self, folder: Path) -> None:
        Image.fromarray(self.values // 100).save(folder / "a" / "1.png")
        raw = read(folder)
        assert raw.train.images[0].max() == 3  # 655 / 257, rounded
        assert "the highest value is 655" in raw.notices[0]

    @pytest.mark.parametrize(
        ("values", "limits"),
        [
            ([0.0, 1 / 255, 100 / 255, 1.0], "0 to 1"),
            ([0.0, 1.0, 100.0, 255.0], "0 to 255"),
            ([0.0, 257.0, 25_700.0, 65_535.0], "0 to 65,535"),
            ([-1.0, -1 + 2 / 255, -1 + 200 / 255, 1.0], "-1 to 1"),
        ],
    )
    def test_floating_point_is_scaled_by_its_range(
        self, folder: Path, values: list[float], limits: str
    ) -> None:
        Image.fromarray(np.array([values] * 4, np.float32)).save(folder / "a" / "1.tiff")
        raw = read(folder)
        for channel in raw.train.images[0]:
            np.testing.assert_array_equal(channel, self.expected)
        assert f"1 images of 32 bits were scaled to 8: {limits} became 0 to 255" in raw.notices[0]

    def test_all_pictures_of_32_bits_are_scaled_alike(self, folder: Path) -> None:
        for name, value in (("a/1.tiff", 100_000), ("b/2.tiff", 50_000)):
            picture = Image.fromarray(np.full((4, 4), value, np.int32))
            picture.putpixel((0, 0), 0)
            picture.save(folder / name)
        images = read(folder, grey=True).train.images
        assert images[0, 0, 3, 3] == 255
        assert images[2, 0, 3, 3] == 128  # half of 255, rounded to even

    def test_numbers_that_are_not_finite_are_refused(self, folder: Path) -> None:
        Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(folder / "a" / "1.tiff")
        with pytest.raises(DataError, match=r"a/1\.tiff.* no finite numbers"):
            read(folder)


class TestColour:
    @pytest.mark.parametrize("suffix", ["jpg", "tiff"])
    def test_inks_become_colours(self, folder: Path, suffix: str) -> None:
        Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(folder / "a" / f"1.{suffix}")
        np.testing.assert_allclose(first(folder), np.full((4, 4, 3), (255, 0, 0)), atol=3)

    def test_palettes_are_looked_up(self, folder: Path) -> None:
        picture = Image.new("P", (4, 4), 1)
        picture.putpalette([0, 0, 0, 10, 20, 30])
        picture.save(folder / "a" / "1.gif")
        assert (first(folder) == (10, 20, 30)).all()

    def test_black_and_white_is_0_and_255(self, folder: Path) -> None:
        Image.new("1", (4, 4), 1).save(folder / "a" / "1.png")
        assert (first(folder) == 255).all()


class TestSeveral:
    @pytest.mark.parametrize("suffix", ["gif", "tiff", "webp", "png"])
    def test_the_first_of_several_frames_is_read_and_that_is_said(
        self, folder: Path, suffix: str
    ) -> None:
        frames = [Image.new("RGB", (4, 4), colour) for colour in (WHITE, BLACK, WHITE)]
        frames[0].save(folder / "a" / f"1.{suffix}", save_all=True, append_images=frames[1:])
        raw = read(folder)
        assert (raw.train.images[0] == 255).all()
        assert raw.notices == (
            f"only the first picture was read of 1 files with several, such as 1.{suffix}",
        )

    def test_a_photo_with_a_preview_is_one_picture(self, folder: Path) -> None:
        previews = [Image.new("RGB", (4, 4), WHITE)]
        Image.new("RGB", (4, 4), BLACK).save(
            folder / "a" / "1.jpg", "MPO", save_all=True, append_images=previews
        )
        raw = read(folder)
        assert (raw.train.images[0] == 0).all()
        assert raw.notices == ()


class TestLimits:
    def test_a_png_with_megabytes_of_text_is_read(self, folder: Path) -> None:
        texts = PngImagePlugin.PngInfo()
        texts.add_text("workflow", "x" * 3_000_000, zip=True)
        texts.add_itxt("XML:com.adobe.xmp", "x" * 3_000_000, zip=True)
        PICTURE.save(folder / "a" / "1.png", pnginfo=texts, icc_profile=bytes(2_000_000))
        np.testing.assert_array_equal(first(folder), np.asarray(PICTURE))

    @pytest.mark.parametrize(("width", "height"), [(10_000, 9_000), (13_300, 13_500)])
    def test_a_picture_above_89_megapixels_is_an_error(
        self, folder: Path, width: int, height: int, recwarn: pytest.WarningsRecorder
    ) -> None:
        (folder / "a" / "1.png").write_bytes(png_of_size(width, height))
        with pytest.raises(DataError, match=r"a/1\.png: expected a picture of at most 89 megapix"):
            read(folder)
        assert not recwarn.list

    def test_a_picture_that_takes_more_memory_than_allowed_is_not_decoded(
        self, folder: Path
    ) -> None:
        (folder / "a" / "1.png").write_bytes(png_of_size(1000, 1000))
        config = ImageFolderData(path=str(folder), size=4)
        with pytest.raises(DataError, match=r"a/1\.png: .*: set resources\.unpacked_mb"):
            read_images(config, Allowance(8_000_000))  # 8 bytes for a pixel, and the result
        with pytest.raises(DataError, match="truncated"):
            read_images(config, Allowance(8_000_000 + 2 * 4 * 4 * 3))

    def test_a_png_that_says_to_be_small_and_is_long_is_not_taken_into_memory(
        self, folder: Path
    ) -> None:
        PICTURE.save(folder / "a" / "1.png")
        with (folder / "a" / "1.png").open("r+b") as file:
            file.truncate(2**24)
        with pytest.raises(DataError, match=r"a/1\.png: .*: set resources\.unpacked_mb"):
            read_images(ImageFolderData(path=str(folder)), Allowance(2**24))

    def test_a_large_picture_of_a_few_bits_is_read(self, folder: Path) -> None:
        Image.new("1", (4100, 4100), 1).save(folder / "a" / "1.png")
        assert (first(folder) == 255).all()

    def test_a_text_that_begins_as_a_picture_would_is_left_out(self, folder: Path) -> None:
        PICTURE.save(folder / "a" / "1.png")
        (folder / "a" / "notes.txt").write_text("P2 is the better one, says P1.")
        assert read(folder).notices == ("1 of 3 files were left out: 1 .txt",)
