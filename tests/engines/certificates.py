"""The certificates of a cluster that lives for one run."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PEM = serialization.Encoding.PEM
_DAY = timedelta(days=1)


class Authority:
    """Who signs the certificates; all of them lie in one folder, as NAME.crt and NAME.key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key = self._new_key("ca")
        self._name = _name("engines", "")
        signed = _builder(self._name, self._name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self._write("ca", signed.sign(self._key, hashes.SHA256()))

    def sign(self, name: str, common_name: str, group: str = "", addresses: Sequence[str] = ()) -> None:
        """Sign a certificate of somebody in a group, who may serve these addresses."""
        key = self._new_key(name)
        builder = _builder(_name(common_name, group), self._name, key.public_key())
        if addresses:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(one) for one in addresses]), critical=False
            )
        self._write(name, builder.sign(self._key, hashes.SHA256()))

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def _new_key(self, name: str) -> ec.EllipticCurvePrivateKey:
        made = ec.generate_private_key(ec.SECP256R1())
        form = serialization.PrivateFormat.TraditionalOpenSSL
        self.key(name).write_bytes(made.private_bytes(_PEM, form, serialization.NoEncryption()))
        self.key(name).chmod(0o600)
        return made

    def _write(self, name: str, signed: x509.Certificate) -> None:
        self.certificate(name).write_bytes(signed.public_bytes(_PEM))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )


def _name(common_name: str, group: str) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
