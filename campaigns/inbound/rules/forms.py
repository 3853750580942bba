"""The form of rules."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from campaigns.accounts.forms import choices, trimmed
from campaigns.audience import queries as audience_queries
from campaigns.core import config, statuses
from campaigns.core.i18n import _
from campaigns.inbound.mailboxes import queries as mailboxes_queries
from campaigns.inbound.rules import services
from campaigns.inbound.rules.matching import Condition, How, Part
from campaigns.inbound.rules.models import Act, Proof, Rule
from campaigns.inbound.rules.services import LONGEST, Written
from campaigns.planning import queries as planning_queries

CONDITIONS = (1, 2, 3)
MOST_CAMPAIGNS = 50  # the latest, to choose from
_PARTS = [(each.value, each.label) for each in Part]
_HOWS = [(each.value, each.label) for each in How]


def _part() -> SelectField:
    return SelectField(_("Part of the email"), choices=choices(_PARTS))


def _header() -> StringField:
    return StringField(_("Name of the header field"), [Optional(), Length(max=76)], filters=[trimmed])


def _how() -> SelectField:
    return SelectField(_("Comparison"), choices=choices(_HOWS))


def _text() -> StringField:
    return StringField(_("Text"), [Optional(), Length(max=LONGEST)], filters=[trimmed])


class RuleForm(FlaskForm):
    name = StringField(_("Name"), [InputRequired(_("Enter a name.")), Length(max=100)], filters=[trimmed])
    is_active = BooleanField(statuses.label("active"), default=True)
    mailbox_id = SelectField(
        _("Mailbox"),
        validators=[Optional()],
        description=_("A rule for one mailbox ignores all other email."),
    )
    part1, header1, how1, text1 = _part(), _header(), _how(), _text()
    part2, header2, how2, text2 = _part(), _header(), _how(), _text()
    part3, header3, how3, text3 = _part(), _header(), _how(), _text()
    proof = SelectField(_("Trusted if"), choices=choices((each.value, each.label) for each in Proof))
    act = SelectField(_("Action"), choices=choices((each.value, each.label) for each in Act))
    list_id = SelectField(_("List"), validators=[Optional()])
    campaign_id = SelectField(_("Campaign"), validators=[Optional()])
    field_key = SelectField(_("Field"), validators=[Optional()])
    field_value = StringField(_("Value"), [Optional(), Length(max=LONGEST)], filters=[trimmed])
    command = SelectField(
        _("Command"),
        validators=[Optional()],
        description=_("From the file that RULE_COMMANDS names on the server."),
    )
    url = StringField(_("URL"), [Optional(), Length(max=500)], filters=[trimmed])

    def prepare(self, rule: Rule | None = None) -> None:
        """Offer what there is, and what the rule has."""
        nothing = ("", "–")
        had = rule.list_id if rule is not None else None
        lists = [
            (str(each.id), _("%(list)s (archived)", list=each.name) if each.is_archived else each.name)
            for each in audience_queries.lists()
            if not each.is_archived or each.id == had
        ]
        going = [(str(each.id), each.name) for each in planning_queries.latest(most=MOST_CAMPAIGNS)]
        chosen = rule.campaign if rule is not None else None
        if chosen is not None and str(chosen.id) not in dict(going):
            going.append((str(chosen.id), chosen.name))
        fields = [(each.key, each.label) for each in audience_queries.fields()]
        known = services.known_commands(config.current().rule_commands)
        known += [rule.command] if rule is not None and rule.command and rule.command not in known else []
        boxes = [(str(each.id), each.name) for each in mailboxes_queries.mailboxes()]
        self.mailbox_id.choices = choices([("", _("All mailboxes")), *boxes])
        self.list_id.choices = choices([("", _("All lists")), *lists])
        self.campaign_id.choices = choices([nothing, *going])
        self.field_key.choices = choices([nothing, *fields])
        self.command.choices = choices([nothing, *((each, each) for each in known)])

    def show(self, rule: Rule) -> None:
        """What is stored, in the fields."""
        for number, each in zip(CONDITIONS, rule.parts, strict=False):
            self[f"part{number}"].data, self[f"how{number}"].data = each.part.value, each.how.value
            self[f"text{number}"].data, self[f"header{number}"].data = each.text, each.header
        self.name.data, self.is_active.data = rule.name, rule.is_active
        self.mailbox_id.data = str(rule.mailbox_id or "")
        self.proof.data, self.act.data = rule.proof.value, rule.act.value
        self.list_id.data = str(rule.list_id or "")
        self.campaign_id.data = str(rule.campaign_id or "")
        self.field_key.data, self.field_value.data = rule.field_key, rule.field_value
        self.command.data, self.url.data = rule.command, rule.url

    def rows(self) -> list[list[Any]]:
        """The fields of each condition."""
        return [
            [self[f"{name}{number}"] for name in ("part", "header", "how", "text")] for number in CONDITIONS
        ]

    def written(self) -> Written:
        """What was entered."""
        return Written(
            name=self.name.data or "",
            conditions=[self._condition(number) for number in CONDITIONS if self[f"text{number}"].data],
            proof=Proof(self.proof.data),
            act=Act(self.act.data),
            list_id=int(self.list_id.data or 0) or None,
            campaign_id=int(self.campaign_id.data or 0) or None,
            field_key=self.field_key.data or "",
            field_value=self.field_value.data or "",
            command=self.command.data or "",
            url=self.url.data or "",
            is_active=bool(self.is_active.data),
            mailbox_id=int(self.mailbox_id.data or 0) or None,
        )

    def _condition(self, number: int) -> Condition:
        part = Part(self[f"part{number}"].data)
        header = (self[f"header{number}"].data or "") if part is Part.HEADER else ""
        return Condition(part, How(self[f"how{number}"].data), self[f"text{number}"].data or "", header)
