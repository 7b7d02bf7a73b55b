#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# shipped_model_test.sh OCELLUS SOURCE_DIR: scores the shipped models on
# the first 300 images of VOC2007 val. Exit status 77, skipped, without the images.
set -euo pipefail
ocellus=$1
voc=${OCELLUS_VOC:-$2/../shared/voc/VOCdevkit}
if [ ! -f "$voc/VOC2007/ImageSets/Main/val.txt" ]; then
  echo "skipped: no Pascal VOC at $voc (set OCELLUS_VOC; to be had from" \
    "http://host.robots.ox.ac.uk/pascal/VOC/)"
  exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Well below what they have, far above what a broken one would have.
score() {  # MODEL SOURCE_DIR LEAST
  "$ocellus" eval --voc "$voc" --list VOC2007/val --images 300 \
    --model "$2/detector/models/$1.ocellus" --json "$scratch/score.json" |
    tail -n 4
  python3 - "$scratch/score.json" "$3" <<'END'
import json, sys
score = json.load(open(sys.argv[1]))
assert score["images"] == 300, score["images"]
assert score["map_11_point"] >= float(sys.argv[2]), score["map_11_point"]
END
}
score voc_h7_twin "$2" 0.55
score voc_h7 "$2" 0.55  # has learned from these images: no more than works
score voc_m4 "$2" 0.45
