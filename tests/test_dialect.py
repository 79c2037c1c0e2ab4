"""Options of AlexeyAB's Darknet: computed alike, known to change nothing, or refused by name; never ignored."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from darknet_py.dialect import ALEXEYAB, PJREDDIE
from darknet_py.errors import CfgError, DarknetError, DarknetWarning
from darknet_py.formats.cfg import Section, parse_cfg
from darknet_py.kernels.layers.activations import CODES
from darknet_py.layers import LAYERS
from darknet_py.network import read_network
from darknet_py.numeric.arithmetic import PROFILES
from darknet_py.numeric.names import PROFILE_NAMES
from darknet_py.synth import write_synth

from .nets import net, write_cfg

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
    read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, f"{section} {neutral}")), dialect="darknet")
    text = net(3, 8, 8, FIRST, f"{section} {changes}")
    line = len(text.rstrip().split("\n"))
    cfg = write_cfg(tmp_path, text)
    with pytest.raises(CfgError) as caught:
        read_network(cfg, dialect="darknet")
    assert str(caught.value) == (
        f"{cfg}:{line}: [{name}] {changes} is an option of AlexeyAB's Darknet that changes the result: "
        "choose dialect alexeyab"
    )


@pytest.mark.parametrize(
    "section",
    [
        "conv size=1 dilation=3", "conv bin_output=1", "conv batch_normalize=1 cbn=1", "maxpool size=2 out_channels=4",
        f"{YOLO} beta_nms=1 sim_thresh=0 track_ciou_norm=1", "conv stride=2 size=3 stride_x=2 stride_y=2",
    ],
)  # fmt: skip
def test_an_option_may_be_without_effect_because_of_another(tmp_path: Path, section: str) -> None:
    read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, section)), dialect="darknet")


@pytest.mark.parametrize("value", ["-1,-2", "-1,0,", "-1,"])
def test_a_shortcut_of_several_layers_is_refused(tmp_path: Path, value: str) -> None:
    cfg = write_cfg(tmp_path, net(3, 8, 8, FIRST, "activation", f"shortcut activation=leaky from={value}"))
    with pytest.raises(
        CfgError,
        match=rf"cfg:16: \[shortcut\] from={value} with several values is an option of Alex",
    ):
        read_network(cfg, dialect="darknet")


def test_of_two_equal_keys_the_first_says_whether_it_changes_the_result(tmp_path: Path) -> None:
    read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, "route layers=0 groups=1 groups=2")), dialect="darknet")
    with pytest.raises(CfgError, match="groups=2"):
        read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, "route layers=0 groups=2 groups=1")), dialect="darknet")


def test_a_value_that_is_no_number_is_not_neutral(tmp_path: Path) -> None:
    with pytest.raises(CfgError, match=r"\[yolo\] scale_x_y=one is an option of AlexeyAB's"):
        read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, f"{YOLO} scale_x_y=one")), dialect="darknet")


@pytest.mark.parametrize("kind", sorted(set(ALEXEYAB.sections) - set(PJREDDIE.sections)))
def test_a_section_that_only_alexeyab_has_is_refused_by_name(kind: str) -> None:
    with pytest.raises(CfgError) as caught:
        parse_cfg(f"[net]\n[{kind}] # new\n", "a.cfg", "darknet")
    assert str(caught.value) == f"a.cfg:2: [{kind}] is no section of pjreddie's Darknet (as asked for)"
    assert parse_cfg(f"[net]\n[{kind}] # new\n", "a.cfg").dialect is ALEXEYAB


@pytest.mark.parametrize("name", sorted(set(ALEXEYAB.activations) - set(PJREDDIE.activations)))
@pytest.mark.parametrize("section", ["conv", "shortcut from=0", "crnn", "rnn", "connected", "local", "activation"])
def test_an_activation_that_only_alexeyab_has_is_refused_by_name(tmp_path: Path, name: str, section: str) -> None:
    cfg = write_cfg(tmp_path, net(3, 8, 8, FIRST, f"{section} activation={name}"))
    with pytest.raises(CfgError, match=f"'{name}' \\(it is one of AlexeyAB's Darknet: dialect alexeyab\\)"):
        read_network(cfg, dialect="darknet")


@pytest.mark.parametrize("kind", SECTIONS)
def test_options_for_training_may_hold_anything(tmp_path: Path, kind: str) -> None:
    """And count as read where pjreddie's Darknet reads them."""
    keys = PJREDDIE.without_result(kind) | ALEXEYAB.without_result(kind)
    anything = " ".join(f"{key}=off" for key in sorted(keys))
    network = read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, f"{SECTIONS[kind]} {anything}")), dialect="darknet")
    unused = {field.split(" = ")[0] for field in network.layers[1].unused}
    assert unused == keys - PJREDDIE.without_result(kind)


