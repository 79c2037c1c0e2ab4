"""Joint training on coloured shapes: are leaves of the WordTree found for which no box was ever seen?

    python benchmarks/joint_training.py [--seed 1] [--iterations 900] [--paper]

200 pictures have boxes, of circles, squares and triangles; 200 more have one shape each, a class such as "red-circle",
and no box. Then the 60 validation pictures are looked at (threshold .25, hierarchy .5), and what is found is compared
with what they really show. ``--paper`` pulls the objectness of pictures without a box up to .3, as the paper has it.
Prints a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "training")]

import shapes  # noqa: E402

from darknet_py import load  # noqa: E402
from darknet_py.evaluate.run import read_list  # noqa: E402
from darknet_py.evaluate.truth import iou  # noqa: E402
from darknet_py.train import open_training  # noqa: E402

THRESH, HIER, OVERLAP = 0.25, 0.5, 0.5


def compare(folder: Path, weights: Path, cfg: Path) -> dict[str, int]:
    """Objects of the validation pictures that were found, with the right shape, with the right leaf; false boxes."""
    detector = load(cfg, weights)
    parents = [parent for _, parent in shapes.TREE]
    counts = dict.fromkeys(("objects", "found", "right shape", "right leaf", "false boxes"), 0)
    for path in read_list(folder / "valid.txt"):
        rows = np.loadtxt(folder / "leaves" / f"{Path(path).stem}.txt", ndmin=2)
        leaves, boxes = rows[:, 0].astype(int), rows[:, 1:].astype(np.float32)
        found = detector.detect(path, thresh=THRESH, hier_thresh=HIER)
        used = set()
        for box, node in sorted(zip(found.box, found.class_id, strict=True), key=lambda each: -int(each[1])):
            overlaps = iou(box, boxes)
            place = int(overlaps.argmax())
            if overlaps[place] < OVERLAP or place in used:
                counts["false boxes"] += 1
                continue
            used.add(place)
            counts["found"] += 1
            shape = int(node) if int(node) < 4 else parents[int(node)]
            counts["right shape"] += int(shape == parents[leaves[place]])
            counts["right leaf"] += int(int(node) == int(leaves[place]))
        counts["objects"] += len(leaves)
    return counts


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=900)
    parser.add_argument("--paper", action="store_true")
    asked = parser.parse_args()
    cfg = ROOT / "examples" / "training" / "shapes-tree.cfg"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shapes.write(folder, joint=200)
        os.chdir(folder)  # the cfg's tree and map are here
        wanted = 0.3 if asked.paper else 0.0
        data = folder / "shapes.data"
        with open_training(data, cfg, seed=asked.seed, class_objectness=wanted, report=lambda text: None) as training:
            averages = [float(done.average) for done in training.run(asked.iterations)]
        found = compare(folder, folder / "backup/shapes-tree_final.weights", cfg)
    losses = [round(averages[n - 1], 2) for n in (1, 50, 100, 200, 300, 600, 900) if n <= len(averages)]
    print(json.dumps({"seed": asked.seed, "paper": asked.paper, "average": losses, **found}))


if __name__ == "__main__":
    main()
