// SPDX-License-Identifier: Apache-2.0
#include "tests/firmware/emulated_board.h"

#include <elf.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace ocellus {
namespace {

constexpr uint32_t kFlash = 0x08000000;
constexpr uint32_t kDtcm = 0x20000000;
constexpr uint32_t kAxi = 0x24000000;
constexpr uint32_t kD2 = 0x30000000;
constexpr uint32_t kD2Bytes = 288 * 1024;

constexpr int kSysTick = 15;
constexpr int kBusFault = 5;
constexpr int kFirstInterrupt = 16;
constexpr int kDma1Stream0 = kFirstInterrupt + 11;
constexpr int kUsart1 = kFirstInterrupt + 37;
constexpr int kUsart3 = kFirstInterrupt + 39;
constexpr int kDcmi = kFirstInterrupt + 78;
constexpr int kLpuart1 = kFirstInterrupt + 142;

// Returns to a thread on the main stack, from a frame with FPU registers.
constexpr uint32_t kExceptionReturn = 0xFFFFFFE9;
constexpr uint32_t kFrameBytes = 26 * 4;

constexpr uint32_t kRccCr = 0x58024400;
constexpr uint32_t kRccCfgr = 0x58024410;
constexpr uint32_t kD1Cfgr = 0x58024418;
constexpr uint32_t kD2Cfgr = 0x5802441C;
constexpr uint32_t kPllCkselr = 0x58024428;
constexpr uint32_t kPllCfgr = 0x5802442C;
constexpr uint32_t kPll1Divr = 0x58024430;
constexpr uint32_t kRsr = 0x580244D0;
constexpr uint32_t kAhb1Enr = 0x580244D8;
constexpr uint32_t kAhb2Enr = 0x580244DC;
constexpr uint32_t kFlashAcr = 0x52002000;
constexpr uint32_t kPwrD3Cr = 0x58024818;
constexpr uint32_t kSyscfgPwrCr = 0x5800042C;
constexpr uint32_t kDwtCyccnt = 0xE0001004;
constexpr uint32_t kSystCsr = 0xE000E010;
constexpr uint32_t kSystRvr = 0xE000E014;
constexpr uint32_t kCfsr = 0xE000ED28;
constexpr uint32_t kBfar = 0xE000ED38;
constexpr uint32_t kDcmiCr = 0x48020000;
constexpr uint32_t kDcmiIer = 0x4802000C;
constexpr uint32_t kDcmiData = 0x48020028;
constexpr uint32_t kDmaLisr = 0x40020000;
constexpr uint32_t kDmaCr = 0x40020010;
constexpr uint32_t kDmaNdtr = 0x40020014;
constexpr uint32_t kDmaPar = 0x40020018;
constexpr uint32_t kDmaM0ar = 0x4002001C;
constexpr uint32_t kDmaM1ar = 0x40020020;
constexpr uint32_t kDmaFcr = 0x40020024;
constexpr uint32_t kDmamux = 0x40020800;
constexpr uint32_t kTsCal1 = 0x1FF1E820;
constexpr uint32_t kTsCal2 = 0x1FF1E840;
constexpr uint32_t kAdcIsr = 0x58026000;
constexpr uint32_t kAdcCr = 0x58026008;

std::string Hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%08llx",
                static_cast<unsigned long long>(value));
  return text;
}

void Check(uc_err error, const char* what) {
  if (error == UC_ERR_OK) return;
  throw std::runtime_error(std::string("Unicorn, ") + what + ": " +
                           uc_strerror(error));
}

}  // namespace

EmulatedBoard::EmulatedBoard(const std::string& elf_path,
                             EmulatedCamera& camera, uint32_t crystal_hz)
    : camera_(camera), crystal_hz_(crystal_hz) {
  Check(uc_open(UC_ARCH_ARM,
                static_cast<uc_mode>(UC_MODE_THUMB | UC_MODE_MCLASS), &engine_),
        "open");
  Check(uc_ctl_set_cpu_model(engine_, UC_CPU_ARM_CORTEX_M7), "Cortex-M7");
  constexpr uint32_t kReadExecute = UC_PROT_READ | UC_PROT_EXEC;
  constexpr uint32_t kReadWrite = UC_PROT_READ | UC_PROT_WRITE;
  Check(uc_mem_map(engine_, kFlash, 2 << 20, kReadExecute), "flash");
  Check(uc_mem_map(engine_, kDtcm, 128 << 10, kReadWrite), "DTCM");
  Check(uc_mem_map(engine_, kAxi, 512 << 10, kReadWrite), "AXI SRAM");
  Check(uc_mem_map(engine_, kD2, kD2Bytes, kReadWrite), "D2 SRAM");
  LoadElf(elf_path);
  MapRegisters();

  uc_hook hook;
  Check(uc_hook_add(engine_, &hook, UC_HOOK_BLOCK,
                    reinterpret_cast<void*>(OnBlock), this, 1, 0),
        "hook");
  Check(uc_hook_add(engine_, &hook, UC_HOOK_INTR,
                    reinterpret_cast<void*>(OnInterrupt), this, 1, 0),
        "hook");
  Check(uc_hook_add(engine_, &hook, UC_HOOK_MEM_INVALID,
                    reinterpret_cast<void*>(OnBadMemory), this, 1, 0),
        "hook");
  Value(kRsr) = 1u << 23 | 1u << 22;  // power-on
  Reset();
}

