"""Authorities that sign certificates, made for a test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """An authority's certificate, and one that it signed with its key."""

    authority: Path
    signed: Path
    key: Path

    def security(self, **others: Any) -> Any:
        """What a Dask client takes."""
        from distributed import Security

        files = {
            "tls_ca_file": str(self.authority),
            "tls_client_cert": str(self.signed),
            "tls_client_key": str(self.key),
        }
        return Security(require_encryption=True, **{**files, **others})

    def arguments(self) -> list[str]:
        """What `dask scheduler` and `dask worker` take."""
        return [
            *("--tls-ca-file", str(self.authority)),
            *("--tls-cert", str(self.signed)),
            *("--tls-key", str(self.key)),
        ]


def make_certificate(folder: Path, name: str) -> Certificate:
    """Make an authority, and a certificate that it signed."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _sign(f"{name} authority", authority_key.public_key(), None, authority_key)
    signed = _sign(name, key.public_key(), authority.subject, authority_key)
    made = Certificate(folder / f"{name}-ca.pem", folder / f"{name}.pem", folder / f"{name}.key")
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.signed.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


def _sign(name: str, key: Any, issuer: x509.Name | None, signing_key: Any) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(signing_key, hashes.SHA256())
    )
