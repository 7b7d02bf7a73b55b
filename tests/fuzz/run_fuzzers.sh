#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs every fuzzer for a while, from a corpus that the tests make.
#
#   run_fuzzers.sh FUZZ_BUILD TESTS_BUILD [SECONDS]    (of each)
set -euo pipefail
fuzz_build=$1 tests_build=$2 seconds=${3:-30}
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT

# fuzz NAME: from $corpus/NAME. No single allocation above 128 MiB.
fuzz() {
  mkdir "$corpus/found-$1"
  "$fuzz_build/tests/fuzz/$1" -max_total_time="$seconds" \
    -rss_limit_mb=2048 -malloc_limit_mb=128 -timeout=10 -max_len=65536 \
    -print_final_stats=1 -artifact_prefix="$fuzz_build/" \
    "$corpus/found-$1" "$corpus/$1" 2>&1 | tail -n 12
}

mkdir "$corpus/read_tflite_fuzz" "$corpus/read_onnx_fuzz" \
  "$corpus/staged_blob_fuzz"
"$tests_build/tests/detector/write_tflite_cases" "$corpus/read_tflite_fuzz"
rm -f "$corpus"/read_tflite_fuzz/{*.inputs,mcunet*}
"$tests_build/tests/detector/write_onnx_cases" "$corpus/read_onnx_fuzz"
fuzz read_tflite_fuzz
fuzz read_onnx_fuzz
"$tests_build/tests/detector/write_staged_blobs" "$corpus/staged_blob_fuzz"
fuzz staged_blob_fuzz
