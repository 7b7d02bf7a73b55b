// SPDX-License-Identifier: Apache-2.0
#include "host_demo/emit_sources.h"

#include <cstdio>
#include <string_view>

#include "host_demo/failure.h"
#include "host_demo/output_file.h"
#include "runtime/executor.h"

namespace ocellus {
namespace {

// `text` with every @NAME@ replaced.
std::string Filled(
    std::string text,
    std::initializer_list<std::pair<std::string, std::string>> values) {
  for (const auto& [name, value] : values) {
    const std::string mark = "@" + name + "@";
    for (std::size_t at = text.find(mark); at != std::string::npos;
         at = text.find(mark, at + value.size())) {
      text.replace(at, mark.size(), value);
    }
  }
  return text;
}

// For a comment: one line.
std::string Printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\\') c = '?';
  }
  return text;
}

// The bytes as numbers, 16 a line.
std::string Numbers(std::span<const uint8_t> bytes) {
  std::string text;
  text.reserve(bytes.size() * 4 + bytes.size() / 4);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i % 16 == 0) text += i == 0 ? "    " : "\n    ";
    text += std::to_string(bytes[i]) + ",";
  }
  return text;
}

constexpr char kModelHeader[] = R"(// Written by ocellus compile --emit-c.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ocellus_model {

// The model @NAME@, to be linked into flash.
inline constexpr std::size_t kBytes = @BYTES@;
alignas(16) extern const std::uint8_t kBlob[kBytes];

// RAM that it needs on a Cortex-M7, everything counted.
inline constexpr std::size_t kArenaBytes = @ARENA@;

// Its image.
inline constexpr int kHeight = @HEIGHT@;
inline constexpr int kWidth = @WIDTH@;

}  // namespace ocellus_model
)";

constexpr char kModelSource[] = R"(// Written by ocellus compile --emit-c.
#include "model.h"

namespace ocellus_model {

alignas(16) extern const std::uint8_t kBlob[kBytes] = {
@NUMBERS@
};

}  // namespace ocellus_model
)";

constexpr char kExampleHeader[] = R"(// Written by ocellus compile --emit-c.
#pragma once

#include <cstdint>

// Runs the model on one image after the other, each row by row:
//
//   if (!ocellus_model::Start()) ...            // once
//   ocellus_model::BeginImage();
//   for (each row) ocellus_model::AddRow(rgb);  // kWidth pixels
//   int count = ocellus_model::FinishImage(objects, 10);
namespace ocellus_model {

struct Object {
  const char* name;  // of its class
  int class_id;
  float score;  // 0 to 1
  // Fractions of the image's width and height. A classifier's are all of it.
  float x_min, y_min, x_max, y_max;
};

// False if the model is damaged or the arena too small for it.
bool Start();
void BeginImage();
// The next row of the image from the top, red, green and blue of each pixel.
void AddRow(const std::uint8_t* rgb);
// Writes what was found, best first, and returns how many, at most `most`. A
// classifier gives its best classes.
int FinishImage(Object* objects, int most);

// An output of the network as it is, and its size in bytes. Null behind the
// last one.
const std::int8_t* Output(int index, int* bytes);

}  // namespace ocellus_model
)";

constexpr char kExampleSource[] = R"(// Written by ocellus compile --emit-c.
#include "ocellus_example.h"

#include <array>
#include <cstddef>
#include <span>

#include "model.h"
#include "postprocess/anchor_decode.h"
#include "postprocess/decode_head.h"
#include "postprocess/nms.h"
#include "runtime/executor.h"
#include "runtime/input_table.h"

#ifndef OCELLUS_BACKEND
#define OCELLUS_BACKEND ocellus::CortexM7Backend
#endif

namespace ocellus_model {
namespace {

constexpr std::size_t kMostCandidates = 128;

#ifdef OCELLUS_ARENA_SECTION
[[gnu::section(OCELLUS_ARENA_SECTION)]]
#endif
alignas(64) std::array<std::byte, kArenaBytes> arena;

ocellus::Model model;
ocellus::Executor executor;
std::array<ocellus::InputTable, 3> tables;
std::array<ocellus::Detection, kMostCandidates> candidates;

bool IsBgr() {
  return model.header().channel_order ==
         static_cast<std::uint16_t>(ocellus::format::ChannelOrder::kBgr);
}

int Classify(Object* objects, int most) {
  std::array<ocellus::ClassProbability, 5> best;
  const int output = model.levels()[0].class_tensor;
  const std::size_t count = ocellus::BestClasses(
      executor.tensor(output), model.quant(output),
      static_cast<ocellus::format::ScoreForm>(model.header().scores), best);
  int written = 0;
  for (; written < most && written < static_cast<int>(count); ++written) {
    const ocellus::ClassProbability& one = best[written];
    objects[written] = {model.class_name(one.class_id), one.class_id, one.score,
                        0.0f, 0.0f, 1.0f, 1.0f};
  }
  return written;
}

}  // namespace

bool Start() {
  if (ocellus::Model::Parse({kBlob, kBytes}, &model) != ocellus::Status::kOk) {
    return false;
  }
  for (int channel = 0; channel < 3; ++channel) {
    tables[channel] = ocellus::MakeInputTable(model, channel);
  }
  return executor.Prepare(model, OCELLUS_BACKEND(), arena) ==
         ocellus::Status::kOk;
}

void BeginImage() { executor.Begin(); }

void AddRow(const std::uint8_t* rgb) {
  std::int8_t* row = executor.NextInputRow();
  const int first = IsBgr() ? 2 : 0;
  for (int x = 0; x < kWidth; ++x, rgb += 3, row += 3) {
    row[0] = tables[0][rgb[first]];
    row[1] = tables[1][rgb[1]];
    row[2] = tables[2][rgb[2 - first]];
  }
  executor.CommitInputRow();
}

int FinishImage(Object* objects, int most) {
  executor.Finish();
  const auto encoding =
      static_cast<ocellus::format::BoxEncoding>(model.header().encoding);
  if (encoding == ocellus::format::BoxEncoding::kNone) return 0;
  if (encoding == ocellus::format::BoxEncoding::kClassifier) {
    return Classify(objects, most);
  }
  const std::span<ocellus::Detection> found(candidates);
  const std::size_t decoded = ocellus::DecodeHead(
      model, executor, model.header().score_threshold, found);
  const std::size_t kept = ocellus::SuppressNonMaximum(
      found.first(decoded), model.header().nms_iou,
      static_cast<std::size_t>(most));
  for (std::size_t i = 0; i < kept; ++i) {
    const ocellus::Detection& one = found[i];
    objects[i] = {model.class_name(one.class_id), one.class_id,
                  one.score,      one.box.x_min,  one.box.y_min,
                  one.box.x_max,  one.box.y_max};
  }
  return static_cast<int>(kept);
}

const std::int8_t* Output(int index, int* bytes) {
  if (index < 0 || index >= static_cast<int>(model.levels().size())) {
    return nullptr;
  }
  const int tensor = model.levels()[index].class_tensor;
  *bytes = static_cast<int>(model.shape(tensor).elements());
  return executor.tensor(tensor).data;
}

}  // namespace ocellus_model
)";

