// SPDX-License-Identifier: Apache-2.0
#include "firmware/stm32h7/uart.h"

#include <array>

#include "firmware/stm32h7/core.h"

namespace ocellus::stm32h7 {
namespace {

uint32_t g_base = 0;  // 0: not started
TakeByte* volatile g_take = nullptr;

// One writer, the interrupt, and one reader.
std::array<uint8_t, 256> g_received;
volatile uint32_t g_written = 0;
volatile uint32_t g_read = 0;

uint32_t EnableClock(uint32_t base) {
  if (base == kUsart1Base) {
    RCC_APB2ENR.Set(RCC_APB2ENR_USART1EN);
    RCC_APB2ENR.Read();
    return kUsart1Interrupt;
  }
  if (base == kUsart3Base) {
    RCC_APB1LENR.Set(RCC_APB1LENR_USART3EN);
    RCC_APB1LENR.Read();
    return kUsart3Interrupt;
  }
  RCC_APB4ENR.Set(RCC_APB4ENR_LPUART1EN);
  RCC_APB4ENR.Read();
  return kLpuart1Interrupt;
}

}  // namespace

void StartConsole(const UartPins& uart, uint32_t apb_hz) {
  const uint32_t interrupt = EnableClock(uart.base);
  USART_CR1(uart.base).Write(0);
  // The LPUART counts in 256ths.
  const uint64_t clock = static_cast<uint64_t>(apb_hz)
                         << (uart.base == kLpuart1Base ? 8 : 0);
  USART_BRR(uart.base).Write(
      static_cast<uint32_t>((clock + kConsoleBaud / 2) / kConsoleBaud));
  USART_CR1(uart.base).Write(USART_CR1_FIFOEN | USART_CR1_TE | USART_CR1_RE |
                             USART_CR1_RXNEIE);
  USART_CR1(uart.base).Set(USART_CR1_UE);
  UseForPeripheral(uart.transmit, uart.alternate_function);
  UseForPeripheral(uart.receive, uart.alternate_function);
  g_base = uart.base;
  EnableInterrupt(interrupt);
}

void ConsoleWrite(std::span<const char> text) {
  if (g_base == 0) return;
  for (const char byte : text) {
    if (!SpinUntil([] { return USART_ISR(g_base).Has(USART_ISR_TXE); })) return;
    USART_TDR(g_base).Write(static_cast<uint8_t>(byte));
  }
}

int ConsoleReadByte() {
  if (g_read == g_written) return -1;
  const uint8_t byte = g_received[g_read % g_received.size()];
  g_read = g_read + 1;
  return byte;
}

void DivertConsoleInput(TakeByte* take) { g_take = take; }

extern "C" void HandleConsole() {
  USART_ICR(g_base).Write(USART_ICR_ERRORS);
  while (USART_ISR(g_base).Has(USART_ISR_RXNE)) {
    const auto byte = static_cast<uint8_t>(USART_RDR(g_base).Read());
    if (g_take != nullptr && g_take(byte)) continue;
    if (g_written - g_read < g_received.size()) {
      g_received[g_written % g_received.size()] = byte;
      g_written = g_written + 1;
    }
  }
}

}  // namespace ocellus::stm32h7
