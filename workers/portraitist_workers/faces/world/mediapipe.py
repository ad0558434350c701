"""MediaPipe's networks as files of this package: reads its wheel, writes safetensors whose header holds the steps.

    python -m portraitist_workers.faces.world.mediapipe --wheel mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl

Needs the package `tflite` (the file format's schema; extra `train`), and nothing of MediaPipe's own code. Weights are float16 there and
here. Any MediaPipe wheel that holds the same files gives the same ones.
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tflite
import torch
from flatbuffers import flexbuffers

from ..networks import save_network
from . import FOLDER
from .steps import Step, StepNetwork

# Our name -> the file in the wheel, and our names of its outputs.
NETWORKS = {
    "mesh": (
        "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite",
        {
            "output_mesh_identity": "mesh",
            "output_lips": "lips",
            "output_left_eye": "left_eye",
            "output_right_eye": "right_eye",
            "output_left_iris": "left_iris",
            "output_right_iris": "right_iris",
            "conv_faceflag": "presence",
        },
    ),
    "palms": (
        "mediapipe/modules/palm_detection/palm_detection_full.tflite",
        {"Identity": "boxes", "Identity_1": "scores"},
    ),
    "person": ("mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite", {"activation_10": "person"}),
}
_TYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
_ACTIVATIONS = {0: "none", 1: "relu", 3: "relu6"}
_BUILTIN = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}


class _Reader:
    """One file of the format -> steps and weights. Raises ValueError for what the steps have no words for."""

    def __init__(self, data: bytes) -> None:
        self.model = tflite.Model.GetRootAsModel(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.same_as: dict[int, int] = {
            int(self.graph.InputsAsNumpy()[0]): 0
        }  # tensors that are another one, unpacked or untouched
        self.steps: list[Step] = []
        self.weights: dict[str, torch.Tensor] = {}
        for i in range(self.graph.OperatorsLength()):
            self._read(self.graph.Operators(i))

    def outputs(self) -> dict[str, int]:
        return {self.graph.Tensors(int(i)).Name().decode(): self._tensor(i) for i in self.graph.OutputsAsNumpy()}

    def _tensor(self, i: int) -> int:
        return self.same_as.get(int(i), int(i))

    def _constant(self, i: int) -> np.ndarray | None:
        tensor = self.graph.Tensors(self._tensor(i))
        buffer = self.model.Buffers(tensor.Buffer())
        if not buffer.DataLength():
            return None
        return (
            buffer.DataAsNumpy()
            .view(_TYPES[tensor.Type()])
            .reshape(tensor.ShapeAsNumpy() if tensor.ShapeLength() else ())
        )

    def _known(self, i: int) -> np.ndarray:
        """`_constant`, where nothing else will do. Raises ValueError."""
        if (constant := self._constant(i)) is None:
            raise ValueError(f"tensor {i} is computed, and only a constant can be read")
        return constant

    def _weight(self, i: int, arrange: tuple[int, ...] | None = None) -> str:
        """The name of a constant, stored with its axes in the order `arrange` (None: as a vector)."""
        name, value = f"w{self._tensor(i)}", torch.from_numpy(np.array(self._known(i)))
        value = value.flatten() if arrange is None else value.permute(arrange).contiguous()
        if not torch.equal(self.weights.setdefault(name, value), value):
            raise ValueError(f"constant {i} is used in two ways")
        return name

    def _read(self, operator: tflite.Operator) -> None:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        name = (code.CustomCode() or b"").decode() or _BUILTIN[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        given, made = operator.InputsAsNumpy(), int(operator.OutputsAsNumpy()[0])
        if name == "DEQUANTIZE" or (name == "STRIDED_SLICE" and self._keeps_all(given[0], made)):
            self.same_as[made] = self._tensor(given[0])
        elif name in _READERS:
            of = [self._tensor(i) for i in given if self._constant(i) is None]
            op, details = _READERS[name](self, operator, given, made)
            self.steps.append({"op": op, "of": of, "to": made, **details})
        else:
            raise ValueError(f"operator {name} has no step")

    def _keeps_all(self, before: int, after: int) -> bool:
        return np.array_equal(*(self.graph.Tensors(int(i)).ShapeAsNumpy() for i in (before, after)))

    def _options(self, operator: tflite.Operator, kind: type) -> Any:
        options, table = kind(), operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def _conv(self, operator, given, made):
        return "conv", self._any_conv(operator, given, tflite.Conv2DOptions, (0, 3, 1, 2), 1)

    def _depthwise(self, operator, given, made):
        channels = int(self._known(given[1]).shape[-1])
        return "conv", self._any_conv(operator, given, tflite.DepthwiseConv2DOptions, (3, 0, 1, 2), channels)

    def _any_conv(
        self, operator: tflite.Operator, given: np.ndarray, kind: type, arrange: tuple[int, ...], groups: int
    ) -> Step:
        options = self._options(operator, kind)
        if options.StrideW() != options.StrideH() or options.DilationWFactor() != 1 or options.DilationHFactor() != 1:
            raise ValueError("a convolution has unequal strides or is dilated")
        return {
            "weight": self._weight(given[1], arrange),
            "bias": self._weight(given[2]),
            "stride": options.StrideW(),
            "groups": groups,
            "same": options.Padding() == tflite.Padding.SAME,
            "activation": _ACTIVATIONS[options.FusedActivationFunction()],
        }

    def _prelu(self, operator, given, made):
        return "prelu", {"slope": self._weight(given[1])}

    def _add(self, operator, given, made):
        return "add", {"activation": _ACTIVATIONS[self._options(operator, tflite.AddOptions).FusedActivationFunction()]}

    def _multiply(self, operator, given, made):
        if all(self._constant(i) is None for i in given):
            return "multiply_maps", {}
        factor = self._known(given[1])
        return "multiply", {"factor": self._weight(given[1], tuple(range(factor.ndim)))}

    def _pad(self, operator, given, made):
        widths = self._known(given[1])
        if np.count_nonzero(widths) != 1 or not widths[3, 1]:
            raise ValueError(f"padding {widths.tolist()} does more than add channels")
        return "more_channels", {"channels": int(widths[3, 1])}

    def _average(self, operator, given, made):
        options = self._options(operator, tflite.Pool2DOptions)
        if [options.FilterHeight(), options.FilterWidth()] != self.graph.Tensors(int(given[0])).ShapeAsNumpy()[
            1:3
        ].tolist():
            raise ValueError("an average is not over the whole map")
        return "average", {}

    def _transposed(self, operator, given, made):
        before, after = (self.graph.Tensors(int(i)).ShapeAsNumpy()[1:3] for i in (given[0], made))
        weight = self._known(given[1])
        if any(2 * before != after) or weight.shape[1:3] != (2, 2):
            raise ValueError("a transposed convolution makes squares of two by two")
        return "transposed", {"weight": self._weight(given[1], (3, 0, 1, 2)), "bias": self._weight(given[2])}

    def _max_pool(self, operator, given, made):
        options = self._options(operator, tflite.Pool2DOptions)
        numbers = {options.FilterWidth(), options.FilterHeight(), options.StrideW(), options.StrideH()}
        size = numbers.pop()
        if numbers or any(self.graph.Tensors(int(given[0])).ShapeAsNumpy()[1:3] % size):
            raise ValueError("a pooling's windows are not squares side by side")
        return "max_pool", {"size": size}

    def _resize(self, operator, given, made):
        options = self._options(operator, tflite.ResizeBilinearOptions)
        if options.AlignCorners() or not options.HalfPixelCenters():
            raise ValueError("a resize measures from pixels' centres")
        return "resize", {"size": self._known(given[1]).tolist()}

    def _reshape(self, operator, given, made):
        return "reshape", {"shape": self.graph.Tensors(made).ShapeAsNumpy()[1:].tolist()}

    def _join(self, operator, given, made):
        if self._options(operator, tflite.ConcatenationOptions).Axis() != 1:
            raise ValueError("tensors are joined along another axis than the second")
        return "join", {}

    def _custom(self, operator: tflite.Operator) -> dict:
        return flexbuffers.Loads(operator.CustomOptionsAsNumpy().tobytes())

    def _matrix_of_points(self, operator, given, made):
        options = self._custom(operator)
        if options["target_rotation_radians"] != 0:
            raise ValueError("a window is turned against its points")
        return "matrix_of_points", {
            "left": options["left_rotation_idx"],
            "right": options["right_rotation_idx"],
            "subset": options["subset_idxs"],
            "side": [options["output_width"], options["output_height"]],
            "scale": [options["scale_x"], options["scale_y"]],
        }

    def _window(self, operator, given, made):
        options = self._custom(operator)
        return "window", {"side": [options["output_width"], options["output_height"]]}

    def _move_points(self, operator, given, made):
        return "move_points", {}


def _activation(name: str) -> Callable[..., tuple[str, dict]]:
    return lambda reader, operator, given, made: ("activate", {"activation": name})


_READERS = {
    "CONV_2D": _Reader._conv,
    "DEPTHWISE_CONV_2D": _Reader._depthwise,
    "PRELU": _Reader._prelu,
    "ADD": _Reader._add,
    "MUL": _Reader._multiply,
    "AVERAGE_POOL_2D": _Reader._average,
    "RELU": _activation("relu"),
    "HARD_SWISH": _activation("hard_swish"),
    "LOGISTIC": _activation("sigmoid"),
    "Convolution2DTransposeBias": _Reader._transposed,
    "PAD": _Reader._pad,
    "MAX_POOL_2D": _Reader._max_pool,
    "RESIZE_BILINEAR": _Reader._resize,
    "RESHAPE": _Reader._reshape,
    "CONCATENATION": _Reader._join,
    "Landmarks2TransformMatrix": _Reader._matrix_of_points,
    "TransformTensorBilinear": _Reader._window,
    "TransformLandmarks": _Reader._move_points,
}


def convert(data: bytes, names: dict[str, str]) -> tuple[StepNetwork, dict]:
    """The network in a .tflite file, its outputs renamed, and the constructor's arguments. Raises ValueError for unknown operators."""
    reader = _Reader(data)
    arguments: dict[str, Any] = {
        "steps": reader.steps,
        "shapes": {name: list(w.shape) for name, w in reader.weights.items()},
        "outputs": {names[name]: i for name, i in reader.outputs().items()},
    }
    network = StepNetwork(**arguments)
    network.load_state_dict({f"weights.{name}": w.float() for name, w in reader.weights.items()})
    return network, arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--wheel", type=Path, required=True, help="a wheel of MediaPipe with mediapipe/modules, such as 0.10.21"
    )
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the safetensors files")
    options = parser.parse_args()
    with zipfile.ZipFile(options.wheel) as wheel:
        for kind, (path, names) in NETWORKS.items():
            data = wheel.read(path)
            network, arguments = convert(data, names)
            source = {
                "from": path,
                "wheel": options.wheel.name.split("-cp")[0],
                "sha256": hashlib.sha256(data).hexdigest(),
            }
            save_network(options.out / f"{kind}.safetensors", kind, network, arguments, source)
            print(f"{kind}: {len(arguments['steps'])} steps, {sum(w.numel() for w in network.parameters()):,} weights")


if __name__ == "__main__":
    main()
