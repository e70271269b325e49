"""The trained encoder as an ONNX graph of eight-bit integers, written operator by operator.

Weights and word embeddings have one scale for each column or row. Weights keep seven of the eight bits: processors
without VNNI add two products in sixteen bits, and eight would overflow there without a word. Activations are quantised
with scales measured once, so that a text gives the same names whatever it is batched with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from policies.masking.training.encoder import HEADS, WIDTH, Encoder, Layer

Array = npt.NDArray[Any]
Numbers = Literal["float", "dynamic", "static"]
MICROSOFT = "com.microsoft"
#: Largest weight; 63 is seven bits.
LARGEST = 63
EPSILON: dict[str, Any] = {"axis": -1, "epsilon": 1e-12}


@dataclass(slots=True)
class Graph:
    """Nodes and constants as they are added; each operator returns the name of its result."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, value: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> list[str]:
        names = [f"n{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, domain=domain, **attributes))
        return names

    def one(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        return self.add(operator, *inputs, domain=domain, **attributes)[0]


Scales = dict[nn.Module, tuple[float, float]]


class Writer:
    """Writes one encoder with one kind of numbers."""

    def __init__(self, model: Encoder, numbers: Numbers, scales: Scales, largest: int = LARGEST) -> None:
        self._model = model
        self._numbers = numbers
        self._scales = scales
        self._largest = largest
        self._graph = Graph()

    def write(self, path: Path) -> None:
        graph = self._graph
        x = self._embed()
        for layer in self._model.layers:
            assert isinstance(layer, Layer)
            x = self._layer(layer, x)
        scores = graph.one("MatMul", x, graph.constant(_array(self._model.classify.weight).T))
        graph.nodes.append(
            helper.make_node("Add", [scores, graph.constant(_array(self._model.classify.bias))], ["scores"])
        )
        rows = ["texts", "pieces"]
        inputs = [
            helper.make_tensor_value_info("pieces", TensorProto.INT32, rows),
            helper.make_tensor_value_info("shapes", TensorProto.INT32, rows),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, rows[:1]),
        ]
        labels = self._model.classify.out_features
        outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [*rows, labels])]
        made = helper.make_graph(graph.nodes, "names", inputs, outputs, graph.constants)
        versions = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        onnx.save(helper.make_model(made, opset_imports=versions, ir_version=9, producer_name="casemate"), path)

    def _embed(self) -> str:
        graph, model = self._graph, self._model
        table = _array(model.word.weight)
        if self._numbers == "float":
            words = graph.one("Gather", graph.constant(table), "pieces")
        else:
            scale = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127, 1e-8).astype(np.float32)
            small = np.rint(table / scale).astype(np.int8)
            rows = graph.one("Cast", graph.one("Gather", graph.constant(small), "pieces"), to=TensorProto.FLOAT)
            words = graph.one("Mul", rows, graph.one("Gather", graph.constant(scale), "pieces"))
        shapes = graph.one("Gather", graph.constant(_array(model.shape.weight)), "shapes")
        width = graph.one("Gather", graph.one("Shape", "pieces"), graph.constant(np.array([1], dtype=np.int64)))
        zero = graph.constant(np.array([0], dtype=np.int64))
        places = graph.one("Slice", graph.constant(_array(model.position.weight)), zero, width, zero)
        x = graph.one("Add", graph.one("Add", words, shapes), places)
        return graph.one("LayerNormalization", x, *self._norm(model.norm), **EPSILON)

    def _layer(self, layer: Layer, x: str) -> str:
        x = self._added(layer.mix_norm, self._linear(layer.mix, self._attend(layer.attend, x)), x)
        wide = self._graph.one("FastGelu", self._linear(layer.widen, x), domain=MICROSOFT)
        return self._added(layer.norm, self._linear(layer.narrow, wide), x)

    def _added(self, norm: nn.LayerNorm, more: str, x: str) -> str:
        # In two operators: the fused SkipLayerNormalization takes three times as long on a processor.
        return self._graph.one("LayerNormalization", self._graph.one("Add", more, x), *self._norm(norm), **EPSILON)

    def _attend(self, part: nn.Linear, x: str) -> str:
        graph = self._graph
        bias = graph.constant(_array(part.bias))
        if self._numbers == "float":
            weight = graph.constant(_array(part.weight).T)
            return graph.one("Attention", x, weight, bias, "lengths", domain=MICROSOFT, num_heads=HEADS)
        weight, scale, zero = self._small(part)
        quantised, x_scale, x_zero = self._activation(part, x)
        inputs = (quantised, weight, bias, x_scale, scale, "lengths", x_zero, zero)
        return graph.one("QAttention", *inputs, domain=MICROSOFT, num_heads=HEADS)

    def _linear(self, part: nn.Linear, x: str) -> str:
        graph = self._graph
        bias = graph.constant(_array(part.bias))
        if self._numbers == "float":
            return graph.one("Add", graph.one("MatMul", x, graph.constant(_array(part.weight).T)), bias)
        weight, scale, zero = self._small(part)
        if self._numbers == "dynamic":
            return graph.one("DynamicQuantizeMatMul", x, weight, scale, zero, bias, domain=MICROSOFT)
        quantised, x_scale, x_zero = self._activation(part, x)
        return graph.one(
            "MatMulIntegerToFloat", quantised, weight, x_scale, scale, x_zero, zero, bias, domain=MICROSOFT
        )

    def _activation(self, part: nn.Linear, x: str) -> tuple[str, str, str]:
        graph = self._graph
        if self._numbers == "dynamic":
            quantised, scale, zero = graph.add("DynamicQuantizeLinear", x, outputs=3)
            return quantised, scale, zero
        low, high = self._scales[part]
        step = (high - low) / 255
        x_scale = graph.constant(np.array(step, dtype=np.float32))
        x_zero = graph.constant(np.array(round(-low / step), dtype=np.uint8))
        return graph.one("QuantizeLinear", x, x_scale, x_zero), x_scale, x_zero

    def _small(self, part: nn.Linear) -> tuple[str, str, str]:
        weight = _array(part.weight).T
        scale = (np.abs(weight).max(axis=0) / self._largest).astype(np.float32)
        small = np.rint(weight / scale).astype(np.int8)
        zero = np.zeros(weight.shape[1], dtype=np.int8)
        return self._graph.constant(small), self._graph.constant(scale), self._graph.constant(zero)

    def _norm(self, norm: nn.LayerNorm) -> tuple[str, str]:
        return self._graph.constant(_array(norm.weight)), self._graph.constant(_array(norm.bias))


