"""Plans are verified: all of the zoo, and broken ones must not pass. Kernels say what they need, and it is read."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py import layers
from darknet_py import warmup_samples as samples
from darknet_py.formats.tree import Tree, read_tree
from darknet_py.kernels.layers.pooling import avgpool, maxpool
from darknet_py.layers import LAYERS, Layer
from darknet_py.loading import load_trees
from darknet_py.network import Network, read_network
from darknet_py.numeric.arithmetic import ARITHMETICS, PROFILES
from darknet_py.plan.build import Plan
from darknet_py.plan.contract import read_contract
from darknet_py.plan.dry import dry_plan
from darknet_py.plan.ops import HANDLERS, NARROW, Handlers
from darknet_py.plan.regions import Regions
from darknet_py.plan.show import plan_lines
from darknet_py.plan.step import Step
from darknet_py.plan.verify import verify
from darknet_py.warmup import usable_profiles
from tests.nets import net, write_cfg
from tests.test_pool import MORE

REPOSITORY = Path(__file__).resolve().parent.parent
ZOO = sorted(path.stem for path in (REPOSITORY / "cfg").glob("*.cfg"))
EXACT = [name for name in ("ieee", "make", "fast", "int8", "bf16") if name in usable_profiles()]
WAYS = list(itertools.product(EXACT, (1, 2, 4), (1, 2, 7)))
"""Arithmetic, images, threads."""
SQUARE = [
    (math, images, (1, 2, 7)[(i + j) % 3]) for i, math in enumerate(EXACT) for j, images in enumerate((1, 2, 4))
]  # fmt: skip
"""Of these a Latin square: any two of the three come together in all ways."""


def trees(network: Network, folder: Path) -> dict[int, Tree]:
    """Stand-ins for trees that are no part of the zoo: half of the nodes are roots, the rest children of the first."""
    found = {}
    for number in network.tree_files:
        layer = network.layers[number]
        count = getattr(layer, "classes", layer.out.size)
        lines = [f"n{i} {-1 if i < count // 2 else 0}\n" for i in range(count)]
        (folder / "stand-in.tree").write_text("".join(lines), encoding="utf-8")
        found[number] = read_tree(folder / "stand-in.tree")
    return found


def check(name: str, math: str, images: int, threads: int, folder: Path) -> None:
    network = read_network(REPOSITORY / "cfg" / f"{name}.cfg")
    known = ARITHMETICS[network.dialect.key]
    arithmetic = known.get(math, known["ieee"])
    if arithmetic.uncovered(network):
        return
    plan = dry_plan(network, arithmetic, threads, trees(network, folder), images=images)
    assert verify(plan) == []


@pytest.mark.parametrize("name", ZOO)
def test_plans_of_the_zoo(name: str, tmp_path: Path) -> None:
    """Each network in one of the ways, so that each way comes with a network or two."""
    check(name, *WAYS[5 * ZOO.index(name) % len(WAYS)], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("math", "images", "threads"), SQUARE)
@pytest.mark.parametrize("name", ZOO)
def test_all_plans_of_the_zoo(name: str, math: str, images: int, threads: int, tmp_path: Path) -> None:
    if math not in ARITHMETICS[read_network(REPOSITORY / "cfg" / f"{name}.cfg").dialect.key]:
        pytest.skip(f"math={math} is not there for this network's dialect")
    check(name, math, images, threads, tmp_path)


def plan_of(folder: Path, text: str, math: str = "ieee", threads: int = 3, images: int = 1, **options: Any) -> Plan:
    (folder / "warmup.tree").write_text(samples.TREE, encoding="utf-8")
    network = read_network(write_cfg(folder, text))
    return dry_plan(network, PROFILES[math], threads, load_trees(network), images=images, **options)


@pytest.mark.parametrize("text", [*samples.DETECTORS, *samples.ONLY_IEEE, *MORE])
@pytest.mark.parametrize("images", [1, 3])
def test_every_layer_in_every_profile(text: str, images: int, tmp_path: Path) -> None:
    for math in EXACT:
        if PROFILES[math].covers_all or text in samples.DETECTORS:
            plan = plan_of(tmp_path, text, math, images=images)
            assert verify(plan) == []
            assert verify(plan_of(tmp_path, text, math, images=images, keep=range(len(plan.network.layers)))) == []


def integers(step: Step) -> list[str]:
    """Arguments that are sizes; what is no size (a code, say) is any number."""
    others = ("code", "logistic", "tanh", "offset")
    return [name for name, value in step.arguments.items() if type(value) is int and name not in others]


@pytest.mark.parametrize("text", [*samples.DETECTORS, *samples.ONLY_IEEE])
def test_two_swapped_integers_are_found(text: str, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, text)
    for step in plan.steps:
        good = dict(step.arguments)
        for first, second in itertools.combinations(integers(step), 2):
            if good[first] == good[second]:
                continue
            step.arguments = {**good, first: good[second], second: good[first]}
            assert verify(plan), (step.name, first, second)
        step.arguments = good


UNUSED = {"next_in", "next_out", "pool_w", "shared"}
"""Fields that count for several images, or with a pooling, only."""

DISTANCES = {"plane", "group"}
"""Fields that count where there is more than one plane, or group, of the input."""


@pytest.mark.parametrize("text", samples.DETECTORS[:2])
@pytest.mark.parametrize("math", EXACT)
def test_two_swapped_fields_of_a_shape_are_found(text: str, math: str, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, text, math)
    for step in plan.steps:
        good = dict(step.arguments)
        if "shape" not in good:
            continue
        for name in {"shape", "cut", "strip"} & good.keys():
            for first, second in itertools.combinations(good[name]._fields, 2):
                a, b = getattr(good[name], first), getattr(good[name], second)
                alone = getattr(good[name], "c", 0) == 1 and {first, second} == DISTANCES  # a single plane of words
                if a != b and not {first, second} <= UNUSED and not alone:
                    step.arguments = {**good, name: good[name]._replace(**{first: b, second: a})}
                    assert verify(plan), (step.name, first, second)
        step.arguments = good


def first_step(plan: Plan, name: str) -> Step:
    return next(step for step in plan.steps if step.name == name)


def spoil(step: Step, **arguments: Any) -> None:
    step.arguments.update(arguments)


def scratch_on_input(plan: Plan) -> None:
    """As much as it needs, from the memory of the first activations."""
    step = [step for step in plan.steps if step.name == "convolution"][-1]
    spoil(step, scratch=plan.arena[: step.arguments["scratch"].nbytes].view(np.float32))


BROKEN: dict[str, tuple[Callable[[Plan], None], str]] = {
    "one task more": (lambda plan: setattr(plan.steps[3], "tasks", plan.steps[3].tasks + 1), "tasks, not"),
    "one task less": (lambda plan: setattr(plan.steps[0], "tasks", plan.steps[0].tasks - 1), "tasks, not"),
    "less scratch memory": (
        lambda plan: spoil(plan.steps[0], scratch=plan.steps[0].arguments["scratch"][:-1]), "scratch has"
    ),
    "scratch memory for fewer threads": (lambda plan: setattr(plan.steps[0], "workers", 4), "scratch has"),
    "another type of numbers": (
        lambda plan: spoil(first_step(plan, "shortcut"), alpha=np.float64(1)), "alpha is float64, not float32"
    ),
    "an integer of NumPy": (
        lambda plan: spoil(first_step(plan, "shortcut"), h=np.int64(first_step(plan, "shortcut").arguments["h"])),
        "h is int64, not int",
    ),
    "an array of doubles": (
        lambda plan: spoil(plan.steps[0], singles=plan.steps[0].arguments["singles"].astype(np.float64)),
        "singles is array of float64, no array of float32",
    ),
    "a part of its input": (
        lambda plan: spoil(first_step(plan, "maxpool_wide"), x=first_step(plan, "maxpool_wide").arguments["x"][1:]),
        "x has",
    ),
    "read-only memory to write to": (
        lambda plan: plan.steps[0].arguments["out"].setflags(write=False), "out cannot be written"
    ),
    "an output on its input": (
        lambda plan: spoil(first_step(plan, "maxpool_wide"), out=first_step(plan, "maxpool_wide").arguments["x"]),
        "out and x overlap",
    ),
    "scratch memory on an input": (scratch_on_input, "overlap"),
    "a step that is left out": (lambda plan: plan.steps.pop(2), "read before it is written"),
    "two steps that change places": (lambda plan: plan.steps.insert(2, plan.steps.pop(3)), "read before it is written"),
    "the first step at the end": (lambda plan: plan.steps.append(plan.steps.pop(0)), "read before it is written"),
    "the last step left out": (lambda plan: plan.steps.pop(), "is not there at the end"),
    "tasks that do not cover all": (
        lambda plan: spoil(plan.steps[0], tasks=np.roll(plan.steps[0].arguments["tasks"], 8)[:-8].repeat(1)),
        "tasks, not",
    ),
    "one task twice": (
        lambda plan: spoil(
            plan.steps[0],
            tasks=np.concatenate([plan.steps[0].arguments["tasks"][:8], plan.steps[0].arguments["tasks"][:-8]]),
        ),
        "covers_all",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_plan_is_found(what: str, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, samples.DETECTORS[0])
    assert verify(plan) == []
    breaking, message = BROKEN[what]
    breaking(plan)
    found = verify(plan)
    assert found and any(message in problem for problem in found), found
    assert all(problem.startswith(("step ", "the output")) for problem in found)


def test_a_buffer_reused_too_early_is_found(tmp_path: Path) -> None:
    """A shortcut's second input, overwritten by the layer between."""
    text = net(3, 32, 32, *["convolutional filters=8 size=3 pad=1 activation=leaky"] * 3, "shortcut from=-3")
    plan = plan_of(tmp_path, text)
    assert verify(plan) == []
    out = plan.steps[0].arguments["out"]
    plan.steps[2].arguments["out"] = plan.steps[3].arguments["x"] = out
    assert verify(plan) == ["layer 3 of image 0 does not read what layer 0 wrote"]


