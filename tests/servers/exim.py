"""Debian's Exim: PIPELINING, CHUNKING, and passwords of its own."""

from __future__ import annotations

from tests.servers.debian_server import DebianServer
from tests.servers.private_root import HOST
from tests.servers.server import PASSWORD, USER

_CONFIGURATION = f"""
primary_hostname = {HOST}
spool_directory = /srv/queue
log_file_path = /srv/log.%s
exim_user = Debian-exim
exim_group = Debian-exim
never_users =
host_lookup =
tls_advertise_hosts = *
tls_certificate = /etc/cert.pem
tls_privatekey = /etc/key.pem
auth_advertise_hosts = ${{if eq {{$tls_in_cipher}}{{}} {{}}{{*}}}}
acl_smtp_mail = may_mail
acl_smtp_rcpt = may_rcpt
smtp_accept_max = 50
smtp_accept_queue_per_connection = 0
queue_run_max = 5

begin acl
may_mail:
  deny condition = ${{if eq {{$received_port}}{{SUBMISSION}}}}
       !authenticated = *
       message = a password is needed here
  accept
may_rcpt:
  accept domains = example.org
  deny message = no outside world in tests

begin routers
everybody:
  driver = accept
  transport = inbox

begin transports
inbox:
  driver = appendfile
  directory = /srv/mail
  maildir_format
  create_directory
  user = vmail
  envelope_to_add
  return_path_add

begin retry
* * F,1h,1m

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and{{ {{eq{{$auth2}}{{{USER}}}}} {{eq{{$auth3}}{{{PASSWORD}}}}} }}}}
  server_set_id = $auth2
"""


class Exim(DebianServer):
    name = "exim"
    packages = ("exim4-daemon-heavy",)
    adds = (b"Return-path", b"Envelope-to", b"Received")
    address_field = b"Envelope-to"
    script = """
set -e
mkdir -p /srv/queue /srv/mail
chown Debian-exim /srv/queue /srv
chown vmail /srv/mail
chown root /etc/exim4/exim4.conf
chmod 644 /etc/exim4/exim4.conf
chown Debian-exim /etc/key.pem
exec exim4 -bdf -q5s
"""

    def files(self) -> dict[str, str | bytes]:
        ports = self.ports
        listening = f"""
daemon_smtp_ports = {ports["smtp"]} : {ports["smtps"]} : {ports["submission"]}
tls_on_connect_ports = {ports["smtps"]}
local_interfaces = 127.0.0.1
"""
        rest = _CONFIGURATION.replace("SUBMISSION", str(ports["submission"]))
        return {"etc/exim4/exim4.conf": listening + rest}

    def queued(self) -> int:
        return sum(1 for path in (self.kept / "queue" / "input").rglob("*-H"))
