// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

// The bytes of a `model.ocellus` file.
//
// One flat, read-only, little-endian, position-independent blob: a header, then
// arrays of fixed-size records and raw weights. Offsets count bytes from the
// start of the blob. The blob may be mapped from a file or linked into flash;
// it must start at a multiple of kBlobAlignment. Nothing here is trusted:
// Model::Parse() checks every offset, size and value before use.
namespace ocellus::format {

static_assert(std::endian::native == std::endian::little,
              "the blob is read in place and is little-endian");

inline constexpr char kMagic[8] = {'O', 'C', 'E', 'L', 'L', 'U', 'S', '\n'};
inline constexpr uint32_t kVersion = 3;
inline constexpr uint32_t kBlobAlignment = 16;
// Activations start at multiples of this within the arena.
inline constexpr uint32_t kArenaAlignment = 16;

inline constexpr uint32_t kMaxTensors = 4096;
inline constexpr uint32_t kMaxOps = 4096;
inline constexpr int32_t kMaxDimension = 4096;  // of H, W and C
inline constexpr uint32_t kMaxKernel = 16;      // convolution rows or columns
inline constexpr uint32_t kMaxStride = 8;
inline constexpr uint32_t kMaxPoolKernel = 255;
inline constexpr uint32_t kMaxClasses = 1024;
inline constexpr uint32_t kMaxLevels = 8;
inline constexpr uint32_t kMaxStages = 256;
// Of a stage along one axis: a row each, and some for the lower border.
inline constexpr uint32_t kMaxTiles = 2 * kMaxDimension;
// Offsets into the arena, rounded up, fit an int32.
inline constexpr uint32_t kMaxArenaBytes = (1u << 31) - 4096;
// A stage computes rows (or columns) of a tensor this many times over: halos
// cost some work again, not the whole without end.
inline constexpr int64_t kMaxRepeats = 16;
inline constexpr uint32_t kMaxTilings = 8192;
inline constexpr uint32_t kMaxRanges = 1u << 20;

// An array of `count` records (or bytes, for strings) at `offset`.
struct Section {
  uint32_t offset;
  uint32_t count;
};

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t total_bytes;  // size of the blob, padding included
  uint32_t crc32;        // CRC-32 (ISO-HDLC) of all bytes behind the header
  uint32_t arena_bytes;  // activations and in-place row buffers, as planned
  Section tensors;       // TensorRecord
  Section ops;           // OpRecord, in order of execution
  Section classes;       // uint32_t: offset into strings of each class name
  Section levels;        // LevelRecord, finest stride first
  Section strings;       // bytes: NUL-terminated UTF-8, back to back
  uint32_t name;         // offset into strings of the model's name
  uint16_t input;        // tensor index of the image, [H, W, 3]
  uint16_t encoding;     // BoxEncoding
  // Of each of the input's channels: real input = (pixel - mean) / std, pixel
  // in 0..255.
  float input_mean[3];
  float input_std[3];
  float score_threshold;  // defaults for drawing, not for scoring
  float nms_iou;
  Section stages;          // StageRecord, in order of execution
  Section tilings;         // TilingRecord
  Section ranges;          // RangeRecord
  Section anchors;         // AnchorRecord
  uint16_t channel_order;  // ChannelOrder of the input
  uint16_t scores;         // ScoreForm of class tensors
  // kSsd: what a step of 1 in a box is worth, for its centre and its size.
  float center_variance;
  float size_variance;
  uint32_t reserved[3];  // zero
};
static_assert(sizeof(Header) == 160);

struct TensorRecord {
  int32_t h;
  int32_t w;
  int32_t c;
  float scale;
  int32_t zero_point;
  uint32_t arena_offset;
  uint32_t name;  // offset into strings
  // How much of the tensor is in the arena at a time: a ring of rows, and
  // columns of each. 0: all of them.
  uint16_t ring_rows;
  uint16_t columns;
};
static_assert(sizeof(TensorRecord) == 32);

enum class OpKind : uint8_t {
  kConv2d = 0,
  kDepthwiseConv2d = 1,
  kAdd = 2,
  kResizeNearest = 3,
  kPool = 4,     // variant: PoolMode
  kMul = 5,      // input2 of the same shape, or [1, 1, C]
  kLookup = 6,   // any function of one value, by table
  kConcat = 7,   // of two tensors; variant: ConcatAxis
  kSoftmax = 8,  // over channels
  kReshape = 9,  // the same bytes in another shape
};
inline constexpr uint8_t kOpKinds = 10;

// Whether an op reads a kernel's window, with stride and padding.
constexpr bool HasWindow(OpKind kind) {
  return kind == OpKind::kConv2d || kind == OpKind::kDepthwiseConv2d ||
         kind == OpKind::kPool;
}

// What a pooling does with the window's pixels that lie in the input, n of
// them.
enum class PoolMode : uint8_t {
  kMax = 0,
  kAverage = 1,  // sum / n, halves away from zero; one quantisation
  kMean = 2,     // Requantize(sum - n * zero_point): another quantisation
};
inline constexpr uint8_t kPoolModes = 3;

enum class ConcatAxis : uint8_t { kRows = 0, kColumns = 1, kChannels = 2 };
inline constexpr uint8_t kConcatAxes = 3;

// Whether an op can be part of a stage: what it writes of a tile depends on the
// same tile of its inputs, or on one around it.
constexpr bool RunsInTiles(OpKind kind, uint8_t variant) {
  if (kind == OpKind::kConcat) {
    return variant == static_cast<uint8_t>(ConcatAxis::kChannels);
  }
  return kind != OpKind::kReshape;
}

