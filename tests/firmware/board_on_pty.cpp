// SPDX-License-Identifier: Apache-2.0

// The firmware's own application on this machine, its console a pseudo-terminal
// whose name it prints:
//
//   board_on_pty MODEL camera|receiver [FRAMES] [noise]
//
// `camera`: frames of a moving square; `receiver`: frames come over the
// console. After FRAMES frames it ends, as if unplugged. With `noise`, other
// bytes come between lines, and some of what it says gets lost.
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "firmware/app/detector.h"
#include "firmware/app/frame_loop.h"
#include "firmware/app/frame_receiver.h"
#include "firmware/board.h"
#include "tests/support/aligned_arena.h"

namespace ocellus {
namespace {

constexpr FrameFormat kFormat = FrameReceiver::kFormat;

struct Console {
  int file = -1;
  bool receives = false;
  bool is_noisy = false;
  int frames_left = -1;  // negative: for ever
  int frame = 0;
  std::mt19937 random{1};
  FrameReceiver receiver;
  bool is_receiving = false;
};
Console g_console;

void WriteAll(const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t written = write(g_console.file, bytes, count);
    if (written <= 0) std::exit(0);  // nobody is there any more
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
}

// Grey, and a square of another colour that moves.
void SendFrame(board::FrameSink& sink) {
  std::vector<uint8_t> line(2 * kFormat.width);
  const int left = 10 * g_console.frame % 200;
  for (int y = 0; y < kFormat.height; ++y) {
    for (int x = 0; x < kFormat.width; ++x) {
      const bool inside = x >= left && x < left + 100 && y >= 60 && y < 160;
      const int value = inside ? 0xF800 + g_console.frame : 0x8410;
      line[2 * x] = static_cast<uint8_t>(value >> 8);
      line[2 * x + 1] = static_cast<uint8_t>(value);
    }
    sink.TakeLines(y, line);
  }
  sink.EndFrame(board::FrameEnd::kComplete);
}

void PollConsole() {
  while (g_console.is_receiving) {
    pollfd waited = {.fd = g_console.file, .events = POLLIN, .revents = 0};
    if (poll(&waited, 1, 0) <= 0 || (waited.revents & POLLIN) == 0) return;
    uint8_t bytes[4096];
    const ssize_t count = read(g_console.file, bytes, sizeof bytes);
    for (ssize_t i = 0; i < count && g_console.is_receiving; ++i) {
      g_console.receiver.Take(bytes[i]);
      g_console.is_receiving = !g_console.receiver.is_complete();
    }
  }
}

}  // namespace

namespace board {

const char* Name() { return "pty"; }
void Start() {}
const char* StartNotice() { return nullptr; }
uint32_t CpuMhz() { return 480; }
const char* ResetCause() { return "power"; }

uint32_t Milliseconds() {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::steady_clock::now().time_since_epoch())
          .count());
}
uint32_t Cycles() { return 480'000 * Milliseconds(); }
void WaitForInterrupt() {
  PollConsole();
  std::this_thread::sleep_for(std::chrono::microseconds(200));
}
void FeedWatchdog() {}
float Temperature() { return 41.5f; }

void Write(std::span<const char> text) {
  if (g_console.is_noisy) {
    // One piece in forty loses bytes, and one in ten follows noise.
    std::mt19937& random = g_console.random;
    if (random() % 10 == 0) {
      std::string noise(random() % 60, '\0');
      for (char& c : noise) c = static_cast<char>(random());
      noise += random() % 2 == 0 ? "{\"frame\":" : "\n";
      WriteAll(noise.data(), noise.size());
    }
    if (random() % 40 == 0) text = text.subspan(text.size() / 2);
  }
  WriteAll(text.data(), text.size());
}

int ReadByte() {
  pollfd waited = {.fd = g_console.file, .events = POLLIN, .revents = 0};
  if (poll(&waited, 1, 0) <= 0 || (waited.revents & POLLIN) == 0) return -1;
  uint8_t byte = 0;
  return read(g_console.file, &byte, 1) == 1 ? byte : -1;
}

const char* StartCamera(FrameFormat* format) {
  *format = kFormat;
  return nullptr;
}

void CaptureFrame(FrameSink& sink) {
  if (g_console.frames_left == 0) std::exit(0);
  if (g_console.frames_left > 0) --g_console.frames_left;
  ++g_console.frame;
  if (g_console.receives) {
    g_console.receiver.Start(sink);
    Write(FrameReceiver::Request());
    g_console.is_receiving = true;
  } else {
    SendFrame(sink);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void StopCapture() { g_console.is_receiving = false; }

}  // namespace board

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(
        stderr, "usage: board_on_pty MODEL camera|receiver [FRAMES] [noise]\n");
    return 1;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<uint8_t> blob{std::istreambuf_iterator<char>(file), {}};
  g_console.receives = std::string_view(argv[2]) == "receiver";
  if (argc > 3) g_console.frames_left = std::atoi(argv[3]);
  g_console.is_noisy = argc > 4;
  g_console.file = posix_openpt(O_RDWR | O_NOCTTY);
  if (g_console.file < 0 || grantpt(g_console.file) != 0 ||
      unlockpt(g_console.file) != 0) {
    return 1;
  }
  // Held open until another does, so that nothing written before is an error;
  // raw, so that nothing is echoed.
  const char* name = ptsname(g_console.file);
  const int held = open(name, O_RDWR | O_NOCTTY);
  termios settings{};
  tcgetattr(held, &settings);
  cfmakeraw(&settings);
  tcsetattr(held, TCSANOW, &settings);
  std::printf("%s\n", name);
  std::fflush(stdout);

  AlignedArena arena(1 << 20);
  std::vector<int8_t> rows(3 * 512 * 512);
  Detector detector;
  if (detector.Start(blob, CortexM7Backend(), arena.span()) != Status::kOk) {
    std::fprintf(stderr, "%s: refused\n", argv[1]);
    return 1;
  }
  FrameLoop loop(detector, rows);
  loop.Run();
}

}  // namespace ocellus

int main(int argc, char** argv) { return ocellus::Main(argc, argv); }