EmulatedBoard::~EmulatedBoard() { uc_close(engine_); }

void EmulatedBoard::LoadElf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  Elf32_Ehdr header;
  if (bytes.size() < sizeof header ||
      std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) {
    throw std::runtime_error(path + ": expected an ELF file");
  }
  std::memcpy(&header, bytes.data(), sizeof header);
  uint32_t lowest = UINT32_MAX;
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf32_Phdr part;
    std::memcpy(&part,
                bytes.data() + header.e_phoff +
                    static_cast<std::size_t>(i) * header.e_phentsize,
                sizeof part);
    if (part.p_type != PT_LOAD || part.p_filesz == 0) continue;
    Check(uc_mem_write(engine_, part.p_paddr, bytes.data() + part.p_offset,
                       part.p_filesz),
          "load the program into flash");
    lowest = std::min(lowest, part.p_paddr);
  }
  vectors_ = lowest;
}

// --- Registers ---------------------------------------------------------------

void EmulatedBoard::Plain(uint32_t address, uint32_t initial) {
  initial_[address] = initial;
  Special(
      address, [this, address] { return Value(address); },
      [this, address](uint32_t value) { Value(address) = value; });
}

void EmulatedBoard::Special(uint32_t address, std::function<uint32_t()> read,
                            std::function<void(uint32_t)> write) {
  special_[address] = {std::move(read), std::move(write)};
}

void EmulatedBoard::MapRegisters() {
  MapCore();
  MapClocks();
  MapGpio();
  MapConsole(0x40011000, kUsart1);
  MapConsole(0x40004800, kUsart3);
  MapConsole(0x58000C00, kLpuart1);
  MapBus(0x40005400);
  MapBus(0x40005C00);
  MapCameraPort();
  MapConverter();
  MapWatchdog();
  for (const uint32_t timer : {0x40010000u, 0x40000400u}) {
    for (const uint32_t offset :
         {0x00u, 0x18u, 0x20u, 0x28u, 0x2Cu, 0x34u, 0x38u, 0x44u}) {
      Plain(timer + offset);
    }
  }
  std::set<uint32_t> mapped;
  for (const auto& [address, access] : special_) {
    const uint32_t page = address & ~0xFFFu;
    if (!mapped.insert(page).second) continue;
    pages_.push_back({this, page});
    Check(uc_mmio_map(engine_, page, 0x1000, OnRead, &pages_.back(), OnWrite,
                      &pages_.back()),
          "registers");
  }
}

void EmulatedBoard::MapCore() {
  for (const uint32_t address :
       {0xE0001000u, 0xE0001FB0u, 0xE000E018u, 0xE000ED08u, 0xE000ED14u,
        0xE000ED24u, kCfsr,       0xE000ED2Cu, 0xE000ED34u, kBfar,
        0xE000ED84u, 0xE000ED88u, 0xE000ED94u, 0xE000ED98u, 0xE000ED9Cu,
        0xE000EDA0u, 0xE000EDFCu, 0xE000EF50u, 0xE000EF60u, kSystCsr,
        kSystRvr}) {
    Plain(address);
  }
  Special(
      0xE000ED80, [] { return 0xF00FE019u; },  // CCSIDR: 16 kB, 4 ways
      [this](uint32_t) { Fail("CCSIDR was written"); });
  Special(
      kDwtCyccnt,
      [this] {
        if ((Value(0xE0001000) & 1) == 0 ||
            (Value(0xE000EDFC) & 1u << 24) == 0) {
          return 0u;
        }
        cycles_ += 50;  // a loop that waits gets on
        return static_cast<uint32_t>(cycles_);
      },
      [](uint32_t) {});
  Special(
      kSystCsr, [this] { return Value(kSystCsr); },
      [this](uint32_t value) {
        Value(kSystCsr) = value;
        next_tick_ = cycles_ + Value(kSystRvr) + 1;
        stop_at_ = 0;  // at the next block: the times have changed
      });
  for (uint32_t i = 0; i < enabled_.size(); ++i) {
    Special(
        0xE000E100 + 4 * i, [this, i] { return enabled_[i]; },
        [this, i](uint32_t bits) {
          enabled_[i] |= bits;
          stop_at_ = 0;  // what was pending may come now
        });
    Special(
        0xE000E180 + 4 * i, [this, i] { return enabled_[i]; },
        [this, i](uint32_t bits) { enabled_[i] &= ~bits; });
    Special(
        0xE000E280 + 4 * i, [] { return 0u; },
        [this, i](uint32_t bits) {
          for (uint32_t bit = 0; bit < 32; ++bit) {
            if ((bits >> bit & 1) != 0) {
              pending_.erase(kFirstInterrupt + static_cast<int>(32 * i + bit));
            }
          }
        });
  }
  Special(
      0xE000ED0C, [] { return 0xFA050000u; },
      [this](uint32_t value) {
        if (value != (0x05FA0000u | 4)) Fail("AIRCR: " + Hex(value));
        reset_wanted_ = true;
        stop_at_ = 0;
      });
}

