"""Labels on disk: Darknet's text files, Pascal VOC's XML, COCO's JSON, and where Darknet looks for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from darknet_py.errors import DataError
from darknet_py.formats.annotations import read_coco, read_voc
from darknet_py.formats.labels import label_paths, read_labels

VOC = """<annotation>
  <size><width>200</width><height>100</height><depth>3</depth></size>
  <object><name>dog</name><difficult>0</difficult>
    <bndbox><xmin>21</xmin><ymin>11</ymin><xmax>121</xmax><ymax>61</ymax></bndbox>
    <part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part>
  </object>
  <object><name>cat</name><difficult>1</difficult>
    <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
  <object><name>cow</name>
    <bndbox><xmin>0</xmin><ymin>0</ymin><xmax>200</xmax><ymax>100.5</ymax></bndbox></object>
</annotation>
"""

COCO = {
    "images": [{"id": 7, "width": 640, "height": 480}, {"id": 9, "width": 100, "height": 100}],
    "annotations": [
        {"image_id": 7, "bbox": [64, 48, 320, 120], "iscrowd": 0},
        {"image_id": 9, "bbox": [0, 0, 100, 100], "iscrowd": 1},
        {"image_id": 9, "bbox": [10.5, 20, 30, 40]},
    ],
}


def write(folder: Path, text: str, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_label_file(tmp_path: Path) -> None:
    path = write(tmp_path, "0 0.5 0.25 0.5 0.5\n\n  14\t.1 .2 1e-1 1.005 \r\n")
    assert read_labels(path) == [(0.5, 0.25, 0.5, 0.5), (0.1, 0.2, 0.1, 1.0)]
    assert read_labels(write(tmp_path, "")) == [], "an image without objects"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 .5 .5 .5", "'0 .5 .5 .5' is no label; a line is: class x y width height"),
        ("0 .5 .5 .5 .5 .9", "is no label"),
        ("dog .5 .5 .5 .5", "'dog .5 .5 .5 .5' is no label"),
        ("0.5 .5 .5 .5 .5", "is no label"),
        ("-1 .5 .5 .5 .5", "is no label"),
        ("images/0001.jpg", "is no label"),
        ("0 .5 .5 .5 nought", "is no label"),
        ("0 208 .5 .5 .5", "x = 208: a box's centre, width and height are fractions of its image, from 0 to 1"),
        ("0 .5 1.02 .5 .5", "y = 1.02"),
        ("0 .5 .5 1.02 .5", "width = 1.02"),
        ("0 .5 .5 .5 -.1", "height = -0.1"),
        ("0 .5 .5 nan .5", "width = nan"),
        ("0 .5 .5 .5 inf", "height = inf"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path, f"0 .5 .5 .5 .5\n{line}\n")
    with pytest.raises(DataError) as caught:
        read_labels(path)
    assert str(caught.value).startswith(f"{path}:2: ") and message in str(caught.value)


def test_what_is_no_text_is_no_label_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\x89PNG\0\0")
    with pytest.raises(DataError, match="binary"):
        read_labels(tmp_path / "a.txt")
    with pytest.raises(DataError, match="cannot read this file"):
        read_labels(tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("image", "first"),
    [
        # What Darknet's find_replace makes of these, word by word: the first occurrence anywhere, capitals count.
        ("/voc/VOC2007/JPEGImages/000012.jpg", "/voc/VOC2007/labels/000012.txt"),
        ("/coco/images/train2014/a.jpg", "/coco/labels/train2014/a.txt"),
        ("data/images/images/a.png", "data/labels/images/a.txt"),
        ("/images/JPEGImages/a.JPG", "/labels/labels/a.txt"),
        ("/x/raw/a.JPEG", "/x/labels/a.txt"),
        ("obj/a.jpg.jpg", "obj/a.txt.jpg"),
    ],
)
def test_the_label_file_of_an_image_is_where_darknet_looks(image: str, first: str) -> None:
    assert label_paths(image)[0] == first


def test_other_places_follow() -> None:
    assert label_paths("strawberries/images/a.jpg") == [
        "stlabelsberries/labels/a.txt", "strawberries/labels/a.txt", "strawberries/images/a.txt",
    ]  # fmt: skip
    assert label_paths("data/obj/a.bmp") == ["data/obj/a.txt"], "never the image itself"
    assert label_paths("/") == ["/"]
    assert label_paths("C:\\set\\images\\a.jpg")[1:] == ["C:/set/labels/a.txt", "C:/set/images/a.txt"]


def test_a_voc_annotation(tmp_path: Path) -> None:
    found = read_voc(write(tmp_path, VOC, "a.xml"))
    assert found.boxes == [pytest.approx((0.355, 0.36, 0.5, 0.5)), pytest.approx((0.5, 0.5025, 1.0, 1.0))]
    assert found.images == [(200, 100)] * 2 and found.image_count == 1
    assert found.left_out == {"marked as difficult": 1}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</annotation>", "", r"a\.xml:1\d: is not XML"),
        ("annotation>", "html>", "no VOC annotation: its root is <html>"),
        ("<width>200</width>", "", r"a\.xml: size/width is missing"),
        ("<width>200</width>", "<width>0</width>", "the image is 0 x 100"),
        ("<width>200</width>", "<width>nan</width>", "the image is nan x 100"),
        ("<xmax>121</xmax>", "<xmax>wide</xmax>", "object 1: bndbox/xmax is 'wide', not a number"),
        ("<xmax>121</xmax>", "<xmax>2</xmax>", "object 1: width = -0.095"),
        ("<ymax>100.5</ymax>", "<ymax>130</ymax>", "object 3: height = 1.3"),
        ("<xmax>121</xmax>", "<xmax>1e400</xmax>", "object 1: x = inf"),
        ("<xmax>121</xmax>", f"<xmax>{'x' * 5000}</xmax>", r"bndbox/xmax is 'x{59}\.\.\., not a number"),
        ("<annotation>", '<?xml version="1.0" encoding="no-such"?><annotation>', "is not XML"),
        ("<annotation>", '<?xml version="1.0" encoding="utf-32"?><annotation>', "is not XML"),
        ("<annotation>", '<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]><annotation>', "those have no DOCTYPE"),
    ],
)
def test_a_bad_voc_annotation(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_voc(write(tmp_path, VOC.replace(old, new), "a.xml"))


def test_a_coco_file(tmp_path: Path) -> None:
    found = read_coco(write(tmp_path, json.dumps(COCO), "a.json"))
    assert found.boxes == [pytest.approx((0.35, 0.225, 0.5, 0.25)), pytest.approx((0.255, 0.4, 0.3, 0.4))]
    assert found.images == [(640, 480), (100, 100)] and found.image_count == 2
    assert found.left_out == {"crowds": 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": [1, 2, 3]}, r"annotations\[0\]: needs bbox"),
        ({"bbox": None}, r"annotations\[0\]: needs bbox"),
        ({"image_id": 8}, r"annotations\[0\]: needs bbox = \[x, y, width, height\], and image_id of an image"),
        ({"bbox": [0, 0, 6400, 10]}, r"annotations\[0\]: x = 5"),
        ({"bbox": [0, 0, float("nan"), 10]}, r"annotations\[0\]: needs bbox .*; a number of bbox is nan"),
        ({"bbox": [0, 0, 10**400, 10]}, r"annotations\[0\]: needs bbox .*; a number of bbox is 1000"),
        ({"bbox": [0, 0, True, 10]}, r"annotations\[0\]: needs bbox .*; a number of bbox is True"),
        ({"bbox": {"x": 1}}, r"annotations\[0\]: needs bbox"),
        ({"image_id": [1]}, r"annotations\[0\]: needs bbox .*; an id is \[1\]"),
    ],
)
def test_a_bad_coco_box(tmp_path: Path, change: dict[str, object], message: str) -> None:
    document = {**COCO, "annotations": [{**COCO["annotations"][0], **change}]}
    with pytest.raises(DataError, match=message):
        read_coco(write(tmp_path, json.dumps(document), "a.json"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"a\.json:1: is not JSON"),
        ("[1]", "is no COCO file"),
        ('{"images": []}', "is no COCO file"),
        ('{"images": [{"id": 1}], "annotations": []}', "is no COCO file"),
        ('{"images": [], "annotations": [3]}', r"annotations\[0\]"),
        ('{"images": [], "annotations": 3}', "is no COCO file"),
        ('{"images": {"id": 1}, "annotations": []}', "is no COCO file"),
        ('{"images": [{"id": 1, "width": "9", "height": 9}], "annotations": []}', r"images\[0\] .*width is '9', not a"),
        ('{"images": [{"id": [], "width": 9, "height": 9}], "annotations": []}', r"images\[0\] .*an id is \[\]"),
        ('{"images": [{"id": 1, "width": 0, "height": 9}], "annotations": []}', r"images\[0\] .*width is 0, not from"),
        ('{"images": [{"id": 1, "width": 1e400, "height": 9}], "annotations": []}', r"images\[0\] .*width is inf"),
        (f'{{"images": {"9" * 5000}}}', "is not JSON|is no COCO file"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_coco_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_coco(write(tmp_path, text, "a.json"))
