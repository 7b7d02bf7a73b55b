#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Compiles what PyTorch exported (tests/detector/import/onnx/export_models.py)
# and uses it as a user would.
#
#   import_test.sh OCELLUS EXPORTED_MODELS
set -u
ocellus=$1 exported=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failures=0

complain() {
  printf 'FAILED: %s\n' "$*"
  failures=$((failures + 1))
}

# prints PATTERN COMMAND...: succeeds, and its output has a line like that.
prints() {
  local pattern=$1
  shift
  "$@" >stdout 2>stderr || complain "$*: $(cat stderr)"
  grep -q -e "$pattern" stdout ||
    complain "expected '$pattern' from $*: $(cat stdout)"
}

# also PATTERN: so has the output of the command before.
also() {
  grep -q -e "$1" stdout || complain "expected '$1': $(cat stdout)"
}

# fails PATTERN COMMAND...: fails with one line like that on stderr, and leaves
# no model behind.
fails() {
  local pattern=$1
  shift
  "$@" >stdout 2>stderr && complain "succeeded: $*"
  [ "$(wc -l <stderr)" -eq 1 ] && grep -q -e "$pattern" stderr ||
    complain "expected '$pattern' from $*: $(cat stderr)"
  [ ! -e x.ocellus ] || complain "left a model: $*"
}

mkdir calibration
for colour in "$exported"/colours/*; do
  cp "$colour/0.ppm" "calibration/$(basename "$colour").ppm"
done

# compile NAME OPTION...: to NAME.ocellus.
compile() {
  local name=$1
  shift
  "$ocellus" compile "$exported/$name.onnx" --head "$exported/$name.json" \
    --calibrate calibration -o "$name.ocellus" "$@"
}

# --- A detector. ---
for ranges in error minmax percentile entropy; do
  prints 'calibrated on 6 pictures' compile detector --ranges $ranges
done
prints '^  25 4x6x16 .*[0-9]$' compile detector --report
prints '^MACs  *2,066,208' "$ocellus" inspect detector.ocellus
prints 'calibrated' compile detector --name renamed
prints '^model  *renamed ' "$ocellus" inspect detector.ocellus
prints '"detections":\[' "$ocellus" detect "$exported/colours/red/0.ppm" \
  --model detector.ocellus --threshold 0.01
also '"class":"[cst]'
clip=/usr/share/doc/opencv-doc/examples/data/vtest.avi
if [ -e $clip ]; then
  prints '5 frames' "$ocellus" cam --headless --source $clip --frames 5 \
    --record cam.mp4 --model detector.ocellus
fi

# --- Classifiers. ---
prints 'calibrated' compile classifier --ranges percentile
"$ocellus" detect "$exported/colours/red/0.ppm" --model classifier.ocellus >stdout
[ "$(grep -o '"class":"class' stdout | wc -l)" -eq 5 ] ||
  complain "expected five classes: $(cat stdout)"
prints 'calibrated' compile colours
prints '"classes":\[{"class":"red","score":0.[3-9]' \
  "$ocellus" detect "$exported/colours/red/0.ppm" --model colours.ocellus
prints '^top-1  91.67 %$' "$ocellus" eval --imagenet-like "$exported/colours" \
  --model colours.ocellus --json accuracy.json
also '^top-5  95.83 %$'
prints '"images": 24' cat accuracy.json
prints '"top1": 0.91666' cat accuracy.json
# Folders of other names are the classes in alphabetical order.
mkdir -p other/{a,b,c,d,e,f}
cp "$exported"/colours/red/* other/a/
prints '^top-1 100.00 %$' "$ocellus" eval --imagenet-like other \
  --model colours.ocellus
mkdir other/g
fails 'other/a: no class of the model' "$ocellus" eval --imagenet-like other \
  --model colours.ocellus
mkdir empty
fails 'empty: no pictures' "$ocellus" eval --imagenet-like empty \
  --model colours.ocellus
fails 'not a classifier' "$ocellus" eval --imagenet-like "$exported/colours" \
  --model detector.ocellus

# --- What is refused. ---
fails 'nothing.onnx' "$ocellus" compile nothing.onnx -o x.ocellus --calibrate .
head -c 3000 "$exported/detector.onnx" >cut.onnx
fails 'cut.onnx: expected an ONNX model' "$ocellus" compile cut.onnx -o x.ocellus
fails 'expected -o FILE or --emit-c' "$ocellus" compile "$exported/detector.onnx"
fails 'no pictures' "$ocellus" compile "$exported/detector.onnx" -o x.ocellus \
  --calibrate empty
fails 'nowhere' "$ocellus" compile "$exported/detector.onnx" -o x.ocellus \
  --calibrate nowhere

[ "$failures" -eq 0 ] && echo "all passed"
exit "$failures"