void EmulatedBoard::MapClocks() {
  for (const uint32_t address :
       {kD1Cfgr, kD2Cfgr, 0x58024420u, 0x5802444Cu, 0x58024454u, 0x58024458u,
        kAhb1Enr, kAhb2Enr, 0x580244E0u, 0x580244E8u, 0x580244F0u, 0x580244F4u,
        kSyscfgPwrCr, 0x5802480Cu}) {
    Plain(address);
  }
  Plain(kFlashAcr, 0x37);
  Plain(kPllCkselr, 0x02020200);
  Plain(kPllCfgr, 0x01FF0000);
  Plain(kPll1Divr, 0x01010280);
  Special(
      kRccCr,
      [this] {
        const uint32_t on = Value(kRccCr);
        const bool hse = (on & 1u << 16) != 0 && crystal_works_;
        return on | (on & 1) << 2 | (on & 1u << 12) << 1 |
               (hse ? 1u << 17 : 0) | (on & 1u << 24) << 1;
      },
      [this](uint32_t value) { Value(kRccCr) = value & 0x01051001; });
  initial_[kRccCr] = 1;
  Special(
      kRccCfgr, [this] { return Value(kRccCfgr) | (Value(kRccCfgr) & 7) << 3; },
      [this](uint32_t value) {
        Value(kRccCfgr) = value & ~(7u << 3);
        UpdateClock();
      });
  initial_[kRccCfgr] = 0;
  Special(
      kRsr, [this] { return Value(kRsr); },
      [this](uint32_t value) {
        if ((value & 1u << 16) != 0) Value(kRsr) = 0;
      });
  Special(
      0x58024804, [] { return 1u << 13; }, [](uint32_t) {});  // PWR_CSR1
  Special(
      kPwrD3Cr, [this] { return Value(kPwrD3Cr) | 1u << 13; },
      [this](uint32_t value) { Value(kPwrD3Cr) = value & 3u << 14; });
  initial_[kPwrD3Cr] = 1u << 14;
  Special(
      0x5C001000, [this] { return revision_ << 16 | 0x450; },
      [](uint32_t) {});  // DBGMCU_IDC
}

// The processor's clock, from what the registers say, with what the data sheet
// allows.
void EmulatedBoard::UpdateClock() {
  if ((Value(kRccCfgr) & 7) == 0) {
    cpu_hz_ = 64'000'000;
    return;
  }
  if ((Value(kRccCfgr) & 7) != 3) return Fail("neither on HSI nor on PLL1");
  const uint32_t source = Value(kPllCkselr) & 3;
  if (source == 2 && !crystal_works_) return Fail("PLL1 on a dead crystal");
  const uint32_t source_hz = source == 0 ? 64'000'000 : crystal_hz_;
  const uint32_t reference_hz = source_hz / (Value(kPllCkselr) >> 4 & 63);
  const uint32_t vco_hz = reference_hz * ((Value(kPll1Divr) & 511) + 1);
  const uint32_t hz = vco_hz / ((Value(kPll1Divr) >> 9 & 127) + 1);
  const bool overdrive = (Value(kSyscfgPwrCr) & 1) != 0;
  if (reference_hz < 4'000'000 || reference_hz > 8'000'000 ||
      (Value(kPllCfgr) & 15) != 8) {
    return Fail("PLL1's reference is not in the range it is told");
  }
  if (vco_hz < 192'000'000 || vco_hz > 960'000'000) {
    return Fail("PLL1's VCO at " + std::to_string(vco_hz));
  }
  if (Value(kPwrD3Cr) != 3u << 14) return Fail("core voltage below VOS1");
  if (overdrive && revision_ < 0x2003) return Fail("VOS0 on a part without");
  if (hz > (overdrive ? 480'000'000u : 400'000'000u)) {
    return Fail("core voltage too low for " + std::to_string(hz));
  }
  if ((Value(kFlashAcr) & 15) < (overdrive ? 4u : 2u)) {
    return Fail("too few wait states of the flash");
  }
  if ((Value(kD1Cfgr) & 15) != 8 || (Value(kD2Cfgr) & 0x770) != 0x440) {
    return Fail("buses too fast");
  }
  cpu_hz_ = hz;
}

