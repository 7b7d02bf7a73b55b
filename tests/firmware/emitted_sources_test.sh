#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Emits models as sources, builds them into a firmware project of a user and
# runs that in QEMU: the bytes of the host come out.
#
#   emitted_sources_test.sh OCELLUS RUN_ON_HOST EXPORTED_MODELS SOURCE_DIR
set -eu
ocellus=$1 run_on_host=$2 exported=$3 source=$4
for tool in arm-none-eabi-g++ qemu-system-arm; do
  command -v $tool >/dev/null || {
    echo "skipped: no $tool"
    exit 77
  }
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# check NAME PIXELS: NAME.onnx on a picture of so many pixels.
check() {
  "$ocellus" compile "$exported/$1.onnx" --head "$exported/$1.json" \
    --calibrate "$exported/colours/red" -o "$1.ocellus" --emit-c "$1-sources"
  cat "$exported"/colours/*/*.ppm | tail -c +14 | head -c $(($2 * 3)) >"$1.rgb"
  cmake -G Ninja -S "$source/tests/firmware/emitted" -B "$1-build" \
    -DCMAKE_BUILD_TYPE=Release -DOCELLUS_DIR="$source" \
    -DCMAKE_TOOLCHAIN_FILE="$source/firmware/cortex-m7.cmake" \
    -DEMITTED="$scratch/$1-sources" >/dev/null
  cmake --build "$1-build" --target emitted >build.log || {
    cat build.log
    exit 1
  }
  timeout 120 qemu-system-arm -M mps2-an500 -display none -monitor none \
    -serial file:uart.txt -kernel "$1-build/emitted" -semihosting-config \
    "enable=on,target=native,arg=emitted,arg=$1.rgb,arg=$1.board" || {
    cat uart.txt
    exit 1
  }
  "$run_on_host" "$1.ocellus" "$1.rgb" "$1.host"
  [ "$(stat -c %s "$1.host")" -gt "$3" ]
  cmp "$1.host" "$1.board"
  echo "$1: $(stat -c %s "$1.board") bytes alike"
}
check detector $((64 * 96)) 1920
check classifier $((48 * 48)) 100
