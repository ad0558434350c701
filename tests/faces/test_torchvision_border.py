"""The stand-in for torchvision's compiled nms."""

from __future__ import annotations

import subprocess
import sys

import torch

from portraitist_workers.faces.torchvision_border import ensure_torchvision, nms


def reference_nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> list[int]:
    """The definition, one pair at a time."""
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: -float(scores[i])):
        for j in kept:
            w = min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0])
            h = min(boxes[i, 3], boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1])
            inter = max(float(w), 0.0) * max(float(h), 0.0)
            areas = [float((boxes[k, 2] - boxes[k, 0]) * (boxes[k, 3] - boxes[k, 1])) for k in (i, j)]
            if inter / (sum(areas) - inter) > threshold:
                break
        else:
            kept.append(i)
    return kept


def random_boxes(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    corner, size = torch.rand(count, 2, generator=rng) * 100, torch.rand(count, 2, generator=rng) * 50 + 1
    return torch.cat([corner, corner + size], 1), torch.rand(count, generator=rng)


def test_nms_equals_the_definition():
    dropped = 0
    for seed in range(8):
        boxes, scores = random_boxes(seed, 60)
        for threshold in (0.2, 0.5, 0.8):
            kept = nms(boxes, scores, threshold).tolist()
            assert kept == reference_nms(boxes, scores, threshold)
            dropped += 60 - len(kept)
    assert dropped > 100  # otherwise the comparison above says little


def test_nms_of_nothing():
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []


def test_torchvision_and_its_users_import():
    ensure_torchvision()
    import facenet_pytorch  # noqa: F401
    import lpips  # noqa: F401
    import torchvision

    boxes, scores = random_boxes(1, 40)
    assert torchvision.ops.nms(boxes, scores, 0.5).tolist() == reference_nms(boxes, scores, 0.5)
    classes = torch.arange(40) % 3
    assert len(torchvision.ops.batched_nms(boxes, scores, classes, 0.5)) > 0


def test_the_real_operators_are_left_alone():
    """Where the compiled library loads, nothing is registered: imitated by a loader that succeeds."""
    code = (
        "import torch\n"
        "from portraitist_workers.faces import torchvision_border as border\n"
        "torch.ops.load_library = lambda path: None\n"
        "assert border.ensure_torchvision() is True\n"
        "assert border._library is None\n"
        "assert not torch._C._jit_get_schemas_for_operator('torchvision::nms')\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