void EmulatedBoard::MapGpio() {
  for (uint32_t port = 0; port < 8; ++port) {
    const uint32_t base = 0x58020000 + 0x400 * port;
    Plain(base, 0xFFFFFFFF);
    for (const uint32_t offset : {0x04u, 0x08u, 0x0Cu, 0x18u, 0x20u, 0x24u}) {
      Plain(base + offset);
    }
  }
}

uint32_t EmulatedBoard::PinFunction(char port, uint32_t pin) const {
  const uint32_t base = 0x58020000 + 0x400 * static_cast<uint32_t>(port - 'A');
  if ((values_.at(base) >> 2 * pin & 3) != 2) return 16;
  return values_.at(base + 0x20 + 4 * (pin / 8)) >> 4 * (pin % 8) & 15;
}

void EmulatedBoard::MapConsole(uint32_t base, int interrupt) {
  Plain(base + 0x0C);  // BRR
  Special(
      base, [this, base] { return Value(base); },
      [this, base, interrupt](uint32_t value) {
        Value(base) = value;
        if ((value & 1) != 0) console_interrupt_ = interrupt;
      });
  initial_[base] = 0;
  Special(
      base + 0x1C, [this] { return 0xC0u | (typed_.empty() ? 0 : 0x20); },
      [](uint32_t) {});
  Special(
      base + 0x20, [] { return 0u; }, [](uint32_t) {});
  Special(
      base + 0x24,
      [this] {
        if (typed_.empty()) return 0u;
        const uint32_t byte = typed_.front();
        typed_.pop_front();
        return byte;
      },
      [](uint32_t) {});
  Special(
      base + 0x28, [] { return 0u; },
      [this, base](uint32_t byte) {
        if ((Value(base) & 9) != 9) return Fail("wrote to a UART that is off");
        const double clock = cpu_hz_ / 4.0 * (base == 0x58000C00 ? 256.0 : 1.0);
        const double baud = clock / Value(base + 0x0C);
        if (baud < 0.985 * 921600 || baud > 1.015 * 921600) {
          return Fail("a UART at " + std::to_string(baud) + " baud");
        }
        console_ += static_cast<char>(byte);
      });
}

void EmulatedBoard::Type(const std::string& bytes) {
  typed_.insert(typed_.end(), bytes.begin(), bytes.end());
  if (console_interrupt_ != 0) Pend(console_interrupt_);
}

// I2C master: transfers of NBYTES with AUTOEND, no repeated starts.
void EmulatedBoard::MapBus(uint32_t base) {
  constexpr uint32_t kTxis = 2, kRxne = 4, kNackf = 16, kStopf = 32;
  Plain(base);
  Plain(base + 0x10);
  const auto present = [this] {
    return !camera_.unplugged() && bus_device_ == camera_.bus_address();
  };
  Special(
      base + 0x04, [] { return 0u; },
      [this, base, present](uint32_t value) {
        if ((Value(base) & 1) == 0) return Fail("a bus that is off");
        if (Value(base + 0x10) == 0) return Fail("a bus without timing");
        if ((value & (1u << 13 | 1u << 25)) != (1u << 13 | 1u << 25)) {
          return Fail("a transfer of a kind that is not emulated");
        }
        bus_device_ = static_cast<uint8_t>(value >> 1 & 0x7F);
        bus_reads_ = (value & 1u << 10) != 0;
        bus_left_ = value >> 16 & 0xFF;
        bus_bytes_.clear();
        bus_flags_ = !present() ? kNackf | kStopf : bus_reads_ ? kRxne : kTxis;
      });
  Special(
      base + 0x18, [this] { return bus_flags_; }, [](uint32_t) {});
  Special(
      base + 0x1C, [] { return 0u; },
      [this](uint32_t bits) { bus_flags_ &= ~bits; });
  Special(
      base + 0x24,
      [this] {
        if ((bus_flags_ & kRxne) == 0) {
          Fail("read a byte that is not there");
          return 0u;
        }
        bus_flags_ = --bus_left_ == 0 ? kStopf : kRxne;
        return static_cast<uint32_t>(camera_.ReadRegister(bus_register_++));
      },
      [](uint32_t) {});
  Special(
      base + 0x28, [] { return 0u; },
      [this](uint32_t byte) {
        if ((bus_flags_ & kTxis) == 0) return Fail("wrote a byte too many");
        bus_bytes_.push_back(static_cast<uint8_t>(byte));
        if (--bus_left_ != 0) return;
        bus_flags_ = kStopf;
        bus_register_ = bus_bytes_[0];
        for (std::size_t i = 1; i < bus_bytes_.size(); ++i) {
          camera_.WriteRegister(bus_register_++, bus_bytes_[i]);
        }
      });
}

