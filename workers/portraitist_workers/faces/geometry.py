"""Attribute values from the places of a face's points: what the face mesh sees of the world, in the engine's exact units.

The head's rotation is that which best lays a mean face's rigid points onto the picture's (Kabsch 1976; with scale: Umeyama 1991). Turned
back by it, the face's shape says how far mouth and eyes are open and how the mouth's corners lie. Regressions fitted to the engine's
labels (`priors/training/geometry_training.py`) give both their units.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Points that no expression moves: forehead, temples, nose, cheek bones, corners of the eyes.
RIGID = (
    1,
    2,
    4,
    5,
    6,
    8,
    9,
    10,
    21,
    33,
    48,
    54,
    67,
    93,
    98,
    103,
    109,
    117,
    127,
    133,
    143,
    151,
    162,
    168,
    195,
    197,
    234,
    251,
    263,
    278,
    284,
    294,
    297,
    323,
    327,
    332,
    338,
    346,
    347,
    356,
    362,
    372,
    389,
    454,
)
POSE, EXPRESSION = ("yaw", "pitch", "roll"), ("smile", "mouth_open", "eyes_open")
_USUAL = (13.0, 6.0, 3.0)  # degrees: spread of the three angles over ordinary photos
# Which of `measures` each expression is read from.
_READ = {"smile": (2, 4, 5, 6, 7, 8, 9, 12, 13), "mouth_open": (2, 3, 8, 11, 12, 13), "eyes_open": (0, 1, 9, 10)}


class GeometryNetwork(nn.Module):
    """Points [B, 478, 3] of the face mesh -> values [B, 6] in the order POSE + EXPRESSION, units as in portraitist.attributes.

    Linear in all its weights: `fit` solves for them at once.
    """

    SHAPES = 10  # principal components of the face's shape that pose is corrected by

    face: Tensor
    shape_mean: Tensor
    shape_basis: Tensor
    measure_mean: Tensor
    measure_spread: Tensor
    pose: Tensor
    share: Tensor
    agree: Tensor
    deviation: Tensor
    doubt: Tensor

    def __init__(self) -> None:
        super().__init__()
        features = 1 + 12 + 15 + self.SHAPES
        self.register_buffer("face", torch.zeros(478, 3))  # mean face, of unit size
        self.register_buffer("shape_mean", torch.zeros(478 * 3))
        self.register_buffer("shape_basis", torch.zeros(self.SHAPES, 478 * 3))  # to unit variance
        self.register_buffer("measure_mean", torch.zeros(14))
        self.register_buffer("measure_spread", torch.ones(14))
        self.register_buffer("pose", torch.zeros(features, len(POSE)))
        for name, columns in _READ.items():
            n = len(columns) + len(POSE)
            self.register_buffer(name, torch.zeros(1 + n + n * (n + 1) // 2))
        A = len(POSE + EXPRESSION)
        self.register_buffer("share", torch.zeros(A))  # of the attribute network's reading where both agree
        self.register_buffer("agree", torch.ones(A))  # how far apart the two may lie; 0: as far as they like
        self.register_buffer("deviation", torch.ones(A))  # of the geometry's own error on renders
        self.register_buffer("doubt", torch.ones(A))  # makes predicted deviations hold 68 % of the errors

    def forward(self, points: Tensor) -> Tensor:
        straight, angles = self.straightened(points.float())
        pose = self.pose_features(straight, angles) @ self.pose
        expression = [self.expression_features(straight, angles, name) @ getattr(self, name) for name in EXPRESSION]
        return torch.cat([pose, torch.stack(expression, 1)], 1)

    def joined(self, points: Tensor, read: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
        """Values [B, 6] and their standard deviations [B, 6], from the points and what the attribute network says of the same pictures.

        On renders both are right, and together better than either. The network has seen nothing but renders: where it cannot be trusted
        on photographs, it counts the less the farther it lies from what the points say. The deviation grows with that distance. Values may
        lie outside of [0, 1], where a mouth that is seen to smile less than not at all can still be seen to move.
        """
        own = self(points)
        apart = (bounded(read) - bounded(own)).abs()
        share = self.share * torch.where(self.agree > 0, torch.exp(-(apart / self.agree.clamp(min=1e-3)).square()), 1.0)
        spread = (
            (share * deviation).square() + ((1 - share) * self.deviation).square() + (0.3 * apart).square()
        ).sqrt()
        return torch.lerp(own, read, share), spread * self.doubt

    def straightened(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The points turned to the front, at the mean face's size [B, 478, 3], and by which angles [B, 3]: degrees, uncalibrated."""
        rigid = list(RIGID)
        mean = self.face[rigid] - self.face[rigid].mean(0)
        centre = points[:, rigid].mean(1, keepdim=True)
        U, S, Vh = torch.linalg.svd((mean.T @ (points[:, rigid] - centre)).double())
        flip = torch.ones_like(S)
        flip[:, 2] = torch.det(U @ Vh).sign()
        R = ((U * flip[:, None]) @ Vh).mT.float()  # of the mean face to the picture's
        scale = (S * flip).sum(1).float() / mean.square().sum()
        straight = (points - centre) @ R / scale[:, None, None]
        ahead, right = -R[:, :, 2], R[:, :, 0]
        angles = [
            torch.atan2(ahead[:, 0], -ahead[:, 2]),
            torch.asin((-ahead[:, 1]).clamp(-1, 1)),
            torch.atan2(right[:, 1], right[:, 0]),
        ]
        return straight, torch.stack(angles, 1).rad2deg()

    def pose_features(self, straight: Tensor, angles: Tensor) -> Tensor:
        """[B, F]"""
        shape = ((straight.flatten(1) - self.shape_mean) @ self.shape_basis.T).clamp(-3, 3)
        a = angles / angles.new_tensor(_USUAL)
        products = torch.stack([a[:, 0] * a[:, 1], a[:, 0] * a[:, 2], a[:, 1] * a[:, 2]], 1)
        by_shape = (a[:, :, None] * shape[:, None, :5]).flatten(1)
        return torch.cat([torch.ones_like(a[:, :1]), a, a * a.abs(), products, a.square(), by_shape, shape], 1)

    def expression_features(self, straight: Tensor, angles: Tensor, name: str) -> Tensor:
        """[B, F]: some measures and the angles, and their products."""
        seen = ((measures(straight) - self.measure_mean) / self.measure_spread).clamp(-4, 4)[:, list(_READ[name])]
        x = torch.cat([seen, angles / angles.new_tensor(_USUAL)], 1)
        row, column = torch.triu_indices(x.shape[1], x.shape[1])
        return torch.cat([torch.ones_like(x[:, :1]), x, x[:, row] * x[:, column]], 1)


