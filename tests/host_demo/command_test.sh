#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the `ocellus` command as a user does, above all with bad input.
#
#   command_test.sh OCELLUS WRITE_TINY_MODEL BOARD_ON_PTY
#
# Every failure must be one line on stderr that says what is wrong, a non-zero
# exit status, and no file left behind.
set -u
ocellus=$(realpath "$1")
write_tiny_model=$(realpath "$2")
board_on_pty=$(realpath "$3")
models=$(realpath "$(dirname "$0")/../../detector/models")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset DISPLAY WAYLAND_DISPLAY OCELLUS_MODEL OCELLUS_VOC
failures=0

complain() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# Everything in the working folder, hidden files and sizes included.
listing() { find . -mindepth 1 -printf '%p %s\n' | sort; }

# fails PATTERN COMMAND...: the command fails as described above and its line
# matches PATTERN.
fails() {
  local pattern=$1 status before after
  shift
  before=$(listing)
  "$@" >"$scratch/stdout" 2>"$scratch/stderr" </dev/null
  status=$?
  after=$(listing)
  [ "$status" -ne 0 ] || complain "exit status 0: $*"
  [ "$status" -lt 126 ] || complain "exit status $status: $*"
  [ "$(wc -l <"$scratch/stderr")" -eq 1 ] ||
    complain "expected one line on stderr: $* said: $(cat "$scratch/stderr")"
  grep -q '^ocellus: ' "$scratch/stderr" && grep -q -e "$pattern" "$scratch/stderr" ||
    complain "expected '$pattern': $* said: $(cat "$scratch/stderr")"
  [ "$before" = "$after" ] ||
    complain "files changed: $*: $(diff <(echo "$before") <(echo "$after"))"
}

# succeeds COMMAND...: exit status 0 and silence on stderr.
succeeds() {
  "$@" >"$scratch/stdout" 2>"$scratch/stderr" </dev/null ||
    complain "exit status $?: $*: $(cat "$scratch/stderr")"
  [ ! -s "$scratch/stderr" ] ||
    complain "wrote to stderr: $* said: $(cat "$scratch/stderr")"
}

# prints PATTERN COMMAND...: succeeds, and stdout has a line like that.
prints() {
  local pattern=$1
  shift
  succeeds "$@"
  grep -q -e "$pattern" "$scratch/stdout" ||
    complain "expected '$pattern' from $*: $(cat "$scratch/stdout")"
}

# with_small_disk COMMAND...: no file may grow beyond 1 KiB.
with_small_disk() {
  (
    trap '' XFSZ
    ulimit -f 1
    exec "$@"
  )
}

mkdir "$scratch/work"
cd "$scratch/work" || exit 1

# --- Inputs: a model, damaged models, pictures, a video, a small VOC. ---
"$write_tiny_model" tiny.ocellus || exit 1
head -c 700 tiny.ocellus >truncated.ocellus
cp tiny.ocellus version.ocellus
printf '\x63' | dd of=version.ocellus bs=1 seek=8 conv=notrunc 2>/dev/null
cp tiny.ocellus changed.ocellus
printf '\x55' | dd of=changed.ocellus bs=1 seek=600 conv=notrunc 2>/dev/null
: >empty.ocellus
mkdir folder pictures

# 64 x 48 pixels of noise, so that no format makes them small.
noise() { head -c $((64 * 48 * 3)) "$ocellus"; }
{ printf 'P6\n64 48\n255\n' && noise; } >noise.ppm
head -c 3000 noise.ppm >short.ppm
cp noise.ppm pictures/a.ppm
# OpenCV goes by content, so a PPM named .jpg comes out as a JPEG.
cp noise.ppm noise.jpg
succeeds "$ocellus" detect noise.jpg --model tiny.ocellus --json /dev/null
mv ocellus-out/noise.jpg good.jpg && rm -r ocellus-out noise.jpg
head -c $(($(stat -c %s good.jpg) / 2)) good.jpg >truncated.jpg
{
  printf 'YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n'
  for _ in $(seq 20); do
    printf 'FRAME\n'
    head -c $((64 * 48 * 3 / 2)) "$ocellus"
  done
} >clip.y4m

voc=VOCdevkit/VOC2007
mkdir -p $voc/ImageSets/Main $voc/JPEGImages $voc/Annotations
for id in 000001 000002; do
  echo $id >>$voc/ImageSets/Main/val.txt
  cp good.jpg $voc/JPEGImages/$id.jpg
  cat >$voc/Annotations/$id.xml <<END
