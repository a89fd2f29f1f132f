"""TimeSformer: a vision transformer whose tokens are the patches of a clip's frames.

Bertasius, Wang & Torresani, "Is Space-Time Attention All You Need for Video Understanding?", ICML 2021; Das
et al., FG 2021, compare two of its kinds on deepfakes. The network is that of the library transformers.
"""

from pathlib import Path

from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.models.pretrained import Published, initialise

# Non-commercial (CC BY-NC 4.0). Its SHA-256 has not been published where it could be compared.
KINETICS = Published(
    "Kinetics-400 (facebook/timesformer-base-finetuned-k400, divided attention)",
    "https://huggingface.co/facebook/timesformer-base-finetuned-k400/resolve/main/pytorch_model.bin",
    sha256="",
    file="timesformer-base-finetuned-k400.bin",
)
KINDS = {"divided": "divided_space_time", "joint": "joint_space_time", "space_only": "space_only"}
PATCH = 16  # pixels a side


class TimeSformer(nn.Module):
    """A pre-norm vision transformer on clips; as published 12 blocks deep and 768 wide, 12 heads.

    With two classes: 121,260,290 parameters with divided attention, 85,806,338 joint, 85,800,194 space only.
    Queries and keys of all tokens meet in memory: joint attention on the published 1569 tokens takes 118 MB a
    clip and block, twice that while training, and divided attention 15 MB.

    Args:
        attention: "divided", each patch attends to its place in all frames and then to its frame (what Das et
            al. call dissociated); "joint", each to all patches of all frames; "space_only", each to its
            frame, and the frames' tokens are averaged at the end.
        frames: T, of a clip.
        image_size: height and width of a frame in pixels, a multiple of 16.
        depth: number of blocks.
        width: numbers a token.
        heads: attention heads a block; they share the width among them.
        classes: number of logits a clip; class 0 is real, class 1 fake.
        weights: "none", random; "auto", Kinetics-400's (0.5 GB, not for commercial use), which are of the
            published size; or the path of a file, of the whole model or of one with other classes.
            Kinetics-400's are published for divided attention alone: the other kinds take all of them but the
            layers over time, which they have not. ``model.origin`` says what it became. They were trained on
            colours less 0.45, divided by 0.225; clips of -1 to 1 have about half that contrast, which
            fine-tuning takes up.

    Raises:
        CourseError: there is no such attention, frames are no whole patches, the heads cannot share the
            width, or the file is missing or of another model.
    """

    def __init__(
        self,
        attention: str = "divided",
        frames: int = 8,
        image_size: int = 224,
        *,
        depth: int = 12,
        width: int = 768,
        heads: int = 12,
        classes: int = 2,
        weights: str | Path = "none",
    ) -> None:
        super().__init__()
        _check_settings(attention, image_size, width, heads)
        # Takes seconds, and most of the course does without.
        from transformers import TimesformerConfig, TimesformerForVideoClassification

        network = TimesformerForVideoClassification(
            TimesformerConfig(
                image_size=image_size,
                patch_size=PATCH,
                num_frames=frames,
                attention_type=KINDS[attention],
                num_hidden_layers=depth,
                hidden_size=width,
                num_attention_heads=heads,
                intermediate_size=4 * width,
                num_labels=classes,
            )
        )
        self.kind, self.frames, self.image_size = attention, frames, image_size
        self.timesformer, self.classifier = network.timesformer, network.classifier
        initialise(self, weights, KINETICS, head="classifier", adapt=self._without_time)

    def forward(self, clips: Tensor) -> Tensor:
        """Return logits.

        Args:
            clips: B x 3 x frames x image_size x image_size, normalised to -1 to 1.

        Returns:
            Logits, B x classes.

        Raises:
            CourseError: `clips` are of another shape.
        """
        tokens = self._tokens(clips)  # -> B x (1 + 196 T) x width; B T x 197 x width where space only
        for block in self.timesformer.encoder.layer:
            (tokens,) = block(tokens)
        if self.kind == "space_only":  # transformers leaves the frames apart; the paper's code averages here
            tokens = tokens.unflatten(0, (-1, self.frames)).mean(dim=1)
        return self.classifier(self.timesformer.layernorm(tokens[:, 0]))

    def class_attention(self, clips: Tensor) -> Tensor:
        """Return what the class token attends to in the last block, for drawing it over a few clips' frames.

        With joint attention one softmax goes over all frames: a clip's map sums to 1 less what the class
        token gives to itself. With the two others each frame has a softmax of its own: its map sums to 1 less
        that, and says which patches of the frame count, but not which frames do. What divided attention does
        over time is not in the maps, because no class token takes part in it.

        Args:
            clips: as for `forward`.

        Returns:
            B x heads x T x rows x columns, a number a patch.
        """
        tokens = self._tokens(clips)
        *earlier, last = self.timesformer.encoder.layer
        for block in earlier:
            (tokens,) = block(tokens)
        _, attention = last(tokens, output_attentions=True)
        row, side = attention[:, :, 0, 1:], self.image_size // PATCH  # of the class token, less to itself
        if self.kind == "joint":
            return row.unflatten(2, (side, side, self.frames)).movedim(4, 2)  # frames run fastest
        # B T x heads x patches -> B x heads x T x rows x columns
        return row.unflatten(0, (-1, self.frames)).unflatten(3, (side, side)).transpose(1, 2)

    def _tokens(self, clips: Tensor) -> Tensor:
        expected = (3, self.frames, self.image_size, self.image_size)
        if clips.ndim != 5 or tuple(clips.shape[1:]) != expected:
            raise CourseError(
                f"This TimeSformer takes clips B x {' x '.join(map(str, expected))} (colours, frames, height,"
                f" width); these are {' x '.join(map(str, clips.shape))}. Give it such clips, or build it"
                " with their number of frames and image_size."
            )
        return self.timesformer.embeddings(clips.transpose(1, 2))  # which takes B x T x 3 x H x W

    def _without_time(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights for this kind of attention: of other classes' without the layers that it has not.

        A file with this model's classes is a whole model, and taken as it is.
        """
        if len(weights.get("classifier.bias", ())) == self.classifier.out_features:
            return weights
        over_time = {"divided": (), "joint": ("temporal_",), "space_only": ("temporal_", "time_embeddings")}
        return {
            name: tensor
            for name, tensor in weights.items()
            if not any(part in name for part in over_time[self.kind])
        }


def _check_settings(attention: str, image_size: int, width: int, heads: int) -> None:
    if attention not in KINDS:
        raise CourseError(f"There is no attention {attention!r}. Use one of {', '.join(KINDS)}.")
    if image_size < PATCH or image_size % PATCH:
        raise CourseError(
            f"Frames of {image_size} x {image_size} pixels are no whole patches of {PATCH} x {PATCH}. Use an"
            f" image_size that is a multiple of {PATCH} (the paper's is 224)."
        )
    if width % heads:
        raise CourseError(f"{heads} heads cannot share a width of {width}. Use a width that {heads} divides.")
