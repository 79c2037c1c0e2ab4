"""Two claims of the paper on coloured shapes: dimension clusters as anchors, and training at several sizes.

    python benchmarks/paper_claims.py [--seeds 1,2,3] [--iterations 900]

Anchors (section 2, "Dimension Clusters", Table 1): the same [region] network with three boxes picked by hand (a square,
a wide and a high one), and with clusters of the labels. Sizes ("Multi-Scale Training", Table 3): trained at 64 x 64
alone, and at 32, 64 and 96 in turn; both tested at several sizes. Writes benchmarks/results/paper_claims.json and
prints the tables of docs/training.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "training")]

import shapes  # noqa: E402

from darknet_py.anchors.boxes import read_data_boxes  # noqa: E402
from darknet_py.anchors.clusters import assign, cluster  # noqa: E402
from darknet_py.anchors.target import target_of  # noqa: E402
from darknet_py.evaluate.run import read_list  # noqa: E402
from darknet_py.network import read_network  # noqa: E402
from darknet_py.train.data import read_training_files  # noqa: E402
from darknet_py.train.opening import Asked, plan_training  # noqa: E402
from darknet_py.train.score import Scorer  # noqa: E402
from darknet_py.train.training import Habits  # noqa: E402

CFG = ROOT / "examples" / "training" / "shapes-region.cfg"
ANCHORS = "anchors=1.5,1.5,2.2,2.2,2.9,2.9"
BY_HAND = ((2.0, 2.0), (4.0, 2.0), (2.0, 4.0))
TEST_SIZES = (32, 48, 64, 80, 96, 128)
TRAIN_SIZES = (32, 96)


def train(
    cfg: Path, folder: Path, seed: int, iterations: int, sizes: tuple[int, int] | None = None
) -> dict[str, float]:
    """mAP of one training, by the size of the test's input."""

    def wrong(error: Exception) -> None:
        raise error

    plan = plan_training(cfg, read_training_files(folder / "shapes.data"), Asked(seed=seed, sizes=sizes), wrong)
    with plan.open(None, Habits(), report=lambda text: None) as training:
        for _ in training.run(iterations):
            pass
        arrays, valid = training.session.trainer.arrays, read_list(folder / "valid.txt")
        return {
            str(size): Scorer(plan.network.resized(size, size), valid, plan.computing.threads, "ieee").score(arrays)
            for size in TEST_SIZES
        }


def write_cfgs(folder: Path) -> dict[str, tuple[Path, float]]:
    """The networks: their cfgs, and the average IoU of all boxes with the nearest anchor."""
    target, _ = target_of(read_network(CFG))
    boxes = read_data_boxes(folder / "shapes.data").sizes
    found = cluster(boxes, len(BY_HAND), seed=0)
    by_hand = np.array(BY_HAND) / target.scale
    text, made = CFG.read_text(), {}
    for name, sizes in (("by hand", by_hand), ("clusters", found.sizes)):
        path = folder / f"{name.replace(' ', '-')}.cfg"
        path.write_text(text.replace(ANCHORS, f"anchors={target.text(target.rounded(sizes))}"))
        made[name] = (path, float(assign(boxes, sizes)[1].mean()))
    several = folder / "several.cfg"
    several.write_text(made["clusters"][0].read_text().replace("random=0", "random=1"))
    made["several sizes"] = (several, made["clusters"][1])
    return made


def tables(runs: list[dict[str, Any]], fits: dict[str, float]) -> Iterator[str]:
    """Both tables, in Markdown."""
    scores = {name: [run["map"] for run in runs if run["name"] == name] for name in fits}
    yield "| anchors | average IoU with the labels | mAP@.5 of each seed | mean |"
    yield "|---|---:|---|---:|"
    for name in ("by hand", "clusters"):
        values = [score["64"] for score in scores[name]]
        yield f"| {name} | {fits[name]:.1%} | {', '.join(f'{value:.1%}' for value in values)} | {mean(values):.1%} |"
    yield ""
    yield "| trained at, tested at | " + " | ".join(map(str, TEST_SIZES)) + " |"
    yield "|---|" + "---:|" * len(TEST_SIZES)
    for name, title in (("clusters", "64 alone"), ("several sizes", "32, 64, 96 in turn")):
        means = (mean(score[str(size)] for score in scores[name]) for size in TEST_SIZES)
        yield f"| {title} | " + " | ".join(f"{value:.1%}" for value in means) + " |"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--iterations", type=int, default=900)
    asked = parser.parse_args()
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shapes.write(folder)
        made = write_cfgs(folder)
        fits = {name: fit for name, (_, fit) in made.items()}
        for seed in map(int, asked.seeds.split(",")):
            for name, (cfg, _) in made.items():
                sizes = TRAIN_SIZES if name == "several sizes" else None
                runs.append({"name": name, "seed": seed, "map": train(cfg, folder, seed, asked.iterations, sizes)})
                print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    document = {"iterations": asked.iterations, "average_iou": fits, "runs": runs}
    (ROOT / "benchmarks/results/paper_claims.json").write_text(json.dumps(document, indent=1) + "\n")
    print("\n".join(tables(runs, fits)))


if __name__ == "__main__":
    main()
