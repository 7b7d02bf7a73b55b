// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/tensor.h"

namespace ocellus {

// Someone's trained int8 detector, which is not part of this project: the
// person detector of MCUNet (MIT licence, (c) 2022 MIT HAN Lab), from
// $OCELLUS_TFLITE or ../shared/tflite. It may not be there.
std::string RealModelPath();

// What it is tried on: kRandomInputs images of noise, then kPictures pictures
// of VOC2007 val, if that is there ($OCELLUS_VOC or ../shared/voc/VOCdevkit).
inline constexpr std::size_t kRandomInputs = 160;
inline constexpr std::size_t kPictures = 40;
std::vector<std::vector<int8_t>> RealModelInputs(Shape input);

}  // namespace ocellus
