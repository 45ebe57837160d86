"""One attempt of a mail, over SMTP with TLS."""

import json
import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from jali_node.notices.webhook import Undelivered
from jali_node.receivers import Mail

WORDS = {
    "request.filed": "Somebody asks",
    "request.resubmitted": "A request was resubmitted",
    "request.commented": "A new comment",
    "request.changes_asked": "Changes are asked for",
    "request.approved_first": "A second person must agree",
    "request.granted": "A request was granted",
    "request.denied": "A request was denied",
    "request.withdrawn": "A request was withdrawn",
    "request.expired": "A request has lapsed undecided",
    "request.held": "An output waits in the airlock",
    "request.released": "An output was released",
    "request.destroyed": "An output was destroyed",
}
LABELS = {
    "id": "Request",
    "kind": "Kind",
    "revision": "Revision",
    "node": "Data node",
    "person": "Asked by",
    "project": "Project",
    "dataset": "Dataset",
    "link": "Open it",
}


def message(mail: Mail, to: tuple[str, ...], notice_id: str, body: str, now: datetime) -> EmailMessage:
    """Return the mail of a notice. Its Message-ID is the same over all attempts, so that a repeated one can be told."""
    notice = json.loads(body)
    said = WORDS.get(notice["type"], "Something happened to a request")
    made = EmailMessage()
    made["Subject"] = f"Jali: {said[0].lower()}{said[1:]} ({notice['data']['id'][-8:]})"
    made["From"] = mail.sender
    made["To"] = ", ".join(to)
    made["Date"] = format_datetime(now)
    made["Message-ID"] = f"<{notice_id}@{parseaddr(mail.sender)[1].rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    known = ((label, notice["data"].get(name)) for name, label in LABELS.items())
    lines = [f"{label}: {' '.join(str(value).split())}" for label, value in known if value is not None]
    made.set_content("\n".join([f"{said}.", "", *lines, ""]))
    return made


def send(mail: Mail, to: tuple[str, ...], notice_id: str, body: str, now: datetime, timeout_s: float) -> None:
    """Hand a notice to the SMTP server.

    Raises:
        Undelivered: it did not take it for every address.
    """
    try:
        with _opened(mail, timeout_s) as server:
            if mail.username is not None and mail.password is not None:
                server.login(mail.username, mail.password.get_secret_value())
            refused = server.send_message(message(mail, to, notice_id, body, now))
    except smtplib.SMTPResponseException as error:
        raise Undelivered(f"{type(error).__name__} {error.smtp_code}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Undelivered(type(error).__name__) from error
    if refused:
        raise Undelivered(f"{len(refused)} of {len(to)} addresses were refused")


def reach(mail: Mail, timeout_s: float) -> None:
    """Speak to the SMTP server as far as signing in, and send nothing.

    Raises:
        Undelivered: it does not answer, or not as the settings say.
    """
    try:
        with _opened(mail, timeout_s) as server:
            server.ehlo()
            if mail.username is not None and mail.password is not None:
                server.login(mail.username, mail.password.get_secret_value())
    except (smtplib.SMTPException, OSError) as error:
        raise Undelivered(type(error).__name__) from error


def _opened(mail: Mail, timeout_s: float) -> smtplib.SMTP:
    trusted = ssl.create_default_context(cafile=mail.ca)
    if mail.tls == "implicit":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=timeout_s, context=trusted)
    server = smtplib.SMTP(mail.host, mail.port, timeout=timeout_s)
    if mail.tls == "starttls":
        try:
            server.starttls(context=trusted)
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
    return server
