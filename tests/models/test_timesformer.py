import pytest
import torch
from torch.nn import functional
from transformers import TimesformerConfig, TimesformerForVideoClassification

from course_utils.errors import CourseError
from course_utils.models.timesformer import TimeSformer

FRAMES, SIDE = 3, 48  # 3 x 3 patches


def small(attention="divided", **changes):
    torch.manual_seed(0)
    model = TimeSformer(attention, FRAMES, SIDE, depth=2, width=24, heads=2, **changes).eval()
    give_every_parameter_a_part(model)
    return model


def give_every_parameter_a_part(model):
    """Make parameters as large as trained ones: fresh, attention is even and the places in time are zero."""
    for name, parameter in model.named_parameters():
        if "norm" not in name:
            torch.nn.init.normal_(parameter, std=0.3)


def clips(count=2):
    return torch.randn(count, 3, FRAMES, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def their_model(classes=400):
    torch.manual_seed(2)
    config = TimesformerConfig(
        image_size=SIDE, num_frames=FRAMES, num_hidden_layers=2, hidden_size=24, num_attention_heads=2,
        intermediate_size=96, num_labels=classes,
    )  # fmt: skip
    model = TimesformerForVideoClassification(config).eval()
    give_every_parameter_a_part(model)
    return model


def full_attention(tokens, weights, block):
    """A pre-norm block on B x N x 24, from its weights: its tokens, and its attention B x 2 x N x N."""

    def part(name):
        return weights[f"timesformer.encoder.layer.{block}.{name}.weight"], weights[
            f"timesformer.encoder.layer.{block}.{name}.bias"
        ]

    def normed(values, name):
        weight, bias = part(name)
        centred = values - values.mean(dim=2, keepdim=True)
        return centred / (centred.square().mean(dim=2, keepdim=True) + 1e-6).sqrt() * weight + bias

    def linear(values, name):
        weight, bias = part(name)
        return torch.einsum("bni,oi->bno", values, weight) + bias

    query, key, value = linear(normed(tokens, "layernorm_before"), "attention.attention.qkv").split(24, dim=2)
    mixed, attention = [], []
    for head in (slice(0, 12), slice(12, 24)):
        scores = torch.einsum("bqd,bkd->bqk", query[..., head], key[..., head]) / 12**0.5
        attention.append(scores.exp() / scores.exp().sum(dim=2, keepdim=True))
        mixed.append(torch.einsum("bqk,bkd->bqd", attention[-1], value[..., head]))
    tokens = tokens + linear(torch.cat(mixed, dim=2), "attention.output.dense")
    hidden = linear(normed(tokens, "layernorm_after"), "intermediate.dense")
    hidden = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2  # GELU
    return tokens + linear(hidden, "output.dense"), torch.stack(attention, dim=1)


def embedded(model, given, joint):
    """Tokens in the order of the frames: B x (1 + 27) x 24 of joint attention, else B 3 x (1 + 9) x 24."""
    weights = model.state_dict()
    kernel = weights["timesformer.embeddings.patch_embeddings.projection.weight"].flatten(1)
    patches = given.transpose(1, 2).unfold(3, 16, 16).unfold(4, 16, 16)  # B x T x 3 x 3 x 3 x 16 x 16
    patches = patches.permute(0, 1, 3, 4, 2, 5, 6).flatten(4).flatten(2, 3)  # B x T x 9 x 768
    patches = patches @ kernel.T + weights["timesformer.embeddings.patch_embeddings.projection.bias"]
    place = weights["timesformer.embeddings.position_embeddings"][0]
    first = (weights["timesformer.embeddings.cls_token"] + place[0]).expand(len(given), 1, 24)
    if joint:
        time = weights["timesformer.embeddings.time_embeddings"][0]
        return torch.cat([first, (patches + place[1:] + time[:, None]).flatten(1, 2)], dim=1)
    return torch.cat([first.repeat_interleave(FRAMES, 0), (patches + place[1:]).flatten(0, 1)], dim=1)


@pytest.mark.parametrize(
    ("attention", "parameters"),
    [("divided", 121_260_290), ("joint", 85_806_338), ("space_only", 85_800_194)],
)
def test_the_full_models_have_the_published_parameters(attention, parameters):
    with torch.device("meta"):
        model = TimeSformer(attention)
        assert sum(parameter.numel() for parameter in model.parameters()) == parameters
        assert model(torch.empty(1, 3, 8, 224, 224)).shape == (1, 2)


@pytest.mark.parametrize("attention", ["joint", "space_only"])
def test_attention_is_full_over_all_frames_or_over_each(attention):
    model, joint = small(attention), attention == "joint"
    weights = model.state_dict()
    with torch.no_grad():
        tokens, maps = embedded(model, clips(), joint), None
        for block in range(2):
            tokens, maps = full_attention(tokens, weights, block)
        if not joint:
            tokens = tokens.reshape(2, FRAMES, 10, 24).mean(dim=1)
        first = functional.layer_norm(
            tokens[:, 0],
            [24],
            weights["timesformer.layernorm.weight"],
            weights["timesformer.layernorm.bias"],
            1e-6,
        )
        expected = first @ weights["classifier.weight"].T + weights["classifier.bias"]
        torch.testing.assert_close(model(clips()), expected, atol=1e-5, rtol=1e-5)
        row = maps[:, :, 0, 1:]  # of the class token, over patches in the order of the frames
        if joint:
            expected = row.reshape(2, 2, FRAMES, 3, 3)
        else:
            expected = row.reshape(2, FRAMES, 2, 3, 3).transpose(1, 2)
        torch.testing.assert_close(model.class_attention(clips()), expected, atol=1e-6, rtol=1e-5)


def test_divided_attention_is_transformers_with_frames_before_colours():
    theirs, model = their_model(), small(classes=400)
    model.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        theirs = theirs(clips().transpose(1, 2), output_attentions=True)
        torch.testing.assert_close(model(clips()), theirs.logits)
        maps = model.class_attention(clips())
    assert maps.shape == (2, 2, FRAMES, 3, 3)
    # Their last block's maps are B T x heads x 10 x 10; clip 1's frame 2 is number 5.
    torch.testing.assert_close(maps[1, :, 2].flatten(1), theirs.attentions[-1][5, :, 0, 1:])
    assert (maps.sum(dim=(3, 4)) < 1).all()  # each frame's own softmax, less the class token's part


@pytest.mark.parametrize("attention", ["divided", "joint", "space_only"])
def test_it_starts_from_weights_of_divided_attention_less_what_it_has_not(tmp_path, attention):
    published = their_model()
    torch.save(published.state_dict(), tmp_path / "kinetics.bin")
    torch.manual_seed(3)
    model = TimeSformer(
        attention, FRAMES, SIDE, depth=2, width=24, heads=2, weights=tmp_path / "kinetics.bin"
    )
    theirs = published.state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, theirs[name]) != name.startswith("classifier."), name
    assert str(model.origin).startswith("kinetics.bin, SHA-256 ")


