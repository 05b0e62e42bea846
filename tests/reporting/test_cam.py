"""Class activation maps against their definition, and the figure that shows them."""

from typing import Any

import numpy as np
import pytest
import torch
from given_studies import measured_study
from plugins_for_tests import Constant
from rabench.bench.reporting.report import report
from rabench.bench.reporting.show import show
from rabench.bench.study.study import find_study
from rabench.classifiers import CLASSIFIERS
from rabench.classifiers.activation import activation_maps
from rabench.classifiers.small import Small
from rabench.core.errors import BadSetting, Refused
from torch import nn
from torch.nn import functional

SMALL = CLASSIFIERS.make("small:weights=small-photos")


def test_the_map_of_a_network_with_a_global_average_is_the_weighted_sum_of_its_features(photographs):
    (seen,) = activation_maps(SMALL, photographs[:1])
    network: Any = SMALL.module().eval()
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) * 255 for v in (SMALL.about.mean, SMALL.about.std))
    x = (torch.tensor(photographs[0]).permute(2, 0, 1)[None].float() - mean) / std
    with torch.no_grad():
        features, logits = network[:-3](x), network(x)  # without average, flattening and the linear layer
    assert seen.prediction == logits.argmax()
    assert seen.probability == pytest.approx(float(logits.softmax(1).max()), abs=1e-5)
    weights, bias = (p.detach()[seen.prediction] for p in network[-1].parameters())
    heat = torch.stack([weights[k] * features[0, k] for k in range(len(weights))]).sum(0)
    assert float(heat.mean() + bias) == pytest.approx(float(logits.max()), abs=1e-3)
    large = functional.interpolate(heat[None, None], (32, 32), mode="bilinear", align_corners=False)[0, 0].numpy()
    np.testing.assert_allclose(seen.heat, (large - large.min()) / (large.max() - large.min()), atol=1e-4)
    assert seen.kind == "CAM"


class TwoLayers(Small):
    """A network whose linear layers see every position."""

    name = "small"

    @staticmethod
    def build(classes, width):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 32 * 32, classes))

    def module(self):
        return self.build(8, 4)


def test_other_networks_have_grad_cam(photographs):
    (seen,) = activation_maps(TwoLayers(weights="small-photos"), photographs[:1])
    assert seen.kind == "Grad-CAM"
    assert seen.heat.shape == (32, 32) and seen.heat.min() == 0 and seen.heat.max() == 1


def test_images_of_any_size_and_of_one_color(photographs):
    found = activation_maps(SMALL, [np.full((9, 21, 3), 7, np.uint8), photographs[3][:1, :1]])
    assert all(seen.heat.shape == (32, 32) and np.isfinite(seen.heat).all() for seen in found)


def test_what_is_no_network_is_refused(photographs):
    with pytest.raises(Refused, match="constant is no PyTorch network that rabench can look into; name alexnet"):
        activation_maps(Constant(), photographs[:1])


@pytest.mark.slow
def test_a_figure_for_a_study(tmp_path):
    (tmp_path / "matrix.toml").write_text(
        'dataset = "photos"\nclassifiers = ["small:weights=small-photos"]\n'
        '[[points]]\nquantizers = ["median-cut:colors=2,4"]\ncodecs = ["png"]\n'
    )
    (path,) = show(find_study(str(tmp_path)), 5, False, None, cam=True)
    assert path.name == "cam-5.png" and path.stat().st_size > 10_000


@pytest.mark.slow
def test_a_report_shows_the_images_that_the_matrix_names(tmp_path):
    text = (
        'dataset = "photos"\nclassifiers = ["small:weights=small-photos"]\ncodecs = ["jpeg:quality=50"]\n'
        "[report]\ncam = [3, 5000]\n"
    )
    study = measured_study(tmp_path, text, 20)
    written = report(study)
    assert tmp_path / "cam-3.png" in written.files
    assert written.left_out == ("class activation maps are left out: photos has images 0..1149, got `image` 5000",)
    (tmp_path / "matrix.toml").write_text(text.replace("[3, 5000]", '"3"'))
    with pytest.raises(BadSetting, match=r"matrix.toml, line 5: report.cam is a list of images .* got '3'"):
        report(study)
