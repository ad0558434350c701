"""Face generators: `Generator` is what all of them can do, `StyleGAN2` is one in plain PyTorch. `formats/` has the file layouts."""

from .config import GeneratorConfig
from .protocol import Generator, Layer
from .stylegan2 import StyleGAN2

__all__ = ["Generator", "GeneratorConfig", "Layer", "StyleGAN2"]
