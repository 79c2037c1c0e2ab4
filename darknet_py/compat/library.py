"""``darknet.lib``: libdarknet's functions by their C names, with the attributes that ctypes' functions have."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Callable, Mapping
from typing import Any

_SAME = (
    "add_skipped_class", "clear_skipped_classes", "copy_image_from_bytes", "del_skipped_class", "do_nms_obj",
    "do_nms_sort", "free_batch_detections", "free_detections", "free_image", "free_network_ptr", "free_ptrs",
    "get_network_boxes", "init_cpu", "letterbox_image", "make_image", "make_network_boxes", "network_height",
    "network_predict", "network_predict_batch", "network_width", "reset_rnn", "rgbgr_image",
)  # fmt: skip
"""Functions that the Python modules call as the library does."""

_RENAMED = {
    "load_image": "load_image_color", "set_gpu": "cuda_set_device", "network_dimensions": "darknet_network_dimensions",
    "set_verbose": "darknet_set_verbose", "version_string": "darknet_version_string",
    "version_short": "darknet_version_short", "show_version_info": "darknet_show_version_info",
    "set_output_stream": "darknet_set_output_stream", "add_skipped_class": "darknet_add_skipped_class",
    "del_skipped_class": "darknet_del_skipped_class", "clear_skipped_classes": "darknet_clear_skipped_classes",
}  # fmt: skip
"""Python's name -> C's."""


class Function:
    """A function of ours. ``argtypes``, ``restype`` and ``errcheck`` may be set and change nothing."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.__name__ = name
        self.__doc__ = function.__doc__
        self._function = function
        self.argtypes: Any = None
        self.restype: Any = ct.c_int
        self.errcheck: Any = None

    def __call__(self, *args: Any) -> Any:
        """Numbers may be ctypes' (``c_float(.5)``), except where the function writes to them."""
        if self.__name__ != "darknet_network_dimensions":
            args = tuple(_value(argument) for argument in args)
        return self._function(*args)

    def __repr__(self) -> str:
        return f"<darknet_py's {self.__name__}>"


class Library:
    """The functions of a module under the names that libdarknet.so gives them."""

    def __init__(self, module: Mapping[str, Any], *renamed: Mapping[str, Any], **others: Any) -> None:
        """Of the functions that the module has, and of others by their C names."""
        found = {name: module[name] for name in _SAME if name in module}
        found.update({c_name: module[name] for name, c_name in _RENAMED.items() if name in module})
        for names in (*renamed, others):
            found.update(names)
        self.__dict__.update({name: Function(name, function) for name, function in found.items()})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"darknet-py: libdarknet's function {name!r} is not there; {', '.join(vars(self))} are")

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


def _value(argument: Any) -> Any:
    return argument.value if isinstance(argument, ct._SimpleCData) else argument
