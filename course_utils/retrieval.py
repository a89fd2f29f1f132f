"""Which pictures of a pool are most like a query: features, exact search, and how good a ranking is.

Govi, Poppi & Marinelli, section 4: two kinds of features by two measures of likeness.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights, resnet18
from torchvision.transforms import v2

from course_utils.bars import bar
from course_utils.cluster import work
from course_utils.data.datasets import PictureDataset, batches
from course_utils.data.pictures import open_prepared, open_rgb
from course_utils.errors import CourseError
from course_utils.models.pretrained import Published, initialise

IMAGENET = Published(
    "ImageNet (torchvision resnet18 IMAGENET1K_V1)", ResNet18_Weights.IMAGENET1K_V1.url, "f37072fd"
)
COLOURS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # ImageNet's mean and deviation, 1 is full
RESNET_SIDE = 224  # pixels
HARRIS_SIDE = 299
# As in OpenCV's own example, for the report names none: gradients of 3 x 3 pixels, summed over 2 x 2, and k.
HARRIS = {"blockSize": 2, "ksize": 3, "k": 0.04}
MEASURES = ("cosine", "euclidean")
BATCH = 16  # pictures that one thread opens one after the other, in a few dozen milliseconds
ROUNDING = 1e-13  # of squares in float64
AT_A_TIME = 2**23  # numbers of scores or of features: 64 MB

Features = Callable[[Sequence[Path]], np.ndarray]
"""Makes of n picture files n x D float32."""


def harris_response(grey: np.ndarray) -> np.ndarray:
    """Return Harris & Stephens' (1988) response of a picture (299 x 299, uint8) at each pixel, float32.

    It is high at corners, below zero along edges, and near zero elsewhere.
    """
    return cv2.cornerHarris(grey, **HARRIS)


def harris_features(files: Sequence[Path]) -> np.ndarray:
    """Return the `harris_response` of each picture, row by row: n x 89,401 float32, 350 KB a picture.

    Args:
        files: pictures of any size, which are brought to 299 x 299 and made grey.

    Raises:
        CourseError: a file is gone or damaged.
    """
    features = np.empty((len(files), HARRIS_SIDE**2), np.float32)
    items = enumerate(map(Path, files))
    if len(files) > BATCH:  # threads will do: decoding and filtering leave the interpreter's lock
        done = work(_harris, items, batch=BATCH)
    else:
        done = ((item, _harris(item)) for item in items)
    for (row, _), response in bar(done, total=len(files), desc="Harris", unit="picture"):
        features[row] = response.ravel()
    return features


class NetworkFeatures:
    """Makes of n picture files what a network returns of each, n x D float32.

    Args:
        network: takes B x 3 x H x W, on the device it computes on, and returns B x D.
        pictures: makes of a sample table and its root the pictures as the network takes them.
    """

    def __init__(self, network: nn.Module, pictures: Callable[[pd.DataFrame, Path], PictureDataset]) -> None:
        self.network = network.eval()
        self.pictures = pictures

    @torch.inference_mode()
    def __call__(self, files: Sequence[Path]) -> np.ndarray:
        """Return the features of pictures of any size.

        Raises:
            CourseError: a file is gone or damaged.
        """
        samples = pd.DataFrame({"path": [str(file) for file in files], "label": 0})
        pictures = self.pictures(samples, Path())
        device = next(self.network.parameters()).device
        loader = batches(pictures, 32, shuffle=False, seed=0)
        shown = bar(loader, desc=type(self.network).__name__, unit="batch")
        found = [self.network(pictures.batch_transform(batch.to(device))).cpu() for batch, _ in shown]
        return torch.cat(found).numpy()


class ResNetFeatures(NetworkFeatures):
    """Makes of n picture files the pooled features of ResNet-18, n x 512 float32.

    The report calls it Resnet16 and brings pictures to 244 x 244; the network with 512 features is ResNet-18,
    and it was trained at 224 x 224.

    Args:
        weights: "auto", ImageNet's where they can be had; "none", random ones of torch's generator; or the
            path of a file. ``origin`` says what it became.
        device: what it computes on.

    Raises:
        CourseError: there is no such file, or it does not hold weights of this model.
    """

    def __init__(self, weights: str | Path = "auto", device: str | torch.device = "cpu") -> None:
        network = resnet18()
        network.fc = nn.Identity()
        initialise(network, weights, IMAGENET, head="fc")
        self.origin = network.origin
        super().__init__(network.to(device, memory_format=torch.channels_last), _whole_pictures)


@dataclass(frozen=True)
class Ranking:
    """What a pool has for q queries, the most alike first.

    Attributes:
        rows: q x k, rows of the pool.
        scores: q x k float32, cosine similarities, which fall, or squared Euclidean distances, which rise.
    """

    rows: np.ndarray
    scores: np.ndarray


def search(
    queries: np.ndarray,
    pool: np.ndarray,
    k: int = 10,
    *,
    measure: str = "cosine",
    itself: np.ndarray | None = None,
) -> Ranking:
    """Return the k of the pool that are most like each query. The search is exact.

    Args:
        queries: q x D.
        pool: n x D; it may lie on disk (`np.memmap`), for it is read in parts of 64 MB.
        k: how many.
        measure: "cosine", of which the highest is the most alike (0 with a vector of zeros), or "euclidean",
            the squared distance, of which the lowest is.
        itself: q, the row of the pool that is the query and is left out; -1 where none is.

    Returns:
        The ranking. What is equally alike, to within float32, is in the order of the pool.

    Raises:
        CourseError: there is no such measure or no query, the features are of another width, one is no
            number, or the pool has fewer than k.
    """
    itself = _checked(queries, pool, k, measure, itself)
    rows, scores = zip(*_ranked(queries, pool, k, measure, itself), strict=True)
    return Ranking(np.concatenate(rows), np.concatenate(scores))


def find_similar(
    file: Path,
    samples: pd.DataFrame,
    root: Path,
    pool: np.ndarray,
    features: Features,
    *,
    k: int = 10,
    measure: str = "cosine",
) -> pd.DataFrame:
    """Return the k pictures of `samples` that are most like the picture in `file`, without itself.

    Args:
        file: any picture; where it is one of the samples, that one is left out.
        samples: n rows of a sample table.
        root: the folder that their paths are relative to.
        pool: n x D, what `features` made of them.
        features: `harris_features`, or a `NetworkFeatures`.
        k: how many.
        measure: see `search`.

    Returns:
        Their rows, the most alike first, with a column ``score``.

    Raises:
        CourseError: the file is no picture; or as for `search`.
    """
    place = Path(file).resolve()
    try:
        open_rgb(place)
    except OSError as error:
        raise CourseError(f"{file} cannot be searched for: {error}. Give the path of a picture.") from error
    named = np.flatnonzero(samples["path"].str.rpartition("/")[2] == Path(file).name)
    own = [row for row in named if (Path(root) / samples["path"].iloc[row]).resolve() == place]
    found = search(features([place]), pool, k, measure=measure, itself=np.array([*own, -1][:1]))
    return samples.iloc[found.rows[0]].assign(score=found.scores[0]).reset_index(drop=True)


def judge(
    queries: np.ndarray,
    pool: np.ndarray,
    query_keys: Sequence,
    pool_keys: Sequence,
    k: int = 10,
    *,
    measure: str = "cosine",
    itself: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return how good the rankings of q queries are, by what is relevant to each.

    A picture is relevant to a query whose key it has: with the people as both keys, pictures of the same
    person; with the clips' names as the queries' and, of the manipulated alone, the pool's, the manipulations
    of a query. A key that is missing (None or NaN) is nobody's.

    Args:
        queries: q x D.
        pool: n x D.
        query_keys: q.
        pool_keys: n.
        k: where the ranking is cut for the precision.
        measure: see `search`.
        itself: see `search`.

    Returns:
        A row a query: ``relevant``, how many in the pool are; ``first``, 1 where the first is, else 0;
        ``precision``, the share of them among the first k; ``average_precision``, the mean of the precision
        at the place of each, over the whole ranking. All three are NaN where nothing is relevant.
        `intervals.mean_interval` of a column, over groups of the queries, is precision@1, precision@k or mAP
        with its interval.

    Raises:
        CourseError: as for `search`.
    """
    itself = _checked(queries, pool, k, measure, itself)
    codes, _ = pd.factorize(pd.Series([*query_keys, *pool_keys], dtype=object))
    wanted, there = codes[: len(queries)], codes[len(queries) :]
    places = np.arange(1, len(pool) + 1)
    judged = []
    for rows, scores in _ranked(queries, pool, len(pool), measure, itself):
        key = wanted[len(judged) : len(judged) + len(rows), None]
        hits = (there[rows] == key) & (key >= 0) & np.isfinite(scores)  # the query itself comes last
        relevant = hits.sum(axis=1)
        with np.errstate(invalid="ignore"):
            first = np.where(relevant, hits[:, 0], np.nan)
            precision = np.where(relevant, hits[:, :k].mean(axis=1), np.nan)
            average = (hits.cumsum(axis=1) / places * hits).sum(axis=1) / relevant
        judged += zip(relevant, first, precision, average, strict=True)
    return pd.DataFrame(judged, columns=["relevant", "first", "precision", "average_precision"])


