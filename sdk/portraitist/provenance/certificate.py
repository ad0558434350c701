"""The certificate that pictures are signed with: the operator's, or one made on the fly that nobody vouches for."""

from __future__ import annotations

import contextlib
import datetime
import functools
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..backend import default_home
from ..errors import CertificateUnusable

TEST_ISSUER = "Portraitist test certificate"  # organisation in the subject: what verifiers show as the signer
_FILE = "c2pa-test.pem"  # in the home folder: key, certificate, root
_YEARS = 10


@dataclass(frozen=True)
class Certificate:
    """`chain`: PEM, the signer's certificate first. `test`: made here, so it proves nothing about who signed."""

    chain: bytes
    key: bytes
    algorithm: str  # C2PA's name: es256, ps256, ed25519 ...
    expires: datetime.datetime
    test: bool


def in_use(home: Path | None = None) -> Certificate:
    """$PORTRAITIST_C2PA_CERT and $PORTRAITIST_C2PA_KEY (PEM files); without them the home folder's test certificate, made at its first
    use, and kept in memory only where there is no home folder. Raises CertificateUnusable."""
    chain, key = os.environ.get("PORTRAITIST_C2PA_CERT"), os.environ.get("PORTRAITIST_C2PA_KEY")
    if bool(chain) != bool(key):
        missing = "PORTRAITIST_C2PA_KEY" if chain else "PORTRAITIST_C2PA_CERT"
        raise CertificateUnusable(f"{missing} is not set: a certificate and its key go together", param=missing)
    if chain and key:
        return _operators(chain, key)
    return _test(home or default_home())


@functools.lru_cache(maxsize=4)
def _operators(chain: str, key: str) -> Certificate:
    parts = []
    for name, path in (("PORTRAITIST_C2PA_CERT", chain), ("PORTRAITIST_C2PA_KEY", key)):
        try:
            parts.append(Path(path).expanduser().read_bytes())
        except OSError as error:
            raise CertificateUnusable(f"{name}={path} cannot be read: {error.strerror}", param=name) from error
    return _tried(_checked(*parts, test=False))


@functools.lru_cache(maxsize=4)
def _test(home: Path) -> Certificate:
    path = home / _FILE
    with contextlib.suppress(OSError):
        data = path.read_bytes()
        return _checked(data, data, test=True)
    key, chain = _made()
    with contextlib.suppress(OSError):  # no home folder: this process alone uses it
        own = home / f".{_FILE}-{os.getpid()}"
        with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(key + chain)
        try:
            os.link(own, path)  # whoever came first stays
        except FileExistsError:
            key = chain = path.read_bytes()
        finally:
            own.unlink()
    return _checked(chain, key, test=True)


def _checked(chain: bytes, key: bytes, *, test: bool) -> Certificate:
    """Certificate and key belong together, are of a kind that C2PA allows, and the certificate is valid now."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
        private = serialization.load_pem_private_key(key, None)
    except (ValueError, TypeError, IndexError) as error:
        raise CertificateUnusable(
            f"the C2PA certificate or its key is not PEM without a password: {error}", param="PORTRAITIST_C2PA_CERT"
        ) from error
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise CertificateUnusable(
            "the C2PA key is not that of the first certificate of the chain; the signer's own must come first",
            param="PORTRAITIST_C2PA_KEY",
        )
    expires = leaf.not_valid_after_utc
    if not leaf.not_valid_before_utc <= datetime.datetime.now(datetime.UTC) <= expires:
        raise CertificateUnusable(
            f"the C2PA certificate is valid from {leaf.not_valid_before_utc:%Y-%m-%d} to {expires:%Y-%m-%d}; renew it",
            param="PORTRAITIST_C2PA_CERT",
        )
    return Certificate(_certificates(chain), _private(private), _algorithm(private), expires, test)


def _tried(used: Certificate) -> Certificate:
    """C2PA has rules of its own for certificates; what breaks one should be told before the first picture."""
    import c2pa
    from PIL import Image

    act = {"action": "c2pa.created", "digitalSourceType": "http://c2pa.org/digitalsourcetype/empty"}
    created = {"label": "c2pa.actions.v2", "data": {"actions": [act]}}
    plain = io.BytesIO()
    Image.new("RGB", (8, 8)).save(plain, "PNG")
    try:
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(used.algorithm, used.chain, used.key, None))
        with c2pa.Builder({"claim_generator_info": [{"name": "portraitist"}], "assertions": [created]}) as builder:
            builder.sign(signer, "image/png", plain, io.BytesIO())
    except c2pa.C2paError as error:
        raise CertificateUnusable(
            f"C2PA does not sign with this certificate ({error}). It must be for signing: key usage digital signature, extended key "
            "usage C2PA claim signing, e-mail protection or document signing. It must name an organisation, and not be signed by itself",
            param="PORTRAITIST_C2PA_CERT",
        ) from error
    return used


def _certificates(pem: bytes) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in x509.load_pem_x509_certificates(pem))


def _private(key: Any) -> bytes:
    """As PKCS 8, which is what c2pa reads."""
    from cryptography.hazmat.primitives import serialization

    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    data: bytes = key.private_bytes(*form)
    return data


def _algorithm(key: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size in (256, 384, 521):
        return {256: "es256", 384: "es384", 521: "es512"}[key.curve.key_size]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    raise CertificateUnusable(
        "C2PA signs with keys on P-256, P-384 or P-521, Ed25519 or RSA; this one is of another kind",
        param="PORTRAITIST_C2PA_KEY",
    )


def _made() -> tuple[bytes, bytes]:
    """Key and chain (PEM) of a fresh test certificate, below a root whose key is thrown away. Extensions as the C2PA
    specification (14.5.1) asks for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def subject(name: str) -> x509.Name:
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, TEST_ISSUER)
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def usage(*, signs: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=signs,
            key_cert_sign=not signs,
            crl_sign=not signs,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )

    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begins = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    chain = b""
    for name, public, signs in (("signer", key.public_key(), True), ("root", root_key.public_key(), False)):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject(name))
            .issuer_name(subject("root"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + datetime.timedelta(days=365 * _YEARS))
            .add_extension(x509.BasicConstraints(ca=not signs, path_length=None), critical=True)
            .add_extension(usage(signs=signs), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        )
        if signs:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(purpose, critical=False)
        chain += builder.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return _private(key), chain
