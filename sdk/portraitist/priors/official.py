"""Published networks that are known by name, and by hash where the hash is known; and licences that are known to be free.

The hash and size of `ffhq-1024` agree in several independent public records of NVIDIA's file. For the others no hash is known
for certain: they are fetched over HTTPS, and `priors info` says that nothing vouches for the bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ..errors import printable

NVIDIA = (
    "NVIDIA Source Code License: research and evaluation only, no commercial use (https://nvlabs.github.io/stylegan2/license.html). "
    "The FFHQ dataset behind it is CC BY-NC-SA 4.0."
)
NVIDIA_LAYOUT = (
    "A network in NVIDIA's layout. Those that NVIDIA published, and whatever was tuned from them, are under the NVIDIA Source Code "
    "License: research and evaluation only, no commercial use. If you trained it yourself, your own terms and those of your data "
    "hold instead."
)
FOREIGN = (
    "A checkpoint whose terms are not known. Most in this layout were converted or tuned from NVIDIA's networks, which are for "
    "research and evaluation only, or trained on FFHQ (CC BY-NC-SA 4.0). Ask whoever made it."
)
BUNDLED = (
    "Apache-2.0. The prior bundled with Portraitist; keep its NOTICE with the weights and with pictures made by them."
)
UNSTATED = "The file states no licence. Ask whoever made it."

# A file's own word is a claim, and what begins with a licence's name may go on in any way. So a text counts as free only when it is
# exactly a licence's name (SPDX), or one of these texts.
_FREE_NAMES = frozenset({"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0"})
_FREE_TEXTS = frozenset(
    {  # SHA-256
        "0c82b1f9c4374f06698b878db5a5409032d99e46d08f3c049912a023f55e7e2d",  # BUNDLED
        "ec9911f4eb3bef9c1fe8804bdea9b5f23756f769c4e82085a43fd05084d5f00e",  # the bundled priors' own files
    }
)

_NGC = "https://api.ngc.nvidia.com/v2/models/nvidia/research/stylegan2/versions/1/files/"


@dataclass(frozen=True)
class Official:
    name: str
    about: str
    url: str
    resolution: int
    licence: str
    sha256: str | None = None
    bytes: int | None = None


OFFICIAL = {
    o.name: o
    for o in (
        Official(
            "ffhq-1024",
            "NVIDIA StyleGAN2-ADA, faces (FFHQ)",
            "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/ffhq.pkl",
            1024,
            NVIDIA,
            "a205a346e86a9ddaae702e118097d014b7b8bd719491396a162cca438f2f524c",
            381_624_121,
        ),
        Official("ffhq-512", "NVIDIA StyleGAN2, faces (FFHQ)", _NGC + "stylegan2-ffhq-512x512.pkl", 512, NVIDIA),
        Official("ffhq-256", "NVIDIA StyleGAN2, faces (FFHQ)", _NGC + "stylegan2-ffhq-256x256.pkl", 256, NVIDIA),
        Official(
            "celebahq-256", "NVIDIA StyleGAN2, faces (CelebA-HQ)", _NGC + "stylegan2-celebahq-256x256.pkl", 256, NVIDIA
        ),
    )
}


def by_hash(sha256: str) -> Official | None:
    return next((o for o in OFFICIAL.values() if o.sha256 == sha256), None)


def licence_of(layout: str, stated: str, official: Official | None) -> tuple[str, bool]:
    """(note for the user, whether commercial use is known to be allowed)."""
    if official is not None:
        return official.licence, False
    if layout == "native":
        free = stated in _FREE_NAMES or hashlib.sha256(stated.encode(errors="replace")).hexdigest() in _FREE_TEXTS
        return (stated if free else _claim(stated) or UNSTATED), free
    note = NVIDIA_LAYOUT if layout in ("nvidia", "mystyle") else FOREIGN
    return f"{note} {_claim(stated)}".rstrip(), False


def _claim(stated: str) -> str:
    return f"The file itself says: {one_line(stated)}" if stated else ""


def one_line(stated: str) -> str:
    """A stranger's text as it is kept and shown."""
    return printable(" ".join(stated.split()))
