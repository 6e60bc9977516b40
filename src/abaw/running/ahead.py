"""Work that threads do ahead of its use, its results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(work: Callable[[Item], Result], items: Iterable[Item], threads: int, lead: int) -> Iterator[Result]:
    """Yield `work(item)` of each item, in the order of the items, which `threads` threads do up to `lead` items ahead.

    No more than `lead` + 1 results are in memory, and items are taken as they are needed. What `work` raises is raised
    when its result is due. It pays for work that frees the interpreter's lock, such as decoding.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > lead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
