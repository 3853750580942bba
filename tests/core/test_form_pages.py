"""What a browser gets that opens the address of a form anew, or sends it more than it takes."""

from __future__ import annotations

import io
import re

from flask import Flask

from tests.factories import make_campaign, make_list, make_subscriber


def test_the_address_of_a_refused_test_mail_leads_back_to_its_form(ben) -> None:
    campaign = make_campaign(lists=[make_list()])
    for path in ("test-mails", "schedule", "schedule/time"):
        sent = ben.post(f"/campaigns/{campaign.id}/{path}", data={"to": "nobody", "keeps_hours": "y"})
        assert sent.status_code == 422, path
        again = ben.get(f"/campaigns/{campaign.id}/{path}")
        assert again.location == f"/campaigns/{campaign.id}/check"


def test_every_address_that_is_sent_to_leads_to_a_page_when_it_is_opened(app: Flask, ada) -> None:
    campaign, someone = make_campaign(lists=[make_list()]), make_subscriber()
    one = {"campaign_id": campaign.id, "subscriber_id": someone.id}
    lost = {}
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or ()) and "GET" not in (rule.methods or ()):
            values = {name: one.get(name, 1) for name in rule.arguments}
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found, to=values: str(to[found[1]]), rule.rule)
            answer = ada.get(path)
            if answer.status_code == 405 or not ada.get(path, follow_redirects=True):
                lost[path] = answer.status_code
    assert lost == {}


def test_an_address_that_takes_nothing_leads_nowhere(ada) -> None:
    assert ada.get("/campaigns/none/such").status_code == 404
    assert ada.put("/people").status_code == 405
    assert ada.get("/campaigns/1/autosave", headers={"Accept": "application/json"}).status_code == 405


def test_a_file_that_is_too_large_leads_back_to_the_form_with_the_limit(app: Flask, ben) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1000
    readers = make_list()
    data = {"list_id": str(readers.id), "file": (io.BytesIO(b"a@example.org\n" * 1000), "people.csv")}
    answer = ben.post(f"/imports/new?list={readers.id}", data=data)
    assert answer.location == f"/imports/new?list={readers.id}"
    page = ben.get(answer.location).text
    assert "This is larger than 200 MB. Split it into several files" in page
    assert f'<option selected value="{readers.id}">' in page
    saved = ben.post(
        "/campaigns/1/autosave", data={"html": "x" * 2000}, headers={"Accept": "application/json"}
    )
    assert saved.status_code == 413
    assert "larger than 200 MB" in saved.get_json()["error"]
