"""What encrypting costs: python -m tests.benchmarks.bench_sealing (the table of docs/storage.md)"""

import os
import time

from portraitist.store import MemoryStore, SealedStore

SIZES = {"picture of 128 px": 24_000, "persona": 1_100_000, "photo": 4_000_000}  # bytes


def best(call, *arguments, rounds=30):
    """Milliseconds of the fastest round."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        call(*arguments)
        times.append(time.perf_counter() - began)
    return 1000 * min(times)


def main():
    print("| | size | write, plain | write, sealed | read, sealed |\n|---|---|---|---|---|")
    for name, size in SIZES.items():
        data, sealed = os.urandom(size), SealedStore(MemoryStore(), os.urandom(32), "job_0")
        digest = sealed.put(data)
        plain, put, get = best(MemoryStore().put, data), best(sealed.put, data), best(sealed.get, digest)
        print(f"| {name} | {size / 1e6:.3g} MB | {plain:.2f} ms | {put:.2f} ms | {get:.2f} ms |")


if __name__ == "__main__":
    main()
