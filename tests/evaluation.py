"""A folder to evaluate in: networks, pictures with labels, lists and data files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from darknet_py.image.load import load_image
from darknet_py.synth import write_synth

from .darknet_folder import CLASSIFIER, PHOTOS, YOLO_V1, write_program
from .nets import net, write_cfg
from .systems import need_posix


def region(classes: int, w: int = 104, h: int = 72) -> str:
    return net(
        3, h, w, "conv batch_normalize=1 filters=8 size=3 stride=8 pad=1 activation=leaky",
        f"conv filters={3 * (classes + 5)} size=1 activation=linear",
        f"region classes={classes} num=3 coords=4 softmax=1 anchors=1,1.5,3,3,5,4",
    )  # fmt: skip


TREE = net(
    3, 32, 32, "conv filters=8 size=3 stride=4 pad=1 activation=leaky", "avgpool",
    "connected output=12 activation=linear", "softmax tree=wood.tree",
)  # fmt: skip
PARENTS = {"_000": -1, "_001": -1, "_002": -1, "_003": 0, "_004": 0, "_005": 0, "_006": 1, "_007": 1, "_008": 3,
           "_0010": 3, "_0011": 3, "_0012": 3}  # fmt: skip
COCO = net(
    3, 48, 48, "conv batch_normalize=1 filters=8 size=3 stride=8 pad=1 activation=leaky",
    "conv filters=255 size=1 activation=linear", "yolo classes=80 num=3 anchors=9,9,20,30,50,50",
)  # fmt: skip

ALEXEYABS = net(
    3, 48, 64, "conv batch_normalize=1 filters=8 size=3 stride=8 pad=1 activation=mish",
    "conv filters=24 size=1 activation=linear",
    "yolo classes=3 num=3 anchors=9,9,20,30,50,50 scale_x_y=1.05 nms_kind=greedynms",
)  # fmt: skip

LABELS: dict[int, list[str]] = {
    0: ["16 0.314 0.810 0.390 0.166", "3 0.887 0.170 0.390 0.167",
        "7 0.010 0.467 0.330 0.189", "7 0.010 0.709 0.377 0.168"],
    1: ["7 0.018 0.276 0.416 0.197", "17 0.023 0.132 0.298 0.224",
        "7 0.203 0.918 0.227 0.181", "8 0.757 0.459 0.276 0.164"],
    2: ["7 0.446 0.142 0.276 0.199", "7 0.485 0.159 0.262 0.212",
        "0 0.023 0.694 0.302 0.192", "7 0.190 0.990 0.308 0.162"],
    3: ["7 0.407 0.139 0.411 0.185", "11 0.285 0.804 0.397 0.147",
        "7 0.035 0.294 0.416 0.227", "7 0.010 0.664 0.329 0.149"],
    5: ["7 0.117 0.501 0.815 0.178", "7 0.010 0.136 0.572 0.152",
        "1 0.010 0.456 0.499 0.195", "7 0.010 0.990 0.533 0.153"],
    6: ["7 0.247 0.935 0.484 0.210", "7 0.474 0.758 0.454 0.192",
        "7 0.030 0.789 0.439 0.211", "7 0.810 0.567 0.368 0.151"],
    7: ["11 0.022 0.255 0.365 0.190", "7 0.166 0.138 0.278 0.195",
        "7 0.990 0.870 0.263 0.156", "7 0.022 0.748 0.250 0.188"],
    8: ["7 0.023 0.688 0.403 0.169", "14 0.023 0.280 0.307 0.172",
        "7 0.024 0.674 0.280 0.176", "7 0.436 0.329 0.257 0.168"],
}  # fmt: skip
"""Objects by image: some where the network sees something, with other classes, too."""

NETS = {
    "region20": region(20), "region200": region(200), "coco": COCO, "classifier": CLASSIFIER, "tree": TREE,
    "v1": YOLO_V1, "v4": ALEXEYABS, "v4box": ALEXEYABS.replace("[net]", "[net]\nletter_box=1"),
}  # fmt: skip


def make_root(folder: Path) -> Path:
    """Fill a folder with these files, and the program as ``darknet``. Skips on Windows."""
    need_posix()
    make_files(folder)
    write_program(folder)
    return folder


def make_files(folder: Path) -> None:
    """All files; also made for the real Darknet, whose results stand in `test_evaluate_darknet`."""
    (folder / "wood.tree").write_text("".join(f"{name} {parent}\n" for name, parent in PARENTS.items()))
    (folder / "some.leaves").write_text("_001\n_004\n_007\n_003\nnothing\n")
    for name, text in NETS.items():
        write_synth(write_cfg(folder, text, f"{name}.cfg"), folder / f"{name}.weights", 7)
    for number, photo in enumerate(sorted(PHOTOS.glob("*.jpg")) * 3):
        for kind in ("images", "labels"):
            (folder / kind).mkdir(exist_ok=True)
        pixels = np.rot90(load_image(photo), number // 3)[::2, ::2]
        # PNG, whatever the name says: no encoder's losses, and Darknet makes labels' names of .jpg only.
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / "images" / f"img_{number:03d}.jpg", format="PNG")
        labels = "".join(f"{line}\n" for line in LABELS.get(number, ()))
        for place in ("images", "labels"):  # AlexeyAB's place, and pjreddie's
            (folder / place / f"img_{number:03d}.txt").write_text(labels)
    images = [f"images/img_{number:03d}.jpg" for number in range(9)]
    for name in ("val.list", "data/coco_val_5k.list", "data/voc.2007.test"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("".join(f"{image}\n" for image in images))
    for classes in (3, 20, 80, 200):
        (folder / f"{classes}.names").write_text("".join(f"class {number}\n" for number in range(classes)))
    sets = (("voc", 20, "voc"), ("coco", 80, "coco"), ("imagenet", 200, "imagenet"), ("coco200", 200, "coco"))
    sets += tuple((f"{kind}3", 3, kind) for kind in ("voc", "coco", "bdd", "kitti"))
    for name, classes, kind in sets:
        (folder / f"{name}.data").write_text(
            f"classes={classes}\nvalid=val.list\nnames={classes}.names\neval={kind}\nresults=results_{name}\n"
        )
    (folder / "classifier.names").write_text("".join(f"_00{number}\n" for number in (*range(9), 10, 11, 12)))
    classes = "labels=classifier.names\nvalid=val.list\nclasses=12\ntop=3\n"
    (folder / "classifier.data").write_text(classes)
    (folder / "leaves.data").write_text(f"{classes}leaves=some.leaves\n")
