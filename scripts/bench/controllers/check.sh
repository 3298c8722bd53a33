#!/bin/sh
# A usual check: the interface exists and is up, `wg` answers, the server's tunnel address answers.
# Usage: check.sh INTERFACE ADDRESS
ip link show dev "$1" up 2>/dev/null | grep -q . || { echo "$1 is missing or down"; exit 1; }
timeout 0.3 wg show "$1" >/dev/null 2>&1 || { echo "wg show $1 failed"; exit 1; }
ping -n -q -c 1 -W 0.3 "$2" >/dev/null 2>&1 || { echo "$2 does not answer"; exit 1; }
