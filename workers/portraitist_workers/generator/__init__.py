"""Face generators: `Generator`, what all of them can do; `StyleGAN2` in plain PyTorch; file layouts in `formats/`."""

from .config import GeneratorConfig
from .protocol import Generator, Layer
from .stylegan2 import StyleGAN2

__all__ = ["Generator", "GeneratorConfig", "Layer", "StyleGAN2"]
