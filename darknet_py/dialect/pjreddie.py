"""pjreddie's Darknet (commit f6afaab): the dialect that the layers of this package compute."""

from __future__ import annotations

from .rows import Dialect, Option, SectionOptions, keys, options

SECTIONS = {
    **{
        name: name
        for name in (
            "net", "shortcut", "crop", "cost", "detection", "region", "yolo", "iseg", "local", "convolutional",
            "deconvolutional", "activation", "logistic", "l2norm", "crnn", "gru", "lstm", "rnn", "connected", "maxpool",
            "reorg", "avgpool", "dropout", "normalization", "batchnorm", "softmax", "route", "upsample",
        )
    },
    "network": "net", "conv": "convolutional", "deconv": "deconvolutional", "conn": "connected", "max": "maxpool",
    "avg": "avgpool", "lrn": "normalization", "soft": "softmax",
}  # fmt: skip

ACTIVATIONS = (
    "linear", "logistic", "loggy", "relu", "elu", "selu", "relie", "ramp", "leaky", "tanh", "plse", "stair", "hardtan",
    "lhtan",
)  # fmt: skip
"""In the order of the numbers that kernels know them by."""

_CONVOLUTION = "filters size stride pad padding batch_normalize activation"

OPTIONS = {
    "net": SectionOptions(
        options("height width channels inputs"),
        keys(
            "batch subdivisions time_steps max_batches learning_rate momentum decay policy burn_in power step scale",
            "steps scales gamma adam B1 B2 eps notruth random max_crop min_crop max_ratio min_ratio center clip",
            "angle aspect saturation exposure hue",
        ),
    ),
    # binary: only the GPU code binarises the weights. dot: only the GPU code has it.
    "convolutional": SectionOptions(options(f"{_CONVOLUTION} groups flipped xnor"), keys("binary dot")),
    "deconvolutional": SectionOptions(options(_CONVOLUTION)),
    "local": SectionOptions(options("filters size stride pad activation")),
    "connected": SectionOptions(options("output batch_normalize activation")),
    "crnn": SectionOptions(options("output_filters hidden_filters activation batch_normalize shortcut")),
    "rnn": SectionOptions(options("output activation batch_normalize shortcut")),
    "gru": SectionOptions((*options("output batch_normalize"), Option("tanh", (0,)))),
    "lstm": SectionOptions(options("output batch_normalize")),
    "maxpool": SectionOptions(options("stride size padding")),
    "reorg": SectionOptions((*options("stride reverse"), Option("flatten", (0,)), Option("extra", (0,)))),
    "route": SectionOptions((Option("layers", many=True),)),
    "shortcut": SectionOptions((*options("from activation"), Option("alpha", (1.0,)), Option("beta", (1.0,)))),
    "upsample": SectionOptions(options("stride scale")),
    "activation": SectionOptions(options("activation")),
    "normalization": SectionOptions(options("alpha beta kappa size")),
    "dropout": SectionOptions((), keys("probability")),
    # spatial: only the GPU code has it.
    "softmax": SectionOptions(options("groups temperature tree"), keys("spatial noloss")),
    "crop": SectionOptions(options("crop_height crop_width noadjust"), keys("flip angle saturation exposure shift")),
    "cost": SectionOptions((), keys("type scale ratio noobj thresh")),
    "yolo": SectionOptions(
        (*options("classes num map"), Option("mask", many=True), Option("anchors", many=True)),
        keys("max jitter ignore_thresh truth_thresh random"),
    ),
    "region": SectionOptions(
        (
            *options("classes num coords softmax tree map"),
            Option("background", (0,)),
            Option("anchors", many=True),
        ),
        keys(
            "log sqrt max jitter rescore thresh classfix absolute random coord_scale object_scale noobject_scale",
            "mask_scale class_scale bias_match",
        ),
    ),
    "detection": SectionOptions(
        options("coords classes num side softmax sqrt"),
        keys(
            "rescore max coord_scale forced object_scale noobject_scale class_scale jitter random reorg",
        ),
    ),
    "iseg": SectionOptions(options("classes ids")),
}

PJREDDIE = Dialect(
    "darknet",
    "pjreddie's Darknet",
    SECTIONS,
    ACTIVATIONS,
    OPTIONS,
    SectionOptions(
        (*options("dontload dontloadscales"), Option("numload", (0,))),
        keys("truth onlyforward stopbackward dontsave learning_rate smooth"),
    ),
)
