"""Notifications, sent to a real HTTP server and a real SMTP server on this machine."""

from __future__ import annotations

import base64
import json
import pickle
import socket
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import prefectlite
from prefectlite import Flow, Task, task
from prefectlite.engine.state import Failed, Pending, Running, State, Success, TriggerFailed
from prefectlite.utilities.notifications import (
    callback_factory,
    gmail_notifier,
    slack_message_formatter,
    slack_notifier,
)
from tests.clusters import executor_of_kind

TASK = Task(name="load")
FLOW = Flow("nightly")


class Webhook(ThreadingHTTPServer):
    """Keeps what is posted to it; answers with `code`, or not before `hold` is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _WebhookHandler)
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.code = 200
        self.hold: threading.Event | None = None
        self.url = f"http://127.0.0.1:{self.server_port}/secret-path"


class _WebhookHandler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/json"
        self.server.posts.append((self.path, json.loads(body)))
        if self.server.hold is not None:
            self.server.hold.wait(20)
            return
        self.send_response(self.server.code)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Print nothing."""


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much of SMTP as one mail takes; takes the password `password`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, auth: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _MailHandler)
        self.auth = auth
        self.refuse_mail = False
        self.mails: list[tuple[str, list[str], EmailMessage]] = []


class _MailHandler(socketserver.StreamRequestHandler):
    server: MailServer

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.say("220 mail")
        sender, recipients = "", []
        while line := self.rfile.readline().decode().strip():
            command = line.split(":")[0].split()[0].upper()
            if command == "EHLO":
                self.say("250-mail")
                self.say("250 AUTH PLAIN" if self.server.auth else "250 8BITMIME")
            elif command == "AUTH":
                login = base64.b64decode(line.split()[2]).split(b"\0")
                good = login == [b"", b"me@example.org", b"0123"]
                self.say("235 welcome" if good else "535 who are you")
            elif command == "MAIL":
                sender = line.split("<")[1].split(">")[0]
                self.say("250 ok")
            elif command == "RCPT":
                recipients.append(line.split("<")[1].split(">")[0])
                self.say("550 no such user" if self.server.refuse_mail else "250 ok")
            elif command == "DATA":
                self.say("354 go on")
                body = b""
                while not body.endswith(b"\r\n.\r\n"):
                    body += self.rfile.readline()
                mail: Any = message_from_bytes(body, policy=policy.default)
                self.server.mails.append((sender, recipients, mail))
                self.say("250 taken")
            else:
                self.say("221 bye" if command == "QUIT" else "250 ok")
                if command == "QUIT":
                    return


def serving(server: Any) -> Iterator[Any]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    yield from serving(Webhook())


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    yield from serving(MailServer())


@pytest.fixture
def slack(webhook: Webhook) -> Webhook:
    """The webhook as that of the secret."""
    prefectlite.context.secrets = {
        "SLACK_WEBHOOK_URL": webhook.url,
        "OTHER": f"{webhook.url}/other",
        "NO_ADDRESS": "somewhere",
        "CLOSED": f"http://127.0.0.1:{closed_port()}/secret-path",
    }
    prefectlite.config.notifications.timeout = 5
    return webhook


@pytest.fixture
def gmail(mail_server: MailServer) -> MailServer:
    """The mail server as that of the configuration."""
    use_mail_server(mail_server.server_address[1])
    return mail_server


def use_mail_server(port: int) -> None:
    smtp = prefectlite.config.notifications.smtp
    smtp.host, smtp.port, smtp.encryption = "127.0.0.1", port, "none"
    prefectlite.config.notifications.timeout = 5
    prefectlite.context.secrets = {"EMAIL_USERNAME": "me@example.org", "EMAIL_PASSWORD": "0123"}


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def titles(webhook: Webhook) -> list[str]:
    return [post["attachments"][0]["title"] for _, post in webhook.posts]


# the message


@pytest.mark.parametrize(
    ("state", "value"),
    [
        (Success("done", result=3), "done"),
        (Failed("bad", result=ValueError("q")), "```ValueError('q')```"),
        (Failed("bad", result="text"), "bad"),
        (Failed(), None),
    ],
)
def test_message_of_a_state(state: State, value: str | None) -> None:
    (attachment,) = slack_message_formatter(TASK, state)["attachments"]
    assert attachment["title"] == type(state).__name__
    assert attachment["color"] == state.color
    assert attachment["text"] == f"load is now in a {type(state).__name__} state"
    assert [field["value"] for field in attachment["fields"]] == ([] if value is None else [value])


def test_message_of_a_flow() -> None:
    (attachment,) = slack_message_formatter(FLOW, Success(), backend_info=False)["attachments"]
    assert attachment["text"] == "nightly is now in a Success state"


# Slack


