"""The budget of prepared copies: all or nothing, in order, and nothing is lost when somebody gives up."""

import asyncio

from gateway.smtp.budget import Budget


async def hold(budget: Budget, count: int, log: list[str], name: str, release: asyncio.Event) -> None:
    async with budget.taken(count):
        log.append(name)
        await release.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_taken_together_and_in_order() -> None:
    async def story() -> list[str]:
        budget, log, release = Budget(4), [], asyncio.Event()
        tasks = [
            asyncio.create_task(hold(budget, count, log, name, release))
            for name, count in (("a", 3), ("b", 2), ("c", 1))
        ]
        await settle()
        assert log == ["a"], "c must not overtake b, who waits for two"
        release.set()
        await asyncio.gather(*tasks)
        return log

    assert asyncio.run(story()) == ["a", "b", "c"]


def test_who_gives_up_while_waiting_holds_nobody_up() -> None:
    async def story() -> list[str]:
        budget, log, release = Budget(2), [], asyncio.Event()
        first = asyncio.create_task(hold(budget, 2, log, "first", release))
        await settle()
        second = asyncio.create_task(hold(budget, 2, log, "second", release))
        third = asyncio.create_task(hold(budget, 1, log, "third", release))
        await settle()
        second.cancel()
        await settle()
        release.set()
        await asyncio.gather(first, third)
        async with budget.taken(2):
            log.append("all free again")
        return log

    assert asyncio.run(story()) == ["first", "third", "all free again"]


def test_who_is_cancelled_at_the_very_moment_of_its_turn_gives_it_back() -> None:
    async def story() -> None:
        budget, log, release = Budget(1), [], asyncio.Event()
        first = asyncio.create_task(hold(budget, 1, log, "first", release))
        await settle()
        second = asyncio.create_task(hold(budget, 1, log, "second", release))
        await settle()
        release.set()
        await first
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        async with asyncio.timeout(1), budget.taken(1):
            pass

    asyncio.run(story())
