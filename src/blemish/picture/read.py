"""Read a picture file: PNG, JPEG, TIFF or BMP, 8 or 16 bit, gray or RGB.

The header is read first; a picture over its pixel budget is refused before a single pixel is decoded.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from blemish.core.arrays import UInt8, UInt16
from blemish.core.errors import PictureError
from blemish.picture import whole

EXTENSIONS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
BUDGET_PX = 200_000_000  # Over 18 scans of 5400 x 2000 px.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_HALF_OPAQUE = 128
_16_BIT_GRAY = ("I;16", "I;16B", "I;16L", "I")
_ORIENTATION = 0x0112  # The EXIF tag, and what brings an H W C array of each of its values upright.
_TURNS: Mapping[int, Callable[[UInt16], UInt16]] = MappingProxyType(
    {
        2: lambda pixels: pixels[:, ::-1],
        3: lambda pixels: pixels[::-1, ::-1],
        4: lambda pixels: pixels[::-1],
        5: lambda pixels: pixels.swapaxes(0, 1),
        6: lambda pixels: pixels.swapaxes(0, 1)[:, ::-1],
        7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
        8: lambda pixels: pixels.swapaxes(0, 1)[::-1],
    }
)
Image.MAX_IMAGE_PIXELS = None  # Our own budget is checked first, and named in the error.


def is_picture(path: Path) -> bool:
    """Whether the name ends like a picture that can be read."""
    return path.suffix.lower() in EXTENSIONS


def picture_size(path: Path) -> tuple[int, int]:
    """Height and width from the header, without decoding.

    Raises:
        PictureError: cannot be read, or not a picture of a known format.
    """
    with _opened(read_bytes(path), path) as image:
        width, height = image.size
        return height, width


def is_turned(path: Path) -> bool:
    """Whether its EXIF orientation has `read_picture` turn or mirror it; False where it cannot be read."""
    try:
        with warnings.catch_warnings(), Image.open(path, formats=_FORMATS) as image:
            warnings.simplefilter("ignore")
            return image.getexif().get(_ORIENTATION, 1) in range(2, 9)
    except (OSError, SyntaxError, ValueError):
        return False


def read_picture(path: Path, budget_px: int = BUDGET_PX) -> UInt8 | UInt16:
    """A picture as `H W` (gray) or `H W 3` (RGB), uint8 or uint16, turned as its EXIF orientation says.

    A palette or an alpha channel is resolved to RGB or gray (alpha is dropped). 16-bit pictures stay 16 bit:
    `picture.normalise` brings a data set of them to 8 bit by one common range.

    Raises:
        PictureError: cannot be read, damaged or truncated, or more pixels than the budget.
    """
    return decode_picture(read_bytes(path), path, budget_px)


def decode_picture(data: bytes, path: Path, budget_px: int = BUDGET_PX) -> UInt8 | UInt16:
    """As `read_picture`, from a file's bytes; the path only names them in errors."""
    with _opened(data, path) as image:
        _refuse_large(image.size, path, budget_px)
        _load(image, data, path)
        if image.mode in _16_BIT_GRAY:
            return _gray16(image, path)
        if image.mode in ("RGB", "RGBA") and _bits(data, image.format) == 16:
            turned = image.format == "PNG"  # TIFF is turned as it is decoded.
            return _rgb16(data, path, image.getexif().get(_ORIENTATION, 1) if turned else 1)
        ImageOps.exif_transpose(image, in_place=True)  # A turned copy only where there is something to turn.
        if image.mode in ("L", "1", "LA"):
            return np.asarray(image if image.mode == "L" else image.convert("L"))
        if image.mode in ("RGB", "RGBA", "P", "CMYK", "YCbCr", "PA", "RGBX"):
            return np.asarray(image.convert("RGB"))
        raise PictureError(f"{path} has pixels of kind '{image.mode}': expected gray or RGB of 8 or 16 bit")


