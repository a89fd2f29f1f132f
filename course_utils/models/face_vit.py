"""Face Transformer: a vision transformer that recognises people, and the attention it pays to a face.

Zhong & Deng, "Face Transformer for Recognition", arXiv 2103.14803 (2021); Santoro 2024 reads its attention.
"""

import contextlib
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.pretrained import put_weights, read_weights

SIDE = 112  # pixels of a picture
STRIDE = 8  # pixels from a patch to the next
GRID = SIDE // STRIDE  # patches a row and a column, with either kind of patches
HEAD_WIDTH = 64
PATCHES = {"P8S8": 8, "P12S8": 12}  # side of a patch in pixels; those of 12 overlap
BLACK = -1.0  # what a picture of -1 to 1 is continued with beyond its border


class Attended(NamedTuple):
    """What the last block's class token attends to.

    Attributes:
        rows: B x heads x 197, the class token's attention to itself and to the 196 patches; a row sums to 1.
        embedding: B x width, what a person is recognised by.
    """

    rows: Tensor
    embedding: Tensor


class FaceViT(nn.Module):
    """A pre-norm vision transformer on 14 x 14 patches; as published 20 blocks deep and 512 wide, 8 heads.

    With "P8S8" patches that is 63,218,176 parameters, with "P12S8", whose patches overlap, 63,341,056.
    Queries, keys and values have no bias, and scores are scaled by width^-0.5, not by that of a head's width:
    this is what the released weights were trained with.

    Args:
        patches: "P8S8" (8 x 8 pixels) or "P12S8" (12 x 12); a patch begins every 8 pixels with both.
        depth: number of blocks.
        width: numbers a token.
        heads: attention heads a block, each 64 wide.

    Raises:
        CourseError: there are no such patches.
    """

    def __init__(self, patches: str = "P12S8", depth: int = 20, width: int = 512, heads: int = 8) -> None:
        super().__init__()
        if patches not in PATCHES:
            raise CourseError(f"There are no patches {patches!r}. Use one of {', '.join(PATCHES)}.")
        side = PATCHES[patches]
        self.patches = patches
        # The released P12S8 continues a picture by 4 pixels on every side, which leaves 14 patches a row.
        self.border = nn.ConstantPad2d(4 if side > STRIDE else 0, BLACK)
        self.embed = nn.Conv2d(3, width, kernel_size=side, stride=STRIDE)
        self.class_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, 1 + GRID**2, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the embeddings, B x width, of pictures B x 3 x 112 x 112 from -1 to 1."""
        return self.attend(pictures).embedding

    def attend(self, pictures: Tensor) -> Attended:
        """Return the class token's attention in the last block, and the embeddings.

        Of the last block only the class token's row is computed, which is all that the embedding depends on,
        and in float32, so that a heatmap is not rounded more than the tokens it is computed from.
        """
        tokens = self.tokens(pictures)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        with _in_float32(pictures.device):
            rows, class_token = self.blocks[-1].first_row(tokens.float())
            return Attended(rows, self.norm(class_token))

    def maps_and_features(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return attention heatmaps, B x 196, the mean over heads (see `heatmaps`), and the embeddings."""
        rows, embedding = self.attend(pictures)
        return heatmaps(rows), embedding

    def rollout(self, pictures: Tensor) -> Tensor:
        """Return B x 196: how much of each patch reaches the class token through all blocks.

        Attention rollout (Abnar & Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, eq. 1):
        half of a token is taken to come from itself, past the attention. It forms every block's full
        attention, and is for looking at a few pictures.
        """
        tokens = self.tokens(pictures)
        flow = torch.eye(tokens.shape[1], device=tokens.device)
        for block in self.blocks:
            attention = block.attention.weights(block.attention_norm(tokens)).mean(dim=1)  # B x 197 x 197
            flow = (attention @ flow + flow) / 2
            tokens = block(tokens)
        return flow[:, 0, 1:]

    def tokens(self, pictures: Tensor) -> Tensor:
        """Return what the first block takes, B x 197 x width: the class token, then the patches by row."""
        patches = self.embed(self.border(pictures))  # B x 3 x 112² -> B x width x 14²
        patches = patches.flatten(2).transpose(1, 2)  # -> B x 196 x width
        return torch.cat([self.class_token.expand(len(pictures), -1, -1), patches], dim=1) + self.positions