def bounded(values: Tensor) -> Tensor:
    """values [..., 6] in the order POSE + EXPRESSION, within +-90 degrees and [0, 1], where the engine's labels end, too."""
    return torch.cat([values[..., : len(POSE)].clamp(-90, 90), values[..., len(POSE) :].clamp(0, 1)], -1)


def measures(face: Tensor) -> Tensor:
    """[B, 14] lengths on a straightened face [B, 478, 3], most as shares of the distance between the eyes' outer corners."""

    def length(a: int, b: int) -> Tensor:
        return (face[:, a] - face[:, b]).norm(dim=1)

    def height(*points: int) -> Tensor:  # downwards
        return face[:, list(points), 1].mean(1)

    eyes, eye = length(33, 263), (length(33, 133) + length(362, 263)) / 2
    iris = (length(469, 471) + length(474, 476)) / 2
    lids = sum(length(a, b) for a, b in ((159, 145), (158, 153), (160, 144), (386, 374), (385, 380), (387, 373))) / 6
    gap = (length(13, 14) + length(82, 87) + length(312, 317)) / 3
    width = length(61, 291)
    corners, middle, nose = height(61, 291), height(0, 13, 14, 17), height(2)
    depth = face[:, [61, 291], 2].mean(1) - face[:, [0, 13, 14, 17], 2].mean(1)
    outer = height(33, 263)
    return torch.stack(
        [
            lids / eye,
            lids / iris,
            gap / eyes,
            gap / width,
            width / eyes,
            (middle - corners) / eyes,
            (corners - nose) / eyes,
            depth / eyes,
            length(0, 17) / eyes,
            (height(117, 346) - outer) / eyes,
            (height(105, 334) - outer) / eyes,
            (height(152) - nose) / eyes,
            length(0, 13) / eyes,
            length(14, 17) / eyes,
        ],
        1,
    )
