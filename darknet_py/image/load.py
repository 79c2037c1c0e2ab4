"""Files -> pixels, as Darknet sees them.

Darknet decodes with ``stb_image``, so the default decoder gives stb_image's pixels, and refuses what it refuses.
Nothing here imports Numba or Pillow before a file needs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

DECODERS = ("stb", "pillow")

_CHANNELS = range(5)


def load_image(source: str | Path | bytes, decoder: str = "stb", channels: int = 3) -> Pixels:
    """Decode an image file (``load_image_stb``). The orientation that a camera noted (EXIF) is ignored, as in Darknet.

    Args:
        source: path of a file, or a file's bytes.
        decoder: "stb" gives Darknet's pixels, bit for bit (JPEG, PNG, BMP, GIF (its first frame), TGA, PPM, PGM, PSD,
            HDR, PIC). "pillow" also reads what stb_image does not know (WebP, TIFF, RLE-compressed BMP,
            arithmetic-coded JPEG, ...), but its JPEG pixels differ from Darknet's in the last bits.
        channels: 3 for RGB, 1 for grey, 2 for grey with alpha, 4 for RGB with alpha, 0 for what the file has.

    Returns:
        uint8 array, height x width x channels.

    Raises:
        ImageError: the file cannot be read, or is no image that the decoder can decode.
    """
    if decoder not in DECODERS:
        raise ImageError(f"decoder={decoder!r}: choose one of {', '.join(DECODERS)}")
    if channels not in _CHANNELS:
        raise ImageError(f"channels={channels!r}: choose 3, 1, 2, 4, or 0 for what the file has")
    data, name = _read(source)
    try:
        if decoder == "pillow":
            from .pillow import decode_with_pillow

            return decode_with_pillow(data, channels, name)
        return _decode_as_darknet(data, channels, name)
    except MemoryError:
        raise ImageError("this image does not fit into memory", name) from None


def _read(source: str | Path | bytes) -> tuple[bytes, str | None]:
    if isinstance(source, bytes | bytearray | memoryview):
        data, name = bytes(source), None
    else:
        name = str(source)
        try:
            data = Path(source).read_bytes()
        except (OSError, ValueError) as error:
            raise ImageError(f"cannot read this file: {getattr(error, 'strerror', None) or error}", name) from None
    if not data:
        raise ImageError("this file is empty", name)
    return data, name


def _decode_as_darknet(data: bytes, channels: int, name: str | None) -> Pixels:
    if data[:1] == b"\xff":
        from .jpeg.decoder import decode_jpeg

        return decode_jpeg(data, channels, name)
    from .pillow import decode_with_pillow

    return decode_with_pillow(data, channels, name)
