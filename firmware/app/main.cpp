// SPDX-License-Identifier: Apache-2.0

// The program of every camera board: the compiled model, its memory, and the
// loop.
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

#include "firmware/app/detector.h"
#include "firmware/app/frame_loop.h"
#include "firmware/app/text_line.h"
#include "firmware/board.h"
#include "runtime/kernels/backend.h"
#include "runtime/status.h"

// From model.S.
extern "C" const uint8_t ocellus_model_begin[], ocellus_model_end[];

namespace {

using namespace ocellus;

alignas(Executor::kArenaAlignment) [[gnu::section(
    ".axi_sram")]] std::array<std::byte, OCELLUS_ARENA_BYTES> g_arena;
// All rows of the network's input, or as many as there is room for.
alignas(32)
    [[gnu::section(".d2_sram")]] std::array<int8_t, OCELLUS_ROWS_BYTES> g_rows;

// Made at the start: their initial values need not be in flash.
alignas(Detector) std::array<std::byte, sizeof(Detector)> g_detector;
alignas(FrameLoop) std::array<std::byte, sizeof(FrameLoop)> g_loop;

[[noreturn]] void RefuseModel(Status status) {
  TextLine line;
  line.Add("{\"error\":\"model\",\"reason\":").AddQuoted(StatusText(status));
  line.Add("}\n");
  while (true) {
    board::Write(line.text());
    const uint32_t start = board::Milliseconds();
    while (board::Milliseconds() - start < 1000) {
      board::FeedWatchdog();
      board::WaitForInterrupt();
    }
  }
}

}  // namespace

// Called with memory in order, on the stack of the reset.
extern "C" [[noreturn]] void RunFirmware() {
  board::Start();
  const std::span<const uint8_t> blob(
      ocellus_model_begin,
      static_cast<std::size_t>(ocellus_model_end - ocellus_model_begin));
  Detector& detector = *new (g_detector.data()) Detector;
  const Status status = detector.Start(blob, OCELLUS_BACKEND(), g_arena);
  if (status != Status::kOk) RefuseModel(status);
  FrameLoop& loop = *new (g_loop.data()) FrameLoop(detector, g_rows);
  loop.Run();
}
