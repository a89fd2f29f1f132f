import pytest
import timm
import timm.layers
import torch
from torch import nn

from benchmarks.plain_face_vit import PlainFaceTransformer, plain_heatmaps
from course_utils.errors import CourseError
from course_utils.models.face_vit import BLACK, FaceViT, heatmaps, load_released


def small(patches="P12S8", depth=3):
    torch.manual_seed(0)
    return FaceViT(patches, depth=depth, width=96, heads=2).eval()


def pictures(count=2):
    return torch.randint(0, 256, (count, 3, 112, 112), generator=torch.Generator().manual_seed(1)).float()


def from_minus_one(values):
    return values / 127.5 - 1


def released(folder, overlap=True, **changes):
    """Write a checkpoint with the keys and shapes of the released ones; return it and its network."""
    torch.manual_seed(2)
    network = PlainFaceTransformer(overlap, **{"depth": 3, "width": 96, "heads": 2, **changes}).eval()
    # Weights as large as trained ones would leave little of pixels of 0 to 255; these keep tokens near 1.
    network.patch_to_embedding.weight.data /= 128
    path = folder / "Backbone.pth"
    torch.save({**network.state_dict(), "loss.weight": torch.zeros(10, 96)}, path)
    return path, network


@pytest.mark.parametrize(("patches", "count"), [("P8S8", 63_218_176), ("P12S8", 63_341_056)])
def test_the_full_model_has_the_published_parameters(patches, count):
    with torch.device("meta"):
        model = FaceViT(patches)
        published = PlainFaceTransformer(patches == "P12S8")
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    assert sum(parameter.numel() for parameter in published.parameters()) == count


@pytest.mark.parametrize("patches", ["P8S8", "P12S8"])
def test_a_released_checkpoint_gives_what_the_published_network_gives(tmp_path, patches):
    path, network = released(tmp_path, overlap=patches == "P12S8")
    model = small(patches)
    load_released(path, model)
    with torch.no_grad():
        rows, embedding = model.attend(from_minus_one(pictures()))
        torch.testing.assert_close(embedding, network(pictures()), atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(heatmaps(rows), plain_heatmaps(network, pictures()), atol=1e-5, rtol=0)


def test_a_checkpoint_of_other_patches_is_refused_with_what_it_has(tmp_path):
    path, _ = released(tmp_path, overlap=False)
    with pytest.raises(CourseError, match=r"192 numbers a patch, and this P12S8 model 432"):
        load_released(path, small("P12S8"))
    weights = torch.load(path, weights_only=True)
    torch.save({**weights, "pos_embedding": torch.zeros(1, 50, 96)}, path)
    with pytest.raises(CourseError, match=r"positions: \(1, 50, 96\) in the file, \(1, 197, 96\)"):
        load_released(path, small("P8S8"))
    path, _ = released(tmp_path)
    with pytest.raises(CourseError, match=r"blocks\.3\..*missing in the file"):
        load_released(path, small(depth=4))
    del weights["mlp_head.0.bias"]
    torch.save(weights, path)
    with pytest.raises(CourseError, match=r"norm\.bias: missing in the file"):
        load_released(path, small("P8S8"))


def test_a_file_that_holds_more_than_tensors_is_not_opened(tmp_path):
    path = tmp_path / "Backbone.pth"
    torch.save(small(), path)  # a whole pickled module
    with pytest.raises(CourseError, match="more than tensors"):
        load_released(path, small())
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CourseError, match="damaged"):
        load_released(path, small())
    with pytest.raises(CourseError, match=r"There are no weights at"):
        load_released(tmp_path / "missing.pth", small())


