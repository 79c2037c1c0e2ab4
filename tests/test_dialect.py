"""Options of AlexeyAB's Darknet: computed alike, known to change nothing, or refused by name; never ignored."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from darknet_py.dialect import ALEXEYAB, PJREDDIE
from darknet_py.errors import CfgError
from darknet_py.formats.cfg import Section, parse_cfg
from darknet_py.kernels.layers.activations import CODES
from darknet_py.layers import LAYERS
from darknet_py.network import read_network

from .nets import net, write_cfg
from .program import failure

FIRST = "convolutional filters=32 size=3 stride=2 pad=1"
YOLO = "yolo classes=3 num=4 anchors=1,2,3,4,5,6,7,8"
REGION = "region classes=3 num=4 anchors=1,2,3,4,5,6,7,8"
SECTIONS = {  # one of each kind that may follow FIRST
    "activation": "activation", "avgpool": "avgpool", "batchnorm": "batchnorm", "connected": "connected output=2",
    "convolutional": "conv filters=2 size=3", "cost": "cost", "crnn": "crnn output_filters=2 hidden_filters=3",
    "crop": "crop crop_width=4 crop_height=4", "deconvolutional": "deconv filters=2 size=2",
    "detection": "detection side=2 classes=118 num=2 coords=4", "dropout": "dropout", "gru": "gru output=2",
    "iseg": "iseg classes=30 ids=2", "l2norm": "l2norm", "local": "local filters=2 size=3 pad=1",
    "logistic": "logistic", "lstm": "lstm output=2", "maxpool": "maxpool size=2", "normalization": "normalization",
    "region": REGION, "reorg": "reorg stride=2", "rnn": "rnn output=2", "route": "route layers=0",
    "shortcut": "shortcut from=0", "softmax": "softmax", "upsample": "upsample", "yolo": YOLO,
}  # fmt: skip

CHANGES = [  # section, what changes the result, what does not
    ("route layers=0", "groups=2", "groups=1"),
    ("route layers=0", "group_id=1", "group_id=0"),
    ("conv", "stride_x=2", "stride_x=1"),
    ("conv stride=2", "stride_y=1", "stride_y=2"),
    ("conv size=3", "dilation=2", "dilation=1"),
    ("conv size=3", "antialiasing=1", "antialiasing=0"),
    ("conv filters=32 size=3", "share_index=0", "share_index=-1000000000"),
    ("conv", "cbn=1", "cbn=0"),
    ("conv xnor=1", "bin_output=1", "bin_output=0"),
    ("conv", "coordconv=1", "coordconv=0"),
    ("maxpool size=2 stride=2", "stride_x=1", "stride_x=2"),
    ("maxpool size=2", "stride_y=2", "stride_y=1"),
    ("maxpool", "maxpool_depth=1", "maxpool_depth=0"),
    ("maxpool maxpool_depth=0", "antialiasing=2", "antialiasing=0"),
    ("maxpool", "maxpool_zero_nonmax=1", "maxpool_zero_nonmax=0"),
    ("shortcut from=0", "weights_type=per_feature", "weights_type=none"),
    ("shortcut from=0", "weights_type=per_channel", "weights_normalization=relu"),
    (YOLO, "scale_x_y=1.05", "scale_x_y=1.0"),
    (YOLO, "scale_x_y=2", "scale_x_y=1"),
    (YOLO, "new_coords=1", "new_coords=0"),
    (YOLO, "nms_kind=greedynms", "nms_kind=default"),
    (YOLO, "nms_kind=diounms", "beta_nms=0.3"),
    (YOLO, "embedding_layer=-1", "dets_for_show=2"),
    ("crnn output_filters=2 hidden_filters=2", "output=2", "size=3"),
    ("crnn output_filters=2 hidden_filters=2", "hidden=2", "groups=1"),
    ("crnn output_filters=2 hidden_filters=2", "size=1", "pad=1"),
    ("crnn output_filters=2 hidden_filters=2", "pad=0", "dilation=1"),
    ("crnn output_filters=2 hidden_filters=2", "stride=2", "stride=1"),
    ("rnn output=4", "hidden=5", "hidden=4"),
    ("rnn output=4", "logistic=1", "logistic=0"),
]


@pytest.mark.parametrize(("section", "changes", "neutral"), CHANGES, ids=lambda text: text.split("=")[0].split()[0])
def test_an_option_that_changes_the_result_is_refused_by_name(
    tmp_path: Path, section: str, changes: str, neutral: str
) -> None:
    name = section.split()[0]
    read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, f"{section} {neutral}")))
    text = net(3, 8, 8, FIRST, f"{section} {changes}")
    line = len(text.rstrip().split("\n"))
    cfg = write_cfg(tmp_path, text)
    with pytest.raises(CfgError) as caught:
        read_network(cfg)
    assert str(caught.value) == (
        f"{cfg}:{line}: [{name}] {changes} is an option of AlexeyAB's Darknet that changes the result, and is not "
        "computed here yet"
    )


@pytest.mark.parametrize(
    "section",
    [
        "conv size=1 dilation=3", "conv bin_output=1", "conv batch_normalize=1 cbn=1", "maxpool size=2 out_channels=4",
        f"{YOLO} beta_nms=1 sim_thresh=0 track_ciou_norm=1", "conv stride=2 size=3 stride_x=2 stride_y=2",
    ],
)  # fmt: skip
def test_an_option_may_be_without_effect_because_of_another(tmp_path: Path, section: str) -> None:
    read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, section)))


@pytest.mark.parametrize("value", ["-1,-2", "-1,0,", "-1,"])
def test_a_shortcut_of_several_layers_is_refused(tmp_path: Path, value: str) -> None:
    cfg = write_cfg(tmp_path, net(3, 8, 8, FIRST, "activation", f"shortcut activation=leaky from={value}"))
    with pytest.raises(
        CfgError,
        match=rf"cfg:16: \[shortcut\] from={value} with several values is an option of Alex",
    ):
        read_network(cfg)


def test_of_two_equal_keys_the_first_says_whether_it_changes_the_result(tmp_path: Path) -> None:
    read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, "route layers=0 groups=1 groups=2")))
    with pytest.raises(CfgError, match="groups=2"):
        read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, "route layers=0 groups=2 groups=1")))


def test_a_value_that_is_no_number_is_not_neutral(tmp_path: Path) -> None:
    with pytest.raises(CfgError, match=r"\[yolo\] scale_x_y=one is an option of AlexeyAB's"):
        read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, f"{YOLO} scale_x_y=one")))


@pytest.mark.parametrize("kind", sorted(set(ALEXEYAB.sections) - set(PJREDDIE.sections)))
def test_a_section_that_only_alexeyab_has_is_refused_by_name(kind: str) -> None:
    with pytest.raises(CfgError) as caught:
        parse_cfg(f"[net]\n[{kind}] # new\n", "a.cfg")
    assert str(caught.value) == f"a.cfg:2: [{kind}] is a section of AlexeyAB's Darknet that is not computed here yet"


@pytest.mark.parametrize("name", sorted(set(ALEXEYAB.activations) - set(PJREDDIE.activations)))
@pytest.mark.parametrize("section", ["conv", "shortcut from=0", "crnn", "rnn", "connected", "local", "activation"])
def test_an_activation_that_only_alexeyab_has_is_refused_by_name(tmp_path: Path, name: str, section: str) -> None:
    cfg = write_cfg(tmp_path, net(3, 8, 8, FIRST, f"{section} activation={name}"))
    with pytest.raises(CfgError, match=f"activation={name} is one of AlexeyAB's Darknet that is not computed here yet"):
        read_network(cfg)


@pytest.mark.parametrize("kind", SECTIONS)
def test_options_for_training_may_hold_anything(tmp_path: Path, kind: str) -> None:
    """And count as read where pjreddie's Darknet reads them."""
    keys = PJREDDIE.without_result(kind) | ALEXEYAB.without_result(kind)
    anything = " ".join(f"{key}=off" for key in sorted(keys))
    network = read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, f"{SECTIONS[kind]} {anything}")))
    unused = {field.split(" = ")[0] for field in network.layers[1].unused}
    assert unused == keys - PJREDDIE.without_result(kind)


