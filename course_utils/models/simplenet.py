"""SimpleNet: the small convolutional network that the course assignment trains from scratch."""

from torch import Tensor, nn

from course_utils.errors import CourseError


class SimpleNet(nn.Module):
    """Three convolutions and three linear layers; 16,901,762 parameters at the assignment's 256 x 256.

    Source: the course assignment, chapter 3.2. Each convolution is 7 x 7 without padding (a side shrinks by
    6) and is followed by ReLU and 2 x 2 max-pooling (a side is halved, rounding down).

    Args:
        image_size: height and width of a picture in pixels, 50 or more.
        classes: number of logits a picture; class 0 is real, class 1 fake.

    Raises:
        CourseError: after the three convolutions nothing would be left of a picture of this size.
    """

    def __init__(self, image_size: int = 256, classes: int = 2) -> None:
        super().__init__()
        side = image_size
        for _ in range(3):
            side = (side - 6) // 2
        if side < 1:
            raise CourseError(
                f"SimpleNet cannot take pictures of {image_size} x {image_size} pixels: its three 7x7"
                " convolutions and max-poolings leave nothing of them. Use image_size=50 or more (the"
                " assignment's is 256)."
            )
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, kernel_size=7),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, kernel_size=7),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 24, kernel_size=7),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(24 * side * side, 1024),
            nn.ReLU(),
            nn.Linear(1024, 256),
            nn.ReLU(),
            nn.Linear(256, classes),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits.

        Args:
            pictures: B x 3 x image_size x image_size, normalised (about -1 to 1).

        Returns:
            Logits, B x classes.
        """
        features = self.features(pictures)  # B x 3 x 256 x 256 -> 6 x 125² -> 16 x 59² -> 24 x 26²
        return self.classifier(features)  # -> B x 16,224 -> 1024 -> 256 -> classes
