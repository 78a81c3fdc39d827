#!/bin/sh
# SPDX-License-Identifier: MIT
# curl, jq and base64. usage: pipeline.sh ROUNDS BASE_URL FOLDER COUNT
set -eu
export folder=$3
round=0
while [ "$round" -lt "$1" ]; do
  export round
  began=$(date +%s%N)
  curl -s -H 'Content-Type: application/json' -d "{\"n\":$4}" "$2/v1/images/generations" |
    jq -r '.data[].b64_json' |
    split -l 1 --filter='base64 -d > "$folder/pipeline-$round-$FILE.png"' -
  ended=$(date +%s%N)
  echo "$(((ended - began) / 1000000)).$((1000 + (ended - began) / 1000 % 1000))" | sed 's/\.1/./'
  round=$((round + 1))
  [ "$round" -eq "$1" ] || rm -f "$folder"/pipeline-*
done
