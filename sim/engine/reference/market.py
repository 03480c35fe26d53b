"""Hired nodes of the SimPy fleet: who is ordered, refused, cancelled, given back.

At each dispatch there are as many nodes on order as the jobs call for that have waited long enough, less the nodes that
are wholly free, up to the maximum; what is too much is cancelled, the latest order first. The k-th order takes the k-th
boot and the k-th lifetime.
"""

from dataclasses import dataclass

from sim.engine.reference.job import Job
from sim.ground.hires import ExhaustedError
from sim.ground.jobs import SHARE, Fleet, Hazards, Hiring, share_of_node
from sim.ground.units import NEVER

GONE, ORDERED, UP = 0, 1, 2


@dataclass
class Hire:
    """One order and what came of it."""

    node: int
    ordered: int
    ready: int
    dies: int
    left: int = NEVER
    state: int = ORDERED


def switches_at(switches: list[int], now: int) -> int:
    """Count the switches of a list of windows that lie behind: an odd count is inside a window."""
    return sum(instant <= now for instant in switches)


class Market:
    """What one replication may hire, and what it has hired."""

    def __init__(self, fleet: Fleet, hazards: Hazards, replication: int) -> None:
        self.fleet, self.rules = fleet, fleet.hiring or Hiring(maximum=0)
        self.supply = [[int(each) for each in row] for row in hazards.supply[replication]]
        self.boot = [int(each) for each in hazards.boot[replication]]
        self.lifetime = [int(each) for each in hazards.lifetime[replication]]
        self.refused = [bool(each) for each in hazards.refused[replication]]
        self.first, self.slots = fleet.nodes + fleet.lent, hazards.slots
        self.hires: list[Hire] = []
        self.on_order: list[int] = []
        self.asked, self.ask_again = 0, 0

    def calls(self, waiting: list[Job], now: int) -> int:
        """Count the nodes that the jobs would fill that have waited long enough."""
        size, after = self.fleet.gpus_per_node, self.rules.after
        called = [share_of_node(job.gpus, size) for job in waiting if now - job.waits_since >= after]
        return -(-sum(called) // SHARE)

    def present(self) -> list[Hire]:
        """List the hired nodes that are up."""
        return [hire for hire in self.hires if hire.state == UP]

    def vacant(self) -> list[int]:
        """List the slots that nothing is in."""
        taken = {hire.node for hire in self.hires if hire.state != GONE}
        return [node for node in range(self.first, self.first + self.slots) if node not in taken]

    def windows(self, node: int) -> list[int]:
        """Tell when a slot is supplied."""
        if not self.supply:
            return [0]
        return self.supply[node - self.first if len(self.supply) > 1 else 0]

    def wanted(self, waiting: list[Job], idle: int, now: int) -> int:
        """Count the nodes that ought to be on order, where so many are idle: a job may be waiting for more of them."""
        return max(0, min(self.rules.maximum - len(self.present()), self.calls(waiting, now) - idle))

    def ask(self, now: int) -> Hire | None:
        """Ask for a node; None where it is refused, and then nobody asks for a while."""
        vacant = self.vacant()
        if not vacant and len(self.supply) <= 1:
            raise ExhaustedError("slots")
        supplied = [node for node in vacant if switches_at(self.windows(node), now) % 2]
        refused = self.draw("refused", self.refused, self.asked) if self.refused else False
        self.asked += 1
        if refused or not supplied:
            self.ask_again = now + self.rules.retry
            return None
        return self.order(supplied[0], now)

    def order(self, node: int, now: int) -> Hire:
        """Order a node."""
        number = len(self.hires)
        ready = now + self.draw("hires", self.boot, number)
        dies = ready + min(self.draw("hires", self.lifetime, number), NEVER - ready)
        if self.rules.binding:
            windows = self.windows(node)
            dies = min([dies, *windows[switches_at(windows, now) :][:1]])
        self.hires.append(Hire(node, now, ready, dies))
        self.on_order.append(number)
        return self.hires[-1]

    @staticmethod
    def draw(what: str, drawn: list[int] | list[bool], number: int) -> int:
        """Take what was drawn beforehand."""
        if number >= len(drawn):
            raise ExhaustedError(what)
        return int(drawn[number])

    def leave(self, number: int, now: int) -> None:
        """Let a hire end."""
        hire = self.hires[number]
        hire.left = now
        if hire.state == ORDERED:
            self.on_order.remove(number)
            hire.ready = NEVER
        hire.state = GONE
