#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check_embedded_symbols.sh BUILD_DIR: the libraries that run on a board may
# not refer to heap, exceptions, RTTI, static-guard or I/O symbols.
set -euo pipefail

build=${1:?usage: check_embedded_symbols.sh BUILD_DIR}
readonly BANNED='^(malloc|calloc|realloc|free|_Zn[wa]|_Zd[la]|__cxa_|_ZTI|_ZTV'\
'|__gxx_personality|_Unwind_|__aeabi_unwind|printf|puts|putchar|fwrite|fprintf'\
'|snprintf|exit|abort|__assert|time|clock)'
status=0
for archive in "$build"/runtime/libocellus_runtime.a \
  "$build"/postprocess/libocellus_postprocess.a \
  "$build"/firmware/libocellus_firmware_app.a; do
  [ -f "$archive" ] || { echo "$archive: not built" >&2; exit 1; }
  symbols=$(arm-none-eabi-nm -u "$archive" | awk '$1 == "U" { print $2 }' |
    sort -u)
  if banned=$(grep -E "$BANNED" <<<"$symbols"); then
    echo "$archive: refers to ${banned//$'\n'/, }" >&2
    status=1
  else
    echo "$archive: $(wc -w <<<"$symbols") undefined symbols, none banned"
  fi
done
exit $status
