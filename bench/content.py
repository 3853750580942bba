"""The mail that is measured: 5 KB of HTML and text together, ten tracked links, one merge tag in each part."""

LINKS = [f"https://example.com/articles/{number}?from=letter" for number in range(10)]
SUBJECT = 'Hello {{ first_name | default("friend") }}, the loft in November'
PARAGRAPH = (
    "The birds came home before the fog did, and the kettle was on. We counted rings, compared watches "
    "and wrote down who had flown with whom; the long version stands behind the link. "
)

HTML = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>November</title></head><body>'
    '<h1>Hello {{ first_name | default("friend") }}</h1>'
    + "".join(f'<p>{PARAGRAPH}<a href="{link}">Read on</a></p>' for link in LINKS)
    + '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>'
)
TEXT = (
    'Hello {{ first_name | default("friend") }},\n\n'
    + "\n\n".join(f"{PARAGRAPH}\n{link}" for link in LINKS)
    + "\n\nUnsubscribe: {{ unsubscribe_url }}\n"
)
