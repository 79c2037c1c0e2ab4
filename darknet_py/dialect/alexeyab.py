"""AlexeyAB's Darknet (commit 59596d7), and with it hank-ai's: whatever his parser reads, section by section.

Where a comment says GPU, his CPU code ignores the option, but networks are trained with his GPU code and are what that
one computes.
"""

from __future__ import annotations

from .rows import Dialect, Option, SectionOptions, keys, options

SECTIONS = {
    **{
        name: name
        for name in (
            "net", "shortcut", "scale_channels", "sam", "crop", "cost", "detection", "region", "yolo", "Gaussian_yolo",
            "local", "convolutional", "activation", "crnn", "gru", "lstm", "conv_lstm", "history", "rnn", "connected",
            "maxpool", "local_avgpool", "reorg3d", "reorg", "avgpool", "dropout", "normalization", "batchnorm",
            "softmax", "contrastive", "route", "upsample", "empty", "implicit",
        )
    },
    "network": "net", "conv": "convolutional", "conn": "connected", "max": "maxpool", "avg": "avgpool",
    "lrn": "normalization", "soft": "softmax", "local_avg": "local_avgpool", "silence": "empty",
}  # fmt: skip

ACTIVATIONS = (
    "linear", "logistic", "loggy", "relu", "elu", "selu", "relie", "ramp", "leaky", "tanh", "plse", "stair", "hardtan",
    "lhtan", "swish", "mish", "hard_mish", "normalize_channels", "normalize_channels_softmax",
    "normalize_channels_softmax_maxval", "relu6", "gelu", "revleaky",
)  # fmt: skip

_STRIDES = (
    Option("stride_x", same_as=("stride", 1)),
    Option("stride_y", same_as=("stride", 1)),
)
_LOSSES = keys(
    "max jitter resize focal_loss ignore_thresh truth_thresh iou_thresh random max_delta counters_per_class",
    "label_smooth_eps objectness_smooth iou_normalizer obj_normalizer cls_normalizer delta_normalizer iou_loss",
    "iou_thresh_kind show_details uc_normalizer",
)
_HEAD = (
    *options("classes num map"),
    Option("mask", many=True),
    Option("anchors", many=True),
    Option("scale_x_y", (1.0,)),
    Option("nms_kind", ("default",)),
    Option("beta_nms", (0.6,), unless=("nms_kind", "default", "default")),
)
_NO_TRACKING = ("embedding_layer", 999999, 999999)
_GATES = (
    *options("output activation batch_normalize groups xnor shortcut"),
    Option("size", (3,)),
    Option("stride", (1,)),
    Option("dilation", (1,)),
    Option("pad", (1,)),
    Option("padding", (1,), unless=("pad", 0, 1)),
)

