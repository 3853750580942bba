"""How messages go over one connection: one by one, pipelined (RFC 2920), or in chunks (RFC 3030).

In each way, a message's outcome is reported as soon as its last reply is read and before any further bytes
leave on that connection, so that a journal is always ahead of the wire.
"""

from __future__ import annotations

from campaigns.mail.by_chunks import ByChunks
from campaigns.mail.by_data import ByData
from campaigns.mail.errors import Lost, Silent
from campaigns.mail.protocol import Phase
from campaigns.mail.under_way import HELD_BACK, UnderWay, Withheld


class Transactions(UnderWay):
    """Carries envelopes over one connection until `take` gives no more or the connection is worn."""

    async def run(self) -> None:
        """Raises Lost or Withheld when the connection is over; by then all outcomes are reported."""
        server, offered = self.experience.server, self.connection.capabilities
        by_data = ByData(self, pipelines=server.pipelining and "PIPELINING" in offered)
        goes_by_chunks = by_data.pipelines and server.chunking and "CHUNKING" in offered
        try:
            if goes_by_chunks:
                await ByChunks(self, by_data).run()
            if not goes_by_chunks or not self.experience.server.chunking:
                await by_data.run()
        except Lost as error:
            self.note_the_end(is_silent=isinstance(error, Silent))
            self.abandon(error)
            raise
        except Withheld:
            self.abandon(Lost(Phase.BODY, HELD_BACK))
            raise


__all__ = ["HELD_BACK", "Transactions", "Withheld"]
