"""Functions that run in Redis: named after their source, and loaded where Redis does not know them yet."""

from collections.abc import Sequence

import redis

from shortlist.core.keys import digest
from shortlist.features.redis_line import Answer, Command, Line

_NOT_FOUND = "Function not found"


class ServerLibrary:
    """A library of functions; processes of two versions that share a Redis each find their own.

    Args:
        source: Lua, in which LIBRARY stands for the library's name.
    """

    def __init__(self, source: str) -> None:
        self.name = f"shortlist_{digest(source).hex()}"
        self._load: Command = ("FUNCTION", "LOAD", "REPLACE", source.replace("LIBRARY", self.name))

    def ask(self, line: Line, commands: Sequence[Command]) -> list[Answer]:
        """Send commands, some of them calls; where Redis lacks the library, load it and send those again.

        Raises:
            redis.RedisError: some were not answered.
        """
        answers = line.ask(commands)
        lacking = [
            place
            for place, answer in enumerate(answers)
            if isinstance(answer, redis.ResponseError) and _NOT_FOUND in str(answer)
        ]
        if lacking:
            loaded, *again = line.ask([self._load, *(commands[place] for place in lacking)])
            for place, answer in zip(lacking, again, strict=True):
                answers[place] = loaded if isinstance(loaded, redis.RedisError) else answer
        return answers
