"""Makes the Python side of torchvision usable beside a PyTorch that its compiled operators were not built for.

torchvision's wheels for Linux are built for CUDA; beside a CPU build of PyTorch their library does not load, and the
import fails at the first operator. Declaring the operators' schemas is enough for models, weights and transforms.
"""

import importlib
import importlib.util
import warnings

import pytest
import torch

OPERATORS = (
    *("nms", "qnms", "roi_align", "_roi_align_backward", "qroi_align", "ps_roi_align", "_ps_roi_align_backward"),
    *("roi_pool", "_roi_pool_backward", "ps_roi_pool", "_ps_roi_pool_backward", "deform_conv2d"),
    *("_deform_conv2d_backward", "box_iou_rotated"),
)
_declared = []


def usable_torchvision():
    """The module torchvision; skips the test where it is not installed."""
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed: pip install -c constraints.txt '.[networks]'")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("torchvision")
    except RuntimeError as error:
        assert "does not exist" in str(error)
    library = torch.library.Library("torchvision", "DEF")
    _declared.append(library)  # a library that is collected takes its operators along
    for name in OPERATORS:
        library.define(f"{name}(Tensor a) -> Tensor")
    return importlib.import_module("torchvision")