void EmulatedBoard::MapCameraPort() {
  for (const uint32_t address : {kDcmiIer, kDmaPar, kDmaM0ar, kDmaM1ar, kDmaFcr,
                                 kDmamux, kDmaNdtr, kDmaLisr}) {
    Plain(address);
  }
  Special(
      kDcmiCr, [this] { return Value(kDcmiCr); },
      [this](uint32_t value) {
        if ((Value(kAhb2Enr) & 1) == 0) return Fail("DCMI has no clock");
        if ((value & 1) == 0) in_frame_ = false;
        Value(kDcmiCr) = value;
      });
  initial_[kDcmiCr] = 0;
  Special(
      0x48020010, [this] { return dcmi_raw_ & Value(kDcmiIer); },
      [](uint32_t) {});
  Special(
      0x48020014, [] { return 0u; },
      [this](uint32_t bits) { dcmi_raw_ &= ~bits; });
  Special(
      0x40020008, [] { return 0u; },
      [this](uint32_t bits) { Value(kDmaLisr) &= ~bits; });
  Special(
      kDmaCr, [this] { return Value(kDmaCr); },
      [this](uint32_t value) {
        if ((Value(kAhb1Enr) & 1) == 0 && value != 0) {
          return Fail("DMA1 has no clock");
        }
        const bool starts = (value & 1) != 0 && (Value(kDmaCr) & 1) == 0;
        if (starts && (Value(kDmaLisr) & 0x3D) != 0) {
          return Fail("DMA started with old flags");
        }
        if (starts) {
          dma_left_ = Value(kDmaNdtr);
          dma_at_ = 0;
        }
        Value(kDmaCr) = value;
      });
  initial_[kDmaCr] = 0;
}

void EmulatedBoard::MapConverter() {
  for (const uint32_t address :
       {0x5802600Cu, 0x58026018u, 0x5802601Cu, 0x58026030u, 0x58026308u}) {
    Plain(address);
  }
  Plain(kTsCal1, 12000);
  Plain(kTsCal2, 16000);
  Special(
      kAdcIsr, [this] { return Value(kAdcIsr) | 1u << 12; },
      [this](uint32_t bits) { Value(kAdcIsr) &= ~bits; });
  initial_[kAdcIsr] = 0;
  Special(
      kAdcCr, [this] { return Value(kAdcCr); },
      [this](uint32_t value) {
        if ((value & 1) != 0) Value(kAdcIsr) |= 1;  // ready
        if ((value & 4) != 0) {
          if ((Value(kAdcCr) & 1) == 0) return Fail("ADC3 is off");
          if (Value(0x58026030) != 18u << 6 ||
              (Value(0x58026308) & 1u << 23) == 0) {
            return Fail("ADC3 does not convert the temperature");
          }
          Value(kAdcIsr) |= 4;  // converted
        }
        Value(kAdcCr) = value & ~(1u << 31 | 4u);
      });
  initial_[kAdcCr] = 1u << 29;
  Special(
      0x58026040,
      [this] {
        Value(kAdcIsr) &= ~4u;
        return 12575u;  // 41.5 degrees
      },
      [](uint32_t) {});
}

void EmulatedBoard::MapWatchdog() {
  Special(
      0x58004800, [] { return 0u; },
      [this](uint32_t key) {
        if (key == 0xCCCC) watchdog_on_ = true;
        if (key == 0xAAAA || key == 0xCCCC) fed_at_ = cycles_;
      });
  Plain(0x58004804);
  Plain(0x58004808, 0xFFF);
  Special(
      0x5800480C, [] { return 0u; }, [](uint32_t) {});
}

// --- Running -----------------------------------------------------------------

void EmulatedBoard::Reset() {
  const uint32_t cause = Value(kRsr);
  for (const auto& [address, value] : initial_) Value(address) = value;
  Value(kRsr) = cause;
  pending_.clear();
  enabled_.fill(0);
  active_.clear();
  in_frame_ = false;
  dcmi_raw_ = 0;
  watchdog_on_ = false;
  cpu_hz_ = 64'000'000;
  next_tick_ = 0;
  next_camera_ = cycles_ + 1000;
  WriteRegister(UC_ARM_REG_XPSR, 1u << 24);
  WriteRegister(UC_ARM_REG_PRIMASK, 0);
  WriteRegister(UC_ARM_REG_SP, ReadWord(vectors_));
  WriteRegister(UC_ARM_REG_PC, ReadWord(vectors_ + 4));
}

