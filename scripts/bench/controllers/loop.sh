#!/bin/bash
# A typical loop: a check at each interval, and birdc after enough failures or successes in a row.
# Usage: loop.sh BIRD-SOCKET PROTOCOLS INTERVAL RISE FALL CHECK…
socket=$1 protocols=$2 interval=$3 rise=$4 fall=$5
shift 5
state=UP good=0 bad=0

switch() {
  birdc -s "$socket" "$1" "$protocols" >/dev/null && state=$2
  echo "$(date +%T.%3N) $2: $3"
}

while :; do
  if words=$("$@"); then
    good=$((good + 1)) bad=0
    if [[ $state == DOWN ]] && ((good >= rise)); then switch enable UP "$good checks passed"; fi
  else
    bad=$((bad + 1)) good=0
    if [[ $state == UP ]] && ((bad >= fall)); then switch disable DOWN "$bad checks failed, $words"; fi
  fi
  sleep "$interval"
done
