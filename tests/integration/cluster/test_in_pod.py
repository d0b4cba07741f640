"""In a pod: the service account's token and certificate, as the edge bridge runs in production."""

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cluster import connection
from cluster.client import DELETION_COST, SAFE_TO_EVICT, KnativeClient
from cluster.errors import ClusterError
from tests.fakes.knative_objects import deletion_cost_role, pod
from tests.fakes.kubernetes_api import KubernetesApi

pytestmark = pytest.mark.integration

POD = "call-handler-00001-a"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed one for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    certificate_file, key_file = folder / "ca.crt", folder / "tls.key"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[KubernetesApi]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate(tmp_path / "server"))
    async with KubernetesApi([pod(POD, "call-handler"), *deletion_cost_role()], tls=tls) as server:
        yield server


@pytest.fixture
def account(api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that Kubernetes mounts into the bridge's pod."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "ca.crt").write_bytes((tmp_path / "server" / "ca.crt").read_bytes())
    (folder / "namespace").write_text("alloresto")
    (folder / "token").write_text(api.token("alloresto/edge-bridge"))
    monkeypatch.setattr(connection, "SERVICE_ACCOUNT", folder)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(api.port))
    return folder


@pytest.mark.usefixtures("account")
async def test_the_service_account_is_used_over_tls(api: KubernetesApi) -> None:
    async with KnativeClient() as client:
        await client.set_deletion_cost(POD, 1000)

        assert (client.server, client.namespace) == (api.url, "alloresto")
    assert api.annotations("Pod", POD, "alloresto") == {DELETION_COST: "1000", SAFE_TO_EVICT: "false"}


@pytest.mark.usefixtures("account")
async def test_the_service_account_comes_before_a_kubeconfig_in_the_environment(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")

    async with KnativeClient() as client:
        assert client.server == api.url


async def test_a_token_that_was_replaced_is_read_again(api: KubernetesApi, account: Path) -> None:
    async with KnativeClient() as client:
        await client.set_deletion_cost(POD, 1000)
        api.revoke((account / "token").read_text())
        (account / "token").write_text(api.token("alloresto/edge-bridge"))

        await client.set_deletion_cost(POD, 0)

    assert api.annotations("Pod", POD, "alloresto") == {DELETION_COST: "0"}


async def test_a_server_that_the_clusters_certificate_does_not_cover_is_refused(account: Path, tmp_path: Path) -> None:
    other, _ = certificate(tmp_path / "other")
    (account / "ca.crt").write_bytes(other.read_bytes())

    async with KnativeClient() as client:
        with pytest.raises(
            ClusterError, match=r"is not reached \(.*CERTIFICATE_VERIFY_FAILED.*the pod's service account"
        ):
            await client.set_deletion_cost(POD, 1000)


@pytest.mark.usefixtures("account")
async def test_a_pod_without_the_clusters_address_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")

    with pytest.raises(ClusterError, match="'KUBERNETES_SERVICE_HOST' is missing; run it in a pod"):
        await KnativeClient().open()
