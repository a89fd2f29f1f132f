"""Face Transformer as one would write it first, in float32, and its attention read through a hook.

Its layers carry the names of the released checkpoint, so that its weights are one; its pictures are 0 to 255.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class PlainFaceTransformer(nn.Module):
    """The published network: P12S8 patches where `overlap`, else P8S8."""

    def __init__(self, overlap=True, depth=20, width=512, heads=8):
        super().__init__()
        self.side = 12 if overlap else 8
        self.pos_embedding = nn.Parameter(torch.randn(1, 197, width))
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.patch_to_embedding = nn.Linear(3 * self.side**2, width)
        self.transformer = nn.Module()
        self.transformer.layers = nn.ModuleList(
            nn.ModuleList([Added(width, PlainAttention(width, heads)), Added(width, PlainLayers(width))])
            for _ in range(depth)
        )
        self.mlp_head = nn.Sequential(nn.LayerNorm(width))

    def forward(self, pictures: Tensor) -> Tensor:
        if self.side == 12:
            patches = functional.unfold(pictures, kernel_size=12, stride=8, padding=4).transpose(1, 2)
        else:
            patches = pictures.unfold(2, 8, 8).unfold(3, 8, 8)  # B x 3 x 14 x 14 x 8 x 8
            patches = patches.permute(0, 2, 3, 4, 5, 1).reshape(len(pictures), 196, 192)
        tokens = self.patch_to_embedding(patches)
        tokens = torch.cat([self.cls_token.repeat(len(pictures), 1, 1), tokens], dim=1) + self.pos_embedding
        for attention, layers in self.transformer.layers:
            tokens = layers(attention(tokens))
        return self.mlp_head(tokens[:, 0])


class Added(nn.Module):
    """x + f(norm(x))."""

    def __init__(self, width, inner):
        super().__init__()
        self.fn = nn.Module()
        self.fn.norm = nn.LayerNorm(width)
        self.fn.fn = inner

    def forward(self, tokens):
        return tokens + self.fn.fn(self.fn.norm(tokens))


class PlainAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.width = heads, width
        self.to_qkv = nn.Linear(width, 3 * 64 * heads, bias=False)
        self.to_out = nn.Sequential(nn.Linear(64 * heads, width))
        self.attend = nn.Softmax(dim=-1)  # a module, for a hook

    def forward(self, tokens):
        query, key, value = self.to_qkv(tokens).chunk(3, dim=-1)
        query, key, value = (
            part.reshape(len(tokens), -1, self.heads, 64).transpose(1, 2) for part in (query, key, value)
        )
        weights = self.attend(query @ key.transpose(2, 3) / math.sqrt(self.width))
        return self.to_out((weights @ value).transpose(1, 2).reshape(len(tokens), -1, 64 * self.heads))


class PlainLayers(nn.Module):
    def __init__(self, width):
        super().__init__()
        # The published network has dropout between; it is nothing in eval mode, and keeps its place.
        layers = [nn.Linear(width, 4 * width), nn.GELU(), nn.Identity(), nn.Linear(4 * width, width)]
        self.net = nn.Sequential(*layers)

    def forward(self, tokens):
        return self.net(tokens)


def plain_heatmaps(network: PlainFaceTransformer, pictures: Tensor) -> Tensor:
    """Return B x 196, kept by a hook on every block's softmax; the last block's is used."""
    kept = []
    hooks = [
        layer[0].fn.fn.attend.register_forward_hook(lambda module, inputs, output: kept.append(output))
        for layer in network.transformer.layers
    ]
    with torch.no_grad():
        network(pictures)
    for hook in hooks:
        hook.remove()
    return kept[-1][:, :, 0, 1:].mean(dim=1)
