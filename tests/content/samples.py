"""Sources and values that the tests of content share."""

from __future__ import annotations

import itertools
from pathlib import Path

from campaigns.content.compiled.source import Footer, Source

HERE = Path(__file__).parent


GADGETS = [
    *(HERE / "hostile_expressions.txt").read_text().splitlines(),
    "%s" % ("(" * 2000),
    "not " * 2000 + "x",
    "x" + "|upper" * 2000,
    " and ".join(["x"] * 2000),
    "x" * 2000,
    "x|default('" + "a" * 20000 + "')",
    "1" * 5000,
]


STATEMENTS = [
    *(HERE / "hostile_templates.txt").read_text().splitlines(),
    "{% for a in b %}" * 4 + "{% endfor %}" * 4,
    "{% if x %}" * 9 + "{% endif %}" * 9,
    "{% if x %}" * 4000 + "{% endif %}" * 4000,
    "{{ x }}" * 4001,
    "{% if x %}" + "{% elif x %}" * 60 + "{% endif %}",
    "x" * (512 * 1024 + 1),
]


WRAPPINGS = ["{{{{ {} }}}}", "{{% if {} %}}{{% endif %}}"]


PAYLOADS = [w.format(g) for w, g in itertools.product(WRAPPINGS, GADGETS)] + STATEMENTS


# Fields like any other, and unknown.
HARMLESS_PAYLOADS = {wrapping.format(name) for wrapping in WRAPPINGS for name in ("config", "debug")}


HTML = '<html><body><p>Hello {{ first_name }}</p><a href="https://a.example/">x</a></body></html>'


def make_source(**changes) -> Source:
    facts = {
        "subject": "Autumn",
        "html": HTML,
        "from_name": "The Loft",
        "from_address": "loft@example.org",
        "public_url": "https://news.example.org/",
        "message_id_domain": "example.org",
        "list_id": "post.example.org",
        "list_name": "Pigeon Post",
    }
    return Source(**{**facts, **changes})


GOOD_HTML = (
    "<html><body><h1>Hello {{ first_name | default('you') }}</h1>\n"
    '<p>Read <a href="https://example.com/one">the first</a>.</p>\n'
    '<p>Dovecote 1, Aix <a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>'
)


GOOD = Source(
    subject="Hello {{ first_name | default('you') }}",
    preheader="What the loft is up to.",
    html=GOOD_HTML,
    from_name="The Pigeon Post",
    from_address="news@example.com",
    public_url="https://mail.example.com",
    message_id_domain="example.com",
    list_id="l1.example.com",
    footer=Footer(unsubscribe="Unsubscribe", postal_address="The Pigeon Post\nDovecote 1, Aix"),
)