def test_the_first_sections_options_for_training_may_hold_anything(tmp_path: Path) -> None:
    keys = PJREDDIE.without_result("net") | ALEXEYAB.without_result("net")
    anything = "\n".join(f"{key}=1e999,x" for key in sorted(keys))
    text = net(3, 8, 8, FIRST).replace("[net]\n", f"[net]\nletter_box=1\n{anything}\n")
    assert read_network(write_cfg(tmp_path, text), dialect="darknet").input.w == 8
    assert read_network(write_cfg(tmp_path, text), dialect="alexeyab").input.w == 8


@pytest.mark.parametrize("kind", ["net", *SECTIONS])
def test_the_table_says_what_the_layers_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    text = net(3, 8, 8, FIRST, *([SECTIONS[kind]] if kind != "net" else []))
    read: set[str] = set()
    find = Section.find_option

    def record(section: Section, key: str) -> object:
        counts = section.kind == kind and section.line > (6 if kind == "convolutional" else 0)
        if counts and not section.is_of_another(key):
            read.add(key)
        return find(section, key)

    monkeypatch.setattr(Section, "find_option", record)
    read_network(write_cfg(tmp_path, text), dialect="darknet")
    everywhere = {"dontload", "numload", "dontloadscales"}
    options = {option.key for option in PJREDDIE.options.get(kind, PJREDDIE.everywhere).result} - everywhere
    assert read - everywhere == options
    assert not options & PJREDDIE.without_result(kind)


def test_the_tables_cover_every_kind_and_every_activation() -> None:
    assert set(SECTIONS) == set(LAYERS["darknet"])
    for dialect in (PJREDDIE, ALEXEYAB):
        assert set(dialect.sections.values()) == {*LAYERS[dialect.key], "net"}
        assert all(layer.kind == kind for kind, layer in LAYERS[dialect.key].items())
    assert set(PJREDDIE.options) <= set(PJREDDIE.sections.values())
    assert set(ALEXEYAB.options) <= set(ALEXEYAB.sections.values())
    assert set(PJREDDIE.activations) <= set(ALEXEYAB.activations)
    assert set(PJREDDIE.activations) <= set(CODES)
    for dialect in (PJREDDIE, ALEXEYAB):
        for kind, section in dialect.options.items():
            keys = [option.key for option in section.result]
            assert len(keys) == len(set(keys)), kind
            assert not set(keys) & section.other, kind


def test_the_names_of_the_arithmetics_are_known_without_them() -> None:
    assert tuple(PROFILES) == PROFILE_NAMES


def test_the_file_itself_says_whose_it_is(tmp_path: Path) -> None:
    plain = write_cfg(tmp_path, net(3, 8, 8, FIRST, YOLO))
    network = read_network(plain)
    assert network.dialect is PJREDDIE and network.reason == "nothing in it is AlexeyAB's Darknet's alone"
    assert read_network(plain, dialect="alexeyab").dialect is ALEXEYAB
    for section, line, reason in (
        (f"{YOLO} iou_loss=ciou", 16, "only AlexeyAB's Darknet reads iou_loss in [yolo]"),
        ("conv activation=mish", 13, "only AlexeyAB's Darknet has activation=mish"),
        ("sam from=0", 12, "only AlexeyAB's Darknet has [sam]"),
        ("shortcut from=-1,0", 13, "only AlexeyAB's Darknet adds several layers"),
    ):
        network = read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, section)))
        assert network.dialect is ALEXEYAB
        assert network.reason == f"line {line}: {reason}"