def test_arguments_are_bound_by_name() -> None:
    x, out = np.zeros(12, np.float32), np.zeros(3, np.float32)
    step = Step.of(avgpool, cells=4, channels=3, x=x, out=out)
    assert list(step.arguments) == ["out", "x", "channels", "cells"] and step.tasks == 3
    assert step.args[1] is x
    with pytest.raises(TypeError, match=r"avgpool: no arguments named \['cell'\]; missing: \['cells'\]"):
        Step.of(avgpool, out=out, x=x, channels=3, cell=4)
    with pytest.raises(TypeError, match=r"missing: .*'tile'"):
        Step.of(maxpool, out=out, x=x, channels=3)


def test_a_dry_plan_packs_nothing_and_cannot_run(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, samples.DETECTORS[0])
    assert not plan.steps[0].arguments["weights"].any()
    with pytest.raises(RuntimeError, match="printing and verifying only"):
        plan.run()


def test_every_layer_has_a_handler_with_a_name() -> None:
    assert set(HANDLERS) == {layer for layers in LAYERS.values() for layer in layers.values()}
    assert all(handler.__name__.endswith("_steps") for handler in HANDLERS.values())
    assert all(layer in HANDLERS for table in NARROW.values() for layer in table)
    namesake = type("Convolutional", (Layer,), {"kind": "other"})
    assert namesake not in HANDLERS
    with pytest.raises(KeyError):
        HANDLERS[namesake]