def test_a_whole_model_comes_back_and_another_kind_is_refused(tmp_path):
    model = small("joint")
    torch.save(model.state_dict(), tmp_path / "joint.pth")
    again = TimeSformer("joint", FRAMES, SIDE, depth=2, width=24, heads=2, weights=tmp_path / "joint.pth")
    torch.testing.assert_close(again(clips()), model(clips()))
    torch.save(small("divided").state_dict(), tmp_path / "divided.pth")
    with pytest.raises(CourseError, match=r"temporal_layernorm\.weight: only in the file"):
        small("joint", weights=tmp_path / "divided.pth")
    with pytest.raises(CourseError, match=r"temporal_layernorm\.weight: missing in the file"):
        small("divided", weights=tmp_path / "joint.pth")


def test_without_a_network_the_published_weights_are_asked_for_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("pooch.HTTPDownloader.__call__", refuse)
    with pytest.warns(UserWarning, match=r"root, as timesformer-base-finetuned-k400\.bin"):
        model = small(weights="auto")
    assert model.origin.missed


def refuse(*_):
    raise ConnectionError


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(CourseError, match=r"attention 'dissociated'.*divided, joint, space_only"):
        TimeSformer("dissociated")
    with pytest.raises(CourseError, match=r"100 x 100 pixels.*multiple of 16"):
        TimeSformer(image_size=100)
    with pytest.raises(CourseError, match=r"5 heads cannot share a width of 24"):
        TimeSformer(width=24, heads=5)


@pytest.mark.parametrize(
    "shape", [(3, 3, 48, 48), (1, 1, 3, 48, 48), (1, 3, 2, 48, 48), (1, 3, 3, 32, 32), (1, 3, 3, 48, 64)]
)
def test_clips_of_another_shape_are_refused(shape):
    with pytest.raises(CourseError, match=rf"B x 3 x 3 x 48 x 48 .*these are {' x '.join(map(str, shape))}"):
        small()(torch.zeros(shape))


@pytest.mark.parametrize("attention", ["divided", "joint", "space_only"])
def test_it_learns_sixteen_random_clips_by_heart(attention):
    torch.manual_seed(0)
    model = TimeSformer(attention, frames=2, image_size=32, depth=2, width=32, heads=2)
    given, labels = torch.randn(16, 3, 2, 32, 32), torch.arange(16) % 2
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        functional.cross_entropy(model(given), labels).backward()
        optimizer.step()
    assert (model(given).argmax(dim=1) == labels).float().mean() > 0.95
    assert all(parameter.grad is not None for parameter in model.parameters())
