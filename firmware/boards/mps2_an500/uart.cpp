// SPDX-License-Identifier: Apache-2.0
#include "firmware/boards/mps2_an500/uart.h"

#include <cstring>

namespace ocellus::an500 {
namespace {

// CMSDK APB UART, Arm DDI 0479.
struct Uart {
  volatile uint32_t data;
  volatile uint32_t state;
  volatile uint32_t ctrl;
  volatile uint32_t interrupt;
  volatile uint32_t bauddiv;
};
constexpr uint32_t kTransmitFull = 1u << 0;    // STATE
constexpr uint32_t kTransmitEnable = 1u << 0;  // CTRL
constexpr uint32_t kLeastBauddiv = 16;

Uart& uart() { return *reinterpret_cast<Uart*>(0x40004000); }

void PutCharacter(char character) {
  while ((uart().state & kTransmitFull) != 0) {
  }
  uart().data = static_cast<uint8_t>(character);
}

void PutSpaces(int count) {
  for (int i = 0; i < count; ++i) PutCharacter(' ');
}

}  // namespace

void StartUart() {
  uart().bauddiv = kLeastBauddiv;
  uart().ctrl = kTransmitEnable;
}

void Print(const char* text) {
  for (; *text != '\0'; ++text) PutCharacter(*text);
}

void PrintNumber(uint64_t value, int width) {
  char digits[21];
  char* first = digits + sizeof(digits) - 1;
  *first = '\0';
  do {
    *--first = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  PutSpaces(width - static_cast<int>(std::strlen(first)));
  Print(first);
}

void PrintHex(uint32_t value) {
  Print("0x");
  for (int shift = 28; shift >= 0; shift -= 4) {
    PutCharacter("0123456789abcdef"[value >> shift & 15]);
  }
}

void PrintFixed(uint64_t value, uint32_t scale, int width) {
  int decimals = 0;
  for (uint32_t rest = scale; rest > 1; rest /= 10) ++decimals;
  PrintNumber(value / scale, width - decimals - 1);
  PutCharacter('.');
  for (uint32_t digit = scale / 10; digit > 0; digit /= 10) {
    PutCharacter(static_cast<char>('0' + value / digit % 10));
  }
}

void PrintPadded(const char* text, int width) {
  Print(text);
  PutSpaces(width - static_cast<int>(std::strlen(text)));
}

}  // namespace ocellus::an500
