"""A Kubernetes of one node in the room: Debian's etcd, containerd and runc below its own programs."""

from __future__ import annotations

import base64
import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tests.engines import cgroups
from tests.engines.certificates import Authority
from tests.engines.daemon import Daemon, output, succeeds
from tests.engines.docker import REGISTRY, listens, push_pause
from tests.engines.place import BIN, CGROUP, STATE

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

NODE = "node"
_ADDRESS = "10.255.0.1"
_PODS, _SERVICES = "10.244.0.0/16", "10.96.0.0/16"
_FIRST_SERVICE = "10.96.0.1"
_SERVER = f"https://{_ADDRESS}:6443"
_CONTAINERD = "/run/containerd/containerd.sock"
_HERE = STATE / "kubernetes"

_CONTAINERD_TOML = f"""version = 2
root = "{STATE / "containerd"}"
state = "/run/containerd"
[grpc]
  address = "{_CONTAINERD}"
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{REGISTRY}/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{_HERE / "cni"}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".registry.mirrors."{REGISTRY}"]
    endpoint = ["http://{REGISTRY}"]
"""
_CNI = {
    "cniVersion": "0.4.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "ipMasq": True,
            "ipam": {
                "type": "host-local",
                "dataDir": "/run/cni",
                "ranges": [[{"subnet": "10.244.0.0/24"}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}
_KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "authentication": {
        "anonymous": {"enabled": False},
        "webhook": {"enabled": False},
        "x509": {"clientCAFile": str(_HERE / "pki" / "ca.crt")},
    },
    "authorization": {"mode": "AlwaysAllow"},
    "cgroupDriver": "cgroupfs",
    "cgroupRoot": f"/{CGROUP}",
    "containerRuntimeEndpoint": f"unix://{_CONTAINERD}",
    "enforceNodeAllocatable": [],
    "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    "failCgroupV1": False,
    "failSwapOn": False,
    "imageGCHighThresholdPercent": 100,
    "podLogsDir": "/var/log/pods",
}
_PROXY = {
    "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
    "kind": "KubeProxyConfiguration",
    "clientConnection": {"kubeconfig": str(_HERE / "admin.kubeconfig")},
    "clusterCIDR": _PODS,
    "conntrack": {"maxPerCore": 0},
    "mode": "iptables",
}
_DEPLOYER = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: shop}
rules:
  - apiGroups: [apps]
    resources: [deployments, statefulsets, daemonsets]
    verbs: [get, list, watch, create, patch, update]
  - {apiGroups: [apps], resources: [replicasets], verbs: [get, list, watch]}
  - {apiGroups: [""], resources: [services], verbs: [get, list, watch, create, patch, update, delete]}
  - {apiGroups: [""], resources: [secrets], verbs: [get, list, watch, create, patch, update, delete]}
  - {apiGroups: [""], resources: [pods, events], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
subjects: [{kind: ServiceAccount, name: deployer, namespace: shop}]
"""


class Pod(msgspec.Struct, frozen=True):
    """What the cluster knows of a pod of the shop."""

    name: str
    image: str
    ready: bool
    restarts: int
    track: str = ""


class Cluster:
    """The node and its control plane; as a context manager it ends with what it started."""

    def __init__(self) -> None:
        self._engines = ExitStack()
        self._authority: Authority | None = None
        self.kubelet: Daemon | None = None

    def __enter__(self) -> Self:
        with ExitStack() as engines:
            self._prepare()
            engines.enter_context(Daemon("etcd", _etcd(), ready=lambda: listens(2379)))
            engines.enter_context(Daemon("containerd", _containerd(), ready=lambda: Path(_CONTAINERD).exists()))
            engines.enter_context(Daemon("kube-apiserver", self._apiserver(), ready=self._answers))
            engines.enter_context(Daemon("kube-controller-manager", self._manager(), ready=lambda: listens(10257)))
            engines.enter_context(Daemon("kube-scheduler", self._scheduler(), ready=lambda: listens(10259)))
            self.kubelet = engines.enter_context(Daemon("kubelet", self._kubelet(), ready=self._node_is_ready))
            engines.enter_context(Daemon("kube-proxy", self._proxy(), ready=lambda: listens(10256)))
            self._engines = engines.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.empty()
        self._engines.close()

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        """Ask the cluster as its administrator."""
        return output(str(BIN / "kubectl"), "--kubeconfig", str(_HERE / "admin.kubeconfig"), *args, stdin=stdin)

    def pods(self) -> tuple[Pod, ...]:
        """The pods of the shop that are not on their way out."""
        told = self.kubectl("get", "pods", "--namespace", "shop", "--output", "json")
        found = msgspec.json.decode(told, type=_Pods).items
        return tuple(_pod(one) for one in found if not one.metadata.deletionTimestamp)

    def new_shop(self) -> str:
        """An empty namespace, and the kubeconfig of who may deploy into it and do nothing else."""
        self.empty()
        self.kubectl("apply", "--filename", "-", stdin=_DEPLOYER)
        return self.kubeconfig(
            {"token": self.kubectl("create", "token", "deployer", "--namespace", "shop", "--duration", "24h")}
        )

    def restart_kubelet(self) -> None:
        """Restart the node's agent, as an upgrade of the node does."""
        assert self.kubelet
        self.kubelet.stop()
        self.kubelet.start()

    def remove_image(self, image: str) -> None:
        """Remove an image from the node, so that only the registry has it."""
        output("ctr", "--address", _CONTAINERD, "--namespace", "k8s.io", "images", "rm", "--sync", image)

    def empty(self) -> None:
        self.kubectl("delete", "namespace", "shop", "--ignore-not-found", "--wait", "--timeout", "120s")

    def kubeconfig(self, user: dict[str, str]) -> str:
        """How somebody reaches this cluster."""
        assert self._authority
        authority = _data(self._authority.certificate("ca"))
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "it", "cluster": {"server": _SERVER, "certificate-authority-data": authority}}],
                "users": [{"name": "it", "user": user}],
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                "current-context": "it",
            }
        )

    def _prepare(self) -> None:
        """Make the node's address, its control group, its certificates and its configuration files."""
        cgroups.make()
        for argv in (
            ("ip", "link", "add", "node0", "type", "bridge"),
            ("ip", "address", "add", f"{_ADDRESS}/24", "dev", "node0"),
            ("ip", "link", "set", "node0", "up"),
            ("ip", "route", "add", _SERVICES, "dev", "node0"),
            ("sysctl", "-qw", "net.ipv4.ip_forward=1"),
        ):
            output(*argv)
        push_pause()
        self._authority = Authority(_HERE / "pki")
        self._authority.sign(
            "apiserver", "kube-apiserver", addresses=(_ADDRESS, _FIRST_SERVICE, "127.0.0.1", "localhost")
        )
        self._authority.sign("admin", "admin", "system:masters")
        self._authority.sign("node", f"system:node:{NODE}", "system:nodes")
        self._authority.sign("tokens", "tokens")
        for name in ("admin", "node"):
            (_HERE / f"{name}.kubeconfig").write_text(self.kubeconfig(self._signed(name)))
        (_HERE / "containerd.toml").write_text(_CONTAINERD_TOML)
        (_HERE / "cni").mkdir(exist_ok=True)
        (_HERE / "cni" / "10-pods.conflist").write_text(json.dumps(_CNI))
        (_HERE / "kubelet.json").write_text(json.dumps(_KUBELET))
        (_HERE / "kube-proxy.json").write_text(json.dumps(_PROXY))

    def _signed(self, name: str) -> dict[str, str]:
        assert self._authority
        return {
            "client-certificate-data": _data(self._authority.certificate(name)),
            "client-key-data": _data(self._authority.key(name)),
        }

    def _apiserver(self) -> list[str]:
        assert self._authority
        pki = self._authority
        return [
            str(BIN / "kube-apiserver"),
            f"--advertise-address={_ADDRESS}",
            "--authorization-mode=Node,RBAC",
            f"--client-ca-file={pki.certificate('ca')}",
            "--endpoint-reconciler-type=none",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--kubelet-client-certificate={pki.certificate('admin')}",
            f"--kubelet-client-key={pki.key('admin')}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki.key('tokens')}",
            f"--service-account-signing-key-file={pki.key('tokens')}",
            f"--service-cluster-ip-range={_SERVICES}",
            f"--tls-cert-file={pki.certificate('apiserver')}",
            f"--tls-private-key-file={pki.key('apiserver')}",
        ]

    def _manager(self) -> list[str]:
        assert self._authority
        return [
            str(BIN / "kube-controller-manager"),
            f"--kubeconfig={_HERE / 'admin.kubeconfig'}",
            "--leader-elect=false",
            f"--root-ca-file={self._authority.certificate('ca')}",
            f"--service-account-private-key-file={self._authority.key('tokens')}",
        ]

    def _scheduler(self) -> list[str]:
        return [str(BIN / "kube-scheduler"), f"--kubeconfig={_HERE / 'admin.kubeconfig'}", "--leader-elect=false"]

    def _kubelet(self) -> list[str]:
        return [
            str(BIN / "kubelet"),
            f"--config={_HERE / 'kubelet.json'}",
            f"--hostname-override={NODE}",
            f"--kubeconfig={_HERE / 'node.kubeconfig'}",
            f"--node-ip={_ADDRESS}",
            "--root-dir=/var/lib/kubelet",
        ]

    def _proxy(self) -> list[str]:
        return [str(BIN / "kube-proxy"), f"--config={_HERE / 'kube-proxy.json'}", f"--hostname-override={NODE}"]

    def _answers(self) -> bool:
        return succeeds(*self._ask("get", "--raw", "/readyz"))

    def _node_is_ready(self) -> bool:
        told = ("get", "node", NODE, "--output", "jsonpath={.status.conditions[?(@.type=='Ready')].status}")
        return succeeds(*self._ask("get", "node", NODE)) and self.kubectl(*told) == "True"

    def _ask(self, *args: str) -> tuple[str, ...]:
        return (str(BIN / "kubectl"), "--kubeconfig", str(_HERE / "admin.kubeconfig"), *args)


