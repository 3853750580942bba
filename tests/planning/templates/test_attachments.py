"""Files of templates: campaigns that begin with one get them, and templates take them from campaigns."""

from __future__ import annotations

import io
import json
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.content.templates import queries as template_queries
from campaigns.content.templates.models import Template
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.delivery.dispatch import launch
from campaigns.planning import services as planning_services
from campaigns.planning.attachments import queries
from campaigns.planning.attachments import services as attachment_services
from campaigns.planning.attachments.models import FileBlob
from campaigns.planning.models import Campaign
from campaigns.planning.templates import attachments, services
from tests.delivery.factories import send
from tests.factories import make_campaign, make_list, make_sender, make_server, make_subscriber
from tests.fakes.smtp_server import SmtpServer

PDF = b"%PDF-1.7 " + bytes(range(256))


def make_template(*names: str) -> Template:
    made = services.template_of(make_campaign(), name="Monthly", by=None, now=clock.now())
    for name in names:
        attachments.add(made, name, PDF + name.encode(), now=clock.now())
    db.session.commit()
    return made


def names_of(content: Campaign | Template) -> list[str]:
    found = attachments.of(content) if isinstance(content, Template) else queries.of(content)
    return [each.name for each in found]


def blobs() -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(FileBlob)) or 0


def newest_campaign() -> Campaign:
    found = db.session.scalars(sa.select(Campaign).order_by(Campaign.id.desc())).first()
    assert found is not None
    return found


def test_a_campaign_gets_the_files_of_its_template_and_sends_them(app: Flask, ben) -> None:
    make_sender("news@example.org")
    readers = make_list()
    make_subscriber("ana@example.com", lists=[readers])
    template = make_template("Programm für März.pdf")
    with SmtpServer() as server:
        server_id = make_server(port=server.port).id
        ben.post(f"/templates/{template.id}/campaigns")
        campaign = newest_campaign()
        assert names_of(campaign) == ["Programm für März.pdf"]
        campaign.subject, campaign.server_id = "Hello", server_id
        planning_services.schedule(campaign, at=clock.now(), now=clock.now())
        db.session.commit()
        launch.launch(campaign.id, clock.now())
        send(campaign)
    ((_sender, _recipient, raw),) = server.messages
    mail = message_from_bytes(raw, policy=policy.default)
    (file,) = mail.iter_attachments()
    assert file.get_filename() == "Programm für März.pdf"
    assert file.get_content() == PDF + "Programm für März.pdf".encode()


def test_a_template_takes_the_files_of_the_campaign_that_it_is_made_of(each_database: Flask) -> None:
    campaign = make_campaign()
    attachment_services.add(campaign, "a.pdf", PDF, now=clock.now())
    template = services.template_of(campaign, name="Monthly", by=None, now=clock.now())
    assert names_of(template) == ["a.pdf"]
    attachment_services.remove(campaign, queries.of(campaign)[0], now=clock.now())
    assert blobs() == 1, "the template still has it"
    attachment_services.add(campaign, "b.pdf", PDF + b"b", now=clock.now())
    services.update_from(campaign, by=None, now=clock.now())
    assert names_of(template) == ["b.pdf"]
    assert blobs() == 1, "nobody has a.pdf any more"
    planning_services.delete_campaign(campaign)
    assert blobs() == 1
    services.delete(template_queries.template(template.id), now=clock.now())
    assert blobs() == 0


def test_bytes_go_with_the_last_campaign_that_had_them(each_database: Flask) -> None:
    first, second = make_campaign(), make_campaign()
    for each in (first, second):
        attachment_services.add(each, "a.pdf", PDF, now=clock.now())
    planning_services.delete_campaign(first)
    assert blobs() == 1
    planning_services.delete_campaign(second)
    assert blobs() == 0


def test_a_copy_has_the_same_files(app: Flask) -> None:
    template = make_template("a.pdf", "b.pdf")
    assert names_of(services.duplicate(template, by=None, now=clock.now())) == ["a.pdf", "b.pdf"]


def test_files_are_attached_and_removed_on_its_page(app: Flask, ben, cleo) -> None:
    template = make_template()
    path = f"/templates/{template.id}"
    two = [(io.BytesIO(PDF), "a.pdf"), (io.BytesIO(b"x"), "日程.txt")]
    assert ben.post(f"{path}/attachments", data={"file": two}).status_code == 303
    assert names_of(template) == ["a.pdf", "日程.txt"]
    assert "日程.txt" in cleo.get(path).text
    assert cleo.post(f"{path}/attachments", data={"file": [(io.BytesIO(b"x"), "c.txt")]}).status_code == 403
    refused = ben.post(f"{path}/attachments", data={"file": [(io.BytesIO(b"MZ"), "run.txt")]})
    assert "is a program" in ben.get(refused.location).text
    assert "Choose at least one file." in ben.get(ben.post(f"{path}/attachments").location).text
    first = attachments.of(template)[0]
    other = make_template()
    assert ben.post(f"/templates/{other.id}/attachments/{first.id}/delete").status_code == 404
    assert ben.post(f"{path}/attachments/{first.id}/delete").status_code == 303
    assert names_of(template) == ["日程.txt"]


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.exe", b"x"), ("{{ name }}.pdf", b"x"), ("a.pdf", b""), ("big.pdf", b"x" * 10_500_000)],
)
def test_what_servers_refuse_is_refused_here(app: Flask, name: str, data: bytes) -> None:
    with pytest.raises(Invalid):
        attachments.add(make_template(), name, data, now=clock.now())


def test_files_travel_with_an_exported_template(app: Flask, tmp_path: Path) -> None:
    template = make_template("a.pdf")
    run, file = app.test_cli_runner().invoke, tmp_path / "monthly.json"
    assert run(args=["template", "export", str(template.id), "--output", str(file)]).exit_code == 0
    answer = run(args=["template", "import", str(file), "--name", "Again", "--json"])
    assert answer.exit_code == 0, answer.output
    made = db.session.scalars(sa.select(Template).filter_by(name="Again")).one()
    assert attachments.contents(made) == attachments.contents(template)


@pytest.mark.parametrize(
    "attached", ["no list", [3], [{"name": "a"}], [{"name": "a", "data": "?"}], {"a": 1}]
)
def test_attachments_that_cannot_be_read_are_refused(app: Flask, tmp_path: Path, attached: object) -> None:
    run, file = app.test_cli_runner().invoke, tmp_path / "monthly.json"
    run(args=["template", "export", str(make_template().id), "--output", str(file)])
    file.write_text(json.dumps({**json.loads(file.read_text()), "attachments": attached}))
    answer = run(args=["template", "import", str(file)])
    assert answer.exit_code != 0
    assert "attachments in this file" in answer.output
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Template)) == 1
