"""SemanticStyleGAN (Shi et al. 2022, arXiv 2112.02236): a generator whose codes are cut by meaning.

- `config.py`     sizes, parts, and which row of w_plus belongs to which part
- `local.py`      position encoding and the local generators, all parts in batched products
- `fusion.py`     pseudo-depths to masses, masses to one feature map
- `render.py`     features and masses to picture and segmentation
- `generator.py`  `Parts`, the whole as a `Generator`; moving and leaving out parts
- `mixing.py`     parts of one latent in another
"""

from .config import PartsConfig
from .generator import Composition, Made, Parts
from .mixing import taken

__all__ = ["Composition", "Made", "Parts", "PartsConfig", "taken"]
