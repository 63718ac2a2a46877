"""A real python-socketio client, driven over stdin and stdout. Protocol: ../../src/client-process.ts."""

import base64
import json
import os
import sys
import threading

import socketio

clients = {}
lock = threading.Lock()


def write(line):
    with lock:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def pack(value):
    if isinstance(value, (bytes, bytearray)):
        return {"$bin": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [pack(entry) for entry in value]
    if isinstance(value, dict):
        return {key: pack(entry) for key, entry in value.items()}
    return value


def unpack(value):
    if isinstance(value, list):
        return [unpack(entry) for entry in value]
    if isinstance(value, dict):
        if "$bin" in value:
            return base64.b64decode(value["$bin"])
        return {key: unpack(entry) for key, entry in value.items()}
    return value


def connect(command):
    name, nsp = command["name"], command["nsp"]
    sio = socketio.Client(reconnection_delay=0.1, reconnection_delay_max=0.3)
    clients[name] = (sio, nsp)

    def report(event, *args):
        write({"name": name, "event": event, "args": pack(args)})

    sio.on("connect", lambda: report("connect"), namespace=nsp)
    sio.on("disconnect", lambda *args: report("disconnect", *args), namespace=nsp)
    sio.on("connect_error", lambda *args: report("connect_error", str(args)), namespace=nsp)
    for event in ("event", "news", "fence"):
        sio.on(event, lambda *args, event=event: report(event, *args), namespace=nsp)

    def question(*args):
        # Asked by the server: reports what came and answers with the same.
        report("question", *args)
        return args

    sio.on("question", question, namespace=nsp)
    sio.connect(command["url"], transports=command["transports"], namespaces=[nsp])


def emit(command):
    sio, nsp = clients[command["name"]]
    ack = command.get("ack")
    callback = None if ack is None else lambda *args: write({"reply": ack, "args": pack(args)})
    sio.emit(command["event"], tuple(unpack(command["args"])), namespace=nsp, callback=callback)


def disconnect(command):
    clients[command["name"]][0].disconnect()


def run(action, command):
    try:
        action(command)
    except Exception as error:  # the test decides what a failure means
        write({"name": command.get("name"), "event": "connect_error", "args": [repr(error)]})


write({"ready": True})
for line in sys.stdin:
    command = json.loads(line)
    if command["cmd"] == "exit":
        break
    action = {"connect": connect, "emit": emit, "disconnect": disconnect}[command["cmd"]]
    if command["cmd"] != "emit":  # both may block for long
        threading.Thread(target=run, args=(action, command), daemon=True).start()
    else:
        run(action, command)
os._exit(0)
