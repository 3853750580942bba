"""How messages go over one connection: in lockstep, pipelined (RFC 2920), or in chunks (RFC 3030).

Whatever the way, a message's fate is reported as its last reply is read and before any further
bytes go out on that connection: whoever keeps a journal knows it before it can be overtaken.
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
        """Raises Lost when the connection broke, Withheld when it has to be closed; all is told by then."""
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
