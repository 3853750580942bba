"""Messages whose line ends are proven where they are made, so that nothing has to search them again."""

from __future__ import annotations


class WireText(bytes):
    """A message of ASCII alone, in which CR and LF only stand together, as CRLF.

    Only make one where each piece of it has been proven: a bare line end could smuggle a second message.
    """