void EmulatedBoard::Fail(const std::string& message) {
  if (failure_.empty()) {
    failure_ = message + " (pc " + Hex(ReadRegister(UC_ARM_REG_PC)) + ")";
  }
  uc_emu_stop(engine_);
}

double EmulatedBoard::milliseconds() const {
  return static_cast<double>(cycles_) / cpu_hz_ * 1000.0;
}

std::vector<std::string> EmulatedBoard::Lines(const std::string& text) const {
  std::vector<std::string> found;
  std::istringstream lines(console_);
  for (std::string line; std::getline(lines, line);) {
    if (!lines.eof() && line.find(text) != std::string::npos) {
      found.push_back(line);
    }
  }
  return found;
}

bool EmulatedBoard::RunUntilSaid(const std::string& text, int count,
                                 int milliseconds) {
  const auto wanted = static_cast<std::size_t>(count);
  for (int i = 0; i < milliseconds && failure_.empty(); ++i) {
    if (Lines(text).size() >= wanted) return true;
    Run(cycles_ + cpu_hz_ / 1000);
  }
  return failure_.empty() && Lines(text).size() >= wanted;
}

void EmulatedBoard::Run(uint64_t until_cycle) {
  while (cycles_ < until_cycle && failure_.empty()) {
    HandleEvents();
    DeliverInterrupts();
    RunToNextEvent(until_cycle);
    if (watchdog_on_ && cycles_ - fed_at_ > 8ull * cpu_hz_) {
      Fail("the watchdog was not fed");
    }
    if (reset_wanted_) {
      reset_wanted_ = false;
      ++resets_;
      Value(kRsr) = 1u << 24;
      Reset();
    }
  }
}

uint64_t EmulatedBoard::NextEvent() const {
  const bool ticks = (values_.at(kSystCsr) & 1) != 0;
  return ticks ? std::min(next_camera_, next_tick_) : next_camera_;
}

void EmulatedBoard::RunToNextEvent(uint64_t until_cycle) {
  stop_at_ = std::min(until_cycle, NextEvent());
  if (stop_at_ <= cycles_) return;
  left_exception_ = false;
  const uint64_t before = cycles_;
  const uc_err error =
      uc_emu_start(engine_, ReadRegister(UC_ARM_REG_PC) | 1, 1, 0, 0);
  if (left_exception_) {
    LeaveException();
    return;
  }
  if (error != UC_ERR_OK && failure_.empty()) {
    Fail(std::string("Unicorn: ") + uc_strerror(error));
  }
  // It stopped by itself, to wait for an interrupt: skip the time.
  if (cycles_ < stop_at_ && failure_.empty() && !reset_wanted_) {
    const uint32_t pc = ReadRegister(UC_ARM_REG_PC);
    const bool sleeps = (ReadWord(pc - 2) & 0xFFFF) == 0xBF30;
    if (sleeps) cycles_ = stop_at_;
  }
  if (cycles_ == before) ++cycles_;
}

void EmulatedBoard::HandleEvents() {
  if ((Value(kSystCsr) & 1) != 0 && cycles_ >= next_tick_) {
    next_tick_ += Value(kSystRvr) + 1;
    if ((Value(kSystCsr) & 2) != 0) Pend(kSysTick);
  }
  // Lines that take no time follow each other without an instruction between.
  while (cycles_ >= next_camera_ && failure_.empty()) CameraEvent();
  if (bus_error_address_ != 0 && active_.empty()) {
    Value(kCfsr) = 1u << 9 | 1u << 15;  // precise, the address is valid
    Value(kBfar) = bus_error_address_;
    bus_error_address_ = 0;
    fault_pc_ = ReadRegister(UC_ARM_REG_PC);
    EnterException(kBusFault);
  }
}

void EmulatedBoard::CameraEvent() {
  const EmulatedCamera::Event event = camera_.Next();
  next_camera_ += static_cast<uint64_t>(event.microseconds * cpu_hz_ / 1e6);
  const bool captures = (Value(kDcmiCr) & (1u << 14 | 1)) == (1u << 14 | 1);
  switch (event.kind) {
    case EmulatedCamera::Event::kNothing:
      break;
    case EmulatedCamera::Event::kFrameStart:
      // Rising pixel clock, HSYNC low between lines, VSYNC as the camera has
      // it; snapshot.
      if (captures &&
          (Value(kDcmiCr) & 0xE2) !=
              (camera_.vsync_is_high_between_frames() ? 0xA2u : 0x22u)) {
        return Fail("DCMI_CR: " + Hex(Value(kDcmiCr)));
      }
      in_frame_ = captures;
      if (captures) {
        captures_.push_back({event.frame, console_.size()});
        camera_.BeginCapture();
      }
      break;
    case EmulatedCamera::Event::kLine:
      if (!in_frame_) break;
      if (event.memory_stalls) {
        dcmi_raw_ |= 2;  // its FIFO of four words overflows
      } else {
        ReceiveLine(event.line);
      }
      break;
    case EmulatedCamera::Event::kFrameEnd:
      if (!in_frame_) break;
      in_frame_ = false;
      Value(kDcmiCr) &= ~1u;  // a snapshot ends by itself
      dcmi_raw_ |= 1;
      break;
  }
  if ((dcmi_raw_ & Value(kDcmiIer)) != 0) Pend(kDcmi);
}

