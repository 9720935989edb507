"""Threads and tasks: the same bits as one after the other, settings that stay where they are."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import derivant as dv


def work(seed):
    x = np.random.default_rng(seed).standard_normal((4, 4))
    f = lambda x: dv.sum(dv.tanh(x @ x) * x)  # noqa: E731 - a formula
    g = lambda x: dv.grad(lambda y: dv.sum(dv.grad(f)(y) ** 2))(x)  # noqa: E731 - a formula
    leaf = dv.tensor(x, requires_grad=True)
    f(leaf).backward()
    return np.stack([dv.grad(f)(x), g(x), leaf.grad, dv.vmap(lambda r: dv.exp(r) * r)(x)])


def test_threads_give_the_same_bits():
    serial = [work(seed) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(work, range(40)))
    for one, other in zip(serial, parallel, strict=True):
        np.testing.assert_array_equal(one, other)


def test_tasks_give_the_same_bits_and_keep_their_settings():
    async def task(seed):
        t = dv.tensor([float(seed)], requires_grad=True)
        if seed % 2:
            with dv.no_grad():
                await asyncio.sleep(0)
                silent = t * 2
                await asyncio.sleep(0)
            assert silent.primitive is None
        await asyncio.sleep(0)
        loud = t * 2
        assert loud.primitive is not None
        result = work(seed)
        await asyncio.sleep(0)
        return result

    async def everything():
        return await asyncio.gather(*(task(seed) for seed in range(12)))

    for seed, result in enumerate(asyncio.run(everything())):
        np.testing.assert_array_equal(result, work(seed))


def test_a_transform_open_in_one_task_does_not_touch_another():
    async def outer(seed):
        record = []

        def f(x):
            record.append(dv.grad(lambda y: x * y)(2.0))
            return x * x

        await asyncio.sleep(0)
        slope = dv.grad(f)(float(seed))
        await asyncio.sleep(0)
        return slope, record[0].item()

    async def everything():
        return await asyncio.gather(*(outer(seed) for seed in range(1, 6)))

    assert asyncio.run(everything()) == [(2.0 * s, float(s)) for s in range(1, 6)]


def test_interning_under_eight_threads_makes_no_duplicate():
    barrier = threading.Barrier(8)

    def build(_):
        barrier.wait()
        found = []
        for i in range(300):
            x = dv.symbol("x", (3,))
            found.append(dv.exp(x * (i % 50)) + x @ x)
        return found

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(build, range(8)))
    for others in zip(*results, strict=True):
        assert all(other is others[0] for other in others)
