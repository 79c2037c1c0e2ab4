"""hank-ai's ``darknet.py`` (Darknet V3 and later): AlexeyAB's, with another `load_network` and fixed colours."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import md5

from ..errors import DarknetError
from .alexeyab import *
from .alexeyab import load_net, load_net_custom, predict_image, predict_image_letterbox
from .handles import Handle
from .library import Library
from .pjreddie import network_predict
from .structs import IMAGE
from .structs import load_image as _load_image


def load_network(  # type: ignore[no-redef]
    config_file: str, data_file: str, weights: str, batch_size: int = 1
) -> Handle:
    """Read a network. The data file is ignored."""
    return load_net_custom(config_file, weights, 0, batch_size)


def class_colors(names: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """A colour (blue, green, red) for each name, always the same one."""
    colors = {}
    for name in names:
        blue, green, red = md5(name.encode(), usedforsecurity=False).digest()[:3]
        colors[name] = (blue, green, red)
    return colors


def load_image(filename: str | bytes, w: int = 0, h: int = 0, channels: int = 3) -> IMAGE:
    """Read an image file of three channels; with w and h, stretched to that size (``load_image_v2``)."""
    if channels not in (0, 3):
        raise DarknetError(f"load_image reads images of 3 channels, not {channels}")
    return _load_image(filename, w, h)


lib = Library(
    globals(), {"load_network": load_net, "load_network_custom": load_net_custom, "load_image_v2": load_image},
    network_predict_ptr=network_predict, network_predict_image=predict_image,
    network_predict_image_letterbox=predict_image_letterbox,
)  # fmt: skip
"""What scripts call of libdarknet by its C names."""