void EmulatedBoard::ReceiveLine(const std::vector<uint8_t>& line) {
  for (std::size_t i = 0; i < line.size(); i += 4) {
    uint32_t word;
    std::memcpy(&word, &line[i], 4);
    if (!DmaTakesWord(word)) {
      dcmi_raw_ |= 2;
      return;
    }
  }
}

bool EmulatedBoard::DmaTakesWord(uint32_t word) {
  const uint32_t control = Value(kDmaCr);
  if ((control & 1) == 0 || Value(kDmamux) != 75 ||
      Value(kDmaPar) != kDcmiData) {
    return false;
  }
  constexpr uint32_t kExpected = 1u << 18 | 1u << 10 | 2u << 11 | 2u << 13;
  if ((control & (kExpected | 3u << 6 | 1u << 9)) != kExpected) {
    Fail("DMA_S0CR: " + Hex(control));
    return false;
  }
  const uint32_t base =
      (control & 1u << 19) != 0 ? Value(kDmaM1ar) : Value(kDmaM0ar);
  const uint32_t address = base + 4 * dma_at_;
  if (address < kD2 || address + 4 > kD2 + kD2Bytes || address % 4 != 0 ||
      (Value(kAhb2Enr) >> 29) != 7) {
    Fail("DMA to " + Hex(address));
    return false;
  }
  WriteWord(address, word);
  ++dma_at_;
  if (--dma_left_ != 0) return true;
  dma_left_ = Value(kDmaNdtr);
  dma_at_ = 0;
  Value(kDmaCr) ^= 1u << 19;
  Value(kDmaLisr) |= 1u << 5;
  if ((control & 1u << 4) != 0) Pend(kDma1Stream0);
  return true;
}

bool EmulatedBoard::InterruptIsEnabled(int exception) const {
  if (exception < kFirstInterrupt) return true;
  const auto number = static_cast<uint32_t>(exception - kFirstInterrupt);
  return (enabled_[number / 32] >> number % 32 & 1) != 0;
}

// All have the same priority: the lowest number first, none within another.
void EmulatedBoard::DeliverInterrupts() {
  if (!active_.empty() || (ReadRegister(UC_ARM_REG_PRIMASK) & 1) != 0) return;
  // A UART asks as long as it has bytes.
  if (!typed_.empty() && console_interrupt_ != 0) Pend(console_interrupt_);
  for (const int exception : pending_) {
    if (!InterruptIsEnabled(exception)) continue;
    pending_.erase(exception);
    EnterException(exception);
    return;
  }
}

// ARMv7-M, B1.5.6, with the extended frame and without lazy stacking.
void EmulatedBoard::EnterException(int exception) {
  const uint32_t xpsr = ReadRegister(UC_ARM_REG_XPSR);
  const uint32_t sp = ReadRegister(UC_ARM_REG_SP);
  const uint32_t frame = (sp - kFrameBytes) & ~7u;
  const int pushed[] = {UC_ARM_REG_R0, UC_ARM_REG_R1,  UC_ARM_REG_R2,
                        UC_ARM_REG_R3, UC_ARM_REG_R12, UC_ARM_REG_LR,
                        UC_ARM_REG_PC};
  uint32_t at = frame;
  for (const int id : pushed) {
    WriteWord(at, ReadRegister(id));
    at += 4;
  }
  WriteWord(at, xpsr | ((sp & 4) != 0 ? 1u << 9 : 0));
  at += 4;
  for (int i = 0; i < 8; ++i, at += 8) {
    uint64_t value = 0;
    uc_reg_read(engine_, UC_ARM_REG_D0 + i, &value);
    uc_mem_write(engine_, at, &value, 8);
  }
  WriteWord(at, ReadRegister(UC_ARM_REG_FPSCR));
  WriteRegister(UC_ARM_REG_SP, frame);
  WriteRegister(UC_ARM_REG_LR, kExceptionReturn);
  WriteRegister(UC_ARM_REG_XPSR, 1u << 24 | static_cast<uint32_t>(exception));
  WriteRegister(UC_ARM_REG_PC,
                ReadWord(vectors_ + 4 * static_cast<uint32_t>(exception)));
  active_.push_back(exception);
}