constexpr char kCMakeLists[] = R"(# Written by ocellus compile --emit-c.
#
# In a project for a Cortex-M7 (CMake 3.25, languages C, CXX and ASM):
#
#   set(OCELLUS_DIR path/to/ocellus)  # its source tree
#   add_subdirectory(this_folder)
#   target_link_libraries(firmware PRIVATE ocellus_model)
set(OCELLUS_DIR "" CACHE PATH "Source tree of Ocellus")
if(NOT EXISTS ${OCELLUS_DIR}/runtime/model_format.h)
  message(FATAL_ERROR "OCELLUS_DIR: expected the source tree of Ocellus")
endif()
if(NOT TARGET ocellus::runtime)
  set(OCELLUS_EMBEDDED ON)
  add_subdirectory(${OCELLUS_DIR} ocellus EXCLUDE_FROM_ALL)
endif()

add_library(ocellus_model STATIC model.cpp ocellus_example.cpp)
target_compile_features(ocellus_model PRIVATE cxx_std_20)
target_include_directories(ocellus_model PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(ocellus_model PRIVATE
  ocellus::postprocess ocellus::runtime ocellus_embedded)
)";

constexpr char kReadme[] = R"(# @NAME@

Written by `ocellus compile --emit-c`: a model as C++ sources, for your own
firmware.

| | |
|---|---|
| Image | @WIDTH@ x @HEIGHT@, rows of RGB bytes |
| Flash, the model alone | @BYTES@ bytes |
| RAM, one array | @ARENA@ bytes |

* `model.h`, `model.cpp`: the model, a constant.
* `ocellus_example.h`, `ocellus_example.cpp`: feed it an image row by row, get
  what is in it. They use no heap, no exceptions and no static constructors.
* `CMakeLists.txt`: the library `ocellus_model`. Its first lines tell how to use
  it. The compiler flags of the project must choose the Cortex-M7 and its FPU,
  e.g. `-mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard`;
  `firmware/cortex-m7.cmake` of Ocellus is a toolchain file that does.

```cpp
#include "model.h"
#include "ocellus_example.h"

ocellus_model::Object objects[10];

void Loop() {
  ocellus_model::BeginImage();
  for (int y = 0; y < ocellus_model::kHeight; ++y) {
    ocellus_model::AddRow(NextRowOfYourCamera());  // kWidth * 3 bytes
  }
  const int count = ocellus_model::FinishImage(objects, 10);
  for (int i = 0; i < count; ++i) Report(objects[i]);
}
```

Call `ocellus_model::Start()` once before. The compile definition
`OCELLUS_ARENA_SECTION=".name"` puts the RAM into a section of your linker
script, for parts whose memory comes in several pieces.
)";

}  // namespace

void EmitSources(const std::string& folder, std::span<const uint8_t> blob) {
  Model model;
  const Status status = Model::Parse(blob, &model);
  if (status != Status::kOk) throw Failure(folder + ": an unsound model");
  const Shape input = model.shape(model.header().input);
  if (input.c != 3) throw Failure(folder + ": its input has no 3 channels");
  // Of pointers twice as large as the board's: a little more than it needs.
  const std::size_t arena =
      Executor::MeasureArena(model, CortexM7Backend()).total_bytes();
  MakeFolder(folder);
  const auto write = [&](const char* file, const char* text) {
    const bool is_blob = text == kModelSource;
    WriteFile(folder + "/" + file,
              Filled(text, {{"NAME", Printable(std::string(model.name()))},
                            {"BYTES", std::to_string(blob.size())},
                            {"ARENA", std::to_string(arena)},
                            {"HEIGHT", std::to_string(input.h)},
                            {"WIDTH", std::to_string(input.w)},
                            {"NUMBERS", is_blob ? Numbers(blob) : ""}}));
  };
  write("model.h", kModelHeader);
  write("model.cpp", kModelSource);
  write("ocellus_example.h", kExampleHeader);
  write("ocellus_example.cpp", kExampleSource);
  write("CMakeLists.txt", kCMakeLists);
  write("README.md", kReadme);
  std::printf("sources   %s: model.cpp, ocellus_example.cpp, README.md, ...\n",
              folder.c_str());
}

}  // namespace ocellus
