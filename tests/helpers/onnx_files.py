"""An ONNX network made by hand."""

import numpy as np
import pytest
from rabench.classifiers import CLASSIFIERS


def onnx_classifier(folder, side=16, batch=0):
    """An ONNX file made by hand: a mean over the image and a matrix."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install -c constraints.txt '.[onnx]'")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install -c constraints.txt '.[onnx]'")
    h = onnx.helper
    matrix = onnx.numpy_helper.from_array(np.arange(15, dtype=np.float32).reshape(3, 5) - 7, "m")
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
    onnx.save(model, folder / "net.onnx")
    return CLASSIFIERS.make(f'onnx:path="{folder / "net.onnx"}"')
