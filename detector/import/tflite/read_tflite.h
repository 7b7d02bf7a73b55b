// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "detector/import/imported_model.h"

namespace ocellus {

// Reads a fully int8 TensorFlow Lite model: one subgraph, one image, batch 1.
//
// The answers are those of TensorFlow Lite on a CPU with its default kernels
// (XNNPACK where it takes the op, else the built-in ones), byte for byte. A
// float input with a QUANTIZE behind it, and DEQUANTIZEs before the outputs,
// become the quantisation of input and outputs. PAD goes into the convolution
// behind it, RESHAPE into what reads it, where possible.
//
//   path  of the file, for messages; its stem names the network
//   file  not trusted
//
// Throws CompileError naming the first operator, by its index and kind, that is
// not supported, and what is.
ImportedModel ReadTflite(const std::string& path,
                         std::span<const uint8_t> file);

// Whether a file is one of TensorFlow Lite's, by its identifier.
bool IsTflite(std::span<const uint8_t> file);

}  // namespace ocellus