void EmulatedBoard::LeaveException() {
  if (active_.empty()) return Fail("returned from no exception");
  active_.pop_back();
  const uint32_t frame = ReadRegister(UC_ARM_REG_SP);
  const int popped[] = {UC_ARM_REG_R0, UC_ARM_REG_R1,  UC_ARM_REG_R2,
                        UC_ARM_REG_R3, UC_ARM_REG_R12, UC_ARM_REG_LR};
  uint32_t at = frame;
  for (const int id : popped) {
    WriteRegister(id, ReadWord(at));
    at += 4;
  }
  const uint32_t pc = ReadWord(at);
  const uint32_t xpsr = ReadWord(at + 4);
  at += 8;
  for (int i = 0; i < 8; ++i, at += 8) {
    uint64_t value = 0;
    uc_mem_read(engine_, at, &value, 8);
    uc_reg_write(engine_, UC_ARM_REG_D0 + i, &value);
  }
  WriteRegister(UC_ARM_REG_FPSCR, ReadWord(at));
  WriteRegister(UC_ARM_REG_XPSR, xpsr & ~(1u << 9));
  WriteRegister(UC_ARM_REG_SP,
                frame + kFrameBytes + ((xpsr & 1u << 9) != 0 ? 4 : 0));
  WriteRegister(UC_ARM_REG_PC, pc | 1);
}

// --- Unicorn -----------------------------------------------------------------

uint32_t EmulatedBoard::ReadRegister(int unicorn_register) const {
  uint32_t value = 0;
  uc_reg_read(engine_, unicorn_register, &value);
  return value;
}

void EmulatedBoard::WriteRegister(int unicorn_register, uint32_t value) {
  uc_reg_write(engine_, unicorn_register, &value);
}

uint32_t EmulatedBoard::ReadWord(uint32_t address) {
  uint32_t value = 0;
  if (uc_mem_read(engine_, address, &value, 4) != UC_ERR_OK) {
    Fail("no memory at " + Hex(address));
  }
  return value;
}

void EmulatedBoard::WriteWord(uint32_t address, uint32_t value) {
  if (uc_mem_write(engine_, address, &value, 4) != UC_ERR_OK) {
    Fail("no memory at " + Hex(address));
  }
}

uint64_t EmulatedBoard::OnRead(uc_engine*, uint64_t offset, unsigned size,
                               void* page) {
  const Page& where = *static_cast<Page*>(page);
  const auto address = where.address + static_cast<uint32_t>(offset);
  const auto found = where.board->special_.find(address);
  if (found == where.board->special_.end() || size != 4) {
    where.board->Fail("read of a register that is not emulated: " +
                      Hex(address));
    return 0;
  }
  return found->second.read();
}

void EmulatedBoard::OnWrite(uc_engine*, uint64_t offset, unsigned size,
                            uint64_t value, void* page) {
  const Page& where = *static_cast<Page*>(page);
  const auto address = where.address + static_cast<uint32_t>(offset);
  const auto found = where.board->special_.find(address);
  if (found == where.board->special_.end() || size != 4) {
    where.board->Fail("write of a register that is not emulated: " +
                      Hex(address));
    return;
  }
  found->second.write(static_cast<uint32_t>(value));
}

void EmulatedBoard::OnBlock(uc_engine* engine, uint64_t, uint32_t size,
                            void* board) {
  auto& self = *static_cast<EmulatedBoard*>(board);
  self.cycles_ += size / 3 + 1;  // instructions of two or four bytes
  if (self.cycles_ >= self.stop_at_) uc_emu_stop(engine);
}

void EmulatedBoard::OnInterrupt(uc_engine* engine, uint32_t number,
                                void* board) {
  auto& self = *static_cast<EmulatedBoard*>(board);
  constexpr uint32_t kExceptionExit = 8;  // QEMU's EXCP_EXCEPTION_EXIT
  if (number == kExceptionExit) {
    self.left_exception_ = true;
    uc_emu_stop(engine);
    return;
  }
  self.Fail("exception " + std::to_string(number));
}

bool EmulatedBoard::OnBadMemory(uc_engine* engine, uc_mem_type type,
                                uint64_t address, int, int64_t, void* board) {
  auto& self = *static_cast<EmulatedBoard*>(board);
  if (type == UC_MEM_FETCH_UNMAPPED && address >= 0xFFFFFF00) {
    self.left_exception_ = true;
    uc_emu_stop(engine);
    return false;
  }
  self.Fail("access to " + Hex(address) + ", where there is nothing");
  return false;
}

}  // namespace ocellus
