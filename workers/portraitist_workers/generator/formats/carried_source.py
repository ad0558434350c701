# A StyleGAN2 generator in plain PyTorch, which travels in the weights that Portraitist exports. Apache-2.0, as Portraitist is.
#
# Written from the papers (Karras et al. 2019, arXiv 1812.04948; 2020, arXiv 1912.04958). NVIDIA's loader, torch_utils.persistence, executes
# this text and gives the objects their attributes; nothing but torch is imported. Attributes and calls have NVIDIA's names. What is left
# out: labels, fp16, the constructors, and keeping w_avg up to date while training.
import torch
import torch.nn.functional as F


class FullyConnectedLayer(torch.nn.Module):
    def forward(self, x):
        x = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return F.leaky_relu(x, 0.2) * 2**0.5 if self.activation == "lrelu" else x


class MappingNetwork(torch.nn.Module):
    """z [B, z_dim] -> w_plus [B, num_ws, w_dim]"""

    def forward(self, z, c=None, truncation_psi=1, truncation_cutoff=None, **_):
        x = z.float()
        x = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        ws = x.unsqueeze(1).repeat(1, self.num_ws, 1)
        if truncation_psi != 1:
            rows = self.num_ws if truncation_cutoff is None else truncation_cutoff
            ws[:, :rows] = self.w_avg.lerp(ws[:, :rows], truncation_psi)
        return ws


class SynthesisLayer(torch.nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU; twice the size where `up` is 2."""

    def forward(self, x, w, noise_mode="random", gain=1, **_):
        assert noise_mode in ("random", "const", "none")
        style = self.affine(w)
        power = style.square() @ self.weight.square().sum((2, 3)).t()
        x = x * style[:, :, None, None]
        if self.up == 2:
            x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
            x = _low_pass(x, self.resample_filter)
        else:
            x = F.conv2d(x, self.weight, padding=1)
        x = x * torch.rsqrt(power + 1e-8)[:, :, None, None]
        if noise_mode == "random":
            x = x + torch.randn(len(x), 1, self.resolution, self.resolution, device=x.device) * self.noise_strength
        elif noise_mode == "const":
            x = x + self.noise_const * self.noise_strength
        x = F.leaky_relu(x + self.bias[:, None, None], 0.2) * (2**0.5 * gain)
        return x if self.conv_clamp is None else x.clamp(-self.conv_clamp * gain, self.conv_clamp * gain)


class ToRGBLayer(torch.nn.Module):
    def forward(self, x, w, **_):
        style = self.affine(w) * self.weight_gain
        x = F.conv2d(x * style[:, :, None, None], self.weight) + self.bias[:, None, None]
        return x if self.conv_clamp is None else x.clamp(-self.conv_clamp, self.conv_clamp)


class SynthesisBlock(torch.nn.Module):
    """One resolution: features and picture of the block below -> those of this one. `ws`: [B, num_conv + num_torgb, w_dim]."""

    def forward(self, x, img, ws, **kwargs):
        rows = iter(ws.unbind(1))
        if self.in_channels == 0:
            x = self.const.unsqueeze(0).repeat(len(ws), 1, 1, 1)
        else:
            x = self.conv0(x.float(), next(rows), **kwargs)
        x = self.conv1(x, next(rows), **kwargs)
        rgb = self.torgb(x, next(rows))
        return x, rgb if img is None else _twice(img, self.resample_filter) + rgb


class SynthesisNetwork(torch.nn.Module):
    """w_plus [B, num_ws, w_dim] -> picture [B, 3, R, R]. noise_mode: random, const or none."""

    def forward(self, ws, **kwargs):
        ws, x, img, row = ws.float(), None, None, 0
        for resolution in self.block_resolutions:
            block = getattr(self, f"b{resolution}")
            x, img = block(x, img, ws[:, row : row + block.num_conv + block.num_torgb], **kwargs)
            row += block.num_conv
        return img


class Generator(torch.nn.Module):
    def forward(self, z, c=None, truncation_psi=1, truncation_cutoff=None, **synthesis_kwargs):
        ws = self.mapping(z, c, truncation_psi=truncation_psi, truncation_cutoff=truncation_cutoff)
        return self.synthesis(ws, **synthesis_kwargs)


class NoDiscriminator(torch.nn.Module):
    """NVIDIA's loader wants a discriminator in every file; these weights have none."""

    def forward(self, *_, **__):
        raise RuntimeError("this file holds a generator only: Portraitist keeps no discriminators")


def _low_pass(x, taps):
    """[B, C, 2H + 1, 2W + 1], behind inserted zeros -> [B, C, 2H, 2W]"""
    channels = x.shape[1]
    return F.conv2d(x, (taps * 4).expand(channels, 1, 4, 4), padding=1, groups=channels)


def _twice(image, taps):
    """[B, C, H, W] -> [B, C, 2H, 2W]"""
    channels = image.shape[1]
    return F.conv_transpose2d(image, (taps * 4).expand(channels, 1, 4, 4), stride=2, padding=1, groups=channels)
