// SPDX-License-Identifier: Apache-2.0
//
// Runs a model on frames of the host, all through semihosting:
//
//   an500_model MODEL FRAMES OUTPUT [profile] [reference]
//   an500_model fault flash|stack|beyond
//
// FRAMES are network inputs, int8 [H, W, 3] each, back to back. OUTPUT gets,
// for each frame, the outputs of the network level by level, the number of
// detections as uint32 and the detections as they are in memory. `profile`
// counts the instructions of each operator, on the last frame.
#include <algorithm>
#include <array>
#include <cstring>

#include "firmware/boards/mps2_an500/counter.h"
#include "firmware/boards/mps2_an500/memory.h"
#include "firmware/boards/mps2_an500/semihosting.h"
#include "firmware/boards/mps2_an500/uart.h"
#include "postprocess/decode_head.h"
#include "postprocess/nms.h"
#include "runtime/executor.h"

namespace ocellus::an500 {
namespace {

constexpr std::size_t kMaxCandidates = 512;
constexpr std::size_t kMaxDetections = 100;
constexpr int kMaxOps = 256;

// Off the stack, which is small.
struct Program {
  Model model;
  Executor executor;
  std::array<char, 512> command_line;
  std::array<uint64_t, kMaxOps> op_instructions;
  Moment moment = {};
  uint64_t instructions = 0;
};
Program program;
[[gnu::section(
    ".d2")]] std::array<std::byte, kMaxCandidates * sizeof(Detection)>
    candidate_bytes;

std::span<Detection> Candidates() {
  return {reinterpret_cast<Detection*>(candidate_bytes.data()), kMaxCandidates};
}

struct Options {
  const char* model = nullptr;
  const char* frames = nullptr;
  const char* output = nullptr;
  bool profile = false;
  bool reference = false;
};

// The next word of a text, cut off in place; null behind the last.
char* NextWord(char** text) {
  while (**text == ' ') ++*text;
  if (**text == '\0') return nullptr;
  char* word = *text;
  while (**text != ' ' && **text != '\0') ++*text;
  if (**text == ' ') *(*text)++ = '\0';
  return word;
}

// What the MPU must stop.
[[noreturn]] void TryFault(const char* kind) {
  ProtectMemory();
  if (std::strcmp(kind, "flash") == 0) {
    *reinterpret_cast<volatile std::byte*>(ModelRoom().data()) = {};
  } else if (std::strcmp(kind, "stack") == 0) {
    // As deep recursion does.
    asm volatile("1: push {r0-r7}\n\tb 1b" ::: "memory");
  } else if (std::strcmp(kind, "beyond") == 0) {
    volatile std::byte* end = ArenaRoom().data() + ArenaRoom().size();
    *end = {};
  }
  Fail("no fault came of", kind);
}

Options ReadOptions() {
  ReadCommandLine(program.command_line);
  char* rest = program.command_line.data();
  NextWord(&rest);  // the program's name
  Options options;
  options.model = NextWord(&rest);
  options.frames = NextWord(&rest);
  if (options.frames != nullptr && std::strcmp(options.model, "fault") == 0) {
    TryFault(options.frames);
  }
  options.output = NextWord(&rest);
  if (options.output == nullptr) {
    Fail("expected", "MODEL FRAMES OUTPUT [profile] [reference]");
  }
  while (const char* word = NextWord(&rest)) {
    if (std::strcmp(word, "profile") == 0) {
      options.profile = true;
    } else if (std::strcmp(word, "reference") == 0) {
      options.reference = true;
    } else {
      Fail("expected profile or reference instead of", word);
    }
  }
  return options;
}

void LoadModel(const char* path) {
  HostFile file(path, HostFile::Mode::kRead);
  const std::span<std::byte> room = ModelRoom();
  if (file.size() > room.size()) Fail("larger than the flash left", path);
  file.Read(room.first(file.size()));
  const std::span<const uint8_t> blob(
      reinterpret_cast<const uint8_t*>(room.data()), file.size());
  const Status status = Model::Parse(blob, &program.model);
  if (status != Status::kOk) Fail(StatusText(status), path);
}

// Lays out the arena at the start of what AXI SRAM is left, all of it painted.
std::span<std::byte> PrepareArena(const Backend& backend) {
  const ArenaUse use = Executor::MeasureArena(program.model, backend);
  const std::span<std::byte> room = ArenaRoom();
  Paint(room);
  Print("arena: ");
  PrintNumber(use.total_bytes());
  Print(" bytes (activations ");
  PrintNumber(use.activation_bytes);
  Print(", scratch ");
  PrintNumber(use.scratch_bytes);
  Print(", tables ");
  PrintNumber(use.packed_bytes);
  Print(") of ");
  PrintNumber(room.size());
  Print("\n");
  const std::span<std::byte> arena =
      room.first(std::min(room.size(), use.total_bytes()));
  const Status status = program.executor.Prepare(program.model, backend, arena);
  if (status != Status::kOk) Fail(StatusText(status), "AXI SRAM");
  return room;
}

void CountOp(void*, int32_t op_index, bool done) {
  const uint64_t instructions = InstructionsSince(&program.moment);
  program.instructions += instructions;
  if (done && op_index < kMaxOps) {
    program.op_instructions[op_index] += instructions;
  }
}

// Row by row, as a camera gives it.
void RunFrame(HostFile& frames) {
  Executor& executor = program.executor;
  const Shape shape = program.model.shape(program.model.header().input);
  const auto row_bytes = static_cast<std::size_t>(shape.w * shape.c);
  executor.Begin();
  program.instructions = 0;
  program.moment = Now();
  for (int32_t y = 0; y < shape.h; ++y) {
    frames.Read(
        std::as_writable_bytes(std::span(executor.NextInputRow(), row_bytes)));
    executor.CommitInputRow();
    program.instructions += InstructionsSince(&program.moment);
  }
  executor.Finish();
  program.instructions += InstructionsSince(&program.moment);
}

std::span<const Detection> Detect() {
  const Model& model = program.model;
  const std::size_t candidates = DecodeHead(
      model, program.executor, model.header().score_threshold, Candidates());
  const std::size_t kept = SuppressNonMaximum(
      Candidates().first(candidates), model.header().nms_iou, kMaxDetections);
  return Candidates().first(kept);
}

void WriteOutputs(HostFile& output, std::span<const Detection> detections) {
  const auto write = [&](int32_t tensor) {
    const auto bytes =
        static_cast<std::size_t>(program.model.shape(tensor).elements());
    output.Write(
        std::as_bytes(std::span(program.executor.tensor(tensor).data, bytes)));
  };
  for (const format::LevelRecord& level : program.model.levels()) {
    write(level.class_tensor);
    write(level.box_tensor);
  }
  const uint32_t count = detections.size();
  output.Write(std::as_bytes(std::span(&count, 1)));
  output.Write(std::as_bytes(detections));
}

void PrintDetections(std::span<const Detection> detections) {
  for (const Detection& detection : detections) {
    Print("  ");
    PrintPadded(program.model.class_name(detection.class_id), 14);
    PrintFixed(static_cast<uint32_t>(detection.score * 100.0f), 100);
    const BoundingBox& box = detection.box;
    for (const float edge : {box.x_min, box.y_min, box.x_max, box.y_max}) {
      Print(" ");
      PrintFixed(static_cast<uint32_t>(edge * 1000.0f), 1000);
    }
    Print("\n");
  }
}

void PrintProfile() {
  for (int i = 0; i < program.executor.op_count() && i < kMaxOps; ++i) {
    Print("op ");
    PrintNumber(i, 3);
    Print(" ");
    PrintNumber(program.op_instructions[i], 12);
    Print(" ");
    Print(program.model.tensor_name(program.model.ops()[i].output));
    Print("\n");
  }
}

void Run(const Options& options) {
  LoadModel(options.model);
  ProtectMemory();
  const Backend& backend =
      options.reference ? ReferenceBackend() : CortexM7Backend();
  const std::span<std::byte> room = PrepareArena(backend);
  HostFile frames(options.frames, HostFile::Mode::kRead);
  HostFile output(options.output, HostFile::Mode::kWrite);
  const auto frame_bytes = static_cast<std::size_t>(
      program.model.shape(program.model.header().input).elements());
  const std::size_t count = frames.size() / frame_bytes;
  if (count == 0 || frames.size() % frame_bytes != 0) {
    Fail("not a number of whole frames", options.frames);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const bool profile = options.profile && i + 1 == count;
    if (profile) program.executor.set_observer(CountOp, nullptr);
    RunFrame(frames);
    const std::span<const Detection> detections = Detect();
    Print("frame ");
    PrintNumber(i);
    Print(": ");
    PrintNumber(program.instructions);
    Print(" instructions, ");
    PrintNumber(detections.size());
    Print(" detections\n");
    PrintDetections(detections);
    WriteOutputs(output, detections);
  }
  if (options.profile) PrintProfile();
  Print("arena high-water: ");
  PrintNumber(HighWater(room));
  Print(" bytes\nstack high-water: ");
  PrintNumber(StackHighWater());
  Print(" bytes\n");
}

}  // namespace

extern "C" [[noreturn]] void BoardMain() {
  StartUart();
  Run(ReadOptions());
  Exit(0);
}

}  // namespace ocellus::an500
