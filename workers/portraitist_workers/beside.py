"""Two things at a time, where the process may use two cores (`OMP_NUM_THREADS`, torch.set_num_threads). What is made is the same bits.

Python runs one thread at a time, but torch, OpenCV and NumPy let go of it while they work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")


def beside(work: Callable[[], T]) -> Callable[[], T]:
    """Begins `work` beside the caller. Returns what waits for it, and gives its result or raises its error. On one core: does it now.

    Torch's modes belong to a thread: `work` says itself where it wants no gradients.
    """
    if torch.get_num_threads() == 1:
        made = work()
        return lambda: made
    with_one = ThreadPoolExecutor(1, "portraitist-beside")
    future = with_one.submit(work)
    with_one.shutdown(wait=False)  # ends the thread after the work
    return future.result


def each(work: Callable[[T], None], items: Iterable[T]) -> None:
    """`work` on all items, as many at a time as there are threads. Raises the first error."""
    threads = torch.get_num_threads()
    if threads == 1:
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(threads, "portraitist-beside") as several:
        for _ in several.map(work, items):
            pass
