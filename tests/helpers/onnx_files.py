"""An ONNX network made by hand."""

import numpy as np
import pytest
from rabench.classifiers import CLASSIFIERS

MATRIX = np.arange(15, dtype=np.float32).reshape(3, 5) - 7
"""What the network makes of an image's mean color: five logits."""


def onnx_classifier(folder, side=16, batch=0, weights=""):
    """A mean over the image, times MATRIX, as net.onnx. weights: the file beside it that is to hold the matrix instead."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install -c constraints.txt '.[onnx]'")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install -c constraints.txt '.[onnx]'")
    h = onnx.helper
    if weights:
        matrix = onnx.TensorProto(name="m", dims=[3, 5], data_type=1, data_location=onnx.TensorProto.EXTERNAL)
        matrix.external_data.add(key="location", value=weights)
    else:
        matrix = onnx.numpy_helper.from_array(MATRIX, "m")
    graph = h.make_graph(
        [
            h.make_node("GlobalAveragePool", ["x"], ["p"]),
            h.make_node("Flatten", ["p"], ["f"]),
            h.make_node("MatMul", ["f", "m"], ["y"]),
        ],
        "g",
        [h.make_tensor_value_info("x", 1, [batch or "n", 3, side or "h", side or "w"])],
        [h.make_tensor_value_info("y", 1, [batch or "n", 5])],
        [matrix],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=9)
    folder.mkdir(exist_ok=True)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    return CLASSIFIERS.make(f'onnx:path="{folder / "net.onnx"}"')
