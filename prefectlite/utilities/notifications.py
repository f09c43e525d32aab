"""State handlers that tell people of new states: by Slack, by mail, or by a function of yours.

The two notifiers may be given options first and become the state handler that then waits for the
task, the old and the new state::

    tell = slack_notifier(only_states=[Failed], webhook_secret="TEAM_WEBHOOK")

    @task(state_handlers=[tell])
    def load(): ...

A notification that cannot be sent is an error of the state handler: the task, or flow, that was
to be told of fails and says so; everything else goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any

from prefectlite import configuration
from prefectlite.utilities.secrets import read_secret

if TYPE_CHECKING:
    from email.message import EmailMessage

    from prefectlite.core.flow import Flow
    from prefectlite.core.task import Task
    from prefectlite.engine.state import State

__all__ = ["callback_factory", "gmail_notifier", "slack_message_formatter", "slack_notifier"]


class _NotGiven(Enum):
    value = "not given"

    def __repr__(self) -> str:
        return "<not given>"


NO_DEFAULT: Any = _NotGiven.value


def callback_factory(
    fn: Callable[[Any, State], Any], check: Callable[[State], bool]
) -> Callable[..., Any]:
    """Make a state handler that calls a function when a new state passes a check.

    Args:
        fn: a function ``(task_or_flow, state)``; what it returns does not matter.
        check: a function of the new state that says whether to call it.

    Returns:
        A state handler. It leaves the state as it is.

    Raises:
        TypeError: ``fn`` or ``check`` is no function.

    Example:
        ``callback_factory(page_somebody, check=lambda state: state.is_failed())``
    """
    for argument, function in (("fn", fn), ("check", check)):
        if not callable(function):
            raise TypeError(f"callback_factory: {argument} must be a function; got {function!r}.")

    def state_handler(obj: Any, old_state: State, new_state: State) -> State:
        if check(new_state):
            fn(obj, new_state)
        return new_state

    return state_handler


def slack_notifier(
    tracked_obj: Flow | Task = NO_DEFAULT,
    old_state: State = NO_DEFAULT,
    new_state: State = NO_DEFAULT,
    ignore_states: Iterable[type[State]] | None = None,
    only_states: Iterable[type[State]] | None = None,
    webhook_secret: str | None = None,
    backend_info: bool = True,
    proxies: Mapping[str, str] | None = None,
) -> Any:
    """Tell a Slack channel of a new state; a state handler for tasks and flows.

    Args:
        tracked_obj: the task or flow.
        old_state: its last state.
        new_state: its new state.
        ignore_states: classes of states not to tell of; their subclasses neither.
        only_states: classes of states to tell of, and of no others. None or none: of all.
        webhook_secret: the name of the secret with the address of the webhook; by default
            ``SLACK_WEBHOOK_URL``.
        backend_info: accepted for Prefect 1's sake: there is no server to link to.
        proxies: addresses of proxies by scheme, e.g. ``{"https": "http://10.0.0.1:3128"}``; by
            default those of the environment.

    Returns:
        The new state; or, if not all of the first three are given, a state handler that waits for
        the rest.

    Raises:
        ValueError: there is no such secret, it is no address, or the webhook answered with an
            error.
        ConnectionError: the webhook could not be reached, or did not answer in
            ``config.notifications.timeout`` seconds.

    Example:
        ``Flow("nightly", state_handlers=[slack_notifier(only_states=[Failed])])``
    """
    if new_state is NO_DEFAULT or old_state is NO_DEFAULT or tracked_obj is NO_DEFAULT:
        options = {
            "ignore_states": ignore_states,
            "only_states": only_states,
            "webhook_secret": webhook_secret,
            "backend_info": backend_info,
            "proxies": proxies,
        }
        return _waiting(slack_notifier, (tracked_obj, old_state, new_state), options)
    # A missing secret is told at the first state, and not at the one that somebody has to know of.
    webhook = read_secret(webhook_secret or "SLACK_WEBHOOK_URL")
    if _is_wanted(new_state, ignore_states, only_states):
        message = slack_message_formatter(tracked_obj, new_state, backend_info)
        _post(f"Slack notification for {tracked_obj!r} failed", webhook, message, proxies)
    return new_state


def gmail_notifier(
    tracked_obj: Flow | Task = NO_DEFAULT,
    old_state: State = NO_DEFAULT,
    new_state: State = NO_DEFAULT,
    ignore_states: Iterable[type[State]] | None = None,
    only_states: Iterable[type[State]] | None = None,
) -> Any:
    """Send a mail about a new state; a state handler for tasks and flows.

    The secrets ``EMAIL_USERNAME`` and ``EMAIL_PASSWORD`` are the account at the mail server, the
    mail goes to its user. ``config.notifications.smtp`` names the server (Gmail's by default) and
    may name another sender and recipient.

    Args:
        tracked_obj: the task or flow.
        old_state: its last state.
        new_state: its new state.
        ignore_states: classes of states not to tell of; their subclasses neither.
        only_states: classes of states to tell of, and of no others. None or none: of all.

    Returns:
        The new state; or, if not all of the first three are given, a state handler that waits for
        the rest.

    Raises:
        ValueError: a secret is missing, the configuration has an unknown ``encryption``, or the
            server did not take the account or the mail.
        ConnectionError: the server could not be reached, or did not answer in
            ``config.notifications.timeout`` seconds.

    Example:
        ``Flow("nightly", state_handlers=[gmail_notifier(only_states=[Failed])])``
    """
    if new_state is NO_DEFAULT or old_state is NO_DEFAULT or tracked_obj is NO_DEFAULT:
        options = {"ignore_states": ignore_states, "only_states": only_states}
        return _waiting(gmail_notifier, (tracked_obj, old_state, new_state), options)
    username = str(read_secret("EMAIL_USERNAME", as_written=True))
    password = str(read_secret("EMAIL_PASSWORD", as_written=True))
    if _is_wanted(new_state, ignore_states, only_states):
        settings = configuration.config.notifications.smtp
        message = _mail(tracked_obj, new_state)
        message["From"] = settings.sender or username
        message["To"] = settings.recipient or username
        _send(f"Mail notification for {tracked_obj!r} failed", username, password, message)
    return new_state


def _waiting(
    notifier: Callable[..., Any], given: tuple[Any, ...], options: dict[str, Any]
) -> Callable[..., Any]:
    """The notifier with some of its arguments, which waits for the rest of the first three."""
    names = ("tracked_obj", "old_state", "new_state")
    count = next(index for index, value in enumerate(given) if value is NO_DEFAULT)
    later = {
        name: value
        for name, value in zip(names[count:], given[count:], strict=True)
        if value is not NO_DEFAULT
    }
    waiting = partial(notifier, *given[:count], **later, **options)
    # by which name a log or an error calls it; not its documentation, which pickles along
    return update_wrapper(waiting, notifier, assigned=("__name__",), updated=())


def _is_wanted(
    state: State,
    ignore_states: Iterable[type[State]] | None,
    only_states: Iterable[type[State]] | None,
) -> bool:
    ignored, only = tuple(ignore_states or ()), tuple(only_states or ())
    return not isinstance(state, ignored) and (not only or isinstance(state, only))


def slack_message_formatter(
    tracked_obj: Flow | Task, state: State, backend_info: bool = True
) -> dict[str, Any]:
    """Describe a new state as a message of Slack.

    Args:
        tracked_obj: the task or flow.
        state: its new state.
        backend_info: accepted for Prefect 1's sake: there is no server to link to.

    Returns:
        What a Slack webhook takes as JSON: one attachment in the colour of the state, with the
        state's message, or the exception if its result is one.
    """
    value = None
    if isinstance(state.result, Exception):
        value = f"```{state.result!r}```"
    elif state.message is not None:
        value = state.message
    fields = [] if value is None else [{"title": "Message", "value": value, "short": False}]
    name = type(state).__name__
    return {
        "attachments": [
            {
                "fallback": "State change notification",
                "color": state.color,
                "author_name": "prefectlite",
                "title": name,
                "fields": fields,
                "text": f"{tracked_obj.name} is now in a {name} state",
                "footer": "prefectlite notification",
            }
        ]
    }


def _post(
    failed: str, webhook: Any, message: dict[str, Any], proxies: Mapping[str, str] | None
) -> None:
    """Send a message as JSON. The address is a secret, so no error may show it."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, Request, build_opener

    if not isinstance(webhook, str) or not webhook.startswith(("http://", "https://")):
        raise ValueError(f"{failed}: its secret is not the address of a webhook, https://...")
    timeout = configuration.config.notifications.timeout
    opener = build_opener(ProxyHandler(dict(proxies) if proxies is not None else None))
    try:
        data = json.dumps(message, default=str).encode()
        request = Request(webhook, data, {"Content-Type": "application/json"})
        with opener.open(request, timeout=timeout):
            return
    except HTTPError as error:
        error.close()
        reason: Exception = ValueError(f"{failed}: the webhook answered {error.code}.")
    except TimeoutError:
        reason = ConnectionError(f"{failed}: the webhook did not answer in {timeout} seconds.")
    except (OSError, HTTPException) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        reason = ConnectionError(f"{failed}: the webhook could not be reached ({why}).")
    except ValueError:
        reason = ValueError(f"{failed}: its secret is not the address of a webhook.")
    raise reason


def _mail(tracked_obj: Flow | Task, state: State) -> EmailMessage:
    from email.message import EmailMessage
    from html import escape

    name, state_name = tracked_obj.name, type(state).__name__
    mail = EmailMessage()
    # a header has one line
    mail["Subject"] = " ".join(
        f"prefectlite state change notification for {name}: {state_name}".split()
    )
    mail.set_content(f"{name} is now in a {state_name} state.\n\nMessage: {state.message}\n")
    mail.add_alternative(
        f'<p style="border-left: 4px solid {escape(state.color)}; padding-left: 8px">'
        f"<code>{escape(name)}</code> is now in a <b>{state_name}</b> state.</p>"
        f"<p>Message: {escape(str(state.message))}</p>",
        subtype="html",
    )
    return mail


def _send(failed: str, username: str, password: str, mail: EmailMessage) -> None:
    import smtplib

    settings = configuration.config.notifications.smtp
    timeout = configuration.config.notifications.timeout
    server = f"{settings.host}:{settings.port}"
    if settings.encryption not in ("tls", "starttls", "none"):
        raise ValueError(
            f"{failed}: config.notifications.smtp.encryption must be 'tls', 'starttls' or 'none'; "
            f"it is {settings.encryption!r}."
        )
    kind = smtplib.SMTP_SSL if settings.encryption == "tls" else smtplib.SMTP
    try:
        with kind(settings.host, settings.port, timeout=timeout) as smtp:
            if settings.encryption == "starttls":
                smtp.starttls()
            smtp.ehlo()
            # A relay within a network may know no accounts.
            if smtp.has_extn("auth"):
                smtp.login(username, password)
            smtp.send_message(mail)
            return
    except smtplib.SMTPAuthenticationError as error:
        reason: Exception = ValueError(
            f"{failed}: {server} did not take EMAIL_USERNAME with EMAIL_PASSWORD "
            f"({error.smtp_code})."
        )
    except smtplib.SMTPResponseException as error:
        reason = ValueError(f"{failed}: {server} answered {error.smtp_code}.")
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError) as error:
        reason = ValueError(f"{failed}: {server} did not take the mail ({type(error).__name__}).")
    except OSError as error:
        # smtplib reports a timeout as a connection that was closed
        silent = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
        what = (
            f"did not answer in {timeout} seconds" if silent else f"could not be reached ({error})"
        )
        reason = ConnectionError(f"{failed}: {server} {what}.")
    raise reason
