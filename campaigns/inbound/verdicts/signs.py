"""By which words a message shows that it is a bounce, or only a warning, before anything of it is read."""

from __future__ import annotations

from campaigns.inbound.verdicts.phrases import normal
from campaigns.inbound.verdicts.texts import words

_FILE = "signs.txt"


def subject_fails(subject: str) -> bool:
    """Whether a subject says that something wasn't delivered."""
    return words(_FILE, "subject").has_one_in(normal(subject))


def text_fails(text: str) -> bool:
    """Whether a text says that something wasn't delivered."""
    return words(_FILE, "text").has_one_in(normal(text))


def is_warning(subject: str, text: str) -> bool:
    """Whether delivery goes on, by what the subject and the text say: the subject's word counts."""
    head, said = normal(subject), normal(text)
    ends, warnings = words(_FILE, "end"), words(_FILE, "warning")
    if ends.has_one_in(head) or warnings.has_one_in(head):
        return not ends.has_one_in(head)
    if words(_FILE, "goes on").has_one_in(said):
        return True
    return warnings.has_one_in(said) and not ends.has_one_in(said)
