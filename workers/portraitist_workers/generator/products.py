"""Matrix products in fp32 on a CPU through oneDNN, which is what torch uses there for convolutions and for bf16.

Torch's own choice for fp32, MKL, reaches less than half of oneDNN's speed on a processor that is not Intel's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def product(a: Tensor, b: Tensor) -> Tensor:
    """a [M, K], b [N, K] -> a b^T [M, N]. No derivative: for use inside of autograd functions."""
    if a.device.type == "cpu" and a.dtype == torch.float32 and _ONEDNN is not None:
        return _ONEDNN(a, b, None, "none", [], "")
    return F.linear(a, b)


# What torch.compile calls for a linear layer; no public function reaches it for ordinary tensors.
_ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None
