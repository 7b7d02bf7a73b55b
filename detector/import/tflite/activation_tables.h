// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/tensor.h"

namespace ocellus {

// The answers of TensorFlow Lite's int8 operators of one input for -128 to 127,
// in the arithmetic of the kernel that runs there on CPUs.

std::vector<int8_t> LogisticTable(QuantParams input, QuantParams output);
std::vector<int8_t> HardSwishTable(QuantParams input, QuantParams output);
// QUANTIZE from int8 to int8.
std::vector<int8_t> QuantizeTable(QuantParams input, QuantParams output);
// RELU and its like.
std::vector<int8_t> ClampTable(QuantParams input, QuantParams output, float min,
                               float max);

}  // namespace ocellus
