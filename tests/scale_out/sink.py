"""An SMTP sink as a process of its own, which writes down who delivered what: `<peer> <recipient>` a line."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

KEYWORDS = b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
_PATH = re.compile(rb"RCPT TO:\s*<([^>]+)>", re.I)


async def serve(port: int, delay_s: float, book: Path) -> None:
    """Accept everything, each message after a delay, until killed."""
    with book.open("a", buffering=1) as lines:

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peer, recipient = writer.get_extra_info("peername")[0], ""
            writer.write(b"220 sink ESMTP\r\n")
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    writer.write(KEYWORDS)
                elif verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    while (part := await reader.readline()) != b".\r\n":
                        if not part:  # the host is gone
                            writer.close()
                            return
                    await asyncio.sleep(delay_s)
                    lines.write(f"{peer} {recipient}\n")
                    writer.write(b"250 2.0.0 Ok\r\n")
                else:
                    if found := _PATH.match(line):
                        recipient = found[1].decode()
                    writer.write(b"250 2.0.0 Ok\r\n" if verb != b"QUIT" else b"221 2.0.0 Bye\r\n")
            writer.close()

        server = await asyncio.start_server(talk, "0.0.0.0", port)
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])))