def test_a_file_of_two_minds_is_refused(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, net(3, 8, 8, FIRST, "l2norm", "conv filters=32 activation=mish"))
    with pytest.raises(CfgError, match=r"only pjreddie's Darknet has \[l2norm\], but line 16: only AlexeyAB's"):
        read_network(cfg)
    with pytest.raises(CfgError, match="unknown activation 'mish'"):
        read_network(cfg, dialect="darknet")
    with pytest.raises(CfgError, match=r"\[l2norm\] is no section of AlexeyAB's Darknet"):
        read_network(cfg, dialect="alexeyab")
    with pytest.raises(DarknetError, match="dialect=his: choose from auto, darknet, alexeyab"):
        read_network(cfg, dialect="his")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("connected activation=mish output=2", "activation=mish works in .* only"),
        ("conv size=3 dilation=2", "dilation=2 needs an odd size and padding=1"),
        ("conv filters=2 share_index=0", "share_index=0: filters, channels, size, groups or batch_normalize differ"),
        ("conv share_index=1", "share_index=1 names no .convolutional. before this one"),
        ("route layers=0 groups=3", "groups=3 does not divide 32 channels of layer 0"),
        ("route layers=0 groups=2 group_id=2", "group_id=2 must be less than groups=2"),
        ("shortcut from=0 weights_type=per_feature", "weights_type=per_feature needs weights_normalization"),
        ("scale_channels from=0", "needs an input of"),
        ("conv_lstm output=2 bottleneck=1", "bottleneck=1 cannot run on a CPU"),
        ("maxpool maxpool_depth=1 out_channels=33", "out_channels=33 is more than 32 channels"),
        ("conv xnor=1 bin_output=1", "bin_output=1 is not computed here"),
        ("conv coordconv=1", "coordconv=1 is not computed here"),
        ("conv size=3 pad=1 dilation=1000000000", "dilation=1000000000 is far more than"),
        ("conv_lstm output=2 size=3 pad=1 dilation=1000000000", "dilation=1000000000 is far more than"),
        ("maxpool size=2 stride=2 stride_x=0", "stride_x=0 must be at least 1"),
        ("local_avgpool size=2 stride_y=-1", "stride_y=-1 must be at least 1"),
        ("maxpool maxpool_depth=1 out_channels=2 antialiasing=1", "antialiasing does not go with maxpool_depth"),
        ("implicit filters=2 dontload=1", "dontload leaves weights at random values"),
        (
            "shortcut from=0 weights_type=per_layer weights_normalization=relu dontload=1",
            "dontload leaves weights at random values",
        ),
    ],
)
def test_what_alexeyabs_dialect_refuses(tmp_path: Path, section: str, message: str) -> None:
    with pytest.raises(CfgError, match=rf"cfg:\d+: .*{message}"):
        read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, section)), dialect="alexeyab")


def test_a_layer_that_shares_weights_has_none_to_load(tmp_path: Path) -> None:
    one = "conv filters=3 size=3 pad=1 batch_normalize=1"
    text = net(3, 8, 8, one, f"{one} share_index=-1 dontload=1 dontloadscales=1")
    first, second = read_network(write_cfg(tmp_path, text), dialect="alexeyab").layers
    assert (len(first.stored()), second.stored(), second.shares) == (5, [], 0)


def test_a_convolutions_strides_below_1_are_the_common_one(tmp_path: Path) -> None:
    text = net(3, 8, 8, "conv filters=2 size=2 stride=2 stride_x=-1 stride_y=0")
    assert (read_network(write_cfg(tmp_path, text), dialect="alexeyab").layers[0].out.w) == 4


