"""dlib's face recognition network -> world/identity.safetensors.

    python -m portraitist_workers.faces.world.dlib dlib_face_recognition_resnet_model_v1.dat --data DATA

The file lies in the PyPI package face_recognition_models 0.3.0 (LICENSE: CC0 1.0). dlib writes a network from its input to its
output; every layer's parameters are one tensor, a short header and then little-endian fp32. DATA holds london/: what the vectors of
its training people share is written beside them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...priors.engine.people import load_people, training_people
from ...priors.training.photographs import Photographs
from ..identity import vectors
from ..image_io import to_tensor
from ..networks import save_network
from . import FOLDER
from .recognition import RecognitionNetwork

# Share of the common vector that is taken off. All of it would make the many people whom the mean is of look different from each
# other, and the few alike: then strangers among the 12 Black women and men of the set would have a mean cosine of 0.55, others 0.14.
COMMON = 0.8
MEASURED = {"source": "dlib_face_recognition_resnet_model_v1.dat, CC0 1.0", "lfw_accuracy": 0.9938}


class _Reader:
    """Tensors of known sizes, in the order in which they lie in the file."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def tensor(self, rows: int, columns: int = 1) -> np.ndarray:
        """The next tensor of rows x columns. Raises ValueError when there is none."""
        header = b"".join(_integer(n) for n in (2, rows, columns, 1, 1))  # version, then the four sizes
        found = self.data.find(header, self.at)
        if found < 0:
            raise ValueError(
                f"no tensor of {rows} x {columns} after byte {self.at}: not dlib_face_recognition_resnet_model_v1.dat"
            )
        begin = found + len(header)
        self.at = begin + 4 * rows * columns
        return np.frombuffer(self.data[begin : self.at], "<f4")


def _integer(value: int) -> bytes:
    """How dlib writes a positive whole number: the count of its bytes, then these, the lowest first."""
    size = max((value.bit_length() + 7) // 8, 1)
    return bytes([size]) + value.to_bytes(size, "little")


def read(data: bytes) -> RecognitionNetwork:
    """The network in the file's bytes. Raises ValueError when it is another file."""
    reader, network = _Reader(data), RecognitionNetwork()
    for module in network.modules():  # in the order of their making, which is the file's
        if isinstance(module, nn.Conv2d):
            _fill(module, reader)
    weight = reader.tensor(256, 128)
    network.head.weight.data.copy_(torch.from_numpy(weight.reshape(256, 128).T.copy()))
    return network.eval()


def _fill(convolution: nn.Conv2d, reader: _Reader) -> None:
    shape = convolution.weight.shape
    count, width = convolution.weight.numel(), shape[0]
    parameters = reader.tensor(count + width)
    scales = reader.tensor(2 * width)  # of the affine layer behind it
    weight, bias = _pieces(parameters, count)
    gain, shift = _pieces(scales, width)
    convolution.weight.data.copy_(weight.view(shape) * gain.view(-1, 1, 1, 1))
    assert convolution.bias is not None
    convolution.bias.data.copy_(bias * gain + shift)


def _pieces(values: np.ndarray, at: int) -> tuple[Tensor, Tensor]:
    whole = torch.from_numpy(values.copy())
    return whole[:at], whole[at:]


@torch.no_grad()
def common(network: RecognitionNetwork, data: Path) -> Tensor:
    """[128] mean vector of DATA's training people, where each of the set's groups (gender and ethnicity) counts as much as another."""
    people = training_people(load_people(data))
    found = torch.cat([vectors(network, part) for part in to_tensor(Photographs(data).crops).split(16)])
    of_person = found.view(len(people), 2, -1).mean(1)  # neutral, smiling
    groups: dict[tuple[bool, str], list[Tensor]] = {}
    for person, vector in zip(people, of_person, strict=True):
        groups.setdefault((person.male, person.ethnicity), []).append(vector)
    return torch.stack([torch.stack(group).mean(0) for group in groups.values()]).mean(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="dlib_face_recognition_resnet_model_v1.dat")
    parser.add_argument("--data", type=Path, required=True, help="folder with london/")
    parser.add_argument(
        "--out", type=Path, default=FOLDER, help="folder to write identity.safetensors to (default: the package)"
    )
    options = parser.parse_args()
    network = read(options.file.read_bytes())
    network.common.copy_(COMMON * common(network, options.data))
    save_network(options.out / "identity.safetensors", "identity", network, {}, MEASURED)


if __name__ == "__main__":
    main()
