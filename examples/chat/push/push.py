#!/usr/bin/env python3
"""Pushes one message over HTTP, with the standard library alone.

    ./push.py http://localhost:3000 order-42 "the parcel left"
"""
import json
import sys
import time
import urllib.error
import urllib.request
import uuid


def push(url: str, conversation: str, text: str) -> dict:
    body = {
        "type": "text",
        "from": "python",
        "to": conversation,
        "msgContent": text,
        "msgTime": int(time.time() * 1000),
        # The same key again would not deliver again: a retry after a broken connection is safe.
        "idempotencyKey": str(uuid.uuid4()),
    }
    request = urllib.request.Request(
        f"{url.rstrip('/')}/push",
        data=json.dumps(body).encode("utf-8"),
        headers={"Content-Type": "application/json; charset=utf-8"},
        method="POST",
    )
    for attempt in range(3):
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            sys.exit(f"refused with {error.code}: {error.read().decode('utf-8').strip()}")
        except urllib.error.URLError as error:
            if attempt == 2:
                sys.exit(f"cannot reach {url}: {error.reason}")
            time.sleep(0.5 * 2**attempt)
    raise AssertionError("unreachable")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: push.py URL CONVERSATION TEXT")
    print(json.dumps(push(*sys.argv[1:]), ensure_ascii=False))
