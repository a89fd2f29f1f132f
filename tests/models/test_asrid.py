import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import mobilenet_v3_small

from course_utils.errors import CourseError
from course_utils.models.asrid import (
    ASRID,
    VARIANTS,
    FrameAttention,
    FrameNorm,
    fastest_chunk,
    positional_encoding,
)

OPTIONS = {**VARIANTS, "Dyn+Mix with maps": {"mix": True, "strength": 0.2, "maps": 4}}
SIDE = 32


def clips(videos, frames, seed=0):
    return torch.randn(videos, 3, frames, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def used(layers=1, **options):
    """A model whose normalisations know such frames, so that it tells one from another while evaluating."""
    torch.manual_seed(0)
    model = ASRID(layers=layers, **options)
    with torch.no_grad():
        for seed in range(12):
            model(clips(2, 4, seed))
    return model.eval()


def parameters(model):
    return sum(one.numel() for one in model.parameters())


def test_the_variants_have_the_parameters_of_their_parts():
    mobilenet, attention = 2_542_856, 3 * 1000**2

    def static(d):
        return d * d // 4 + d // 4 + 2 * (d // 4) + 1 + d // 4 + 1

    def dynamic(d):
        layer = 4 * d * d + 4 * d + 2 * 1000 * d + 1000 + d + 4 * d
        return 6 * layer + d + 1

    with torch.device("meta"):
        found = {name: parameters(ASRID(**options)) for name, options in VARIANTS.items()}
    assert found == {
        "Baseline": mobilenet + 1001,
        "StaNew": mobilenet + attention + static(1000),
        "StaNew+Mix": mobilenet + attention + 2 * 2000 + static(2000),
        "Dyn": mobilenet + attention + static(1000) + dynamic(1000),
        "Dyn+Mix": mobilenet + attention + 2 * 2000 + static(2000) + dynamic(2000),
    }


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_any_number_of_frames_gives_each_video_its_scores(options):
    model = ASRID(**options, layers=1)
    for frames in (1, 5, 30):
        scores = model.scores(clips(2, frames))
        assert scores.frames.shape == (2, frames)
        assert scores.static.shape == scores.video.shape == (2,)
        assert (scores.dynamic is not None) == (options.get("strength", 0) > 0)
        logits = model(clips(2, frames))
        assert logits.shape == (2, 2) and logits.isfinite().all()
    assert model(torch.randn(1, 3, 1, 64, 64)).isfinite().all()  # one frame in all, in training


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_frames_that_fill_up_a_video_change_nothing(options):
    model = used(**options)
    together, alone = clips(3, 30), (1, 5, 30)
    with torch.inference_mode():
        padded = model.scores(together, torch.tensor(alone))
        for number, count in enumerate(alone):
            one = model.scores(together[number : number + 1, :, :count])
            torch.testing.assert_close(padded.static[number], one.static[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(padded.video[number], one.video[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(padded.frames[number, :count], one.frames[0], atol=1e-5, rtol=0)
            assert not padded.frames[number, count:].any()
        black = together.clone()
        black[0, :, 1:] = 0
        assert torch.equal(model.scores(black, torch.tensor(alone)).video, padded.video)


def test_frames_that_fill_up_a_video_are_not_learnt_from():
    def statistics(frames):
        torch.manual_seed(0)
        model = ASRID(strength=0.2, layers=1)
        model(frames, torch.tensor([2, 4]))
        return model.backbone.features[0][1].running_mean, model.static[1].running_var

    white, black = clips(2, 4), clips(2, 4)
    white[0, :, 2:], black[0, :, 2:] = 1, -1
    for one, other in zip(statistics(white), statistics(black), strict=True):
        assert torch.equal(one, other)


def test_the_order_of_frames_changes_the_dynamic_score_alone():
    model = used(mix=True, strength=0.2)
    filmed, order = clips(2, 6), torch.tensor([3, 1, 5, 0, 2, 4])
    with torch.inference_mode():
        scores, shuffled = model.scores(filmed), model.scores(filmed[:, :, order])
    torch.testing.assert_close(shuffled.static, scores.static, atol=1e-5, rtol=0)
    torch.testing.assert_close(shuffled.frames, scores.frames[:, order], atol=1e-5, rtol=0)
    assert ((shuffled.dynamic - scores.dynamic).abs() > 1e-3).all()
    torch.testing.assert_close(scores.video, 0.8 * scores.static + 0.2 * scores.dynamic)


def test_the_two_logits_say_what_the_video_s_score_says():
    model = used(strength=0.05)
    with torch.inference_mode():
        expected = model.scores(clips(3, 2)).video.sigmoid()
        torch.testing.assert_close(model(clips(3, 2)).softmax(dim=1)[:, 1], expected)


def test_attention_is_torch_s_multi_head_attention_without_its_last_layer():
    torch.manual_seed(0)
    attention = FrameAttention(20, heads=4)
    theirs = nn.MultiheadAttention(20, 4, bias=False, batch_first=True)
    theirs.in_proj_weight = attention.queries_keys_values.weight
    theirs.out_proj.weight = nn.Parameter(torch.eye(20))
    features, there = torch.randn(2, 5, 20), torch.arange(5) < torch.tensor([[3], [5]])
    for mask in (None, there):
        padding = None if mask is None else ~mask
        found, weights = theirs(*[features] * 3, key_padding_mask=padding, average_attn_weights=False)
        torch.testing.assert_close(attention(features, mask), found.relu())
        torch.testing.assert_close(attention.weights(features, mask), weights)


def test_attention_of_gives_nothing_to_frames_that_are_not_there():
    weights = used(mix=True).attention_of(clips(2, 4), torch.tensor([3, 4]))
    assert weights.shape == (2, 10, 4, 4)
    torch.testing.assert_close(weights.sum(dim=3), torch.ones(2, 10, 4))
    assert not weights[0, :, :, 3].any() and weights[1, :, :, 3].all()
    with pytest.raises(CourseError, match="attention=True"):
        used(attention=False).attention_of(clips(1, 2))


def test_the_encoding_of_positions_is_vaswani_s():
    encoding = positional_encoding(50, 12)
    for frame in (0, 1, 49):
        for i in range(6):
            angle = torch.tensor(frame / 10_000 ** (2 * i / 12))
            assert encoding[frame, 2 * i].item() == pytest.approx(angle.sin().item(), abs=1e-5)
            assert encoding[frame, 2 * i + 1].item() == pytest.approx(angle.cos().item(), abs=1e-5)


def test_normalisation_takes_a_single_frame():
    norm = FrameNorm(3)
    norm(torch.randn(8, 3))
    before, one = norm.running_mean.clone(), torch.randn(1, 3)
    taken = norm(one)
    assert torch.equal(norm.running_mean, before)
    torch.testing.assert_close(taken, norm.eval()(one))


@pytest.mark.parametrize("maps", [0, 2])
def test_chunks_change_the_time_alone(maps):
    model = used(mix=True, maps=maps)
    with torch.inference_mode():
        whole = model.scores(clips(2, 5), torch.tensor([2, 5]))
        for model.chunk in (1, 3, 100):
            found = model.scores(clips(2, 5), torch.tensor([2, 5]))
            torch.testing.assert_close(found.video, whole.video, atol=1e-5, rtol=0)


def test_the_fastest_chunk_is_found_without_a_trace():
    model = ASRID(mix=True).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert fastest_chunk(model, clips(1, 5)) in (1, 2, 4, 5)
    assert model.training and model.chunk is None
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_weights_of_mobilenet_or_of_a_whole_model_are_read(tmp_path):
    mobilenet = mobilenet_v3_small()
    save_file(mobilenet.state_dict(), tmp_path / "mobilenet.safetensors")
    model = ASRID(mix=True, weights=tmp_path / "mobilenet.safetensors")
    assert torch.equal(
        model.backbone.features[4].block[0][0].weight, mobilenet.features[4].block[0][0].weight
    )
    assert "mobilenet.safetensors" in str(model.origin)
    save_file(model.state_dict(), tmp_path / "asrid.safetensors")
    again = ASRID(mix=True, weights=tmp_path / "asrid.safetensors")
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in model.state_dict().items())
    with pytest.raises(CourseError, match="only in the file"):
        ASRID(attention=False, weights=tmp_path / "asrid.safetensors")


@pytest.mark.parametrize(
    ("counts", "said"), [([0, 3], "Video 0 .* 0 frames"), ([4, 5], "Video 1 .* 5 frames of the 4")]
)
def test_a_video_of_no_frame_or_of_too_many_is_named(counts, said):
    with pytest.raises(CourseError, match=said):
        ASRID()(clips(2, 4), torch.tensor(counts))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"attention": False, "mix": True}, "attention=False"),
        ({"attention": False, "strength": 0.2}, "attention=False"),
        ({"strength": 1.5}, "not 1.5"),
        ({"heads": 7}, "heads=7"),
        ({"maps": -1}, "maps=-1"),
    ],
)
def test_wrong_options_are_named(options, said):
    with pytest.raises(CourseError, match=said):
        ASRID(**options)


def test_pictures_are_not_taken_for_videos():
    with pytest.raises(CourseError, match=r"2 x 3 x 32 x 32\. A single picture"):
        ASRID()(torch.zeros(2, 3, SIDE, SIDE))