def test_the_first_sections_options_for_training_may_hold_anything(tmp_path: Path) -> None:
    keys = PJREDDIE.without_result("net") | ALEXEYAB.without_result("net")
    anything = "\n".join(f"{key}=1e999,x" for key in sorted(keys))
    text = net(3, 8, 8, FIRST).replace("[net]\n", f"[net]\nletter_box=1\n{anything}\n")
    assert read_network(write_cfg(tmp_path, text)).input.w == 8


@pytest.mark.parametrize("kind", ["net", *SECTIONS])
def test_the_table_says_what_the_layers_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    text = net(3, 8, 8, FIRST, *([SECTIONS[kind]] if kind != "net" else []))
    read: set[str] = set()
    find = Section._find_option

    def record(section: Section, key: str) -> object:
        if section.kind == kind and section.line > (6 if kind == "convolutional" else 0):
            read.add(key)
        return find(section, key)

    monkeypatch.setattr(Section, "_find_option", record)
    read_network(write_cfg(tmp_path, text))
    everywhere = {"dontload", "numload", "dontloadscales"}
    options = {option.key for option in PJREDDIE.options.get(kind, PJREDDIE.everywhere).result} - everywhere
    assert read - everywhere == options
    assert not options & PJREDDIE.without_result(kind)


def test_the_tables_cover_every_kind_and_every_activation() -> None:
    assert set(SECTIONS) == set(LAYERS)
    assert set(PJREDDIE.sections.values()) == {*LAYERS, "net"}
    assert set(PJREDDIE.options) <= set(PJREDDIE.sections.values())
    assert set(ALEXEYAB.options) <= set(ALEXEYAB.sections.values())
    assert set(PJREDDIE.activations) <= set(ALEXEYAB.activations)
    assert set(PJREDDIE.activations) <= set(CODES)
    for dialect in (PJREDDIE, ALEXEYAB):
        for kind, section in dialect.options.items():
            keys = [option.key for option in section.result]
            assert len(keys) == len(set(keys)), kind
            assert not set(keys) & section.other, kind


