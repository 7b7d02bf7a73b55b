// SPDX-License-Identifier: Apache-2.0
//
// A plugin for QEMU that counts what a program on mps2-an500 loads and stores,
// and passes it through a model of the Cortex-M7's data cache: 16 kB, 4 ways of
// 32-byte lines, the least recently used line replaced (the part's own choice
// is not documented), lines allocated on reads and writes. Prints totals of the
// whole run: subtract a run on one frame from a run on two for an inference.
//
//   qemu-system-arm ... -plugin libmemory_traffic.so -d plugin -D traffic.txt
//
// QEMU 7.2 installs no header for plugins: its interface, version 1, is
// declared here as far as it is used (QEMU documentation, TCG Plugins).
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>

extern "C" {
struct qemu_plugin_tb;
struct qemu_plugin_insn;
using MemoryCallback = void(unsigned cpu, uint32_t info, uint64_t address,
                            void* user);
std::size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb* block);
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb* block,
                                          std::size_t index);
void qemu_plugin_register_vcpu_tb_trans_cb(
    uint64_t id, void (*callback)(uint64_t id, qemu_plugin_tb* block));
void qemu_plugin_register_vcpu_mem_cb(qemu_plugin_insn* instruction,
                                      MemoryCallback* callback, int flags,
                                      int read_or_write, void* user);
void qemu_plugin_register_atexit_cb(uint64_t id,
                                    void (*callback)(uint64_t id, void* user),
                                    void* user);
bool qemu_plugin_mem_is_store(uint32_t info);
unsigned qemu_plugin_mem_size_shift(uint32_t info);
void qemu_plugin_outs(const char* text);
}

namespace {

constexpr uint32_t kLineBytes = 32;
constexpr uint32_t kWays = 4;
constexpr uint32_t kSets = 16 * 1024 / kLineBytes / kWays;

// The memories of firmware/boards/mps2_an500/linker.ld.
enum Region { kFlash, kDtcm, kAxi, kD2, kOther, kRegions };
constexpr const char* kNames[] = {"flash", "DTCM", "AXI", "D2", "other"};

Region RegionOf(uint64_t address) {
  if (address < 0x00200000) return kFlash;
  if (address < 0x20000000 || address >= 0x20300000) return kOther;
  if (address < 0x20100000) return kDtcm;
  return address < 0x20200000 ? kAxi : kD2;
}

struct Traffic {
  uint64_t loads = 0;
  uint64_t load_bytes = 0;
  uint64_t stores = 0;
  uint64_t fills = 0;  // lines
};
std::array<Traffic, kRegions> traffic;
// Tags by set, most recently used first.
std::array<std::array<uint32_t, kWays>, kSets> tags;

// Whether the line had to be filled.
bool Touch(uint32_t line) {
  auto& set = tags[line % kSets];
  uint32_t moved = line + 1;  // 0 is an empty way
  for (uint32_t& way : set) {
    const uint32_t before = way;
    way = moved;
    if (before == line + 1) return false;
    moved = before;
  }
  return true;
}

void OnAccess(unsigned, uint32_t info, uint64_t address, void*) {
  const Region region = RegionOf(address);
  Traffic& counts = traffic[region];
  if (qemu_plugin_mem_is_store(info)) {
    ++counts.stores;
  } else {
    ++counts.loads;
    counts.load_bytes += uint64_t{1} << qemu_plugin_mem_size_shift(info);
  }
  // Tightly coupled memory and peripherals are not cached.
  if (region == kDtcm || region == kOther) return;
  if (Touch(static_cast<uint32_t>(address / kLineBytes))) ++counts.fills;
}

void OnTranslation(uint64_t, qemu_plugin_tb* block) {
  constexpr int kNoRegisters = 0;
  constexpr int kReadsAndWrites = 3;
  for (std::size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
    qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(block, i),
                                     OnAccess, kNoRegisters, kReadsAndWrites,
                                     nullptr);
  }
}

void OnExit(uint64_t, void*) {
  for (int region = 0; region < kRegions; ++region) {
    const Traffic& counts = traffic[region];
    char line[160];
    std::snprintf(line, sizeof(line),
                  "%-5s %12llu loads %12llu bytes %12llu stores %12llu lines\n",
                  kNames[region], static_cast<unsigned long long>(counts.loads),
                  static_cast<unsigned long long>(counts.load_bytes),
                  static_cast<unsigned long long>(counts.stores),
                  static_cast<unsigned long long>(counts.fills));
    qemu_plugin_outs(line);
  }
}

}  // namespace

extern "C" {
[[gnu::visibility("default")]] extern const int qemu_plugin_version = 1;

[[gnu::visibility("default")]] int qemu_plugin_install(uint64_t id, const void*,
                                                       int, char**) {
  qemu_plugin_register_vcpu_tb_trans_cb(id, OnTranslation);
  qemu_plugin_register_atexit_cb(id, OnExit, nullptr);
  return 0;
}
}