def _etcd() -> list[str]:
    return ["etcd", "--data-dir", "/var/lib/etcd", "--log-level", "warn"]


def _containerd() -> list[str]:
    return ["containerd", "--config", str(_HERE / "containerd.toml"), "--log-level", "warn"]


def _pod(told: _Told) -> Pod:
    [spec], [status] = told.spec.containers, told.status.containerStatuses or [_Status()]
    return Pod(told.metadata.name, spec.image, status.ready, status.restartCount, told.metadata.labels.get("track", ""))


class _Named(msgspec.Struct, frozen=True):
    name: str
    deletionTimestamp: str = ""  # noqa: N815 - as Kubernetes calls it
    labels: dict[str, str] = {}


class _Container(msgspec.Struct, frozen=True):
    image: str


class _Spec(msgspec.Struct, frozen=True):
    containers: list[_Container]


class _Status(msgspec.Struct, frozen=True):
    ready: bool = False
    restartCount: int = 0  # noqa: N815 - as Kubernetes calls it


class _State(msgspec.Struct, frozen=True):
    containerStatuses: list[_Status] = []  # noqa: N815 - as Kubernetes calls it


class _Told(msgspec.Struct, frozen=True):
    """A pod, as far as it is looked at."""

    metadata: _Named
    spec: _Spec
    status: _State


class _Pods(msgspec.Struct, frozen=True):
    items: list[_Told]


def _data(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
