"""Certificates: tried before Kamailio is started with them, which says what is wrong in ten lines of OpenSSL's.

Kamailio knows them as links in the node's folder. It runs as a user of its own where the supervisor is root, so the
files are tried as that user.
"""

import datetime
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edge_bridge.settings import EdgeSettings
from process.settings import SettingsError

CERTIFICATE, KEY, TRUSTED = "certificate.pem", "key.pem", "trusted.pem"
TRY_WITHIN_S = 5.0
OWN_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in ``folder``. ``only_ours``: the node has no certificate, and speaks TLS to trunks only.

    ``trusted_folder`` holds certificates by their hash, "" where TRUSTED is a file of them: the system's hundred and
    forty take each of Kamailio's processes half a second to read, so they are looked up one at a time.
    """

    folder: Path
    only_ours: bool
    trusted_folder: str

    def profiles(self) -> str:
        """``tls.cfg``: who calls us needs no certificate; a trunk that we call needs one that we trust."""
        trusted = f"ca_path = {self.trusted_folder}" if self.trusted_folder else f"ca_list = {self.folder / TRUSTED}"
        lines = [
            "[server:default]",
            "method = TLSv1.2+",
            "verify_certificate = no",
            "require_certificate = no",
            f"certificate = {self.folder / CERTIFICATE}",
            f"private_key = {self.folder / KEY}",
            "",
            "[client:default]",
            "method = TLSv1.2+",
            "verify_certificate = yes",
            "require_certificate = yes",
            trusted,
        ]
        return "\n".join(lines) + "\n"


def prepare(config: EdgeSettings, folder: Path, user: str) -> Certificates:
    """Into ``folder``, for ``user`` ("" for this process's own). Raises SettingsError naming the variable."""
    if config.sip_tls_cert:
        for variable, path in (("SIP_TLS_CERT", config.sip_tls_cert), ("SIP_TLS_KEY", config.sip_tls_key)):
            _require_readable(variable, path, user)
        _require_pair(config.sip_tls_cert, config.sip_tls_key)
        _link(folder / CERTIFICATE, config.sip_tls_cert)
        _link(folder / KEY, config.sip_tls_key)
    else:
        _make_own(folder)
    if config.sip_tls_ca:
        _require_readable("SIP_TLS_CA", config.sip_tls_ca, user)
        try:
            ssl.create_default_context(cafile=config.sip_tls_ca)
        except (ssl.SSLError, OSError):
            raise SettingsError([f"SIP_TLS_CA: {config.sip_tls_ca} holds no certificates in PEM"]) from None
        _link(folder / TRUSTED, config.sip_tls_ca)
    return Certificates(folder, not config.sip_tls_cert, "" if config.sip_tls_ca else _system_folder())


def _link(link: Path, path: str) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(Path(path).absolute())


def _require_readable(variable: str, path: str, user: str) -> None:
    if not Path(path).is_file():
        raise SettingsError([f"{variable}: {path} is no file"])
    tried = subprocess.run(
        ["test", "-r", path], user=user or None, group=user or None, timeout=TRY_WITHIN_S, check=False
    )
    if tried.returncode:
        whose = f"the user {user}, which Kamailio runs as" if user else "this process's user"
        raise SettingsError([f"{variable}: {path} can't be read by {whose}"])


def _require_pair(certificate: str, key: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        what = "do not belong together" if "KEY_VALUES_MISMATCH" in str(error) else "are not both PEM without password"
        raise SettingsError([f"SIP_TLS_CERT, SIP_TLS_KEY: {certificate} and {key} {what}"]) from None


def _system_folder() -> str:
    """Where this system keeps its certificate authorities by hash."""
    paths = ssl.get_default_verify_paths()
    for found in (paths.capath, paths.openssl_capath, "/etc/ssl/certs"):
        if found and any(Path(found).glob("*.0")):
            return str(found)
    raise SettingsError(["SIP_TLS_CA: not set, and this system has no certificates of its own (ca-certificates)"])


def _make_own(folder: Path) -> None:
    """Kamailio does not speak TLS without a certificate, not even to others. Nobody is ever shown this one."""
    # 40 ms, which a node without Kamailio need not wait for.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "edge-bridge")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=OWN_DAYS))
        .sign(key, hashes.SHA256())
    )
    (folder / CERTIFICATE).write_bytes(made.public_bytes(serialization.Encoding.PEM))
    no_password = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
    (folder / KEY).write_bytes(private)
