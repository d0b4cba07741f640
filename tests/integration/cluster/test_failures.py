"""Whatever is wrong between us and a cluster, the error is one line that names the fix."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from cluster.client import DELETION_COST, SAFE_TO_EVICT, KnativeClient
from cluster.errors import ClusterError
from devstack.servers.ports import free_port
from tests.fakes.knative_objects import pod
from tests.fakes.kubernetes_api import KubernetesApi
from tests.integration.cluster.conftest import Connect

pytestmark = pytest.mark.integration


async def failure(client: KnativeClient) -> ClusterError:
    """What listing the Services ends with."""
    with pytest.raises(ClusterError) as caught:
        await client.services()
    await client.close()
    return caught.value


# --- The role -----------------------------------------------------------------------------------------------


async def test_the_edge_bridges_role_is_enough_for_the_deletion_cost(api: KubernetesApi, connect: Connect) -> None:
    bridge = connect(account="alloresto/edge-bridge")

    await bridge.set_deletion_cost("call-handler-00002-a", 1000)
    await bridge.set_deletion_cost("gone", 1000)

    assert api.annotations("Pod", "call-handler-00002-a", "alloresto") == {
        DELETION_COST: "1000",
        SAFE_TO_EVICT: "false",
    }
    assert api.requests == [  # nothing that the role does not allow was tried
        ("PATCH", "/api/v1/namespaces/alloresto/pods/call-handler-00002-a"),
        ("PATCH", "/api/v1/namespaces/alloresto/pods/gone"),
    ]


async def test_without_its_role_the_error_says_what_to_bind(api: KubernetesApi, connect: Connect) -> None:
    api.delete("RoleBinding", "edge-bridge-pod-deletion-cost", "alloresto")

    with pytest.raises(ClusterError) as caught:
        await connect(account="alloresto/edge-bridge").set_deletion_cost("call-handler-00002-a", 1000)

    assert caught.value.status == 403
    assert str(caught.value) == (
        "patch pods call-handler-00002-a in namespace alloresto: 403, pods is forbidden: User"
        ' "system:serviceaccount:alloresto:edge-bridge" cannot patch resource "pods" in API group "" in the'
        ' namespace "alloresto"; bind a role that allows patch on pods'
        " (kubectl auth can-i patch pods --namespace alloresto)"
    )


async def test_the_role_holds_in_its_own_namespace_only(api: KubernetesApi, connect: Connect) -> None:
    api.put(pod("call-handler-00002-b", "call-handler", namespace="elsewhere"))

    with pytest.raises(ClusterError, match=r'403.*in the namespace "elsewhere"'):
        await connect(account="alloresto/edge-bridge", namespace="elsewhere").set_deletion_cost(
            "call-handler-00002-b", 1000
        )


# --- The kubeconfig -----------------------------------------------------------------------------------------


async def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    error = await failure(KnativeClient(kubeconfig=tmp_path / "nowhere"))

    assert str(error) == (
        f"reading the kubeconfig: {tmp_path}/nowhere cannot be used: Configuration file {tmp_path}/nowhere not found;"
        " name a kubeconfig that kubectl can use (kubectl config get-contexts)"
    )
    assert error.status is None


async def test_a_missing_context_is_named(api: KubernetesApi, tmp_path: Path) -> None:
    kubeconfig = api.kubeconfig(tmp_path / "config")

    error = await failure(KnativeClient(kubeconfig=kubeconfig, context="production"))

    assert f"context production of {kubeconfig} cannot be used: Context 'production' not found" in str(error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "it is not a kubeconfig"),
        ("{clusters: 7, contexts: 7}", "it is not a kubeconfig"),
        ("{", "expected the node content"),
        ("clusters: []", "'contexts' is missing"),
        ("{clusters: [], contexts: []}", "No current context set"),
        (
            "{current-context: a, clusters: [], contexts: [{name: a, context: {cluster: gone}}]}",
            "'gone' is missing",
        ),
        (
            "{current-context: a, clusters: [{name: b, cluster: {server: 7}}],"
            " contexts: [{name: a, context: {cluster: b}}]}",
            "Expected `str`, got `int`",
        ),
        (
            "{current-context: a, clusters: [{name: b, cluster: {server: 'https://host:port'}}],"
            " contexts: [{name: a, context: {cluster: b}}]}",
            "Invalid port: 'port'",
        ),
    ],
)
async def test_a_kubeconfig_with_a_fault_is_named(tmp_path: Path, text: str, expected: str) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(text)

    error = await failure(KnativeClient(kubeconfig=kubeconfig))

    assert str(error).startswith(f"reading the kubeconfig: {kubeconfig} cannot be used: ")
    assert expected in str(error)
    assert str(error).endswith("; name a kubeconfig that kubectl can use (kubectl config get-contexts)")


async def test_a_list_of_kubeconfigs_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/first:/second")

    error = await failure(KnativeClient())

    assert "/first:/second cannot be used" in str(error)
    assert str(error).endswith("name one file, with one context (--kubeconfig, --context)")


async def test_a_context_without_a_user_is_fine(api: KubernetesApi, tmp_path: Path) -> None:
    kubeconfig = api.kubeconfig(tmp_path / "config")
    config = yaml.safe_load(kubeconfig.read_text())
    del config["contexts"][0]["context"]["user"]
    kubeconfig.write_text(yaml.safe_dump(config))

    error = await failure(KnativeClient(kubeconfig=kubeconfig))

    assert 'User "system:anonymous" cannot list' in str(error)  # the server was asked, and it says so


async def test_the_environments_kubeconfig_is_the_default(
    api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path / "config")))

    async with KnativeClient() as client:
        assert (client.namespace, client.server) == ("alloresto", api.url)
        assert len(await client.services()) == 2


async def test_a_wrong_token_says_to_log_in_again(connect: Connect) -> None:
    error = await failure(connect(token="expired"))

    assert error.status == 401
    assert "401, Unauthorized; the credentials of " in str(error)
    assert str(error).endswith("/config-0 are wrong or expired: log in again")


async def test_a_credential_plugin_that_is_not_installed_is_named(api: KubernetesApi, tmp_path: Path) -> None:
    kubeconfig = api.kubeconfig(tmp_path / "config")
    config = yaml.safe_load(kubeconfig.read_text())
    plugin = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "no-such-plugin"}
    config["users"][0]["user"] = {"exec": plugin}
    kubeconfig.write_text(yaml.safe_dump(config))

    error = await failure(KnativeClient(kubeconfig=kubeconfig))

    assert "no-such-plugin" in error.what
    assert error.fix == f"check the user of {kubeconfig}"


# --- The server ---------------------------------------------------------------------------------------------


async def test_a_server_that_is_not_there_is_named(api: KubernetesApi, tmp_path: Path) -> None:
    api.port, port = free_port(), api.port
    kubeconfig = api.kubeconfig(tmp_path / "config")
    address, api.port = api.url, port

    error = await failure(KnativeClient(kubeconfig=kubeconfig))

    assert str(error) == (
        f"list services.serving.knative.dev in namespace alloresto: {address} is not reached (All connection attempts"
        f" failed); check that the cluster is up and that {kubeconfig} is the one you mean"
    )
    assert error.status is None


async def test_a_server_that_does_not_answer_is_given_up(api: KubernetesApi, connect: Connect) -> None:
    api.delay_s = 30.0

    error = await failure(connect(timeout_s=0.1))

    assert f"{api.url} gave no answer within 0.1 s; check that the cluster is up" in str(error)


async def test_a_server_that_answers_byte_by_byte_is_given_up(tmp_path: Path) -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" * 100:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with answering(drip, tmp_path) as kubeconfig:
        error = await failure(KnativeClient(kubeconfig=kubeconfig, timeout_s=0.3))

    assert "gave no answer within 0.3 s" in str(error)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", "like a Kubernetes API"),
        ("200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", "like a Kubernetes API"),
        ("502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "like a Kubernetes API"),
        ("502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n", "502, Bad Gateway; the API server"),
    ],
)
async def test_what_does_not_answer_like_an_api_server_is_named(tmp_path: Path, answer: str, expected: str) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {answer}".encode())

    async with answering(reply, tmp_path) as kubeconfig:
        error = await failure(KnativeClient(kubeconfig=kubeconfig))

    assert expected in str(error)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_trouble_of_the_server_says_to_try_later(api: KubernetesApi, client: KnativeClient, status: int) -> None:
    api.fail(status)

    error = await failure(client)

    assert error.status == status
    assert error.fix == "the API server is in trouble: try again later"


async def test_a_cluster_without_knative_says_to_install_it(tmp_path: Path) -> None:
    async with KubernetesApi(without={"serving.knative.dev"}) as api:
        client = KnativeClient(kubeconfig=api.kubeconfig(tmp_path / "config"))
        error = await failure(client)
        with pytest.raises(ClusterError, match="install a Knative that has it"):
            await client.prewarm("call-handler", 1)
        with pytest.raises(ClusterError, match="install a Knative that has it"):
            await client.get("serving.knative.dev/v1", "Revision", "x")
        await client.close()

    assert error.status == 404
    assert f"404, {api.url} does not serve serving.knative.dev/v1 Service" in str(error)


@asynccontextmanager
async def answering(
    behave: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], folder: Path
) -> AsyncIterator[Path]:
    """A kubeconfig for a server that does what ``behave`` does with each connection."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(reader, writer)
        except ConnectionError:
            pass  # the client has given up
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    api = KubernetesApi()
    api.port = server.sockets[0].getsockname()[1]
    try:
        yield api.kubeconfig(folder / "config")
    finally:
        server.close()
