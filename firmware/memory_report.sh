#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# memory_report.sh ELF: what a board's firmware takes of each memory, from the
# symbols that the linker script leaves, and fails if it is too much.
set -euo pipefail

elf=${1:?usage: memory_report.sh ELF}
declare -A value
while read -r address _ name; do
  value[$name]=$((16#$address))
done < <(arm-none-eabi-nm "$elf" | grep ' linker_.*_\(used\|limit\)$')

printf '%s\n' "$(basename "$elf")"
status=0
for memory in flash axi dtcm d2; do
  used=${value[linker_${memory}_used]}
  limit=${value[linker_${memory}_limit]}
  printf '  %-5s %9d of %9d bytes  %5.1f %%\n' \
    "$memory" "$used" "$limit" "$(awk "BEGIN { print 100 * $used / $limit }")"
  if [ "$used" -gt "$limit" ]; then
    echo "$elf: $memory is too small" >&2
    status=1
  fi
done
exit $status
