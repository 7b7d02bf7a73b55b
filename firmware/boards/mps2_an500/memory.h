// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace ocellus::an500 {

// Where the model goes in "flash", and what is left of the AXI SRAM for the
// arena.
std::span<std::byte> ModelRoom();
std::span<std::byte> ArenaRoom();

// Opens the H743's memories and the peripherals, nothing else: flash for
// reading and running, the others for data. Below the stack nothing is open.
// Call it after the model has been loaded, as a programmer flashes it.
void ProtectMemory();

// How many bytes of the stack were ever in use.
std::size_t StackHighWater();

// Fills with a pattern, and counts up to the last byte that has lost it.
void Paint(std::span<std::byte> bytes);
std::size_t HighWater(std::span<const std::byte> bytes);

}  // namespace ocellus::an500