def read_label(path: Path, budget_px: int = BUDGET_PX) -> UInt8 | UInt16:
    """A mask, or a label painted in colours: as `read_picture`, but 0 where it is less than half opaque.

    A layer that a paint program saves alone has its shape in its alpha channel: beyond it nothing is painted, whatever
    colour lies there unseen.

    Raises:
        PictureError: as `read_picture`.
    """
    data = read_bytes(path)
    pixels = decode_picture(data, path, budget_px)
    with _opened(data, path) as image:
        if image.mode in _16_BIT_GRAY or not ("A" in image.getbands() or "transparency" in image.info):
            return pixels
        alpha = np.asarray(ImageOps.exif_transpose(image.convert("RGBA")).getchannel("A"))
    unseen = alpha < _HALF_OPAQUE
    if not unseen.any():
        return pixels
    shown = pixels.copy()
    shown[unseen] = 0
    return shown


def read_index(path: Path, budget_px: int = BUDGET_PX) -> UInt8:
    """A single-plane file's raw values as uint8 H W: palette indices, or gray levels; never its palette's colours.

    Raises:
        PictureError: as `read_picture`, or an RGB or 16-bit file (values above 255).
    """
    data = read_bytes(path)
    with _opened(data, path) as image:
        _refuse_large(image.size, path, budget_px)
        _load(image, data, path)
        ImageOps.exif_transpose(image, in_place=True)  # As its picture is turned.
        if image.mode in ("L", "P"):
            return np.asarray(image)
        if image.mode == "1":
            return np.asarray(image.convert("L"))
        if image.mode in _16_BIT_GRAY:
            values = np.asarray(image)
            if values.max(initial=0) <= 255 and values.min(initial=0) >= 0:
                return values.astype(np.uint8)
        raise PictureError(f"{path} must hold one plane of values 0 to 255, got pixels of kind '{image.mode}'")


def read_bytes(path: Path) -> bytes:
    """The file's bytes, or a PictureError that says why not."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"cannot read {path}: {error.strerror or error}") from error


def _opened(data: bytes, path: Path) -> Image.Image:
    if not data:
        raise PictureError(f"{path} is empty (0 bytes): export it again or leave it out")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Odd EXIF or TIFF tags do not matter here.
            return Image.open(io.BytesIO(data), formats=_FORMATS)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise PictureError(f"{path} is not a PNG, JPEG, TIFF or BMP picture, whatever its name says") from error


def _load(image: Image.Image, data: bytes, path: Path) -> None:
    """Decode; refuse what is not whole, and what holds more than one picture: nobody would look at the others."""
    try:
        image.load()  # Finds truncation and damaged chunks, which OpenCV decodes silently.
        fault, count = whole.fault(data, image.format), whole.pages(data, image.format)
    except (OSError, SyntaxError, ValueError) as error:
        raise PictureError(f"{path} is damaged or truncated ({error}): export it again or leave it out") from error
    if fault:
        raise PictureError(f"{path} is damaged or truncated ({fault}): export it again or leave it out")
    if count > 1:
        raise PictureError(f"{path} must hold one picture, got {count}: save each as a file of its own")


def _refuse_large(size_wh: tuple[int, int], path: Path, budget_px: int) -> None:
    width, height = size_wh
    if width * height > budget_px:
        raise PictureError(
            f"{path} has {width} x {height} = {width * height:,} pixels, over the budget of {budget_px:,}: "
            f"it was not decoded; cut it into smaller scans"
        )


def _bits(data: bytes, file_format: str | None) -> int:
    if file_format == "PNG":
        return data[24]
    if file_format == "TIFF":
        with Image.open(io.BytesIO(data)) as image:
            bits = image.tag_v2.get(258, 8)  # type: ignore[attr-defined]
            return int(bits[0] if isinstance(bits, tuple) else bits)
    return 8


def _gray16(image: Image.Image, path: Path) -> UInt16:
    values = np.asarray(ImageOps.exif_transpose(image))
    if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise PictureError(f"{path} has values outside 0 to 65535: expected at most 16 bit")
    return values.astype(np.uint16)


def _rgb16(data: bytes, path: Path, orientation: int) -> UInt16:
    # Pillow reads 16-bit RGB as 8 bit; OpenCV keeps it.
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.ndim != 3:
        raise PictureError(f"{path} cannot be decoded as 16-bit RGB: export it again or leave it out")
    colour = decoded[:, :, :3][:, :, ::-1].astype(np.uint16)
    return np.ascontiguousarray(_TURNS[orientation](colour) if orientation in _TURNS else colour)