inline constexpr uint16_t kNoTensor = 0xFFFF;

// How the weights of a convolution lie in the blob.
enum class WeightLayout : uint8_t {
  // kConv2d: int8 [O, KH, KW, I]; kDepthwiseConv2d: int8 [KH, KW, C].
  kPlain = 0,
  // kConv2d only, for the Cortex-M7: see kernels/channel_pairs.h.
  kChannelPairs = 1,
};

// One operator. Fields an op kind does not use are zero (tensors: kNoTensor).
struct OpRecord {
  uint8_t kind;  // OpKind
  uint8_t kernel_h;
  uint8_t kernel_w;
  uint8_t stride_y;
  uint8_t stride_x;
  uint8_t pad_top;
  uint8_t pad_left;
  uint8_t weight_layout;  // WeightLayout
  uint16_t input;         // first input
  uint16_t input2;        // of kAdd, kMul and kConcat
  uint16_t output;
  int8_t activation_min;  // clamp of the output, in its quantised units
  int8_t activation_max;
  // A convolution's as weight_layout says; kLookup: int8 [256], the answers for
  // -128 to 127.
  uint32_t weights_offset;
  uint32_t bias_offset;  // int32 [O], at scale input_scale * weight_scale
  // float [O], accumulator to output scale; kMul, kPool with kMean: float [1].
  // kSoftmax: float [256], e to the power -scale * (255 - i).
  uint32_t requant_offset;
  // A depthwise convolution may overwrite its own input. It then keeps
  // kernel_h input rows in a ring of this many bytes of the arena.
  uint32_t ring_offset;
  uint32_t ring_bytes;  // 0: input and output do not overlap
  // kAdd only, see kernels/add_s8.h. The second is negative to subtract.
  int32_t add_multiplier;   // of the first input
  int32_t add_multiplier2;  // of the second
  int32_t add_shift;
  // Of an op in a stage: the tilings of its tensors there.
  uint16_t input_tiling;
  uint16_t input2_tiling;
  uint16_t output_tiling;
  uint8_t variant;  // of kPool and kConcat, see OpKind
  uint8_t reserved1;
  // Scratch for the kernel, planned for one backend. 0 bytes: none planned.
  uint32_t scratch_offset;
  uint32_t scratch_bytes;
};
static_assert(sizeof(OpRecord) == 64);

// A patch stage: ops that run tile by tile, all of them on one tile before the
// next. Tiles run row by row, each row from the left. Stages do not overlap;
// ops outside of them run once, on whole tensors.
struct StageRecord {
  uint16_t first_op;
  uint16_t end_op;  // one behind the last
  uint16_t tile_rows;
  uint16_t tile_columns;
};
static_assert(sizeof(StageRecord) == 8);

// How one tensor is cut in one stage: `tile_rows` ranges of its rows, then
// `tile_columns` ranges of its columns.
struct TilingRecord {
  uint16_t tensor;
  uint16_t stage;
  uint32_t first_range;
};
static_assert(sizeof(TilingRecord) == 8);

// The rows (or columns) of a tensor that are in the arena while a tile runs:
// [begin, end), of which the tile itself writes [compute, end). What lies
// before was kept from the tile above (or on the left).
//
// Row y is in slot y mod ring_rows. Column x is in place x if the arena holds
// all columns, else in place x - begin: what is kept is moved to the front
// when a tile starts.
struct RangeRecord {
  uint16_t begin;
  uint16_t compute;
  uint16_t end;
};
static_assert(sizeof(RangeRecord) == 6);

enum class BoxEncoding : uint16_t {
  // Per cell, class logits and 4 logarithms of distances from the cell's centre
  // to the left,
  // top, right and bottom edge, in units of the stride.
  kLtrbExp = 0,
  // The levels' class tensors are the network's outputs, for the caller.
  kNone = 1,
  // One level, whose class tensor [1, 1, classes] tells what the picture is.
  kClassifier = 2,
  // YOLOv3. Class and box tensor are one, [H, W, A * (5 + classes)]: per anchor
  // x, y, w, h, objectness, classes. Centre (cell + sigmoid(x)) * stride, width
  // anchor * e^w.
  kYoloV3 = 3,
  // YOLOX, without anchors: [H, W, 5 + classes] in the same order. Centre (cell
  // + x) * stride, width stride * e^w.
  kYoloX = 4,
  // SSD. Class tensor [H, W, A * (1 + classes)], the first of them background;
  // box tensor [H, W, A * 4]: y, x, h, w. Centre of the cell + x * anchor *
  // center_variance, width anchor * e^(w * size_variance).
  kSsd = 5,
};
inline constexpr uint16_t kBoxEncodings = 6;

// Which channel of the input comes first.
enum class ChannelOrder : uint16_t { kRgb = 0, kBgr = 1 };

// What class tensors hold.
enum class ScoreForm : uint16_t {
  kLogits = 0,         // of each class alone
  kSoftmaxLogits = 1,  // of classes that exclude each other
  kProbabilities = 2,
};
inline constexpr uint16_t kScoreForms = 3;

inline constexpr uint32_t kMaxAnchors = 1024;

// Size of a box that others are told relative to, in input pixels.
struct AnchorRecord {
  float w;
  float h;
};
static_assert(sizeof(AnchorRecord) == 8);

// One scale of the detection head.
struct LevelRecord {
  uint16_t class_tensor;  // [H, W, classes], logits
  uint16_t box_tensor;    // [H, W, 4]
  int32_t stride;         // input pixels per cell
  uint16_t first_anchor;
  uint16_t anchor_count;  // per cell
};
static_assert(sizeof(LevelRecord) == 12);

}  // namespace ocellus::format
