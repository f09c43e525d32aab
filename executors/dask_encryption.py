"""Says at once what is wrong with the encryption of a scheduler's address.

Dask tries a connection that fails again until its timeout, and then tells that nobody answered.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from prefectlite.exceptions import ExecutorError

# how long a scheduler may take to answer before it is left to Dask to wait for it, in seconds
PATIENCE = 5.0


def check_encryption(address: str, security: Any = None) -> None:
    """Shake hands with a scheduler once, if that can tell something.

    A scheduler that does not answer is no matter of this function.

    Args:
        address: Its address, "tls://host:8786" for one with encryption.
        security: The `distributed.Security` to connect with; that of Dask's configuration where
            there is none.

    Raises:
        ExecutorError: The certificates do not fit, or only one side has encryption.
    """
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme not in ("tls", "tcp") or not parts.hostname or not parts.port:
        return
    place = (parts.hostname, parts.port)
    context = _context(security)
    if parts.scheme == "tls":
        if context is None:
            raise ExecutorError(
                f"The scheduler at {address!r} is to be reached with TLS, and there are no "
                "certificates to do so: DaskExecutor(address, client_kwargs={'security': "
                "distributed.Security(tls_ca_file=..., tls_client_cert=..., tls_client_key=..., "
                "require_encryption=True)})."
            )
        _check_certificates(address, place, context)
    elif getattr(security, "require_encryption", False):
        raise ExecutorError(
            f"The address {address!r} is one without encryption, and security= requires it: write "
            f"tls://{parts.hostname}:{parts.port}."
        )
    elif _speaks_only_tls(place):
        raise ExecutorError(
            f"The scheduler at {address!r} takes TLS connections only: write "
            f"tls://{parts.hostname}:{parts.port} and give DaskExecutor the certificates, in "
            "client_kwargs={'security': distributed.Security(...)}."
        )


def _context(security: Any) -> ssl.SSLContext | None:
    from distributed import Security

    if security is None or isinstance(security, bool):
        security = Security()
    elif isinstance(security, dict):
        security = Security(**security)
    arguments = security.get_connection_args("client")
    found: ssl.SSLContext | None = arguments.get("ssl_context")
    return found


def _check_certificates(address: str, place: tuple[str, int], context: ssl.SSLContext) -> None:
    try:
        with (
            socket.create_connection(place, PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=place[0]) as encrypted,
        ):
            # what the scheduler thinks of our certificate comes with its first bytes
            if encrypted.recv(1):
                return
            why = "it closed the connection"
    except ssl.SSLCertVerificationError as error:
        raise ExecutorError(
            f"The certificate of the scheduler at {address!r} is refused: {error.verify_message}. "
            "tls_ca_file of security= must be that of the authority which signed it."
        ) from error
    except ssl.SSLError as error:
        why = str(error.reason or error)
        if why in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
            raise ExecutorError(
                f"The scheduler at {address!r} has no encryption: write "
                f"tcp://{place[0]}:{place[1]} without security=, or start it with --tls-ca-file, "
                "--tls-cert and --tls-key."
            ) from error
    except ConnectionResetError as error:
        why = str(error)
    except OSError:
        return
    raise ExecutorError(
        f"The scheduler at {address!r} refuses the certificate of this client ({why}). "
        "tls_client_cert and tls_client_key of security= must be signed by an authority that the "
        "scheduler knows."
    )


def _speaks_only_tls(place: tuple[str, int]) -> bool:
    """Whether a scheduler says nothing by itself, as one without TLS does, but shakes TLS hands."""
    try:
        with socket.create_connection(place, PATIENCE) as plain:
            plain.settimeout(0.5)
            try:
                if plain.recv(1):
                    return False
            except TimeoutError:
                pass
        unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(place, PATIENCE) as plain, unchecked.wrap_socket(plain):
            return True
    except OSError:
        return False
