// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ocellus::stm32h7 {

void StartTemperature();

// Of the silicon, in degrees Celsius, by the factory's calibration; assumes a
// supply of 3.3 V. -300 if the converter does not answer.
float ReadTemperature();

}  // namespace ocellus::stm32h7
