// SPDX-License-Identifier: Apache-2.0

// What happens between reset and the program: the vector table, memory, the
// FPU.
#include <array>
#include <cstdint>
#include <cstring>

#include "firmware/stm32h7/registers.h"

extern "C" {

// From the linker script.
extern uint32_t linker_data_load[], linker_data_begin[], linker_data_end[];
extern uint32_t linker_bss_begin[], linker_bss_end[];
extern uint32_t linker_stack_top[];

[[noreturn]] void RunFirmware();
void Reset();
void HandleFault();
void HandleSysTick();
void HandleDma1Stream0();
void HandleDcmi();
void HandleConsole();

}  // extern "C"

namespace ocellus::stm32h7 {
namespace {

using Vector = void (*)();

constexpr std::size_t kCoreVectors = 16;  // ahead of the interrupts
struct VectorTable {
  const void* stack_top;
  std::array<Vector, kCoreVectors - 1 + kInterrupts> handlers;
};

constexpr std::array<Vector, kCoreVectors - 1 + kInterrupts> Handlers() {
  std::array<Vector, kCoreVectors - 1 + kInterrupts> handlers{};
  handlers.fill(HandleFault);  // an interrupt that nobody asked for is one too
  const auto interrupt = [&handlers](uint32_t number) -> Vector& {
    return handlers[kCoreVectors - 1 + number];
  };
  handlers[0] = Reset;
  handlers[15 - 1] = HandleSysTick;
  interrupt(kDma1Stream0Interrupt) = HandleDma1Stream0;
  interrupt(kDcmiInterrupt) = HandleDcmi;
  interrupt(kUsart1Interrupt) = HandleConsole;
  interrupt(kUsart3Interrupt) = HandleConsole;
  interrupt(kLpuart1Interrupt) = HandleConsole;
  return handlers;
}

[[gnu::section(".vectors"), gnu::used]] constinit const VectorTable kVectors = {
    linker_stack_top, Handlers()};

}  // namespace

// Copies and clears memory, then runs the program.
extern "C" [[noreturn, gnu::used]] void StartProgram() {
  SCB_VTOR.Write(reinterpret_cast<uint32_t>(&kVectors));
  std::memcpy(
      linker_data_begin, linker_data_load,
      static_cast<std::size_t>(reinterpret_cast<uintptr_t>(linker_data_end) -
                               reinterpret_cast<uintptr_t>(linker_data_begin)));
  std::memset(
      linker_bss_begin, 0,
      static_cast<std::size_t>(reinterpret_cast<uintptr_t>(linker_bss_end) -
                               reinterpret_cast<uintptr_t>(linker_bss_begin)));
  RunFirmware();
}

}  // namespace ocellus::stm32h7

// The compiler may use the FPU anywhere, so it is turned on before any C++
// runs: full access to coprocessors 10 and 11 in CPACR. A boot loader may have
// left interrupts on and another stack.
extern "C" [[gnu::naked]] void Reset() {
  asm volatile(
      "cpsid i\n"
      "ldr r0, =linker_stack_top\n"
      "msr msp, r0\n"
      "ldr r0, =0xE000ED88\n"
      "ldr r1, [r0]\n"
      "orr r1, r1, #0xF00000\n"
      "str r1, [r0]\n"
      "dsb\n"
      "isb\n"
      "cpsie i\n"
      "b StartProgram\n");
}