def test_a_handler_can_be_taken_out() -> None:
    handlers = Handlers({"Crop": "moves.crop_steps", "Cost": "elementwise.cost_steps"})
    assert handlers.pop(layers.Crop).__name__ == "crop_steps"
    assert list(handlers) == [layers.Cost] and layers.Crop not in handlers
    with pytest.raises(KeyError):
        del handlers[layers.Crop]
    for path in (REPOSITORY / "darknet_py").rglob("*.py"):
        assert "def _(" not in path.read_text(encoding="utf-8"), path


def test_a_shown_plan(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, samples.DETECTORS[0])
    lines = list(plan_lines(plan))
    assert lines[-1] == f"{len(plan.steps)} steps; verified"
    text = "\n".join(lines)
    assert f"{plan.arena_bytes / 1e6:9.2f} MB" in text
    assert "done by the step of layer 0" in text and "with the pooling of layer 1" in text
    assert sum(line.split()[1:2] != [] and " convolution " in line for line in lines) == sum(
        step.name == "convolution" for step in plan.steps
    )
    tiled = "\n".join(plan_lines(plan_of(tmp_path, samples.TILED, "fast")))
    assert "fused multiply-add" in tiled or "Winograd" in tiled or "lanes" in tiled


def test_regions() -> None:
    regions = Regions()
    regions.write(0, 100, (1, 0))
    regions.write(20, 30, (2, 0))
    assert regions.holders(0, 20) == {(1, 0)} and regions.holders(0, 21) == {(1, 0), (2, 0)}
    assert regions.holders(30, 100) == {(1, 0)} and regions.holders(90, 101) == {(1, 0), None}
    regions.write(10, 120, (3, 1))
    assert regions.holders(9, 10) == {(1, 0)} and regions.holders(10, 120) == {(3, 1)}
    assert regions.holders(200, 210) == {None}


