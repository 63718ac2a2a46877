"""python-socketio on uvicorn with the behaviour of ../README.md. Usage: server.py <port>."""

import asyncio
import inspect
import json
import socket
import sys

import socketio
import uvicorn

wait = asyncio.wait


def wait_for_coroutines(awaitables, **options):
    # Python 3.11 took from asyncio.wait what python-socketio 4.x lives on: that it makes tasks of coroutines.
    return wait([asyncio.ensure_future(awaitable) for awaitable in awaitables], **options)


asyncio.wait = wait_for_coroutines
sio = socketio.AsyncServer(async_mode="asgi")


async def done(result):
    # Some calls became coroutines between 4.x and 5.x.
    return await result if inspect.isawaitable(result) else result


def serve(nsp):
    async def connect(sid, environ, auth=None):
        pass

    async def echo(sid, value):
        return value

    async def event(sid, value):
        await sio.emit("event", value, room=sid, namespace=nsp)

    async def ask_me(sid, value):
        async def answered(answer):
            await sio.emit("answered", answer, room=sid, namespace=nsp)

        await sio.emit("question", value, room=sid, namespace=nsp, callback=answered)

    async def join(sid, room):
        await done(sio.enter_room(sid, room, namespace=nsp))
        return room

    async def publish(sid, room, value):
        await sio.emit("news", value, room=room, namespace=nsp)

    async def kick(sid):
        await sio.disconnect(sid, namespace=nsp)

    sio.on("connect", connect, namespace=nsp)
    for suffix in ("", "-binary"):
        sio.on("echo" + suffix, echo, namespace=nsp)
        sio.on("event" + suffix, event, namespace=nsp)
        sio.on("ask-me" + suffix, ask_me, namespace=nsp)
    sio.on("join", join, namespace=nsp)
    sio.on("publish", publish, namespace=nsp)
    sio.on("kick", kick, namespace=nsp)


serve("/")
serve("/custom")
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(128)
print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
config = uvicorn.Config(socketio.ASGIApp(sio), log_level="warning", ws="websockets")
uvicorn.Server(config).run(sockets=[listener])