def test_the_row_is_the_softmax_of_the_same_queries_and_keys():
    model = small()
    with torch.no_grad():
        tokens = model.tokens(from_minus_one(pictures()))
        for block in model.blocks[:-1]:
            tokens = block(tokens)
        last = model.blocks[-1]
        row, _ = last.first_row(tokens)
        query, key, _ = last.attention.query_key_value(last.attention_norm(tokens)).chunk(3, dim=2)
        for head in range(2):
            part = slice(64 * head, 64 * head + 64)
            scores = torch.einsum("bqd,bkd->bqk", query[..., part], key[..., part]) / 96**0.5
            torch.testing.assert_close(row[:, head], scores.softmax(dim=2)[:, 0], atol=1e-6, rtol=0)
        rows, _ = model.attend(from_minus_one(pictures()))
    torch.testing.assert_close(rows.sum(dim=2), torch.ones(2, 2))
    torch.testing.assert_close(heatmaps(rows).sum(dim=1), 1 - rows[:, :, 0].mean(dim=1))


def test_the_last_block_on_one_token_is_the_whole_block_on_all():
    block = small().blocks[0]
    tokens = torch.randn(2, 197, 96)
    with torch.no_grad():
        row, token = block.first_row(tokens)
        torch.testing.assert_close(token, block(tokens)[:, 0], atol=1e-5, rtol=1e-5)
        weights = block.attention.weights(block.attention_norm(tokens))
    torch.testing.assert_close(row, weights[:, :, 0], atol=1e-6, rtol=0)


def renamed(key, names):
    for there, here in names.items():
        key = key.replace(there, here)
    return key


def test_a_timm_transformer_with_the_same_weights_has_the_same_attention(monkeypatch):
    """timm scales by the head's width: with one head as wide as the model the two scales are the same."""
    monkeypatch.setattr(timm.layers.config, "_USE_FUSED_ATTN", 0)
    theirs = timm.models.vision_transformer.VisionTransformer(
        img_size=112, patch_size=8, embed_dim=64, depth=3, num_heads=1, num_classes=0, qkv_bias=False,
        norm_layer=nn.LayerNorm,
    ).eval()  # fmt: skip
    ours = FaceViT("P8S8", depth=3, width=64, heads=1).eval()
    names = {
        "cls_token": "class_token", "pos_embed": "positions", "patch_embed.proj": "embed",
        "attn.qkv": "attention.query_key_value", "attn.proj": "attention.out", "norm1": "attention_norm",
        "norm2": "mlp_norm", "mlp.fc1": "mlp.0", "mlp.fc2": "mlp.2",
    }  # fmt: skip
    weights = {renamed(key, names): tensor for key, tensor in theirs.state_dict().items()}
    ours.load_state_dict(weights)
    kept = []
    theirs.blocks[-1].attn.attn_drop.register_forward_hook(lambda module, given, output: kept.append(output))
    faces = from_minus_one(pictures())
    with torch.no_grad():
        rows, embedding = ours.attend(faces)
        torch.testing.assert_close(embedding, theirs(faces), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(rows, kept[0][:, :, 0], atol=1e-5, rtol=0)


def test_the_border_of_overlapping_patches_is_black():
    model = small(depth=1)
    framed = torch.full((1, 3, 112, 112), BLACK)
    tokens = model.tokens(framed) - model.positions
    torch.testing.assert_close(tokens[:, 1:], tokens[:, 1:2].expand(-1, 196, -1))


def test_rollout_of_one_block_is_half_its_attention():
    model = small(depth=1)
    with torch.no_grad():
        faces = from_minus_one(pictures())
        maps, _ = model.maps_and_features(faces)
        torch.testing.assert_close(model.rollout(faces), maps / 2, atol=1e-6, rtol=0)


def test_rollout_of_several_blocks_is_the_product_of_their_mixings():
    model, faces = small(), from_minus_one(pictures(1))
    with torch.no_grad():
        tokens, product = model.tokens(faces), torch.eye(197)
        for block in model.blocks:
            attention = block.attention.weights(block.attention_norm(tokens))[0].mean(dim=0)
            product = (0.5 * attention + 0.5 * torch.eye(197)) @ product
            tokens = block(tokens)
        torch.testing.assert_close(model.rollout(faces)[0], product[0, 1:], atol=1e-6, rtol=1e-4)


def test_other_patches_are_unknown():
    with pytest.raises(CourseError, match=r"P16S16.*P8S8, P12S8"):
        FaceViT("P16S16")