<annotation><filename>$id.jpg</filename>
<size><width>64</width><height>48</height><depth>3</depth></size>
<object><name>person</name><difficult>0</difficult><bndbox><xmin>1</xmin>
<ymin>1</ymin><xmax>64</xmax><ymax>48</ymax></bndbox></object>
</annotation>
END
done

# --- What works. ---
prints '^ocellus [0-9]*\.[0-9]*\.[0-9]*$' "$ocellus" --version
prints 'detect' "$ocellus" --help
prints '^MACs  *3,264' "$ocellus" inspect tiny.ocellus
prints '^conv2d ' "$ocellus" bench tiny.ocellus --seconds 0.01
prints '"class":"person","score":0.9916,"box":\[0.0,0.0,64.0,48.0\]' \
  "$ocellus" detect good.jpg clip.y4m pictures --model tiny.ocellus
[ "$(wc -l <"$scratch/stdout")" -eq 22 ] || complain "22 JSON lines expected"
for file in good.jpg clip.mp4 a.png; do
  [ -s "ocellus-out/$file" ] || complain "detect wrote no $file"
done
rm -rf ocellus-out
prints 'tiny on clip.y4m: 20 frames, .*person 20' \
  "$ocellus" cam --source clip.y4m --headless --model tiny.ocellus
[ -s ocellus-cam.mp4 ] && [ -s ocellus-cam.png ] ||
  complain "cam wrote no video and sheet"
rm -f ocellus-cam.*

# on_board PATTERN WORDS... -- OPTION...: cam with the firmware behind a
# pseudo-terminal, DEVICE in the options, prints this.
on_board() {
  local pattern=$1 model_and_kind=() device board
  shift
  while [ "$1" != -- ]; do
    model_and_kind+=("$1")
    shift
  done
  shift
  "$board_on_pty" "${model_and_kind[@]}" >device </dev/null &
  board=$!
  until [ -s device ]; do
    if ! kill -0 "$board" 2>/dev/null; then
      complain "board_on_pty ${model_and_kind[*]}: ended before it had a device"
      return
    fi
    sleep 0.05
  done
  device=$(cat device)
  prints "$pattern" "$ocellus" cam --headless --frames 5 --record board.mp4 \
    "${@//DEVICE/$device}"
  kill "$board"
  wait "$board" 2>/dev/null
  [ -s board.mp4 ] && [ -s board.png ] || complain "cam of a board: no video"
  rm -f device board.mp4 board.png
}
on_board 'on /dev/pts/.*: 5 frames.*person 5' \
  tiny.ocellus camera -- --source serial:DEVICE
on_board 'on clip.y4m: 5 frames.*person 5' \
  tiny.ocellus receiver -- --source clip.y4m --on serial:DEVICE
# A display that is not there counts as none.
prints '12 frames' env DISPLAY=:987 "$ocellus" cam --source clip.y4m \
  --frames 12 --record x.mp4 --model tiny.ocellus
rm -f x.mp4 x.png
prints '^person  *100.00  *100.00  *2$' "$ocellus" eval --voc VOCdevkit \
  --model tiny.ocellus --json s.json --write-detections det
grep -q '"map_area": 1.0' s.json || complain "no score in s.json"
prints '^mean  *100.00  *100.00  *1$' "$ocellus" eval --voc VOCdevkit \
  --detections det/comp3_det_val_%s.txt --images 1
rm -rf s.json det
# Its own default, which has not learned from VOC2007 val.
prints '^voc_h7_twin on VOC2007/val' env -u OCELLUS_MODEL \
  "$ocellus" eval --voc VOCdevkit
if command -v gnuplot >/dev/null; then
  succeeds "$ocellus" inspect tiny.ocellus --plot p.png
  succeeds "$ocellus" eval --voc VOCdevkit --model tiny.ocellus --plot q.png
  [ -s p.png ] && [ -s q.png ] || complain "no plots"
  rm -f p.png q.png
fi

# --- The command line. ---
fails 'subcommand' "$ocellus"
fails 'frobnicate' "$ocellus" frobnicate
fails '--frobnicate' "$ocellus" detect --frobnicate good.jpg
fails '--threshold' "$ocellus" detect good.jpg --threshold 2
fails 'FILE' "$ocellus" detect
fails '--backend' "$ocellus" bench tiny.ocellus --backend gpu

