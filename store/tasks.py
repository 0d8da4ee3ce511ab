"""Ending a task that talks to MongoDB."""

import asyncio

ASK_AGAIN_S = 0.2


async def end(task: asyncio.Task[None]) -> None:
    """Cancels *task* and waits for its end.

    A cancellation that hits PyMongo in the middle of an exchange can come out as a network error, which the task then
    takes for one and goes on: so it is asked until it has heard.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=ASK_AGAIN_S)
