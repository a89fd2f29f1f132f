"""The sample table as a torch dataset, and the loader that draws reproducible batches from any dataset.

Pictures stay uint8 until they are on the device: they are small to keep and quick to crop and flip there.
"""

import contextlib
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info
from torchvision.transforms import v2

from course_utils.cluster import processor_cores
from course_utils.data.pictures import fit_square, open_prepared

# (mean, standard deviation) of each channel in units of the full range: maps [0, 1] to [-1, 1], the
# convention that Xception's published weights expect.
NORMALISE = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def train_transform(image_size: int, padding: int = 4) -> v2.Transform:
    """Return the assignment's augmentation: a random crop with `padding` black pixels, and a random flip."""
    return v2.Compose([v2.RandomCrop(image_size, padding=padding), v2.RandomHorizontalFlip()])


class PictureDataset(Dataset):
    """Pictures of a sample table: item i is (uint8 tensor 3 x H x W after `transform`, label 0 or 1).

    Args:
        samples: rows of a sample table; `path` and `label` are read.
        root: the folder that `path` is relative to.
        image_size: side of the square to which pictures are brought, in pixels: the middle of the
            picture is kept where it is not square. None keeps each at its own size.
        transform: what happens to each picture, e.g. `train_transform`; None leaves it as it is.
        normalise: mean and standard deviation for `batch_transform`.
        memory_limit_mb: decoded pictures are kept up to this much (shared out among the workers).

    `batch_transform` turns a uint8 batch B x 3 x H x W, on any device, into normalised float32.
    """

    def __init__(
        self,
        samples: pd.DataFrame,
        root: Path,
        image_size: int | None,
        transform: Callable[[torch.Tensor], torch.Tensor] | None = None,
        *,
        normalise: tuple[Sequence[float], Sequence[float]] = NORMALISE,
        memory_limit_mb: float = 1024,
    ) -> None:
        self.samples = samples.reset_index(drop=True)
        self.labels = self.samples["label"].to_numpy(np.int64)
        self.root = Path(root)
        self.image_size = image_size
        self.transform = transform
        self.memory_limit_mb = memory_limit_mb
        # In place on the fresh float tensor: four times as fast as with another batch to allocate.
        self.batch_transform = v2.Compose(
            [v2.ToDtype(torch.float32, scale=True), v2.Normalize(*normalise, inplace=True)]
        )
        self._paths = self.samples["path"].tolist()
        self._pictures: dict[int, torch.Tensor] = {}
        self._room: float | None = None  # bytes left; counted from the first picture on, in its own process

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Return one picture and its label.

        Raises:
            CourseError: the file is gone or damaged. Another picture never takes its place.
        """
        picture = self._pictures.get(index)
        if picture is None:
            picture = self._read(index)
            self._keep(index, picture)
        # A copy, so that a transform that writes into its input cannot change what is kept.
        picture = picture.clone() if self.transform is None else self.transform(picture.clone())
        return picture, int(self.labels[index])

    def __getstate__(self) -> dict:
        """Leave the kept pictures behind: each worker process keeps its own."""
        return {**self.__dict__, "_pictures": {}, "_room": None}

    def _keep(self, index: int, picture: torch.Tensor) -> None:
        if self._room is None:
            worker = get_worker_info()
            self._room = self.memory_limit_mb * 2**20 / (worker.num_workers if worker else 1)
        if picture.nbytes <= self._room:
            self._pictures[index] = picture
            self._room -= picture.nbytes

    def _read(self, index: int) -> torch.Tensor:
        picture = open_prepared(self.root / self._paths[index])
        if self.image_size is not None:
            picture = fit_square(picture, self.image_size)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


class WholeBatches(Dataset, ABC):
    """A dataset in memory that gives a batch in one go, which for small items is many times as fast.

    Nothing in it may be random: what is random belongs to single items (see `SeededItems`).
    """

    @abstractmethod
    def batch(self, indices: Sequence[int]) -> Sequence[torch.Tensor]:
        """Return the items `indices`, each part stacked to a tensor that begins with B."""


class SeededItems(Dataset):
    """`dataset` indexed by (index, seed): whatever is random in an item depends on that seed alone.

    So an augmentation is the same in any worker, in any order and after any resumption, and the generators
    of the process that asks (torch's, NumPy's and Python's) are left as they were.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index_and_seed: tuple[int, int]) -> object:
        return self.__getitems__([index_and_seed])[0]

    def __getitems__(self, indices_and_seeds: list[tuple[int, int]]) -> object:
        """Return a batch's items, or the whole batch of a `WholeBatches`; torch's loader calls this."""
        if isinstance(self.dataset, WholeBatches):
            return self.dataset.batch([index for index, _ in indices_and_seeds])
        with _generators_restored():
            return [self._item(index, seed) for index, seed in indices_and_seeds]

    def _item(self, index: int, seed: int) -> object:
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        return self.dataset[index]


class EpochBatches(Sampler):
    """The batches of an epoch as lists of (index, seed): a pure function of (seed, epoch).

    With several processes, each takes every `world_size`-th item of the same order. While shuffling, the
    order is filled up from its start so that all have equally many; otherwise nothing is ever repeated.
    `at` moves it to another epoch, so that one loader and its worker processes can serve a whole run.
    While shuffling, items with the same number in `together` (n) follow one another, with the same seed.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        together: np.ndarray | None = None,
    ) -> None:
        self.length = length
        self.together = together
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.at(epoch=0)

    def at(self, epoch: int, skip_batches: int = 0) -> "EpochBatches":
        """Go to the batch after the first `skip_batches` of `epoch`."""
        self.epoch = epoch
        self.skip_batches = skip_batches
        return self

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order_seed, item_seed = np.random.SeedSequence([self.seed, self.epoch]).spawn(2)
        order = np.arange(self.length)
        seeds = item_seed.generate_state(self.length, np.uint64) >> 1  # torch takes up to 63 bits
        if self.shuffle:
            order = np.random.default_rng(order_seed).permutation(self.length)
            if self.together is not None:
                order = order[np.argsort(order[self.together][order], kind="stable")]
                seeds = seeds[self.together]
            order = np.resize(order, math.ceil(self.length / self.world_size) * self.world_size)
        mine = order[self.rank :: self.world_size]
        for start in range(self.skip_batches * self.batch_size, len(mine), self.batch_size):
            batch = mine[start : start + self.batch_size]
            yield list(zip(batch.tolist(), seeds[batch].tolist(), strict=True))

    def __len__(self) -> int:
        first = 0 if self.shuffle else self.rank
        items = len(range(first, self.length, self.world_size))
        return max(0, math.ceil(items / self.batch_size) - self.skip_batches)


def batches(
    dataset: Dataset,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int,
    epoch: int = 0,
    skip_batches: int = 0,
    workers: int | str = "auto",
    rank: int = 0,
    world_size: int = 1,
) -> DataLoader:
    """Return a loader of the batches of one epoch, from batch `skip_batches` on.

    Which items stand in which batch, and how each is augmented, depends on `seed` and `epoch` alone.
    `loader.batch_sampler.at(epoch)` moves the loader, and the workers it keeps alive, to another epoch.

    Args:
        dataset: any dataset with a length; a `PictureDataset`, or a student's own. Where it has `together` (n
            numbers from 0, under n), items of one number follow one another while shuffling, and whatever is
            random in them is drawn alike: e.g. an original and the fakes made of it.
        batch_size: items a batch and a process; the last batch may be smaller.
        shuffle: draw a new order each epoch, instead of the dataset's own.
        seed: the run's seed, not negative.
        epoch: counted from 0.
        skip_batches: how many batches of this epoch were already done before an interruption.
        workers: worker processes, or "auto" (see `choose_workers`).
        rank: number of this process among the `world_size` that train together.
        world_size: how many processes train together.
    """
    count = choose_workers(dataset) if workers == "auto" else int(workers)
    sampler = EpochBatches(
        len(dataset),
        batch_size,
        shuffle=shuffle,
        seed=seed,
        rank=rank,
        world_size=world_size,
        together=getattr(dataset, "together", None),
    )
    return DataLoader(
        SeededItems(dataset),
        batch_sampler=sampler.at(epoch, skip_batches),
        num_workers=count,
        # Spawned workers behave the same on every system, and fork is unsafe once torch has threads.
        multiprocessing_context="spawn" if count else None,
        persistent_workers=count > 0,
        worker_init_fn=_one_thread if count else None,
        collate_fn=_as_it_is if isinstance(dataset, WholeBatches) else None,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator().manual_seed(seed),  # else the loader draws from the global generator
    )


def choose_workers(dataset: Dataset) -> int:
    """Return how many worker processes pay: none on four cores or fewer, or for under 2,000 items.

    What lies in memory already needs none. A worker is a new Python that imports torch for seconds, and it
    can only load what it can import: a dataset defined in a notebook gets none.
    """
    cores = processor_cores()
    if cores <= 4 or len(dataset) < 2000 or isinstance(dataset, WholeBatches) or not _travels(dataset):
        return 0
    return min(8, cores // 2)


def _travels(dataset: Dataset) -> bool:
    """Whether a spawned process could rebuild `dataset`."""
    try:
        return b"__main__" not in bytes(ForkingPickler.dumps(dataset))
    except Exception:  # whatever a student's object raises, it says that it cannot be sent
        return False


def _as_it_is(batch: object) -> object:
    return batch


def _one_thread(worker: int) -> None:
    torch.set_num_threads(1)


@contextlib.contextmanager
def _generators_restored() -> Iterator[None]:
    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
