import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.models.video import r3d_18

from course_utils.errors import CourseError
from course_utils.models.video_resnet import NonLocalBlock, SqueezeExcitation, VideoResNet3D


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def random_block(scale=1.0, channels=8):
    """A non-local block as if it had been trained: its normalisation lets something through."""
    torch.manual_seed(0)
    block = NonLocalBlock(channels, scale).eval()
    nn.init.uniform_(block.norm.weight, 0.5, 1.5)
    nn.init.normal_(block.norm.running_mean)
    return block


def affinity(block, features, scale):
    """B x N x N, written from equation 5 with a matrix a batch."""
    embedded = [
        torch.einsum("oc,bcn->bon", layer.weight[:, :, 0, 0, 0], features.flatten(2)) + layer.bias[:, None]
        for layer in (block.theta, block.phi)
    ]
    scores = torch.exp(scale * torch.einsum("bci,bcj->bij", *embedded))
    return scores / scores.sum(dim=2, keepdim=True)


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that any operation returns."""

    numbers = 0

    def __torch_dispatch__(self, operation, types, arguments=(), keywords=None):
        returned = operation(*arguments, **(keywords or {}))
        for tensor in returned if isinstance(returned, tuple | list) else [returned]:
            if isinstance(tensor, torch.Tensor):
                self.numbers = max(self.numbers, tensor.numel())
        return returned


@pytest.mark.parametrize(("depth", "parameters"), [(18, 33_204_930), (34, 63_514_562), (50, 46_203_074)])
def test_the_full_models_have_the_published_parameters(depth, parameters):
    with torch.device("meta"):
        assert count(VideoResNet3D(depth)) == parameters
        assert count(VideoResNet3D(depth, "pooled")) == parameters - 37_632
        assert count(VideoResNet3D(depth, "torchvision")) == parameters - 37_632
        assert count(r3d_18(num_classes=2)) == 33_204_930 - 37_632


@pytest.mark.parametrize(
    ("stem", "sizes"),
    [
        ("hara", [(8, 28, 28), (4, 14, 14), (2, 7, 7), (1, 4, 4)]),
        ("pooled", [(8, 28, 28), (4, 14, 14), (2, 7, 7), (1, 4, 4)]),
        ("torchvision", [(16, 56, 56), (8, 28, 28), (4, 14, 14), (2, 7, 7)]),
    ],
)
def test_stages_leave_the_positions_that_the_stem_says(stem, sizes):
    with torch.device("meta"):
        model, clip = VideoResNet3D(stem=stem, attention="non_local"), torch.empty(1, 3, 16, 112, 112)
        assert model(clip).shape == (1, 2)
        for stage, size in enumerate(sizes, start=1):
            assert model.attention_of(clip, [(0, 0, 0)], stage).shape == (1, 1, *size)


@pytest.mark.parametrize("depth", [18, 50])
def test_blocks_stand_after_the_stages_that_are_named(depth):
    with torch.device("meta"):
        plain = VideoResNet3D(depth)
        for after in ([1, 2], [3, 4], [1, 2, 4], [4, 4, 4, 4]):
            model = VideoResNet3D(depth, attention="non_local", after=after)
            assert [len(blocks) for blocks in model.attention] == [after.count(n) for n in (1, 2, 3, 4)]
            widths = [plain.fc.in_features * 2**n // 16 for n in after]
            # Four 1 x 1 x 1 convolutions to or from half the width, and a normalisation.
            assert count(model) - count(plain) == sum(2 * c * c + 3 * c // 2 + c + 2 * c for c in widths)
        gates = VideoResNet3D(depth, attention="se", after=[2])
        assert count(gates) - count(plain) == 2 * (plain.fc.in_features // 4) ** 2 // 16


def test_a_new_non_local_block_changes_nothing():
    features = torch.randn(2, 8, 3, 4, 5)
    block = NonLocalBlock(8)
    assert torch.equal(block(features), features)
    assert torch.equal(block.eval()(features), features)


@pytest.mark.parametrize(("scale", "factor"), [(1.0, 1.0), (None, 4**-0.5)])
def test_the_fused_block_is_equations_4_and_5(scale, factor):
    block, features = random_block(scale), torch.randn(2, 8, 3, 4, 5)
    with torch.no_grad():
        values = functional.conv3d(features, block.g.weight, block.g.bias).flatten(2)
        taken = torch.einsum("bij,bcj->bci", affinity(block, features, factor), values)
        taken = torch.einsum("oc,bcn->bon", block.out.weight[:, :, 0, 0, 0], taken) + block.out.bias[:, None]
        norm = block.norm
        taken = (taken - norm.running_mean[:, None]) / (norm.running_var[:, None] + norm.eps).sqrt()
        expected = features + (taken * norm.weight[:, None]).unflatten(2, (3, 4, 5))
        torch.testing.assert_close(block(features), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("scale", "factor"), [(1.0, 1.0), (None, 4**-0.5)])
def test_the_attention_of_positions_is_their_rows_of_the_affinity(scale, factor):
    block, features = random_block(scale), torch.randn(2, 8, 3, 4, 5)
    with torch.no_grad():
        maps = block.attention_of(features, [(2, 1, 3), (0, 0, 0)])
        rows = affinity(block, features, factor)[:, [2 * 20 + 1 * 5 + 3, 0]]
    torch.testing.assert_close(maps, rows.unflatten(2, (3, 4, 5)), atol=1e-6, rtol=0)
    torch.testing.assert_close(maps.sum(dim=(2, 3, 4)), torch.ones(2, 2))


def test_gradients_of_the_fused_block_are_those_of_the_plain_one():
    block = random_block().double()
    features = torch.randn(1, 8, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, (features,))


def test_the_affinity_is_never_held_while_training():
    block, features = random_block().train(), torch.randn(1, 8, 8, 16, 16, requires_grad=True)
    positions = 8 * 16 * 16
    with Largest() as largest:
        block(features).sum().backward()
    assert largest.numbers < positions**2 / 50
    with Largest() as largest:
        block.attention_of(features, [(0, 0, 0)])
    assert largest.numbers < positions**2 / 50
    with Largest() as largest:
        affinity(block, features, 1.0)
    assert largest.numbers == positions**2  # so that it would be noticed


def test_squeeze_and_excitation_is_equations_1_to_3():
    torch.manual_seed(0)
    block, features = SqueezeExcitation(32), torch.randn(2, 32, 3, 4, 5)
    first, second = (block.gate[number].weight for number in (0, 2))
    assert (first.shape, second.shape) == ((2, 32), (32, 2))
    with torch.no_grad():
        for clip, changed in zip(features, block(features), strict=True):
            squeezed = clip.reshape(32, -1).sum(dim=1) / (3 * 4 * 5)
            gate = 1 / (1 + torch.exp(-second @ torch.clamp(first @ squeezed, min=0)))
            torch.testing.assert_close(changed, gate[:, None, None, None] * clip)


def test_torchvisions_weights_give_torchvisions_features(tmp_path):
    torch.manual_seed(0)
    theirs = r3d_18().eval()  # with the 400 classes of its published weights
    torch.save(theirs.state_dict(), tmp_path / "r3d_18.pth")
    clips = torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad():
        whole = VideoResNet3D(stem="torchvision", classes=400, weights=tmp_path / "r3d_18.pth").eval()
        torch.testing.assert_close(whole(clips), theirs(clips))
        pooled = theirs.avgpool(
            theirs.layer4(theirs.layer3(theirs.layer2(theirs.layer1(theirs.stem(clips)))))
        ).flatten(1)
        # New non-local blocks change nothing, and the classifier of two classes is the model's own.
        model = VideoResNet3D(
            stem="torchvision", attention="non_local", weights=tmp_path / "r3d_18.pth"
        ).eval()
        torch.testing.assert_close(model(clips), model.fc(pooled))
    assert str(model.origin).startswith("r3d_18.pth, SHA-256 ")
    VideoResNet3D(stem="pooled", weights=tmp_path / "r3d_18.pth")
    with pytest.raises(
        CourseError, match=r"stem\.0\.weight: \(64, 3, 3, 7, 7\) in the file, \(64, 3, 7, 7, 7\)"
    ):
        VideoResNet3D(weights=tmp_path / "r3d_18.pth")


def test_the_whole_model_comes_back_from_a_file_and_another_is_refused(tmp_path):
    model = VideoResNet3D(attention="se", after=[4])
    torch.save(model.state_dict(), tmp_path / "se.pth")
    again = VideoResNet3D(attention="se", after=[4], weights=tmp_path / "se.pth")
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in model.state_dict().items())
    with pytest.raises(CourseError, match=r"attention\.3\.1\.gate\.0\.weight: missing in the file"):
        VideoResNet3D(attention="se", after=[4, 4], weights=tmp_path / "se.pth")


def test_settings_that_do_not_exist_are_refused_naming_those_that_do():
    with pytest.raises(CourseError, match=r"depth 20.*18, 34, 50"):
        VideoResNet3D(20)
    with pytest.raises(CourseError, match=r"stem 'tv'.*hara, pooled, torchvision"):
        VideoResNet3D(stem="tv")
    with pytest.raises(CourseError, match=r"attention 'nl'.*none, non_local, se"):
        VideoResNet3D(attention="nl")
    with pytest.raises(CourseError, match=r"no stage 5.*1, 2, 3 and 4"):
        VideoResNet3D(attention="se", after=[1, 5])
    with pytest.raises(CourseError, match=r"published for depth 18 with the stem 'hara'"):
        VideoResNet3D(weights="auto")
    with pytest.raises(CourseError, match=r"published for depth 34 with the stem 'pooled'"):
        VideoResNet3D(34, "pooled", weights="auto")


@pytest.mark.parametrize(
    "shape", [(3, 16, 32, 32), (1, 16, 3, 32, 32), (1, 1, 4, 32, 32), (1, 3, 0, 32, 32), (1, 3, 4, 32, 31)]
)
def test_clips_of_another_shape_or_too_small_are_refused(shape):
    with torch.device("meta"):
        model, clips = VideoResNet3D(), torch.empty(shape)
        with pytest.raises(CourseError, match=rf"32 x 32.*these are {' x '.join(map(str, shape))}"):
            model(clips)


def test_attention_is_only_told_where_there_is_some():
    with torch.device("meta"):
        model, clips = VideoResNet3D(attention="non_local", after=[1, 3]), torch.empty(1, 3, 4, 32, 32)
        with pytest.raises(CourseError, match=r"after stage 2 .*after 1, 3\."):
            model.attention_of(clips, [(0, 0, 0)], 2)
        with pytest.raises(CourseError, match=r"position \(0, 8, 0\) among 2 x 8 x 8"):
            model.attention_of(clips, [(0, 8, 0)], 1)
        with pytest.raises(CourseError, match="after none"):
            VideoResNet3D(attention="se").attention_of(clips, [(0, 0, 0)], 1)


def test_the_model_tells_what_its_last_block_of_a_stage_attends_to():
    torch.manual_seed(0)
    model, clips = VideoResNet3D(attention="non_local", after=[1, 2, 2]).eval(), torch.randn(1, 3, 4, 32, 32)
    for blocks in model.attention[:2]:
        for block in blocks:
            nn.init.ones_(block.norm.weight)
    given = []
    model.attention[1][1].register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    with torch.no_grad():
        model(clips)
        expected = model.attention[1][1].attention_of(given[0], [(0, 3, 2)])
        torch.testing.assert_close(model.attention_of(clips, [(0, 3, 2)], 2), expected)


@pytest.mark.parametrize("attention", ["none", "non_local", "se"])
def test_it_learns_sixteen_random_clips_by_heart(attention):
    torch.manual_seed(0)
    model = VideoResNet3D(attention=attention)
    clips, labels = torch.randn(16, 3, 2, 32, 32), torch.arange(16) % 2
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(5):
        optimizer.zero_grad()
        functional.cross_entropy(model(clips), labels).backward()
        optimizer.step()
    assert (model(clips).argmax(dim=1) == labels).float().mean() > 0.95
    assert all(parameter.grad is not None for parameter in model.parameters())
