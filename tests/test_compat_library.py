"""``darknet.lib``, and what hank-ai's ``darknet.py`` has beyond AlexeyAB's."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from darknet_py.compat import alexeyab, hankai, pjreddie
from darknet_py.errors import DarknetError
from darknet_py.version import __version__

from .test_compat_darknet import YOLO_NET, Files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("library"), YOLO_NET)


@pytest.mark.parametrize("d", [alexeyab, hankai, pjreddie], ids=["alexeyab", "hankai", "pjreddie"])
def test_lib_has_the_functions_by_their_c_names(files: Files, d: object) -> None:
    # As a script that binds the library itself: types set, numbers as ctypes has them.
    module, lib = d, d.lib  # type: ignore[attr-defined]
    load = lib.load_network
    load.argtypes, load.restype = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    assert lib.load_network.restype is ctypes.c_void_p
    network = load(files.cfg.encode(), files.weights.encode(), ctypes.c_int(0))
    assert (lib.network_width(network), lib["network_height"](network)) == (48, 32)
    read = lib.load_image_color if hasattr(lib, "load_image_color") else lib.load_image_v2
    image = read(ctypes.c_char_p(files.photo.encode()), 0, 0)
    lib.network_predict_image(network, image)
    count = ctypes.c_int(0)
    dets = lib.get_network_boxes(network, image.w, image.h, ctypes.c_float(0.3), 0.5, None, 0, ctypes.byref(count))
    lib.do_nms_sort(dets, count, 2, 0.45)
    empty = ctypes.c_int(0)
    boxes = lib.make_network_boxes(network, 0.3, ctypes.pointer(empty))
    assert empty.value == count.value > 0
    assert (boxes[0].classes, boxes[0].prob[1], boxes[0].bbox.w) == (2, 0, 0)
    lib.free_detections(dets, count)
    with pytest.raises(AttributeError, match="function 'forward_network_gpu' is not there"):
        _ = lib.forward_network_gpu
    assert module.predict_image is not lib.network_predict_image  # types set there do not reach here


def test_no_gpu_and_the_names_of_pointers() -> None:
    assert alexeyab.hasGPU is False
    assert alexeyab.set_gpu(0) is None
    assert alexeyab.DETECTIONPtr._type_ is alexeyab.DETECTION
    assert alexeyab.FloatPtr is ctypes.POINTER(ctypes.c_float)


def test_dimensions_and_version(files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = hankai.load_network(files.cfg, files.data, files.weights)
    assert hankai.network_dimensions(network) == (48, 32, 3)
    w, h, c = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    assert hankai.network_dimensions(network, ctypes.byref(w), ctypes.pointer(h), c) is None
    assert (w.value, h.value, c.value) == (48, 32, 3)
    hankai.lib.darknet_network_dimensions(network, h, w, c)
    assert (w.value, h.value) == (32, 48)
    hankai.set_verbose(True)
    assert hankai.version_short() == __version__.encode() and hankai.version_short() in hankai.version_string()
    hankai.show_version_info()
    said = capsys.readouterr().out
    log = tmp_path / "out.log"
    hankai.set_output_stream(str(log).encode())
    hankai.show_version_info()
    hankai.set_output_stream(None)
    assert log.read_text(encoding="utf-8") == said != ""
    assert capsys.readouterr().out == ""


def test_skipped_classes_are_not_reported(files: Files) -> None:
    network, names, _ = alexeyab.load_network(files.cfg, files.data, files.weights)
    image = alexeyab.load_image(files.photo)
    everything = alexeyab.detect_image(network, names, image, 0.3)
    assert {row[0] for row in everything} == set(names)
    alexeyab.add_skipped_class(network, 0)
    alexeyab.add_skipped_class(network, 7)  # the network has no such class
    left = alexeyab.detect_image(network, names, image, 0.3)
    assert left == [row for row in everything if row[0] == names[1]]
    alexeyab.del_skipped_class(network, 0)
    assert alexeyab.detect_image(network, names, image, 0.3) == everything
    alexeyab.add_skipped_class(network, 1)
    alexeyab.clear_skipped_classes(network)
    assert alexeyab.detect_image(network, names, image, 0.3) == everything
    with pytest.raises(DarknetError, match="from 0 on"):
        alexeyab.add_skipped_class(network, -1)


def test_non_max_suppression_fast() -> None:
    def row(name: str, x: float, y: float, w: float, h: float) -> tuple[str, str, int, tuple[float, ...]]:
        return name, "50", 0, (x, y, w, h)

    low, covered, apart = row("low", 50, 60, 20, 20), row("covered", 51, 58, 20, 20), row("apart", 10, 10, 8, 8)
    assert alexeyab.non_max_suppression_fast([apart, covered, low], 0.5) == [low, apart]
    assert alexeyab.non_max_suppression_fast([apart, covered, low], 0.95) == [low, covered, apart]
    assert alexeyab.non_max_suppression_fast([], 0.5) == []
    # 21 x 21 pixels each, 20 x 19 of them shared.
    share = 20 * 19 / 21**2
    assert len(alexeyab.non_max_suppression_fast([low, covered], share)) == 2
    assert len(alexeyab.non_max_suppression_fast([low, covered], np.nextafter(share, 0))) == 1


def test_hankais_colours_do_not_change() -> None:
    assert hankai.class_colors(["dog"]) == {"dog": (0x06, 0xD8, 0x0E)}
    assert hankai.DETECTION is alexeyab.DETECTION
