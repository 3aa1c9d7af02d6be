"""Write the transformer of the default encoder as an ONNX graph whose matrix products are 8-bit.

The graph reads one text at a time: ``rows`` (1, n, d), the sums of word, position and type embeddings, and returns
``tokens`` (1, n, d).  One text at a time means no padding, no mask, and scales that depend on nothing but the text.

- All six matrices of a layer are int8 with a scale for each column; inputs are quantised while running, with one scale
  for the text, after the balancing of ``encoder_balance``.  Attention, GELU, sums and norms stay float32.
- Processors without a dot-product instruction add pairs of 8-bit products in 16 bits and cut off what does not fit.
  The scale of a column is chosen so that no pair of its weights can reach that bound: as safe as the usual 7 bits, and
  on these weights half a bit to a whole bit finer.
- ``Add`` and ``LayerNormalization`` stand apart on purpose: the fused form takes ten times as long in this runtime.
  The session therefore runs the graph as it is, without further optimisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kcz_match.matching.encoder_balance import layer_name
from kcz_match.matching.encoder_source import Container, state_of

LARGEST = 127
RUNTIME_DOMAIN = "com.microsoft"
OPERATORS = 21
FILE_VERSION = 10


def quantised(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 weights (k, n) and float32 column scales (n,) of a matrix (k, n), k even.

    Neighbours that are multiplied as a pair and have one sign sum to at most 128, so 255 times their sum fits 16 bits.
    """
    first, second = matrix[0::2], matrix[1::2]
    pairs = np.where(first * second > 0, np.abs(first + second), 0).max(axis=0)
    scales = (np.maximum(np.abs(matrix).max(axis=0), pairs) / LARGEST).astype(np.float32)
    weights = np.round(matrix / np.maximum(scales, 1e-12))
    return np.clip(weights, -LARGEST, LARGEST).astype(np.int8), scales


class _Graph:
    """Nodes and stored tensors, collected in order; each method returns the name of what its node computes."""

    def __init__(self, tensors: dict[str, np.ndarray], epsilon: float) -> None:
        self.tensors, self.epsilon = tensors, epsilon
        self.nodes: list[Any] = []
        self.stored: list[Any] = []

    def store(self, name: str, values: np.ndarray) -> str:
        from onnx import numpy_helper

        self.stored.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def divide(self, rows: str, by: np.ndarray, output: str) -> str:
        return self.add("Mul", [rows, self.store(output + ".factors", 1 / by)], output)

    def product(self, rows: str, matrix: np.ndarray, bias: np.ndarray, output: str) -> str:
        weights, scales = quantised(matrix)
        stored = [self.store(f"{output}.weights", weights), self.store(f"{output}.scales", scales)]
        inputs = [rows, *stored, "", self.store(f"{output}.bias", bias)]
        return self.add("DynamicQuantizeMatMul", inputs, output, domain=RUNTIME_DOMAIN)

    def norm(self, rows: str, name: str, output: str) -> str:
        stored = [self.store(name + kind, self.tensors[name + kind]) for kind in (".weight", ".bias")]
        return self.add("LayerNormalization", [rows, *stored], output, axis=-1, epsilon=self.epsilon)

    def sum_norm(self, rows: str, others: str, name: str, output: str) -> str:
        return self.norm(self.add("Add", [rows, others], output + ".sum"), name, output)


def _attention(graph: _Graph, rows: str, layer: int, by: dict[str, np.ndarray], heads: int) -> str:
    name = layer_name(layer)
    balanced = graph.divide(rows, by["qkv"], f"{layer}.qkv")
    outputs = []
    for part in ("query", "key", "value"):
        matrix = graph.tensors[f"{name}attention.self.{part}.weight"].T * by["qkv"][:, None]
        bias = graph.tensors[f"{name}attention.self.{part}.bias"]
        if part == "value":  # the context is a mean of values, so its factors cost nothing when values are made
            matrix, bias = matrix / by["context"], bias / by["context"]
        outputs.append(graph.product(balanced, matrix, bias, f"{layer}.{part}"))
    context = graph.add("MultiHeadAttention", outputs, f"{layer}.context", domain=RUNTIME_DOMAIN, num_heads=heads)
    matrix = graph.tensors[f"{name}attention.output.dense.weight"].T * by["context"][:, None]
    return graph.product(context, matrix, graph.tensors[f"{name}attention.output.dense.bias"], f"{layer}.attended")


def _feed_forward(graph: _Graph, rows: str, layer: int, by: dict[str, np.ndarray]) -> str:
    name = layer_name(layer)
    matrix = graph.tensors[f"{name}intermediate.dense.weight"].T * by["up"][:, None]
    bias = graph.tensors[f"{name}intermediate.dense.bias"]
    inner = graph.product(graph.divide(rows, by["up"], f"{layer}.up"), matrix, bias, f"{layer}.inner")
    inner = graph.divide(graph.add("Gelu", [inner], f"{layer}.gelu"), by["down"], f"{layer}.down")
    matrix = graph.tensors[f"{name}output.dense.weight"].T * by["down"][:, None]
    return graph.product(inner, matrix, graph.tensors[f"{name}output.dense.bias"], f"{layer}.outer")


def graph_of(container: Container, balance: Sequence[dict[str, np.ndarray]]) -> bytes:
    """Return the serialised graph; ``balance`` holds the factors of each layer, see ``encoder_balance.factors``."""
    from onnx import TensorProto, helper

    size = container.geometry
    graph = _Graph(state_of(container), float(container.epsilon))
    rows = graph.norm("rows", "embeddings.LayerNorm", "embedded")
    for layer, by in enumerate(balance):
        name = layer_name(layer)
        attended = _attention(graph, rows, layer, by, size["heads"])
        middle = graph.sum_norm(attended, rows, f"{name}attention.output.LayerNorm", f"{layer}.middle")
        outer = _feed_forward(graph, middle, layer, by)
        output = "tokens" if layer == size["layers"] - 1 else f"{layer}.rows"
        rows = graph.sum_norm(outer, middle, f"{name}output.LayerNorm", output)
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, [1, "n", size["hidden"]]) for end in ("rows", rows)]
    made = helper.make_graph(graph.nodes, "encoder", ends[:1], ends[1:], graph.stored)
    needs = [helper.make_opsetid("", OPERATORS), helper.make_opsetid(RUNTIME_DOMAIN, 1)]
    return helper.make_model(made, opset_imports=needs, ir_version=FILE_VERSION).SerializeToString(deterministic=True)