# --- Models. ---
fails 'missing.ocellus.*No such file' "$ocellus" inspect missing.ocellus
fails 'folder' "$ocellus" inspect folder
fails 'truncated.ocellus: truncated' "$ocellus" inspect truncated.ocellus
fails 'empty.ocellus: truncated' "$ocellus" inspect empty.ocellus
fails 'version.ocellus: .*version (99, expected [0-9]*)' "$ocellus" inspect version.ocellus
fails 'changed.ocellus: .*checksum' "$ocellus" inspect changed.ocellus
fails 'good.jpg: not an Ocellus model' "$ocellus" bench good.jpg
fails 'missing.ocellus' env OCELLUS_MODEL=missing.ocellus "$ocellus" detect good.jpg
fails 'missing.ocellus' "$ocellus" cam --headless --source clip.y4m --model missing.ocellus

# --- Pictures and videos. ---
fails 'missing.jpg: no such file' "$ocellus" detect missing.jpg --model tiny.ocellus
mkdir out
fails 'truncated.jpg' "$ocellus" detect truncated.jpg --out fresh --model tiny.ocellus
[ ! -e fresh ] || complain "detect left a folder and nothing in it"
fails 'truncated.jpg' "$ocellus" detect truncated.jpg --json j --out out --model tiny.ocellus
fails 'short.ppm' "$ocellus" detect short.ppm --out out --model tiny.ocellus
fails 'tiny.ocellus: not a video' "$ocellus" detect tiny.ocellus --out out --model tiny.ocellus
fails 'folder: no pictures' "$ocellus" detect folder --out out --model tiny.ocellus
fails 'clip.y4m: a file of that name' "$ocellus" detect good.jpg --out clip.y4m --model tiny.ocellus

# --- Cameras. ---
fails 'no camera 99: /dev/video99' "$ocellus" cam --source 99 --model tiny.ocellus
fails 'no serial line /dev/ttyACM99' "$ocellus" cam --source serial:/dev/ttyACM99
fails 'not a serial line' "$ocellus" cam --source serial:tiny.ocellus
fails 'expected serial:DEVICE' "$ocellus" cam --source clip.y4m --on /dev/ttyACM99
fails 'no serial line /dev/ttyACM99' "$ocellus" cam --source clip.y4m --on serial:/dev/ttyACM99
fails 'no video missing.avi' "$ocellus" cam --source missing.avi --model tiny.ocellus
fails 'folder: is a folder' "$ocellus" cam --source folder --model tiny.ocellus
fails 'not a video' "$ocellus" cam --source tiny.ocellus --model tiny.ocellus
fails 'x.txt.*.mp4' "$ocellus" cam --source clip.y4m --record x.txt --model tiny.ocellus
fails 'nowhere' "$ocellus" cam --headless --source clip.y4m --record nowhere/x.mp4 --model tiny.ocellus

# --- Pascal VOC. ---
fails 'nowhere.*host.robots.ox.ac.uk' "$ocellus" eval --voc nowhere --model tiny.ocellus
fails 'folder' "$ocellus" eval --voc folder --model tiny.ocellus
fails 'frob' "$ocellus" eval --voc VOCdevkit --list VOC2007/frob --model tiny.ocellus
fails 'nowhere' "$ocellus" eval --voc VOCdevkit --detections nowhere
cp truncated.jpg $voc/JPEGImages/000002.jpg
fails '000002.jpg' "$ocellus" eval --voc VOCdevkit --model tiny.ocellus --json s.json
cp good.jpg $voc/JPEGImages/000002.jpg

# --- Plans: other memory, same answers. ---
prints 'layer by layer' "$ocellus" plan tiny.ocellus --layer-by-layer -o layers.ocellus
prints 'MACs .*+0.00 %' "$ocellus" plan tiny.ocellus --rows-fed -o rows.ocellus
succeeds "$ocellus" detect good.jpg --out out --json layers.jsonl --threshold 0 --model layers.ocellus
succeeds "$ocellus" detect good.jpg --out out --json rows.jsonl --threshold 0 --model rows.ocellus
[ -s rows.jsonl ] && cmp -s layers.jsonl rows.jsonl ||
  complain "a plan changed the detections"
for plan in layers rows; do
  succeeds "$ocellus" eval --voc VOCdevkit --model $plan.ocellus --write-detections det_$plan
