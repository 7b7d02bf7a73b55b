// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "firmware/stm32h7/gpio.h"

namespace ocellus::stm32h7 {

inline constexpr uint32_t kConsoleBaud = 921600;

struct UartPins {
  uint32_t base;  // of USART1, USART3 or LPUART1
  Pin transmit;
  Pin receive;
  uint32_t alternate_function;
};

// Starts the console: 8 bits, no parity, 1 stop bit. Received bytes are kept by
// an interrupt until they are read.
void StartConsole(const UartPins& uart, uint32_t apb_hz);
void ConsoleWrite(std::span<const char> text);
// -1: none.
int ConsoleReadByte();

// Bytes go there first, from the interrupt; those it does not take are kept.
using TakeByte = bool(uint8_t byte);
void DivertConsoleInput(TakeByte* take);

}  // namespace ocellus::stm32h7
