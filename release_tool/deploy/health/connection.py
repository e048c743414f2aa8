"""One attempt to reach a target: whatever it does, it is over in time, and its troubles are told apart."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from typing import TYPE_CHECKING, TypeAlias

from release_tool.deploy.health.verdict import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_OURS = frozenset(
    {
        errno.EACCES,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        errno.EMFILE,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EPERM,
    }
)
"""What keeps this machine from even asking. A host that can't be reached on a network that can is not among them."""

_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class ConnectionFailedError(Exception):
    """Nothing was answered that could be judged; the detail never holds a URL."""

    def __init__(self, reading: Reading, detail: str) -> None:
        super().__init__(detail)
        self.reading = reading
        self.detail = detail


Address: TypeAlias = tuple[socket.AddressFamily, tuple[object, ...]]
"""A family, and what a socket of that family connects to, its host first."""

_ONE_MACHINE = frozenset({"127.0.0.1", "::1"})


def resolve(host: str, port: int) -> list[Address]:
    """Look up the addresses of a name, each once; raises what the system's lookup raises."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


class TimedConnection:
    """The time that there is for one measurement, and the connection that it holds open meanwhile.

    `turn` says which of several addresses is asked: they take turns. Afterwards `address` names it, `addresses` all
    that the name means and this machine has a route to, and `unreachable` the others.
    """

    def __init__(
        self, seconds: float, *, turn: int = 0, resolve: Callable[[str, int], Sequence[Address]] = resolve
    ) -> None:
        self._seconds = seconds
        self._ends = time.monotonic() + seconds
        self._held: socket.socket | None = None
        self._looking_up = False
        self._turn = turn
        self._resolve = resolve
        self.address = ""
        self.addresses: tuple[str, ...] = ()
        self.unreachable: tuple[str, ...] = ()

    @property
    def left(self) -> float:
        """Seconds that are left, never less than none."""
        return max(self._ends - time.monotonic(), 0)

    @property
    def over(self) -> ConnectionFailedError:
        """What is told where the time is over."""
        if self._looking_up:
            return ConnectionFailedError(Reading.UNMEASURABLE, f"our name lookup took longer than {self._seconds:g} s")
        return ConnectionFailedError(Reading.BAD, f"no whole answer within {self._seconds:g} s")

    def connect(self, host: str, port: int, *, to_proxy: bool = False) -> socket.socket:
        """Connect to the address of a host whose turn it is; raises TroubleError.

        Of a proxy the first one that lets us in is taken, and that none does is our own trouble.
        """
        addresses = self._addresses(host, port)
        if to_proxy:
            try:
                return self._connect(addresses)
            except ConnectionFailedError as trouble:
                raise ConnectionFailedError(Reading.UNMEASURABLE, f"our proxy: {trouble.detail}") from None
        return self._connect(self._whose_turn_it_is(addresses))

    def _whose_turn_it_is(self, addresses: list[Address]) -> list[Address]:
        """One of several addresses that can be reached from here; those of this machine itself are one server."""
        if {str(address[0]) for _, address in addresses} <= _ONE_MACHINE:
            return addresses
        near = sorted((one for one in addresses if _has_route(one)), key=str) or addresses
        self.unreachable = tuple(str(address[0]) for family, address in addresses if (family, address) not in near)
        chosen = near[self._turn % len(near)]
        self.addresses = tuple(str(address[0]) for _, address in near)
        self.address = str(chosen[1][0])
        return [chosen]

    def cut(self) -> None:
        """End the connection, so that whoever still waits for it stops."""
        if self._held:
            with contextlib.suppress(OSError):
                self._held.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hold nothing any more."""
        if self._held:
            self._held.close()

    def _addresses(self, host: str, port: int) -> list[Address]:
        self._looking_up = True
        try:
            return list(self._resolve(host, port))
        except socket.gaierror as error:
            raise lookup_trouble(error) from None
        except UnicodeError:
            raise ConnectionFailedError(Reading.BAD, "its host is no name that can be looked up") from None
        finally:
            self._looking_up = False

    def _connect(self, addresses: Sequence[Address]) -> socket.socket:
        failures = []
        for tried, (family, address) in enumerate(addresses):
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(max(self.left / (len(addresses) - tried), 0.001))  # 0 would mean not to wait
                connection.connect(address)
            except OSError as error:
                connection.close()
                failures.append(error)
            else:
                connection.settimeout(max(self.left, 0.001))
                self.close()  # what was asked before has been answered
                self._held = connection.dup()  # stays in our hand when the connection becomes an encrypted one
                return connection
        raise connection_trouble(failures)


def _has_route(address: Address) -> bool:
    """Whether this machine knows a way to an address; nothing is sent to find out."""
    family, place = address
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect(place)
    except OSError as error:
        return error.errno not in _OURS
    return True


def lookup_trouble(error: socket.gaierror) -> ConnectionFailedError:
    """Tell a name that does not exist, which is the target's fault, from a lookup that could not be made.

    A resolver that answers "no such name" works; one that can't be reached, or fails, is ours.
    """
    if error.errno in _NO_SUCH_NAME:
        return ConnectionFailedError(Reading.BAD, "the name of its host does not exist")
    return ConnectionFailedError(Reading.UNMEASURABLE, f"our name lookup failed: {error.strerror}")


def connection_trouble(failures: Sequence[OSError]) -> ConnectionFailedError:
    """Tell a target that does not let us in from a network of ours that does not let us out.

    One address that was reached and said no is enough to know that we got out.
    """
    theirs = [failure for failure in failures if failure.errno not in _OURS]
    match theirs:
        case [ConnectionRefusedError(), *_]:
            return ConnectionFailedError(Reading.BAD, "the connection was refused")
        case [TimeoutError(), *_]:
            return ConnectionFailedError(Reading.BAD, "no connection in time")
        case [failure, *_]:
            return ConnectionFailedError(Reading.BAD, f"no connection: {failure.strerror or type(failure).__name__}")
        case _:
            reason = failures[0].strerror if failures else "it has no address"
            return ConnectionFailedError(Reading.UNMEASURABLE, f"our network: {reason}")