def measured_scales(model: Encoder, batches: Iterable[tuple[Tensor, Tensor, Tensor]], keep: float) -> Scales:
    """The range of what enters each linear layer over some batches; `keep` is the share of values that must fit."""
    seen: dict[nn.Module, list[tuple[float, float]]] = {}
    current: list[Tensor] = []

    def note(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        beyond = (torch.arange(inputs[0].shape[1]) < current[0][:, None]) if inputs[0].dim() == 3 else None
        values = inputs[0][beyond].flatten() if beyond is not None else inputs[0].flatten()
        count = values.numel()
        cut = max(1, round(count * (1 - keep) / 2))
        low = float(values.kthvalue(cut).values)
        high = float(values.kthvalue(count - cut + 1).values)
        seen.setdefault(part, []).append((low, high))

    parts = [part for layer in model.layers for part in (layer.attend, layer.mix, layer.widen, layer.narrow)]
    hooks = [part.register_forward_pre_hook(note) for part in parts]
    with torch.no_grad():
        for pieces, shapes, lengths in batches:
            current[:] = [lengths]
            model(pieces, shapes, lengths)
    for hook in hooks:
        hook.remove()
    return {
        part: (min(0.0, *(low for low, _ in ranges)), max(0.0, *(high for _, high in ranges)))
        for part, ranges in seen.items()
    }


def _array(value: Tensor) -> Array:
    array: Array = value.detach().to(torch.float32).numpy()
    return array


assert WIDTH % HEADS == 0