def _whole_pictures(samples: pd.DataFrame, root: Path) -> PictureDataset:
    whole = v2.Resize((RESNET_SIDE, RESNET_SIDE))
    return PictureDataset(samples, root, None, whole, normalise=COLOURS, memory_limit_mb=0)


def _harris(item: tuple[int, Path]) -> np.ndarray:
    grey = open_prepared(item[1]).convert("L").resize((HARRIS_SIDE, HARRIS_SIDE))
    return harris_response(np.asarray(grey))


def _checked(
    queries: np.ndarray, pool: np.ndarray, k: int, measure: str, itself: np.ndarray | None
) -> np.ndarray:
    """Return `itself`, -1 for each where there is none, if all else fits together."""
    if measure not in MEASURES:
        raise CourseError(f"There is no measure {measure!r} of likeness. Use one of {', '.join(MEASURES)}.")
    if queries.shape[1:] != pool.shape[1:] or not len(queries):
        sizes = [" x ".join(map(str, features.shape)) for features in (queries, pool)]
        raise CourseError(
            f"The queries' features are {sizes[0]} and the pool's {sizes[1]}. Expected are q x D and n x D,"
            " of one kind, with a query at least."
        )
    itself = np.full(len(queries), -1) if itself is None else np.asarray(itself)
    others = len(pool) - int((itself >= 0).any())
    if others < k:
        raise CourseError(
            f"The pool has {others} pictures to find and {k} are asked for. Set k to {others} or less."
        )
    return itself


