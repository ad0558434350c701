"""Import torchvision beside any torch build.

facenet-pytorch and lpips import torchvision. PyPI's torchvision wheel is built against the CUDA torch: beside a CPU-only
torch its compiled operators cannot be loaded, and the *import* then fails with "operator torchvision::nms does not
exist". The only operator that our dependencies need is nms, so where the compiled one is missing we register it, in
numpy, before anything imports torchvision. Where the compiled operators load, nothing here has any effect.
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

import numpy as np
import torch

_lock = threading.Lock()
_library: torch.library.Library | None = None  # keeps the registration alive
_done = False


def ensure_torchvision() -> bool:
    """Make `import torchvision` work. Call before importing facenet_pytorch or lpips.

    Returns True if torchvision's own operators serve, False if `nms` here stands in for them.
    """
    global _done, _library
    with _lock:
        if not _done:
            if not _compiled_operators_load():
                _library = torch.library.Library("torchvision", "FRAGMENT")
                for name in (
                    "nms",
                    "qnms",
                ):  # torchvision's import attaches a fake kernel to each; qnms is never called
                    _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
                _library.impl("nms", nms, "CompositeExplicitAutograd")
                import torchvision.ops.boxes

                # boxes.nms asks for *all* compiled operators; the one it calls is there now.
                torchvision.ops.boxes._assert_has_ops = lambda: None
            _done = True
    return _library is None


def _compiled_operators_load() -> bool:
    spec = importlib.util.find_spec("torchvision")  # finds, does not import
    if spec is None or spec.origin is None:
        raise ImportError(
            "torchvision is not installed; it is needed by facenet-pytorch and lpips: pip install torchvision"
        )
    for path in sorted(Path(spec.origin).parent.glob("_C*")):
        try:
            torch.ops.load_library(str(path))  # harmless when torchvision loads it again
        except OSError:
            continue
        return True
    return False


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Greedy non-maximum suppression: the contract of torchvision.ops.nms.

    boxes [N, 4] as (x1, y1, x2, y2), scores [N]. Returns the int64 indices of the kept boxes by falling score; a box is
    dropped when its intersection over union with a kept box of higher score exceeds `iou_threshold`.
    """
    x1, y1, x2, y2 = boxes.detach().cpu().double().numpy().T
    order = np.argsort(-scores.detach().cpu().double().numpy(), kind="stable")
    area = (x2 - x1) * (y2 - y1)
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        width = np.minimum(x2[best], x2[rest]) - np.maximum(x1[best], x1[rest])
        height = np.minimum(y2[best], y2[rest]) - np.maximum(y1[best], y1[rest])
        inter = width.clip(0) * height.clip(0)
        order = rest[inter <= iou_threshold * (area[best] + area[rest] - inter)]
    return torch.as_tensor(np.asarray(kept, dtype=np.int64), device=boxes.device)
