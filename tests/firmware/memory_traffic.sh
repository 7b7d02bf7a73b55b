#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# memory_traffic.sh MODEL HEIGHT WIDTH: what one inference loads in QEMU, and a
# model of its cycles: one for each instruction, and for each line that the
# modelled data cache fills 24 from flash and 16 from AXI SRAM (assumed: 12 and
# 8 cycles of a bus at half the core's clock). The model knows no dual issue, no
# overlap and no instruction fetch; nothing of it was measured on a part.
set -euo pipefail
cd "$(dirname "$0")/../.."

model=${1:?usage: memory_traffic.sh MODEL HEIGHT WIDTH}
bytes=$((${2:?height missing} * ${3:?width missing} * 3))
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$model" "$folder/model"

# Frames are noise; what is loaded does not depend on them.
head -c $((2 * bytes)) /dev/urandom >"$folder/frames2"
head -c "$bytes" "$folder/frames2" >"$folder/frames1"
for frames in 1 2; do
  arguments=arg=an500_model,arg=$folder/model,arg=$folder/frames$frames
  qemu-system-arm -M mps2-an500 -display none -monitor none \
    -icount shift=10 -serial "file:$folder/uart" \
    -plugin build/host-release/tests/firmware/libmemory_traffic.so \
    -d plugin -D "$folder/traffic$frames" \
    -semihosting-config \
    "enable=on,target=native,$arguments,arg=$folder/outputs" \
    -kernel build/cortex-m7/firmware/boards/mps2_an500/an500_model.elf ||
    { cat "$folder/uart" >&2; exit 1; }
done
instructions=$(awk '/ instructions/ { n = $3 } END { print n }' "$folder/uart")
paste "$folder/traffic1" "$folder/traffic2" |
  awk -v instructions="$instructions" '
    { loads[$1] = $13 - $4; lines[$1] = $17 - $8 }
    END {
      printf "instructions                 %11d\n", instructions
      printf "bytes loaded from flash      %11d\n", loads["flash"]
      printf "  filled through the cache   %11d (modelled)\n",
        32 * lines["flash"]
      printf "bytes loaded from AXI SRAM   %11d\n", loads["AXI"]
      printf "  filled through the cache   %11d (modelled)\n", 32 * lines["AXI"]
      cycles = instructions + 24 * lines["flash"] + 16 * lines["AXI"]
      printf "cycles, a model              %11d: %.0f ms at 480 MHz\n",
        cycles, cycles / 480e3
    }'
