// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unicorn/unicorn.h>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/firmware/emulated_camera.h"

namespace ocellus {

// A board with an STM32H743 that runs a firmware's ELF file as it is: Unicorn
// runs the Cortex-M7's instructions, and this class is what surrounds them, as
// far as the firmware touches it: interrupts, clocks, console, camera bus,
// camera interface with its DMA, converter, watchdog. A register that is not
// here ends the run with a message, and so does a use that the real part would
// not forgive (a UART that is off, DMA to memory it cannot reach, ...).
//
// Addresses and bits are written down here once more on purpose: a wrong one in
// the firmware should not go unseen.
//
// Time is counted in cycles of one instruction each, more or less: good enough
// for the order of events, not for speed.
class EmulatedBoard {
 public:
  // `crystal_hz`: of the board's crystal or oscillator. Throws
  // std::runtime_error if the file cannot be loaded.
  EmulatedBoard(const std::string& elf_path, EmulatedCamera& camera,
                uint32_t crystal_hz = 25'000'000);
  ~EmulatedBoard();
  EmulatedBoard(const EmulatedBoard&) = delete;
  EmulatedBoard& operator=(const EmulatedBoard&) = delete;

  // Runs until the console has said `count` lines that hold `text`, at most
  // `milliseconds` of the board's time. Whether it has.
  bool RunUntilSaid(const std::string& text, int count, int milliseconds);

  // What the firmware wrote to its console since the start.
  const std::string& console() const { return console_; }
  // The lines of it that hold `text`.
  std::vector<std::string> Lines(const std::string& text) const;
  // Bytes that arrive at the console.
  void Type(const std::string& bytes);

  // Why the run ended before its time; empty if it did not.
  const std::string& failure() const { return failure_; }

  // A frame of the camera that the firmware captured, or began to.
  struct Capture {
    int frame;                  // the camera's number
    std::size_t console_bytes;  // what had been said when it began
  };
  const std::vector<Capture>& captures() const { return captures_; }

  uint32_t cpu_hz() const { return cpu_hz_; }
  double milliseconds() const;
  int resets() const { return resets_; }
  // 16 for none, else the alternate function of a pin, e.g. ('B', 8).
  uint32_t PinFunction(char port, uint32_t pin) const;

  // The next instruction meets a bus error at `address`.
  void FailBusAt(uint32_t address) { bus_error_address_ = address; }
  // Where that was.
  uint32_t fault_pc() const { return fault_pc_; }
  // The clock's crystal is broken.
  void BreakCrystal() { crystal_works_ = false; }
  void set_revision(uint32_t revision) { revision_ = revision; }

 private:
  struct Access {
    std::function<uint32_t()> read;
    std::function<void(uint32_t)> write;
  };

  void LoadElf(const std::string& path);
  void MapRegisters();
  void MapCore();
  void MapClocks();
  void MapGpio();
  void MapConsole(uint32_t base, int interrupt);
  void MapBus(uint32_t base);
  void MapCameraPort();
  void MapConverter();
  void MapWatchdog();
  // A register that only remembers; `initial` after reset.
  void Plain(uint32_t address, uint32_t initial = 0);
  void Special(uint32_t address, std::function<uint32_t()> read,
               std::function<void(uint32_t)> write);
  uint32_t& Value(uint32_t address) { return values_[address]; }

  void Reset();
  void Fail(const std::string& message);
  void Run(uint64_t until_cycle);
  void RunToNextEvent(uint64_t until_cycle);
  uint64_t NextEvent() const;
  void HandleEvents();
  void UpdateClock();
  void CameraEvent();
  void ReceiveLine(const std::vector<uint8_t>& line);
  bool DmaTakesWord(uint32_t word);
  void Pend(int exception) { pending_.insert(exception); }
  bool InterruptIsEnabled(int exception) const;
  void DeliverInterrupts();
  void EnterException(int exception);
  void LeaveException();

  uint32_t ReadRegister(int unicorn_register) const;
  void WriteRegister(int unicorn_register, uint32_t value);
  uint32_t ReadWord(uint32_t address);
  void WriteWord(uint32_t address, uint32_t value);

  static uint64_t OnRead(uc_engine*, uint64_t offset, unsigned size,
                         void* page);
  static void OnWrite(uc_engine*, uint64_t offset, unsigned size,
                      uint64_t value, void* page);
  static void OnBlock(uc_engine*, uint64_t, uint32_t size, void* board);
  static void OnInterrupt(uc_engine*, uint32_t number, void* board);
  static bool OnBadMemory(uc_engine*, uc_mem_type type, uint64_t address,
                          int size, int64_t value, void* board);

  struct Page {
    EmulatedBoard* board;
    uint32_t address;
  };

  uc_engine* engine_ = nullptr;
  EmulatedCamera& camera_;
  std::deque<Page> pages_;
  std::map<uint32_t, Access> special_;
  std::map<uint32_t, uint32_t> values_;
  std::map<uint32_t, uint32_t> initial_;
  uint32_t vectors_ = 0;

  uint64_t cycles_ = 0;
  uint64_t stop_at_ = 0;
  uint64_t next_tick_ = 0;
  uint64_t next_camera_ = 0;
  uint64_t fed_at_ = 0;
  uint32_t cpu_hz_ = 64'000'000;
  bool watchdog_on_ = false;
  bool reset_wanted_ = false;
  bool crystal_works_ = true;
  uint32_t crystal_hz_;
  uint32_t revision_ = 0x2003;
  uint32_t bus_error_address_ = 0;
  uint32_t fault_pc_ = 0;
  int resets_ = 0;

  std::set<int> pending_;
  std::array<uint32_t, 5> enabled_{};
  std::vector<int> active_;
  bool left_exception_ = false;

  std::string console_;
  std::deque<uint8_t> typed_;
  int console_interrupt_ = 0;
  std::string failure_;

  // Camera bus.
  uint32_t bus_flags_ = 0;
  uint32_t bus_left_ = 0;
  bool bus_reads_ = false;
  uint8_t bus_device_ = 0;
  std::vector<uint8_t> bus_bytes_;
  uint8_t bus_register_ = 0;

  // Camera port.
  uint32_t dcmi_raw_ = 0;
  bool in_frame_ = false;  // that is being captured
  uint32_t dma_left_ = 0;
  uint32_t dma_at_ = 0;
  std::vector<Capture> captures_;
};

}  // namespace ocellus
