#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs every fuzzer for a while, from a corpus that the tests make.
#
#   run_fuzzers.sh FUZZ_BUILD TESTS_BUILD [SECONDS]
set -euo pipefail
fuzz_build=$1 tests_build=$2 seconds=${3:-60}
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
mkdir "$corpus/cases" "$corpus/found"
"$tests_build/tests/detector/write_tflite_cases" "$corpus/cases"
rm -f "$corpus"/cases/*.inputs "$corpus"/cases/mcunet*
# No single allocation above 128 MiB.
"$fuzz_build/tests/fuzz/read_tflite_fuzz" -max_total_time="$seconds" \
  -rss_limit_mb=2048 -malloc_limit_mb=128 -timeout=10 -max_len=65536 \
  -print_final_stats=1 -artifact_prefix="$fuzz_build/" \
  "$corpus/found" "$corpus/cases" 2>&1 | tail -n 12
