"""Doors share a listening socket: each takes its part of the connections."""

import asyncio
import errno
import socket
from contextlib import ExitStack

from whodid.serve.acceptor import Acceptor


class Door(asyncio.Protocol):
    """A connection that counts itself."""

    def __init__(self, held):
        self.held = held

    def connection_made(self, transport):
        self.held.add(transport)


class Street:
    """Some doors on one listening socket, and callers; everything is closed at the end."""

    def __init__(self, doors=2, wrap=lambda listener: listener):
        self._stack = ExitStack()
        self._enter = self._stack.enter_context
        listener = self._enter(socket.create_server(("127.0.0.1", 0), backlog=128))
        self._address = listener.getsockname()
        self.held = [set() for _ in range(doors)]
        self.doors = [self._door(wrap(self._enter(listener.dup())), held) for held in self.held]

    def _door(self, listener, held):
        return Acceptor(listener, lambda: Door(held), lambda: len(held))

    def call(self, count):
        for _ in range(count):
            self._enter(socket.create_connection(self._address))

    @property
    def taken(self):
        return [len(held) for held in self.held]

    async def all_taken(self, count):
        for _ in range(500):
            if sum(self.taken) == count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(self.taken)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        for door in self.doors:
            door.close()
        for transport in set().union(*self.held):
            transport.abort()
        await asyncio.sleep(0.02)
        self._stack.close()


def test_each_door_gets_its_part_of_connections_that_come_at_once():
    async def main():
        async with Street() as street:
            street.call(8)  # all wait before any door looks
            for door in street.doors:
                door.start()
            await street.all_taken(8)
            assert min(street.taken) >= 3

    asyncio.run(main())


def test_a_door_that_does_not_look_costs_a_moment_only():
    async def main():
        async with Street() as street:
            street.doors[0].start()
            street.call(60)
            await street.all_taken(60)
            assert street.taken == [60, 0]

    asyncio.run(main())


def test_closed_it_takes_no_more():
    async def main():
        async with Street() as street:
            for door in street.doors:
                door.start()
            street.call(4)
            await street.all_taken(4)
            street.doors[0].close()
            before = street.taken[0]
            street.call(6)
            await street.all_taken(10)
            assert street.taken[0] == before

    asyncio.run(main())


class NoDescriptors:
    """A listener that has none left at first."""

    def __init__(self, listener):
        self.listener = listener
        self.refusals = 2

    def accept(self):
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EMFILE, "too many open files")
        return self.listener.accept()

    def __getattr__(self, name):
        return getattr(self.listener, name)


def test_without_descriptors_connections_wait():
    async def main():
        async with Street(1, NoDescriptors) as street:
            street.doors[0].start()
            street.call(3)
            await street.all_taken(3)

    asyncio.run(main())
