# SPDX-License-Identifier: MIT
"""python3-requests. usage: requests.py ROUNDS BASE_URL FOLDER COUNT"""
import sys

sys.path.pop(0)  # this file is called like what it imports

import base64
import os
import time

import requests

rounds, base_url, folder, count = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
session = requests.Session()
for number in range(rounds):
    paths = []
    began = time.monotonic()
    reply = session.post(
        base_url + "/v1/images/generations",
        json={"model": "gpt-image-2", "prompt": "A lighthouse", "n": count},
    )
    for i, image in enumerate(reply.json()["data"]):
        paths.append(f"{folder}/requests-{number}-{i}.png")
        with open(paths[-1], "wb") as file:
            file.write(base64.b64decode(image["b64_json"]))
    print(f"{(time.monotonic() - began) * 1e3:.3f}", flush=True)
    if number < rounds - 1:
        for path in paths:
            os.remove(path)
