import math

import pytest
import torch
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.face_recogniser import FaceRecogniser, FaceResNet, MarginHead
from course_utils.models.face_vit import FaceViT


def head_and_embedding(kind, angle):
    """A head whose identity 0 is `angle` away from the embedding, and identity 1 at a right angle to it."""
    head = MarginHead(3, 2, kind)
    head.directions.data = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 5.0]])
    return head, 7 * torch.tensor([[math.cos(angle), math.sin(angle), 0.0]])


@pytest.mark.parametrize("angle", [0.2, 1.3, 2.5])
def test_margins_are_those_of_the_papers(angle):
    right = torch.tensor([0])
    head, embedding = head_and_embedding("CosFace", angle)
    expected = torch.tensor([[64 * (math.cos(angle) - 0.35), 0.0]])
    torch.testing.assert_close(head(embedding, right), expected, atol=1e-4, rtol=1e-5)
    head, embedding = head_and_embedding("ArcFace", angle)
    expected = torch.tensor([[64 * math.cos(angle + 0.5), 0.0]])
    torch.testing.assert_close(head(embedding, right), expected, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(
        head(embedding), torch.tensor([[64 * math.cos(angle), 0.0]]), atol=1e-4, rtol=0
    )


def test_arcface_goes_on_falling_where_the_cosine_would_rise_again():
    logits = []
    for angle in torch.linspace(2.4, 3.1, 8).tolist():
        head, embedding = head_and_embedding("ArcFace", angle)
        logits.append(head(embedding, torch.tensor([0]))[0, 0].item())
    assert logits == sorted(logits, reverse=True)


def test_gradients_exist_at_a_perfect_match():
    head, embedding = head_and_embedding("ArcFace", 0.0)
    embedding.requires_grad_()
    functional.cross_entropy(head(embedding, torch.tensor([0])), torch.tensor([0])).backward()
    assert embedding.grad.isfinite().all()


def test_a_recogniser_names_people_from_either_backbone():
    faces = torch.zeros(2, 3, 112, 112)
    for backbone, width in ((FaceViT(depth=1, width=64, heads=1), 64), (FaceResNet(), 512)):
        recogniser = FaceRecogniser(backbone.eval(), MarginHead(width, 5))
        assert recogniser(faces).shape == (2, 5)
        plain, harder = recogniser(faces), recogniser(faces, torch.tensor([1, 4]))
        assert ((plain - harder > 1).nonzero() == torch.tensor([[0, 1], [1, 4]])).all()


def test_the_resnets_map_is_where_its_second_stage_is_active():
    network = FaceResNet().eval()
    kept = []
    network.network.layer2.register_forward_hook(lambda module, inputs, output: kept.append(output))
    faces = torch.randn(2, 3, 112, 112)
    maps, features = network.maps_and_features(faces)
    torch.testing.assert_close(maps.sum(dim=1), torch.ones(2))
    energy = kept[0].square().mean(dim=1).flatten(1)
    torch.testing.assert_close(maps, energy / energy.sum(dim=1, keepdim=True))
    torch.testing.assert_close(features, network.network(faces))


def test_another_margin_is_unknown():
    with pytest.raises(CourseError, match=r"SphereFace.*CosFace, ArcFace"):
        MarginHead(4, 2, "SphereFace")
