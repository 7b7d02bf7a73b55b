// SPDX-License-Identifier: Apache-2.0
#include "detector/backbone/backbone.h"

#include <string>

#include "detector/compile_error.h"

namespace ocellus {
namespace {

int32_t BuildInvertedResidual(const std::string& name,
                              const BlockDescription& block, int32_t stride,
                              int32_t input, GraphBuilder* builder) {
  const int32_t in_width = builder->shape(input).c;
  int32_t x = input;
  if (block.expansion != 1) {
    x = builder->Conv(name + ".expand", x, 1, 1, in_width * block.expansion,
                      Activation::kRelu6);
  }
  if (block.kernel != 1) {
    x = builder->Depthwise(name + ".depthwise", x, block.kernel, stride,
                           Activation::kRelu6);
  }
  x = builder->Conv(name + ".project", x, 1, block.kernel == 1 ? stride : 1,
                    block.width, Activation::kLinear);
  const bool residual = stride == 1 && in_width == block.width;
  return residual ? builder->Add(name + ".add", x, input) : x;
}

}  // namespace

std::map<int32_t, int32_t> BuildBackbone(const NetworkDescription& network,
                                         int32_t image, GraphBuilder* builder) {
  int32_t x =
      builder->Conv("stem", image, network.stem.kernel, network.stem.stride,
                    network.stem.width, Activation::kRelu6);
  int32_t total_stride = network.stem.stride;
  int32_t index = 0;
  std::map<int32_t, int32_t> last_at_stride;
  for (const BlockDescription& block : network.blocks) {
    for (int32_t i = 0; i < block.depth; ++i, ++index) {
      const int32_t stride = i == 0 ? block.stride : 1;
      x = BuildInvertedResidual("blocks." + std::to_string(index), block,
                                stride, x, builder);
      total_stride *= stride;
      if (total_stride > format::kMaxDimension) {
        throw CompileError(network.name + ": the strides multiply to over " +
                           std::to_string(format::kMaxDimension));
      }
      last_at_stride[total_stride] = x;
    }
  }
  return last_at_stride;
}

}  // namespace ocellus
