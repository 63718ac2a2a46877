#!/bin/sh
# Pushes one message over HTTP.   ./curl.sh http://localhost:3000 order-42 "the parcel left"
set -eu
url=${1:?usage: curl.sh URL CONVERSATION TEXT}
to=${2:?usage: curl.sh URL CONVERSATION TEXT}
text=${3:?usage: curl.sh URL CONVERSATION TEXT}

# JSON strings: backslash and quote escaped, line ends as \n.
quote() { printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g' | awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }'; }

exec curl --silent --show-error --fail-with-body --max-time 10 \
  --header 'Content-Type: application/json; charset=utf-8' \
  --data-binary "{\"type\":\"text\",\"from\":\"curl\",\"to\":\"$(quote "$to")\",\"msgContent\":\"$(quote "$text")\",\"msgTime\":$(date +%s)000}" \
  "$url/push"