class Block(nn.Module):
    """Attention among the tokens (B x T x width), then two linear layers on each; both add to what was."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens, B x T x width, as they leave the block."""
        tokens = tokens + self.attention(self.attention_norm(tokens))
        return tokens + self.mlp(self.mlp_norm(tokens))

    def first_row(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first token's attention, B x heads x T, and that token as it leaves, B x width."""
        row, added = self.attention.first_row(self.attention_norm(tokens))
        token = tokens[:, 0] + added
        return row, token + self.mlp(self.mlp_norm(token))


class Attention(nn.Module):
    """Multi-head self-attention, softmax(q kᵀ width^-0.5) v."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = width**-0.5
        self.query_key_value = nn.Linear(width, 3 * heads * HEAD_WIDTH, bias=False)
        self.out = nn.Linear(heads * HEAD_WIDTH, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return B x T x width; the T x T weights exist nowhere, the fused kernel goes through them."""
        query, key, value = self._by_head(self.query_key_value(tokens))
        mixed = functional.scaled_dot_product_attention(query, key, value, scale=self.scale)
        return self.out(mixed.transpose(1, 2).flatten(2))  # B x heads x T x 64 -> B x T x width

    def first_row(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first token's weights, B x heads x T, and what it takes from the others, B x width."""
        inner = HEAD_WIDTH * self.heads
        of_query, of_key_value = self.query_key_value.weight.split([inner, 2 * inner])
        (query,) = self._by_head(functional.linear(tokens[:, :1], of_query))
        key, value = self._by_head(functional.linear(tokens, of_key_value))
        row = (query @ key.mT * self.scale).softmax(dim=-1)  # B x heads x 1 x T
        return row[:, :, 0], self.out((row @ value).flatten(1))

    def weights(self, tokens: Tensor) -> Tensor:
        """Return all the weights, B x heads x T x T: of each token (row) to every token (column)."""
        query, key, _ = self._by_head(self.query_key_value(tokens))
        return (query @ key.mT * self.scale).softmax(dim=-1)

    def _by_head(self, joined: Tensor) -> tuple[Tensor, ...]:
        """Split B x T x (n heads 64) into n tensors B x heads x T x 64."""
        parts = joined.unflatten(2, (-1, self.heads, HEAD_WIDTH))  # B x T x n x heads x 64
        return parts.permute(2, 0, 3, 1, 4).unbind()


def _in_float32(device: torch.device) -> contextlib.AbstractContextManager:
    known = torch.amp.is_autocast_available(
        device.type
    )  # not on the meta device, where parameters are counted
    return torch.autocast(device.type, enabled=False) if known else contextlib.nullcontext()


def heatmaps(rows: Tensor) -> Tensor:
    """Return B x 196: attention of the class token to the patches (14 rows of 14), the mean over heads.

    The class token's attention to itself is left out, so that a map sums to 1 less that weight.

    Args:
        rows: B x heads x 197, of `FaceViT.attend`.
    """
    return rows[:, :, 1:].mean(dim=1)


def load_released(path: Path, model: FaceViT) -> None:
    """Read a checkpoint that the authors of Face Transformer released into `model`, in place.

    The keys of a block, number 0 here, in the file (left) and here:

    - ``transformer.layers.0.0.fn.norm.*`` is ``blocks.0.attention_norm.*``
    - ``transformer.layers.0.0.fn.fn.to_qkv.weight`` is ``blocks.0.attention.query_key_value.weight``
    - ``transformer.layers.0.0.fn.fn.to_out.0.*`` is ``blocks.0.attention.out.*``
    - ``transformer.layers.0.1.fn.norm.*`` is ``blocks.0.mlp_norm.*``
    - ``transformer.layers.0.1.fn.fn.net.0.*`` and ``net.3.*`` are ``blocks.0.mlp.0.*`` and ``mlp.2.*``

    and around the blocks ``pos_embedding`` is ``positions``, ``cls_token`` ``class_token``, ``mlp_head.0.*``
    ``norm.*`` and ``patch_to_embedding.*`` ``embed.*``. The identities' weights, ``loss.weight``, are left.

    The released network takes pictures of 0 to 255. Here they are -1 to 1, as for every model of the course:
    the first layer takes over the difference.

    Raises:
        CourseError: there is no such file, it is damaged or holds more than tensors, or it has another kind
            of patches, number of blocks or width than `model`.
    """
    weights = {
        _key_here(key): tensor for key, tensor in read_weights(path).items() if not key.startswith("loss.")
    }
    patch = PATCHES[model.patches] ** 2 * 3
    found = weights.get("embed.weight", torch.empty(0, 0)).shape[-1]
    if found != patch:
        kinds = " and ".join(f"{3 * side**2} in {name}" for name, side in PATCHES.items())
        raise CourseError(
            f"{path} has {found} numbers a patch, and this {model.patches} model {patch} (there are {kinds})."
            " Build FaceViT with the patches that the weights were trained with."
        )
    put_weights(weights | _first_layer(weights, model.patches), model, path)


def _key_here(key: str) -> str:
    around = {"pos_embedding": "positions", "cls_token": "class_token"}
    if key in around:
        return around[key]
    parts = {
        "transformer.layers.": "blocks.",
        ".0.fn.norm.": ".attention_norm.",
        ".0.fn.fn.to_qkv.": ".attention.query_key_value.",
        ".0.fn.fn.to_out.0.": ".attention.out.",
        ".1.fn.norm.": ".mlp_norm.",
        ".1.fn.fn.net.0.": ".mlp.0.",
        ".1.fn.fn.net.3.": ".mlp.2.",
        "mlp_head.0.": "norm.",
        "patch_to_embedding.": "embed.",
    }
    for there, here in parts.items():
        key = key.replace(there, here)
    return key


def _first_layer(weights: dict[str, Tensor], patches: str) -> dict[str, Tensor]:
    """Return the released linear layer on patches as a convolution on pictures of -1 to 1."""
    side, weight = PATCHES[patches], weights["embed.weight"]
    if patches == "P8S8":  # its patches are flattened pixel by pixel, the overlapping ones colour by colour
        kernel = weight.unflatten(1, (side, side, 3)).permute(0, 3, 1, 2)
    else:
        kernel = weight.unflatten(1, (3, side, side))
    # A pixel is 127.5 (x + 1) for an x from -1 to 1.
    return {"embed.weight": 127.5 * kernel, "embed.bias": weights["embed.bias"] + 127.5 * weight.sum(dim=1)}