def _ranked(
    queries: np.ndarray, pool: np.ndarray, k: int, measure: str, itself: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows and scores of the first k, for some of the queries at a time, in order."""
    # Of wide features four parts at a time: the pool is read anew for each lot of queries.
    step = max(1, min(AT_A_TIME // len(pool), 4 * AT_A_TIME // pool.shape[1]))
    for start in range(0, len(queries), step):
        some = _numbers(queries[start : start + step], "query", start)
        likeness = torch.empty(len(some), len(pool))
        for first, part in _parts(pool):
            likeness[:, first : first + len(part)] = _likeness(some, part, measure)
        own = itself[start : start + step]
        likeness[np.flatnonzero(own >= 0), own[own >= 0]] = -torch.inf
        rows, values = _first(likeness, k)
        yield rows.numpy(), (values if measure == "cosine" else -values).numpy()


def _parts(pool: np.ndarray) -> Iterator[tuple[int, Tensor]]:
    step = max(1, AT_A_TIME // pool.shape[1])
    for first in range(0, len(pool), step):
        yield first, _numbers(pool[first : first + step], "row of the pool", first)


def _numbers(features: np.ndarray, what: str, first: int) -> Tensor:
    # In float32 the distance of near duplicates would be lost in |a|² + |b|² - 2ab.
    numbers = torch.from_numpy(np.array(features, np.float64))
    wrong = (~numbers.isfinite()).any(dim=1).nonzero()
    if len(wrong):
        raise CourseError(
            f"The features of {what} {first + wrong[0].item()} hold a value that is no number. The network's"
            " weights are damaged or its training diverged: load or train it again."
        )
    return numbers


def _likeness(queries: Tensor, pool: Tensor, measure: str) -> Tensor:
    """Return q x n float32, higher for what is more alike."""
    product = queries @ pool.T
    lengths = torch.linalg.vector_norm(queries, dim=1)[:, None]
    others = torch.linalg.vector_norm(pool, dim=1)
    if measure == "cosine":
        return (product / (lengths * others).clamp(min=torch.finfo(torch.float64).tiny)).float()
    squares = lengths.square() + others.square()
    distances = squares - 2 * product
    # Between equal vectors rounding leaves a little, by which copies of one picture would be in any order.
    return -distances.where(distances > ROUNDING * squares, 0.0).float()


def _first(likeness: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return rows and values of the k highest of each line, of equal ones the first.

    Torch leaves the order of equal numbers open. So each becomes a whole number of its own: a float's 32
    bits, which are in the order of the floats once those of negative ones are turned round, before 32 bits
    of how far it is from the end.
    """
    bits = likeness.view(torch.int32)
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).long()
    backwards = torch.arange(likeness.shape[1] - 1, -1, -1, device=likeness.device)
    keys = (ordered << 32) + backwards
    rows = keys.topk(k, dim=1).indices
    return rows, likeness.gather(1, rows)
