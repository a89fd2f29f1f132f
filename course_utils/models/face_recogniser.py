"""What makes a face recogniser of a network: an identity head whose softmax leaves a margin."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18

from course_utils.errors import CourseError

MARGINS = {"CosFace": 0.35, "ArcFace": 0.50}


class MarginHead(nn.Module):
    """Logits of identities: scaled cosines between an embedding and each identity's direction.

    While learning, the right identity's is made harder by a margin, so that people end up further apart than
    would do to tell them apart: cos θ - 0.35 (CosFace: Wang et al., CVPR 2018, eq. 4) or cos(θ + 0.5)
    (ArcFace: Deng et al., CVPR 2019, eq. 3; beyond θ + 0.5 = π, where that would rise again, it goes on
    falling in a straight line).

    Args:
        width: numbers an embedding.
        identities: how many people there are to tell apart.
        kind: "CosFace" or "ArcFace".
        scale: of the cosines, which alone are too close together for a softmax. 64 and the papers' margins
            are for thousands of people; from scratch on some dozens, a network finds no way down from giving
            all the same embedding, and 16 with a margin of 0.1 does.
        margin: another one than the kind's own, in units of the cosine or in radians.

    Raises:
        CourseError: there is no such kind.
    """

    def __init__(
        self,
        width: int,
        identities: int,
        kind: str = "CosFace",
        *,
        scale: float = 64.0,
        margin: float | None = None,
    ) -> None:
        super().__init__()
        if kind not in MARGINS:
            raise CourseError(f"There is no margin softmax {kind!r}. Use one of {', '.join(MARGINS)}.")
        self.kind = kind
        self.scale = scale
        self.margin = MARGINS[kind] if margin is None else margin
        self.directions = nn.Parameter(torch.empty(identities, width))
        nn.init.xavier_uniform_(self.directions)

    def forward(self, embeddings: Tensor, identities: Tensor | None = None) -> Tensor:
        """Return logits, B x number of identities.

        Args:
            embeddings: B x width.
            identities: B, the right ones, to learn from; None leaves no margin.
        """
        cosines = functional.linear(functional.normalize(embeddings), functional.normalize(self.directions))
        if identities is not None:
            right = functional.one_hot(identities, cosines.shape[1]).bool()
            cosines = torch.where(right, self._harder(cosines), cosines)
        return self.scale * cosines

    def _harder(self, cosines: Tensor) -> Tensor:
        margin = self.margin
        if self.kind == "CosFace":
            return cosines - margin
        sines = (1 - cosines.square()).clamp(min=1e-12).sqrt()
        turned = cosines * math.cos(margin) - sines * math.sin(margin)  # cos(θ + margin)
        return torch.where(cosines > -math.cos(margin), turned, cosines - math.sin(margin) * margin)


class FaceRecogniser(nn.Module):
    """A network that embeds faces, and the head that names those it has learnt.

    Args:
        backbone: from pictures, B x 3 x 112 x 112, to embeddings, B x width.
        head: from embeddings to logits.
    """

    def __init__(self, backbone: nn.Module, head: MarginHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, pictures: Tensor, identities: Tensor | None = None) -> Tensor:
        """Return logits, B x number of identities; given the right ones, with the margin to learn from."""
        # In float32 also under autocast: cosines in bfloat16 would be equal to within 64 x 2^-9.
        embeddings = self.backbone(pictures).float()
        with torch.autocast(pictures.device.type, enabled=False):
            return self.head(embeddings, identities)


class FaceResNet(nn.Module):
    """ResNet-18 in place of the transformer (Santoro 2024, section 4, proposes a ResNet): where it is active.

    Its second stage has 14 x 14 places on pictures of 112². A map is their mean squared activation (Zagoruyko
    & Komodakis, "Paying More Attention to Attention", ICLR 2017, section 3.1), made to sum to 1 so that it
    compares with attention.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = resnet18()
        self.network.fc = nn.Identity()

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the pooled features, B x 512, of pictures B x 3 x 112 x 112 from -1 to 1."""
        return self.maps_and_features(pictures)[1]

    def maps_and_features(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return the activation maps, B x 196, and the pooled features, B x 512."""
        net = self.network
        early = net.layer1(net.maxpool(net.relu(net.bn1(net.conv1(pictures)))))
        middle = net.layer2(early)  # B x 128 x 14 x 14
        features = net.avgpool(net.layer4(net.layer3(middle))).flatten(1)
        activity = middle.float().square().mean(dim=1).flatten(1)
        return activity / activity.sum(dim=1, keepdim=True).clamp(min=1e-12), features