def kernels_in(path: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = ("kernel", "plan_kernel")
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(decorator).split("(")[0] in names for decorator in node.decorator_list)
    ]


KERNELS = [
    pytest.param(node, id=f"{path.stem}.{node.name}")
    for path in sorted((REPOSITORY / "darknet_py").rglob("*.py"))
    for node in kernels_in(path)
]


def test_there_are_many_kernels() -> None:
    assert len(KERNELS) > 120


@pytest.mark.parametrize("node", KERNELS)
def test_each_argument_of_a_kernel_is_described(node: ast.FunctionDef) -> None:
    def function() -> None: ...

    function.__doc__, function.__name__ = ast.get_docstring(node, clean=False), node.name
    arguments = [argument.arg for argument in node.args.args if argument.arg != "queue"]
    assert list(read_contract(function).arguments) == arguments


def test_summary_shows_a_plan() -> None:
    from click.testing import CliRunner

    from darknet_py.cli.summary import summary

    cfg = str(REPOSITORY / "cfg" / "yolov3-tiny.cfg")
    plain = CliRunner().invoke(summary, [cfg])
    shown = CliRunner().invoke(summary, [cfg, "--plan", "--size", "320x256", "--math", "fast", "--threads", "3"])
    assert shown.exit_code == plain.exit_code == 0
    assert "plan of" not in plain.output and "input 320 x 256 x 3, math fast" in shown.output
    assert "3 threads" in shown.output and shown.output.rstrip().endswith("steps; verified")


def test_trace_shows_a_plan(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from darknet_py.cli.trace import trace
    from darknet_py.synth import write_synth

    cfg = write_cfg(tmp_path, net(3, 32, 32, "convolutional filters=8 size=3 pad=1 activation=leaky", "maxpool size=2"))
    write_synth(cfg, tmp_path / "net.weights")
    photo = next((REPOSITORY / "tests" / "data" / "photos").glob("*.jpg"))
    command = [str(cfg), str(tmp_path / "net.weights"), str(photo)]
    plain = CliRunner().invoke(trace, command)
    shown = CliRunner().invoke(trace, [*command, "--plan"])
    assert shown.exit_code == plain.exit_code == 0
    assert shown.output.endswith(plain.output), "the trace itself does not depend on it"
    assert "2 steps; verified" in shown.output, "all outputs are kept: nothing is done by another layer's step"
