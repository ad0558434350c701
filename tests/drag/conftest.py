"""One portrait of the bundled prior."""

import pytest
import torch

from portraitist_workers.drag.landmarks import landmarks
from portraitist_workers.priors import library


class Portrait:
    def __init__(self):
        self.prior = library.load()
        self.synthesis = self.prior.generator.synthesis
        mapping = self.prior.generator.mapping
        z = torch.randn(1, self.prior.generator.config.z_dim, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            self.w = self.synthesis.as_w_plus(mapping.truncate(self.synthesis.as_w_plus(mapping(z)), 0.7)).contiguous()
            self.image = self.synthesis(self.w)
        self.landmarks = landmarks(self.image)

    def at(self, name):
        return torch.tensor([self.landmarks[name]])

    def draw(self, w):
        with torch.no_grad():
            return self.synthesis(w)


@pytest.fixture(scope="session")
def portrait():
    return Portrait()