@pytest.mark.parametrize(
    "command",
    [
        ("summary", "a.cfg"), ("detect", "a.png", "--cfg", "a.cfg", "--weights", "a.weights"), ("synth", "a.cfg", "o"),
        ("trace", "a.cfg", "a.weights", "a.png"), ("weights", "info", "a.weights", "--cfg", "a.cfg"),
        ("weights", "convert", "a.weights", "a.onnx", "--cfg", "a.cfg"), ("bench", "a.cfg"),
        ("detector", "test", "a.data", "a.cfg", "a.weights", "a.png"), ("anchors", "labels", "--cfg", "a.cfg"),
    ],
    ids=lambda command: "-".join(command[:2]),
)  # fmt: skip
def test_every_command_says_it(tmp_path: Path, command: tuple[str, ...]) -> None:
    cfg = write_cfg(tmp_path, net(3, 8, 8, FIRST, f"{YOLO} scale_x_y=1.2"), "a.cfg")
    line = len(cfg.read_text().splitlines())
    (tmp_path / "a.data").write_text("classes=3\nnames=a.names\n")
    (tmp_path / "a.names").write_text("a\nb\nc\n")
    (tmp_path / "a.weights").write_bytes(bytes(20))
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 .5 .5\n")
    said = failure(*command, cwd=tmp_path)
    assert said.splitlines()[-1] == (
        f"Error: a.cfg:{line}: [yolo] scale_x_y=1.2 is an option of AlexeyAB's Darknet that changes the result, and is "
        "not computed here yet"
    )


def test_the_documentation_names_all_that_is_refused() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "migration.md").read_text(encoding="utf-8")
    refused = {f"[{name}]" for name in set(ALEXEYAB.sections) - set(PJREDDIE.sections)} - {"[local_avg]"}
    refused |= set(ALEXEYAB.activations) - set(PJREDDIE.activations)
    for kind in LAYERS:
        section = ALEXEYAB.options.get(kind)
        for option in section.result if section else ():
            if PJREDDIE.find(kind, option.key) is None and option.unless is None:
                refused.add(option.key)
    assert not {name for name in refused if f"`{name}`" not in page}