OPTIONS = {
    "net": SectionOptions(
        # letter_box: the image is fitted as pjreddie's Darknet always does. Without it images are stretched, but no
        # file says so.
        (*options("height width channels inputs"), Option("letter_box", (0, 1))),
        keys(
            "batch subdivisions time_steps max_batches learning_rate learning_rate_min sgdr_cycle sgdr_mult momentum",
            "decay policy burn_in power step scale steps scales seq_scales gamma adam B1 B2 eps track augment_speed",
            "sequential_subdivisions try_fix_nan weights_reject_freq equidistant_point badlabels_rejection_percentage",
            "num_sigmas_reject_badlabels ema_alpha use_cuda_graph loss_scale dynamic_minibatch optimized_memory",
            "workspace_size_limit_MB max_crop min_crop flip blur gaussian_noise mixup cutmix mosaic mosaic_bound",
            "contrastive contrastive_jit_flip contrastive_color unsupervised label_smooth_eps resize_step attention",
            "adversarial_lr max_chart_loss angle aspect saturation exposure hue show_receptive_field",
        ),
    ),
    "convolutional": SectionOptions(
        (
            *options("filters size stride pad padding groups batch_normalize activation flipped xnor"),
            *_STRIDES,
            Option("dilation", (1,), unless=("size", 1, 1)),
            Option("antialiasing", (0,)),
            Option("share_index", (-1000000000,)),
            Option("cbn", (0,), same_as=("batch_normalize", 0)),  # where it does not switch normalisation on: training
            Option("bin_output", (0,), unless=("xnor", 0, 0)),  # drops the activation
            Option("coordconv", (0,)),  # GPU
        ),
        keys(
            "binary dot assisted_excitation sway rotate stretch stretch_sway angle grad_centr reverse stream",
            "wait_stream",
        ),
    ),
    "local": SectionOptions(options("filters size stride pad activation")),
    "connected": SectionOptions(options("output batch_normalize activation")),
    # In the place of pjreddie's output_filters and hidden_filters; his convolutions are 3x3 with a padding of 1.
    "crnn": SectionOptions(
        (
            *options("output hidden activation batch_normalize shortcut"),
            Option("size", (3,)),
            Option("stride", (1,)),
            Option("dilation", (1,)),
            Option("pad", (1,)),
            Option("padding", (1,), unless=("pad", 0, 1)),
            Option("groups", (1,)),
            Option("xnor", (0,)),
        )
    ),
    "rnn": SectionOptions(
        (
            *options("output activation batch_normalize shortcut"),
            Option("hidden", same_as=("output", 1)),
            Option("logistic", (0,)),
        )
    ),
    "gru": SectionOptions(options("output batch_normalize")),
    "lstm": SectionOptions(options("output batch_normalize")),
    "conv_lstm": SectionOptions(
        (
            *_GATES,
            *options("peephole bottleneck state_constrain"),
            Option("lstm_activation", ("tanh",)),  # GPU
        ),
        keys("time_normalizer"),
    ),
    "history": SectionOptions(options("history_size")),
    "maxpool": SectionOptions(
        (
            *options("stride size padding"),
            *_STRIDES,
            Option("maxpool_depth", (0,)),
            Option("out_channels", (1,), unless=("maxpool_depth", 0, 0)),
            Option("antialiasing", (0,)),
            Option("maxpool_zero_nonmax", (0,)),  # GPU
        )
    ),
    "local_avgpool": SectionOptions((*options("stride size padding"), *_STRIDES)),
    "reorg": SectionOptions(options("stride reverse")),
    "reorg3d": SectionOptions(options("stride reverse")),
    "route": SectionOptions(
        (Option("layers", many=True), Option("groups", (1,)), Option("group_id", (0,))), keys("stream wait_stream")
    ),
    "shortcut": SectionOptions(
        (
            *options("activation"),
            Option("from", many=True),
            Option("weights_type", ("none",)),
            Option("weights_normalization", ("none",), unless=("weights_type", "none", "none")),
        )
    ),
    "scale_channels": SectionOptions(options("from scale_wh activation")),
    "sam": SectionOptions(options("from activation")),
    "implicit": SectionOptions(options("filters atoms"), keys("mean std")),
    "upsample": SectionOptions(options("stride scale")),
    "activation": SectionOptions(options("activation")),
    "normalization": SectionOptions(options("alpha beta kappa size")),
    "dropout": SectionOptions((), keys("probability dropblock dropblock_size_rel dropblock_size_abs")),
    "softmax": SectionOptions(options("groups temperature tree"), keys("spatial noloss")),
    "contrastive": SectionOptions(
        (), keys("classes yolo_layer temperature cls_normalizer max_delta contrastive_neg_max")
    ),
    "crop": SectionOptions(options("crop_height crop_width noadjust"), keys("flip angle saturation exposure shift")),
    "cost": SectionOptions((), keys("type scale ratio")),
    "yolo": SectionOptions(
        (
            *_HEAD,
            Option("new_coords", (0,)),
            # His demo then numbers the objects from frame to frame and leaves out some.
            Option("embedding_layer", (999999,)),
            Option("dets_for_show", (1,), unless=_NO_TRACKING),
            Option("dets_for_track", (1,), unless=_NO_TRACKING),
            Option("track_history_size", (5,), unless=_NO_TRACKING),
            Option("sim_thresh", (0.8,), unless=_NO_TRACKING),
            Option("track_ciou_norm", (0.01,), unless=_NO_TRACKING),
        ),
        _LOSSES,
    ),
    "Gaussian_yolo": SectionOptions((*_HEAD, Option("yolo_point", ("center",))), _LOSSES),
    "region": SectionOptions(
        (*options("classes num coords softmax tree map"), Option("anchors", many=True)),
        keys(
            "log sqrt max jitter resize focal_loss rescore thresh classfix absolute random coord_scale object_scale",
            "noobject_scale mask_scale class_scale bias_match",
        ),
    ),
    "detection": SectionOptions(
        options("coords classes num side softmax sqrt"),
        keys(
            "rescore max coord_scale forced object_scale noobject_scale class_scale jitter resize random reorg",
        ),
    ),
}

_CONVOLUTIONS = ("convolutional", "crnn", "conv_lstm")

ALEXEYAB = Dialect(
    "alexeyab",
    "AlexeyAB's Darknet",
    SECTIONS,
    ACTIVATIONS,
    OPTIONS,
    SectionOptions(
        options("dontload dontloadscales"),
        keys("clip onlyforward dont_update burnin_update stopbackward train_only_bn learning_rate"),
    ),
    only_in={
        "swish": (*_CONVOLUTIONS, "shortcut"), "mish": (*_CONVOLUTIONS, "shortcut"), "hard_mish": _CONVOLUTIONS,
        "normalize_channels": _CONVOLUTIONS, "normalize_channels_softmax": _CONVOLUTIONS,
        "normalize_channels_softmax_maxval": _CONVOLUTIONS,
    },
    stretches=True,
    crops=True,
    inner_classes=True,
    strided_1x1=True,
    batchnorm_biases=True,
    flat_regions=True,
    nms_kinds=True,
    variance_epsilon=0.00001,
)  # fmt: skip
