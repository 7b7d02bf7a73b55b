// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ocellus {

// The bytes of a model for tests of the command: a stem and one head on an
// input of 8x8 pixels, with VOC's classes. Whatever the picture, each of its 16
// cells finds a person of score Sigmoid(2) that fills it, and nothing else
// above 0.002; together they are one of kTinyModelScore.
std::string TinyModel();

inline constexpr float kTinyModelScore = 0.991612f;

}  // namespace ocellus
