"""The bytes of one connection, below the commands."""

from __future__ import annotations

import asyncio
import socket
import struct
import time

import pytest
import uvloop

from campaigns.mail.channel import Broken, Channel

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def test_replies_that_came_before_a_reset_count_when_a_write_is_what_notices_it() -> None:
    """A server says that it took a mail, then that it has enough, and closes over what it has not read."""

    async def talk(listening: socket.socket) -> list[int]:
        _transport, channel = await asyncio.get_running_loop().create_connection(
            Channel, *listening.getsockname()
        )
        server, _address = listening.accept()
        server.sendall(b"250 2.0.0 queued\r\n421 4.3.2 bye\r\n")
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        server.close()
        time.sleep(0.05)  # the loop must not run: the next write is the first to know
        for _more in range(2):
            await channel.write(b"RSET\r\n", 1)
        codes = []
        with pytest.raises(Broken):
            while True:
                await channel.wait(1)
                codes.append(channel.replies.popleft().code)
        return codes

    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        assert runner.run(talk(listening)) == [250, 421]