@pytest.mark.parametrize(
    ("section", "channels", "message"),
    [
        ("yolo num=1 classes=1 anchors=1,1 nms_kind=softnms", 6, "nms_kind=softnms: .yolo. knows default"),
        ("yolo num=1 classes=1 anchors=1,1 nms_kind=cornersnms", 6, "nms_kind=cornersnms: .yolo. knows default"),
        ("Gaussian_yolo num=1 classes=1 anchors=1,1 yolo_point=top", 10, "yolo_point=top: .*taken for center"),
    ],
)
def test_an_unknown_word_counts_as_the_first_with_a_warning(
    tmp_path: Path, section: str, channels: int, message: str
) -> None:
    cfg = write_cfg(tmp_path, net(3, 8, 8, f"conv filters={channels} activation=linear", section))
    with pytest.warns(DarknetWarning, match=rf"cfg:\d+: {message}"):
        read_network(cfg, dialect="alexeyab")


@pytest.mark.parametrize("spread", ["mean=nan", "std=inf", "mean=1e300 std=1e300 mean=inf"])
def test_stand_ins_need_a_spread_that_is_a_number(tmp_path: Path, spread: str) -> None:
    cfg = write_cfg(tmp_path, net(3, 8, 8, "conv filters=2", f"implicit filters=2 {spread}"))
    read_network(cfg)  # training alone reads it
    with pytest.raises(CfgError, match=r"cfg:\d+: .implicit. stand-in weights cannot be drawn by its mean and std"):
        write_synth(cfg, tmp_path / "net.weights")
    assert not (tmp_path / "net.weights").exists()


OF_PJREDDIE = {  # section: what pjreddie's Darknet would change by it, what it would not
    "shortcut from=0": ("alpha=0.5", "alpha=1"),
    "shortcut from=0 ": ("beta=-1", "beta=1.0"),
    "gru output=2": ("tanh=1", "tanh=0"),
    "reorg stride=2": ("flatten=1", "flatten=0"),
    "reorg stride=2 ": ("extra=4", "extra=0"),
    REGION: ("background=1", "background=0"),
    "conv filters=2": ("numload=1", "numload=0"),
}


@pytest.mark.parametrize("section", OF_PJREDDIE)
def test_an_option_of_pjreddies_alone_is_ignored_with_a_warning(tmp_path: Path, section: str) -> None:
    """In the dialect alexeyab; the layer is what it is without."""
    changes, neutral = OF_PJREDDIE[section]
    name = section.split()[0]
    plain = read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, section)), dialect="alexeyab")
    text = net(3, 8, 8, FIRST, f"{section} {changes}")
    cfg = write_cfg(tmp_path, text)
    with pytest.warns(DarknetWarning) as caught:
        network = read_network(cfg, dialect="alexeyab")
    assert [str(warning.message) for warning in caught] == [
        f"{cfg}:{text.count(chr(10))}: [{name}] {changes} is an option of pjreddie's Darknet: ignored, as "
        "AlexeyAB's Darknet does"
    ]
    assert network.layers == plain.layers
    assert network.layers[1].unused == (changes.replace("=", " = "),)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_network(write_cfg(tmp_path, net(3, 8, 8, FIRST, f"{section} {neutral}")), dialect="alexeyab")


def test_several_options_of_pjreddies_alone_are_one_warning(tmp_path: Path) -> None:
    sections = [f"shortcut from=0 alpha=0.{number}" for number in (1, 2, 1)]
    cfg = write_cfg(tmp_path, net(3, 8, 8, FIRST, *sections, "shortcut from=0 alpha=1 alpha=2"))
    with pytest.warns(DarknetWarning) as caught:
        read_network(cfg, dialect="alexeyab").resized(16, 16)
    assert [str(warning.message) for warning in caught] == [
        f"{cfg}:14: [shortcut] alpha=0.1 is an option of pjreddie's Darknet (and of 1 other, up to line 22): ignored, "
        "as AlexeyAB's Darknet does"
    ]