done
[ -n "$(ls -A det_rows)" ] && diff -r det_layers det_rows >"$scratch/stdout" ||
  complain "a plan changed the evaluation"
prints 'front of plans' "$ocellus" inspect tiny.ocellus --plan
fails 'fits 16 bytes: the smallest takes' "$ocellus" plan tiny.ocellus --budget 16 -o x.ocellus
fails 'budget many: expected a size' "$ocellus" plan tiny.ocellus --budget many -o x.ocellus
fails 'x.ocellus' "$ocellus" plan tiny.ocellus -o nowhere/x.ocellus

# --- Redistribution. ---
prints 'overhead in the patch stage .*+142.8 ' "$ocellus" redistribute "$models/voc_h7.json" -o less_halo.json
prints 'side of a patch  *71  *71 ' "$ocellus" redistribute less_halo.json --form 0
fails '--form 99: .* has forms 0 to' "$ocellus" redistribute less_halo.json --form 99
fails 'nowhere' "$ocellus" redistribute less_halo.json -o nowhere/x.json
fails 'nothing.json: cannot open' "$ocellus" redistribute nothing.json

# --- Compiling. ---
fails 'nothing.json: cannot open' "$ocellus" compile nothing.json w.safetensors -o x.ocellus --calibrate pictures
printf '{"format": "ocellus-network"}' >network.json
fails 'network.json: version: missing' "$ocellus" compile network.json w.safetensors -o x.ocellus --calibrate pictures
fails 'tiny.ocellus: not a JSON file' "$ocellus" compile tiny.ocellus w.safetensors -o x.ocellus --calibrate pictures
rm -f network.json layers.* rows.*

# --- Full disks. ---
if [ -c /dev/full ]; then
  fails '/dev/full: No space' "$ocellus" detect good.jpg --out out --json /dev/full --model tiny.ocellus
  fails '/dev/full: No space' "$ocellus" eval --voc VOCdevkit --model tiny.ocellus --json /dev/full
  fails 'standard output: No space' bash -c "'$ocellus' inspect tiny.ocellus >/dev/full"
  [ -c /dev/full ] || complain "/dev/full was replaced by a file"
fi
fails 'out/good.jpg: File too large' with_small_disk "$ocellus" detect good.jpg --out out --json /dev/null --model tiny.ocellus
fails 'x.mp4: the video is incomplete' with_small_disk "$ocellus" cam --headless --source clip.y4m --record x.mp4 --model tiny.ocellus
fails 'eval.json: File too large' with_small_disk "$ocellus" eval --voc VOCdevkit --model tiny.ocellus --json eval.json
fails 'gnuplot' with_small_disk "$ocellus" inspect tiny.ocellus --plot p.png
fails 'p.png: gnuplot is not installed' env PATH=/nowhere "$ocellus" inspect tiny.ocellus --plot p.png

# --- Interrupts: the files are finished. ---
# interrupt SIGNAL COUNT: sends it to a running cam that often, at once. Frames are
# noise, of which a recorder soon has a buffer full.
interrupt() {
  local writer cam
  rm -f endless.y4m x.mp4 x.png
  mkfifo endless.y4m
  (
    cat clip.y4m
    while printf 'FRAME\n' && head -c $((64 * 48 * 3 / 2)) /dev/urandom; do
      sleep 0.01
    done
  ) >endless.y4m 2>/dev/null &
  writer=$!
  # `env --default-signal`: a shell starts background commands deaf to SIGINT.
  env --default-signal "$ocellus" cam --headless --source endless.y4m \
    --record x.mp4 --model tiny.ocellus \
    >"$scratch/stdout" 2>"$scratch/stderr" &
  cam=$!
  # Recording has begun when the unfinished video is more than a header.
  for _ in $(seq 600); do
    [ -z "$(find . -name '.x.part*.mp4' -size +1)" ] || break
    sleep 0.1
  done
  for _ in $(seq "$2"); do kill "-$1" "$cam"; done
  wait "$cam" || complain "cam after $2 SIG$1: $? $(cat "$scratch/stderr")"
  kill "$writer" 2>/dev/null
  wait "$writer" 2>/dev/null
  grep -q 'frames' "$scratch/stdout" || complain "no summary after SIG$1"
  [ -s x.mp4 ] && [ -s x.png ] || complain "no files after SIG$1"
}
interrupt INT 1
interrupt TERM 1
interrupt INT 2

[ "$failures" -eq 0 ] && echo "all passed"
exit "$failures"
