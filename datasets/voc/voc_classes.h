// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace ocellus {

// The classes of Pascal VOC 2007 to 2012, in the development kit's order.
inline constexpr std::array<std::string_view, 20> kVocClasses = {
    "aeroplane",   "bicycle", "bird",  "boat",      "bottle",
    "bus",         "car",     "cat",   "chair",     "cow",
    "diningtable", "dog",     "horse", "motorbike", "person",
    "pottedplant", "sheep",   "sofa",  "train",     "tvmonitor"};

}  // namespace ocellus
