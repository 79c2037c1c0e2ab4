"""Files -> pixels, as Darknet sees them.

Darknet decodes with ``stb_image``, so the default decoder gives stb_image's pixels, and refuses what it refuses.
Nothing here imports Numba or Pillow before a file needs it.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImageError
from ..formats.binary import read_file
from .orientation import UPRIGHT, find_orientation, turned
from .reading import DECODERS, chosen_decoder, current, try_pillow, warn_of_orientation

if TYPE_CHECKING:
    from ..typing import Pixels


__all__ = ["DECODERS", "load_image"]

_CHANNELS = range(5)

_LOOK = 1 << 10
"""So many bytes tell what a file is."""

_READERS = tuple(
    (re.compile(signature, re.DOTALL), module, function)
    for signature, module, function in (
        (rb"\xff+\xd8", "jpeg.decoder", "decode_jpeg"),
        (rb"\x89PNG\r\n\x1a\n", "formats.png", "decode_png"),
        (rb"BM.{12}[\x0c\x28\x38\x6c\x7c]\0\0\0", "formats.bmp", "decode_bmp"),
        (rb"GIF8[79]a", "formats.gif", "decode_gif"),
        (rb"8BPS", "formats.psd", "decode_psd"),
        (rb"\x53\x80\xf6\x34.{84}PICT", "formats.pic", "decode_pic"),
        (rb"P[56]", "formats.pnm", "decode_pnm"),
        (rb"#\?(RADIANCE|RGBE)\n", "formats.hdr", "decode_hdr"),
    )
)
"""Signatures in the order in which stb_image looks for them; TGA, which has none, comes last."""

_UNKNOWN_TO_STB = tuple(
    (re.compile(signature, re.DOTALL), what, pillow_reads)
    for signature, what, pillow_reads in (
        (rb"RIFF.{4}WEBP", "a WebP image", True),
        (rb"II[*+]\0|MM\0[*+]", "a TIFF image", True),
        (rb".{4}ftyp(avif|avis)", "an AVIF image", True),
        (rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "an HEIF image", False),
        (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 image", True),
        (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL image", False),
        (rb"BM", "a BMP image of an unusual kind", True),
        (rb"P[1-4]", "a PNM image in text or of one bit", True),
        (rb"\0\0[\x01\x02]\0", "a Windows icon", True),
        (rb"%PDF-", "a PDF document", False),
        (rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<svg", "an SVG drawing", False),
        (rb"(?i)\s*<(!doctype\s+html|html|head|body)", "a web page", False),
        (rb"version https://git-lfs", "a Git LFS pointer, not the file itself", False),
    )
)
"""Signatures, what such files are, and whether Pillow reads them by itself."""


def load_image(
    source: str | Path | bytes, decoder: str | None = None, channels: int = 3, exif: bool | None = None
) -> Pixels:
    """Decode an image file (``load_image_stb``).

    Args:
        source: path of a file, or a file's bytes.
        decoder: "stb" gives Darknet's pixels, bit for bit (JPEG, PNG, BMP, GIF (its first frame), TGA, PPM, PGM, PSD,
            HDR, PIC). "pillow" reads what stb_image refuses (WebP, TIFF, RLE-compressed BMP, arithmetic-coded JPEG,
            ...) with Pillow; all other files have Darknet's pixels still. None: what the environment variable
            DARKNET_PY_DECODER says, or else "stb".
        channels: 3 for RGB, 1 for grey, 2 for grey with alpha, 4 for RGB with alpha, 0 for what the file has.
        exif: turn the picture as its camera noted (EXIF's orientation, in JPEG, PNG and what Pillow reads). Darknet
            does not: without it the picture is as it is stored, and an `OrientationWarning` says so.

    Returns:
        uint8 array, height x width x channels.

    Raises:
        ImageError: the file cannot be read, or is no image that the decoder can decode.
    """
    decoder = chosen_decoder(decoder)
    if channels not in _CHANNELS:
        raise ImageError(f"channels={channels!r}: choose 3, 1, 2, 4, or 0 for what the file has")
    data, name = _read(source)
    try:
        pixels, orientation = _decode(data, channels, name, decoder == "pillow")
        return oriented(pixels, orientation, exif, name)
    except MemoryError:
        raise ImageError("this image does not fit into memory", name) from None


def oriented(pixels: Pixels, orientation: int, exif: bool | None, name: str | None) -> Pixels:
    """The pixels, turned by ``orientation`` if that is asked for; a warning if it is not."""
    if orientation == UPRIGHT:
        return pixels
    if exif if exif is not None else current().exif:
        return turned(pixels, orientation)
    warn_of_orientation(orientation, name)
    return pixels


def _decode(data: bytes, channels: int, name: str | None, pillow: bool) -> tuple[Pixels, int]:
    """Pixels and EXIF orientation. Pillow gets only what Darknet's decoder refuses: the others keep Darknet's bits."""
    try:
        return _decode_as_darknet(data, channels, name), find_orientation(data)
    except ImageError:
        if not pillow:
            raise
    from .pillow import decode_with_pillow

    return decode_with_pillow(data, channels, name)


def _read(source: str | Path | bytes) -> tuple[bytes, str | None]:
    if isinstance(source, bytes | bytearray | memoryview):
        data, name = bytes(source), None
    else:
        name = str(source)
        try:
            data = read_file(source)
        except MemoryError:
            raise ImageError("this file does not fit into memory", name) from None
        except (OSError, ValueError) as error:
            raise ImageError(f"cannot read this file: {getattr(error, 'strerror', None) or error}", name) from None
    if not data:
        raise ImageError("this file is empty", name)
    return data, name


def _decode_as_darknet(data: bytes, channels: int, name: str | None) -> Pixels:
    known = (reader for signature, *reader in _READERS if signature.match(data))
    module, function = next(known, ("formats.tga", "decode_tga"))
    if function == "decode_tga":
        from .formats.tga import is_tga

        if not is_tga(data):
            raise ImageError(_unknown(data), name)
    decode = getattr(import_module(f".{module}", __package__), function)
    pixels: Pixels = decode(data, channels, name)
    return pixels


def _unknown(data: bytes) -> str:
    for signature, what, pillow_reads in _UNKNOWN_TO_STB:
        if signature.match(data[:_LOOK]):
            hint = try_pillow("may read it") if pillow_reads else "PNG and JPEG are read"
            return f"this is {what}, which Darknet (stb_image) does not read; {hint}"
    return "this is no image of a format that Darknet (stb_image) reads"
