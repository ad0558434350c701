import pytest
import torch

from portraitist.errors import PriorUnavailable
from portraitist_workers.inversion import encoder as encoder_file
from portraitist_workers.inversion.encoder import Encoder


def test_w_plus_starts_as_w_and_has_a_row_per_layer(tmp_path):
    torch.manual_seed(0)
    encoder, images = Encoder(16, num_ws=6), torch.rand(2, 3, 64, 64) * 2 - 1
    encoder.w_std.mul_(0.5)
    assert torch.equal(encoder.w_plus(images), encoder(images)[:, None].expand(2, 6, 16))
    torch.nn.init.normal_(encoder.offsets[0].weight, std=0.1)
    encoder_file.save(encoder, tmp_path / "encoder.safetensors")
    loaded = encoder_file.load(tmp_path / "encoder.safetensors")
    assert torch.allclose(loaded.w_plus(images), encoder.w_plus(images), atol=1e-2)
    assert (loaded.w_plus(images) - loaded(images)[:, None]).abs().max() > 0.01


def test_an_encoder_for_w_alone_says_so(tmp_path):
    encoder_file.save(Encoder(16), tmp_path / "encoder.safetensors")
    with pytest.raises(PriorUnavailable, match="w only"):
        encoder_file.load(tmp_path / "encoder.safetensors").w_plus(torch.zeros(1, 3, 64, 64))