def test_slack(slack: Webhook) -> None:
    state = Success("done")
    assert slack_notifier(TASK, Running(), state) is state
    ((path, post),) = slack.posts
    assert path == "/secret-path"
    assert post == slack_message_formatter(TASK, state)


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({}, ["Success", "Failed", "TriggerFailed"]),
        ({"only_states": [Failed]}, ["Failed", "TriggerFailed"]),
        ({"ignore_states": [Failed]}, ["Success"]),
        ({"only_states": [Failed], "ignore_states": [TriggerFailed]}, ["Failed"]),
        ({"only_states": []}, ["Success", "Failed", "TriggerFailed"]),
    ],
)
def test_chosen_states(choice: dict[str, Any], told: list[str], slack: Webhook) -> None:
    for state in (Success(), Failed(), TriggerFailed()):
        assert slack_notifier(TASK, Pending(), state, **choice) is state
    assert titles(slack) == told


def test_options_first(slack: Webhook) -> None:
    state = Failed()
    tell = slack_notifier(only_states=[Failed])
    assert tell(TASK, Pending(), state) is state
    assert tell(tracked_obj=TASK, old_state=Pending(), new_state=state) is state
    assert tell(webhook_secret="OTHER")(TASK, Pending(), state) is state
    assert slack_notifier(TASK)(Pending())(state) is state
    assert slack_notifier(new_state=state)(TASK, Pending()) is state
    assert [path for path, _ in slack.posts] == [
        "/secret-path", "/secret-path", "/secret-path/other", "/secret-path", "/secret-path"
    ]  # fmt: skip
    assert tell.__name__ == "slack_notifier"
    assert pickle.loads(pickle.dumps(tell))(TASK, Pending(), state) is state
    with pytest.raises(TypeError, match="no_such_option"):
        slack_notifier(no_such_option=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("code", [500, 404])
def test_a_webhook_that_refuses(code: int, slack: Webhook) -> None:
    slack.code = code
    with pytest.raises(ValueError, match=f"Slack notification for <Task: load> failed: .*{code}"):
        slack_notifier(TASK, Pending(), Failed())


def test_a_webhook_that_does_not_answer(slack: Webhook) -> None:
    slack.hold = threading.Event()
    prefectlite.config.notifications.timeout = 0.2
    try:
        with pytest.raises(ConnectionError, match=r"did not answer in 0\.2 seconds") as raised:
            slack_notifier(TASK, Pending(), Failed())
    finally:
        slack.hold.set()
    assert "secret-path" not in str(raised.value)


def test_a_webhook_that_is_not_there(slack: Webhook) -> None:
    with pytest.raises(ConnectionError, match="could not be reached") as raised:
        slack_notifier(TASK, Pending(), Failed(), webhook_secret="CLOSED")
    assert "secret-path" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_secrets_of_no_use(slack: Webhook) -> None:
    with pytest.raises(ValueError, match='Local Secret "NOPE" was not found'):
        slack_notifier(TASK, Pending(), Failed(), webhook_secret="NOPE")
    with pytest.raises(ValueError, match="not the address of a webhook") as raised:
        slack_notifier(TASK, Pending(), Failed(), webhook_secret="NO_ADDRESS")
    assert "somewhere" not in str(raised.value)


def test_a_proxy(slack: Webhook) -> None:
    with pytest.raises(ConnectionError, match="could not be reached"):
        slack_notifier(
            TASK, Pending(), Failed(), proxies={"http": f"http://127.0.0.1:{closed_port()}"}
        )
    proxy = slack.url.removesuffix("/secret-path")
    prefectlite.context.secrets = {"SLACK_WEBHOOK_URL": "http://slack.invalid/hook"}
    slack_notifier(TASK, Pending(), Failed(), proxies={"http": proxy})
    assert [path for path, _ in slack.posts] == ["http://slack.invalid/hook"]


@pytest.mark.parametrize("kind", ["local", "threads", "processes"])
def test_states_of_a_run(kind: str, slack: Webhook) -> None:
    @task(state_handlers=[slack_notifier(ignore_states=[Running])])
    def load() -> int:
        return 1

    with Flow("f", state_handlers=[slack_notifier]) as flow:
        load()
    assert flow.run(executor=executor_of_kind(kind)).is_successful()
    assert titles(slack) == ["Running", "Success", "Success"]


@pytest.mark.parametrize("problem", ["500", "closed", "missing"])
def test_other_branches_go_on(problem: str, slack: Webhook) -> None:
    if problem == "500":
        slack.code = 500
    secret = {"500": "SLACK_WEBHOOK_URL", "closed": "CLOSED", "missing": "NOPE"}[problem]
    tell = slack_notifier(only_states=[Success], webhook_secret=secret)

    @task(state_handlers=[tell])
    def load() -> int:
        return 1

    @task
    def other() -> int:
        return 2

    with Flow("f") as flow:
        told, untold = load(), other()
    state = flow.run()
    assert state.result[told].is_failed()
    assert "Unexpected error while calling state handlers" in state.result[told].message
    assert state.result[untold].result == 2


# mail


def test_mail(gmail: MailServer) -> None:
    state = Failed("a < b & c")
    assert gmail_notifier(FLOW, Running(), state) is state
    ((sender, recipients, mail),) = gmail.mails
    assert (sender, recipients) == ("me@example.org", ["me@example.org"])
    assert mail["Subject"] == "prefectlite state change notification for nightly: Failed"
    text, html = (part.get_content() for part in mail.iter_parts())
    assert "nightly is now in a Failed state" in text
    assert "Message: a < b & c" in text
    assert "a &lt; b &amp; c" in html
    assert state.color in html


def test_chosen_states_by_mail(gmail: MailServer) -> None:
    tell = gmail_notifier(only_states=[Failed])
    for state in (Success(), TriggerFailed()):
        assert tell(TASK, Pending(), state) is state
    assert [mail["Subject"].split()[-1] for _, _, mail in gmail.mails] == ["TriggerFailed"]


def test_sender_and_recipient(gmail: MailServer) -> None:
    smtp = prefectlite.config.notifications.smtp
    smtp.sender, smtp.recipient = "robot@example.org", "team@example.org"
    gmail_notifier(Task(name="a\nb"), Pending(), Failed())
    ((sender, recipients, mail),) = gmail.mails
    assert (sender, recipients) == ("robot@example.org", ["team@example.org"])
    assert mail["Subject"] == "prefectlite state change notification for a b: Failed"


def test_a_relay_without_accounts() -> None:
    for server in serving(MailServer(auth=False)):
        use_mail_server(server.server_address[1])
        gmail_notifier(TASK, Pending(), Failed())
        assert len(server.mails) == 1


def test_mail_that_is_refused(gmail: MailServer) -> None:
    prefectlite.context.secrets["EMAIL_PASSWORD"] = "wrong-one"
    with pytest.raises(ValueError, match=r"did not take EMAIL_USERNAME .*535") as raised:
        gmail_notifier(TASK, Pending(), Failed())
    assert "wrong-one" not in str(raised.value)
    prefectlite.context.secrets["EMAIL_PASSWORD"] = "0123"
    gmail.refuse_mail = True
    with pytest.raises(ValueError, match=r"Mail notification for <Task: load> failed: .*take the"):
        gmail_notifier(TASK, Pending(), Failed())


def test_a_mail_server_that_is_not_there() -> None:
    use_mail_server(closed_port())
    with pytest.raises(ConnectionError, match="could not be reached"):
        gmail_notifier(TASK, Pending(), Failed())


def test_a_mail_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use_mail_server(silent.getsockname()[1])
        prefectlite.config.notifications.timeout = 0.2
        with pytest.raises(ConnectionError, match=r"did not answer in 0\.2 seconds"):
            gmail_notifier(TASK, Pending(), Failed())


def test_mail_settings(gmail: MailServer) -> None:
    prefectlite.context.secrets.clear()
    with pytest.raises(ValueError, match='Local Secret "EMAIL_USERNAME" was not found'):
        gmail_notifier(TASK, Pending(), Failed())
    prefectlite.context.secrets = {"EMAIL_USERNAME": "me", "EMAIL_PASSWORD": "0123"}
    prefectlite.config.notifications.smtp.encryption = "rot13"
    with pytest.raises(ValueError, match="must be 'tls', 'starttls' or 'none'; it is 'rot13'"):
        gmail_notifier(TASK, Pending(), Failed())


def test_gmail_is_the_default() -> None:
    smtp = prefectlite.config.notifications.smtp
    assert (smtp.host, smtp.port, smtp.encryption) == ("smtp.gmail.com", 465, "tls")


# a function of the user's


def test_callbacks() -> None:
    called = []
    handler = callback_factory(
        lambda obj, state: called.append((obj, state)), check=lambda state: state.is_failed()
    )
    good, bad = Success(), Failed()
    assert handler(TASK, Pending(), good) is good
    assert handler(TASK, Pending(), bad) is bad
    assert called == [(TASK, bad)]


def test_callbacks_in_a_run() -> None:
    called = []

    def keep(tracked: Any, state: State) -> State:
        called.append(type(state).__name__)
        return Failed("not looked at")

    with Flow("f", state_handlers=[callback_factory(keep, lambda state: True)]) as flow:
        flow.add_task(Task(name="nothing"))
    assert flow.run().is_successful()
    assert called == ["Running", "Success"]


def test_callbacks_of_no_use() -> None:
    with pytest.raises(TypeError, match="fn must be a function"):
        callback_factory(5, lambda state: True)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="check must be a function"):
        callback_factory(lambda obj, state: None, check=None)  # type: ignore[arg-type]
