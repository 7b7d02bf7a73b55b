#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# shipped_model_test.sh OCELLUS SOURCE_DIR: scores the shipped model on the
# first 300 images of VOC2007 val. Exit status 77, skipped, without the images.
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
"$ocellus" eval --voc "$voc" --list VOC2007/val --images 300 \
  --model "$2/detector/models/voc_h7.ocellus" --json "$scratch/score.json" |
  tail -n 4
# Well below what it has, far above what a broken one would have.
python3 - "$scratch/score.json" <<'END'
import json, sys
score = json.load(open(sys.argv[1]))
assert score["images"] == 300, score["images"]
assert score["map_11_point"] >= 0.52, score["map_11_point"]
END
