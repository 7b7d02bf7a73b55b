// SPDX-License-Identifier: Apache-2.0
#include "runtime/model.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>

#include "detector/graph/build_graph.h"
#include "detector/plan/planner.h"
#include "runtime/executor.h"
#include "tests/detector/tiny_network.h"
#include "tests/support/aligned_arena.h"
#include "tests/support/compile.h"
#include "tests/support/random_graph.h"

namespace ocellus {
namespace {

using format::Header;
using format::OpKind;
using format::OpRecord;
using format::TensorRecord;

std::vector<uint8_t> PackTiny(Target target) {
  const NetworkDescription network = TinyNetwork();
  const Graph graph = BuildGraph(network, RandomWeights(3));
  const CompiledModel compiled =
      Compile(graph, RandomImages(network.input, 1, 3), nullptr);
  return PackModel(graph, compiled.quantized, compiled.plan, target);
}

const std::vector<uint8_t>& TinyBlob() {
  static const std::vector<uint8_t> blob = PackTiny(Target::kAny);
  return blob;
}

const std::vector<uint8_t>& PairedBlob() {
  static const std::vector<uint8_t> blob = PackTiny(Target::kCortexM7);
  return blob;
}

// Makes the checksum right again after a change, so that only the change is
// left to find.
void Seal(std::vector<uint8_t>* blob) {
  auto* header = reinterpret_cast<Header*>(blob->data());
  if (header->total_bytes < sizeof(Header) ||
      header->total_bytes > blob->size()) {
    return;
  }
  header->crc32 = Crc32(std::span<const uint8_t>(*blob).subspan(
      sizeof(Header), header->total_bytes - sizeof(Header)));
}

Status ParseChanged(
    const std::function<void(std::vector<uint8_t>*, Header*)>& change) {
  std::vector<uint8_t> blob = TinyBlob();
  change(&blob, reinterpret_cast<Header*>(blob.data()));
  Seal(&blob);
  Model model;
  return Model::Parse(blob, &model);
}

Status ParseWithOp(OpKind kind, const std::function<void(OpRecord*)>& change) {
  return ParseChanged([&](std::vector<uint8_t>* blob, Header* header) {
    auto* ops = reinterpret_cast<OpRecord*>(blob->data() + header->ops.offset);
    for (uint32_t i = 0; i < header->ops.count; ++i) {
      if (ops[i].kind == static_cast<uint8_t>(kind)) return change(&ops[i]);
    }
    FAIL() << "the tiny network has no such op";
  });
}

Status ParseWithTensor(int index,
                       const std::function<void(TensorRecord*)>& change) {
  return ParseChanged([&](std::vector<uint8_t>* blob, Header* header) {
    change(
        reinterpret_cast<TensorRecord*>(blob->data() + header->tensors.offset) +
        index);
  });
}

TEST(Model, ReadsWhatTheCompilerPacked) {
  Model model;
  ASSERT_EQ(Model::Parse(TinyBlob(), &model), Status::kOk);
  EXPECT_STREQ(model.name(), "tiny");
  ASSERT_EQ(model.class_count(), 3);
  EXPECT_STREQ(model.class_name(2), "cross");
  EXPECT_EQ(model.shape(model.header().input), (Shape{32, 48, 3}));
  ASSERT_EQ(model.levels().size(), 2u);
  EXPECT_EQ(model.levels()[0].stride, 8);
  EXPECT_EQ(model.shape(model.levels()[0].class_tensor), (Shape{4, 6, 3}));
  EXPECT_EQ(model.shape(model.levels()[1].box_tensor), (Shape{2, 3, 4}));
}

TEST(Model, IgnoresBytesBehindTheModel) {
  std::vector<uint8_t> blob = TinyBlob();
  blob.resize(blob.size() + 100, 0xAB);
  Model model;
  EXPECT_EQ(Model::Parse(blob, &model), Status::kOk);
}

TEST(Model, RefusesEveryTruncation) {
  const std::vector<uint8_t>& blob = TinyBlob();
  Model model;
  for (std::size_t bytes = 0; bytes < blob.size();
       bytes += bytes < 200 ? 1 : 97) {
    // A buffer of its own size, so that ASan sees a read past it.
    const std::vector<uint8_t> truncated(blob.begin(), blob.begin() + bytes);
    EXPECT_EQ(Model::Parse(truncated, &model), Status::kTruncated) << bytes;
  }
}

TEST(Model, RefusesAnotherFileAsSuch) {
  const std::string text = "{\"format\": \"something else\"}";
  const std::vector<uint8_t> bytes(text.begin(), text.end());
  Model model;
  EXPECT_EQ(Model::Parse(bytes, &model), Status::kBadMagic);
}

TEST(Model, RefusesAnotherVersionAsSuch) {
  EXPECT_EQ(ParseChanged([](auto*, Header* header) { ++header->version; }),
            Status::kBadVersion);
}

TEST(Model, RefusesAMisalignedBlob) {
  std::vector<uint8_t> shifted = TinyBlob();
  shifted.insert(shifted.begin(), 4, 0);
  Model model;
  EXPECT_EQ(Model::Parse(std::span<const uint8_t>(shifted).subspan(4), &model),
            Status::kMisaligned);
}

TEST(Model, FindsEveryFlippedBitBehindTheHeader) {
  std::vector<uint8_t> blob = TinyBlob();
  Model model;
  for (std::size_t byte = sizeof(Header); byte < blob.size(); byte += 131) {
    const auto bit = static_cast<uint8_t>(1u << (byte % 8));
    blob[byte] ^= bit;
    EXPECT_EQ(Model::Parse(blob, &model), Status::kBadChecksum) << byte;
    blob[byte] ^= bit;
  }
  EXPECT_EQ(Model::Parse(blob, &model), Status::kOk);
}

TEST(Model, RefusesContradictingHeaders) {
  const std::vector<std::function<void(Header*)>> changes = {
      [](Header* h) { h->tensors.offset = h->total_bytes; },
      [](Header* h) { h->tensors.offset += 2; },
      [](Header* h) { h->tensors.offset = 8; },
      [](Header* h) { h->ops.count = 0xFFFFFFFF; },
      [](Header* h) { h->classes.count = 0; },
      [](Header* h) { --h->classes.count; },
      [](Header* h) { h->levels.count = 0; },
      [](Header* h) { h->levels.count = 9; },
      [](Header* h) { h->strings.count = 0; },
      [](Header* h) { --h->strings.count; },
      [](Header* h) { h->name = h->strings.count; },
      [](Header* h) { h->input = format::kNoTensor; },
      [](Header* h) { h->input_std[1] = 0.0f; },
      [](Header* h) { h->input_mean[2] = std::bit_cast<float>(0x7FC00000u); },
      [](Header* h) { h->score_threshold = std::bit_cast<float>(0x7F800000u); },
      [](Header* h) { h->arena_bytes -= 16; },
      [](Header* h) { h->arena_bytes = 0xFFFFFFF0u; },
      [](Header* h) { h->total_bytes = 64; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(ParseChanged([&](auto*, Header* header) { changes[i](header); }),
              Status::kMalformed)
        << "change " << i;
  }
  EXPECT_EQ(ParseChanged(
                [](auto*, Header* h) { h->encoding = format::kBoxEncodings; }),
            Status::kUnsupported);
}

TEST(Model, RefusesContradictingTensors) {
  const std::vector<std::function<void(TensorRecord*)>> changes = {
      [](TensorRecord* t) { t->h = 0; },
      [](TensorRecord* t) { t->w = -1; },
      [](TensorRecord* t) { t->c = format::kMaxDimension + 1; },
      [](TensorRecord* t) { t->scale = 0.0f; },
      [](TensorRecord* t) { t->scale = std::bit_cast<float>(0x7FC00000u); },
      [](TensorRecord* t) { t->zero_point = 128; },
      [](TensorRecord* t) { t->arena_offset += 8; },
      [](TensorRecord* t) { t->arena_offset = 0xFFFFFFF0u; },
      [](TensorRecord* t) { t->name = 0xFFFFFFFFu; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(ParseWithTensor(1, changes[i]), Status::kMalformed)
        << "change " << i;
  }
}

TEST(Model, RefusesContradictingConvolutions) {
  const std::vector<std::function<void(OpRecord*)>> changes = {
      [](OpRecord* op) { op->input = 4000; },
      [](OpRecord* op) { op->output = format::kNoTensor; },
      [](OpRecord* op) { op->input2 = 4000; },
      [](OpRecord* op) { op->output = op->input; },
      [](OpRecord* op) {
        op->activation_min = 5;
        op->activation_max = 4;
      },
      [](OpRecord* op) { op->pad_top = op->kernel_h; },
      [](OpRecord* op) { op->stride_y = 8; },
      [](OpRecord* op) { op->weights_offset = 0; },
      [](OpRecord* op) { op->weights_offset = 0xFFFFFFF0u; },
      [](OpRecord* op) { op->bias_offset += 1; },
      [](OpRecord* op) { op->requant_offset = 0xFFFFFFFCu; },
      [](OpRecord* op) { op->ring_bytes = 16; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(ParseWithOp(OpKind::kConv2d, changes[i]), Status::kMalformed)
        << "change " << i;
  }
  for (const auto& change : std::vector<std::function<void(OpRecord*)>>{
           [](OpRecord* op) { op->kernel_h = 0; },
           [](OpRecord* op) { op->kernel_w = 200; },
           [](OpRecord* op) { op->stride_x = 0; },
           [](OpRecord* op) { op->kind = format::kOpKinds; },
       }) {
    EXPECT_EQ(ParseWithOp(OpKind::kConv2d, change), Status::kUnsupported);
  }
}

TEST(Model, RefusesSumsThatCouldOverflow) {
  const Status status =
      ParseChanged([](std::vector<uint8_t>* blob, Header* header) {
        auto* op =
            reinterpret_cast<OpRecord*>(blob->data() + header->ops.offset);
        const int32_t bias = std::numeric_limits<int32_t>::min();
        std::memcpy(blob->data() + op->bias_offset, &bias, sizeof(bias));
      });
  EXPECT_EQ(status, Status::kOverflow);
}

TEST(Model, RefusesContradictingChannelPairs) {
  const auto first_op = [](std::vector<uint8_t>* blob) {
    const auto* header = reinterpret_cast<const Header*>(blob->data());
    return reinterpret_cast<OpRecord*>(blob->data() + header->ops.offset);
  };
  const std::vector<std::function<void(std::vector<uint8_t>*)>> changes = {
      [&](auto* blob) { first_op(blob)->weight_layout = 2; },
      [&](auto* blob) { first_op(blob)->weights_offset += 2; },
      [&](auto* blob) {
        first_op(blob)->weights_offset =
            static_cast<uint32_t>(blob->size() - 16);
      },
      [&](auto* blob) {
        first_op(blob)->kind = static_cast<uint8_t>(OpKind::kDepthwiseConv2d);
      },
      // The second channel of a pair as 128.
      [&](auto* blob) {
        const uint16_t value = 0x7FFF;
        std::memcpy(blob->data() + first_op(blob)->weights_offset, &value,
                    sizeof(value));
      },
  };
  Model model;
  std::vector<uint8_t> untouched = PairedBlob();
  ASSERT_EQ(first_op(&untouched)->weight_layout,
            static_cast<uint8_t>(format::WeightLayout::kChannelPairs));
  ASSERT_EQ(Model::Parse(untouched, &model), Status::kOk);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    std::vector<uint8_t> blob = PairedBlob();
    changes[i](&blob);
    Seal(&blob);
    EXPECT_EQ(Model::Parse(blob, &model), Status::kMalformed) << "change " << i;
  }
}

TEST(Model, RefusesContradictingAdditionsAndResizes) {
  const std::vector<std::function<void(OpRecord*)>> changes = {
      [](OpRecord* op) { op->input2 = format::kNoTensor; },
      [](OpRecord* op) { op->ring_bytes = 1; },
      [](OpRecord* op) { op->add_shift = 12; },
      [](OpRecord* op) { op->add_shift = 32; },
      [](OpRecord* op) { op->add_multiplier = -1; },
      [](OpRecord* op) { op->add_multiplier2 = 1 << 21; },
      [](OpRecord* op) { op->input = 0; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(ParseWithOp(OpKind::kAdd, changes[i]), Status::kMalformed)
        << "change " << i;
  }
  EXPECT_EQ(
      ParseWithOp(OpKind::kResizeNearest, [](OpRecord* op) { op->input = 1; }),
      Status::kMalformed);
}

TEST(Model, RefusesScratchOutsideTheArenaOrOverData) {
  const std::vector<std::function<void(OpRecord*)>> changes = {
      [](OpRecord* op) { op->scratch_bytes = 0x7FFFFFFF; },
      [](OpRecord* op) { op->scratch_offset = 0xFFFFFFF0; },
      [](OpRecord* op) { op->scratch_offset = 8; },
      [](OpRecord* op) {
        op->scratch_offset = 0xFFFFFFF0;
        op->scratch_bytes = 0xFFFFFFFF;
      },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(ParseWithOp(OpKind::kConv2d, changes[i]), Status::kMalformed)
        << "change " << i;
  }
  // The whole arena holds the op's own input and output.
  EXPECT_EQ(ParseChanged([](std::vector<uint8_t>* blob, Header* header) {
              reinterpret_cast<OpRecord*>(blob->data() + header->ops.offset)
                  ->scratch_bytes = header->arena_bytes;
            }),
            Status::kMalformed);
}

// What Parse() accepts must run without a read or write out of bounds,
// whatever it computes: ASan and UBSan judge.
void ExpectToRunWhateverIsAccepted(const std::vector<uint8_t>& sound_blob,
                                   const Backend& backend) {
  std::mt19937 random(20);
  int accepted = 0;
  for (int trial = 0; trial < 1500; ++trial) {
    std::vector<uint8_t> blob = sound_blob;
    const auto* header = reinterpret_cast<const Header*>(blob.data());
    // Aim at records and header, where the structure is.
    const uint32_t records = header->tensors.offset;
    const int changes = 1 + static_cast<int>(random() % 3);
    for (int i = 0; i < changes; ++i) {
      const bool in_header = random() % 4 == 0;
      const std::size_t byte =
          in_header ? 8 + random() % (sizeof(Header) - 8)
                    : records + random() % (blob.size() - records);
      blob[byte] = static_cast<uint8_t>(
          random() % 2 == 0 ? random() : blob[byte] ^ (1u << random() % 8));
    }
    Seal(&blob);
    Model model;
    if (Model::Parse(blob, &model) != Status::kOk) continue;
    const ArenaUse use = Executor::MeasureArena(model, backend);
    if (use.total_bytes() > (64u << 20)) continue;
    ++accepted;
    AlignedArena arena(use.total_bytes());
    std::memset(arena.span().data(), 0, arena.span().size());
    Executor executor;
    ASSERT_EQ(executor.Prepare(model, backend, arena.span()), Status::kOk)
        << "trial " << trial;
    executor.Invoke();
  }
  // Otherwise the test would show nothing.
  EXPECT_GT(accepted, 50);
}

TEST(Model, RunsWhateverItAccepts) {
  ExpectToRunWhateverIsAccepted(TinyBlob(), ReferenceBackend());
}

TEST(Model, RunsWhateverItAcceptsOnTheCortexM7) {
  ExpectToRunWhateverIsAccepted(PairedBlob(), CortexM7Backend());
}

// Changes a few bytes of a blob at random and runs it if it is still accepted.
// Returns whether it was.
bool RunsAfterRandomChanges(std::vector<uint8_t> blob, std::mt19937* random) {
  const auto* header = reinterpret_cast<const Header*>(blob.data());
  const uint32_t records = header->tensors.offset;
  const int changes = 1 + static_cast<int>((*random)() % 3);
  for (int i = 0; i < changes; ++i) {
    const std::size_t byte = records + (*random)() % (blob.size() - records);
    blob[byte] = static_cast<uint8_t>(
        (*random)() % 2 == 0 ? (*random)()
                             : blob[byte] ^ (1u << (*random)() % 8));
  }
  Seal(&blob);
  Model model;
  if (Model::Parse(blob, &model) != Status::kOk) return false;
  const ArenaUse use = Executor::MeasureArena(model, ReferenceBackend());
  if (use.total_bytes() > (64u << 20)) return false;
  AlignedArena arena(use.total_bytes());
  std::memset(arena.span().data(), 0, arena.span().size());
  Executor executor;
  EXPECT_EQ(executor.Prepare(model, ReferenceBackend(), arena.span()),
            Status::kOk);
  executor.Invoke();
  return true;
}

TEST(Model, RunsWhateverItAcceptsOfEveryOperator) {
  std::mt19937 random(21);
  int accepted = 0;
  for (uint32_t seed = 0; seed < 40; ++seed) {
    const RandomNetwork network = MakeRandomNetwork(seed, 8);
    const std::vector<uint8_t> blob = PackModel(
        network.graph, network.quantized,
        PlanMemory(
            network.graph,
            FindPlans(network.graph, ImageFeed::kWhole, 1).front().stages));
    for (int trial = 0; trial < 60; ++trial) {
      accepted += RunsAfterRandomChanges(blob, &random) ? 1 : 0;
    }
  }
  EXPECT_GT(accepted, 200);
}

// Each change must be found in some network that has such an op.
void ExpectRefused(OpKind kind, const std::function<void(OpRecord*)>& change,
                   Status expected) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    const RandomNetwork network = MakeRandomNetwork(seed, 8);
    std::vector<uint8_t> blob =
        PackModel(network.graph, network.quantized, PlanMemory(network.graph));
    const auto* header = reinterpret_cast<const Header*>(blob.data());
    auto* ops = reinterpret_cast<OpRecord*>(blob.data() + header->ops.offset);
    for (uint32_t i = 0; i < header->ops.count; ++i) {
      if (ops[i].kind != static_cast<uint8_t>(kind)) continue;
      change(&ops[i]);
      Seal(&blob);
      Model model;
      EXPECT_EQ(Model::Parse(blob, &model), expected) << "seed " << seed;
      return;
    }
  }
  FAIL() << "no network has such an op";
}

TEST(Model, RefusesContradictionsOfEveryOperator) {
  const auto no_data = [](OpRecord* op) {
    op->weights_offset = op->requant_offset = 0xFFFFFFF0u;
  };
  for (const OpKind kind : {OpKind::kMul, OpKind::kLookup, OpKind::kSoftmax}) {
    ExpectRefused(kind, no_data, Status::kMalformed);
  }
  for (const OpKind kind : {OpKind::kPool, OpKind::kConcat}) {
    ExpectRefused(
        kind, [](OpRecord* op) { op->variant = 3; }, Status::kUnsupported);
  }
  for (const OpKind kind :
       {OpKind::kPool, OpKind::kLookup, OpKind::kSoftmax, OpKind::kReshape}) {
    ExpectRefused(
        kind, [](OpRecord* op) { op->input2 = op->input; }, Status::kMalformed);
  }
  for (const OpKind kind : {OpKind::kMul, OpKind::kConcat}) {
    ExpectRefused(
        kind, [](OpRecord* op) { op->input2 = format::kNoTensor; },
        Status::kMalformed);
  }
  for (const OpKind kind : {OpKind::kPool, OpKind::kConcat, OpKind::kSoftmax}) {
    ExpectRefused(
        kind, [](OpRecord* op) { op->output = op->input; }, Status::kMalformed);
  }
  ExpectRefused(
      OpKind::kPool, [](OpRecord* op) { op->kernel_w = 0; },
      Status::kUnsupported);
  ExpectRefused(
      OpKind::kPool, [](OpRecord* op) { op->pad_left = op->kernel_w; },
      Status::kMalformed);
}

TEST(Crc32, GivesTheStandardCheckValue) {
  // The check value of CRC-32/ISO-HDLC.
  const std::string text = "123456789";
  const std::vector<uint8_t> bytes(text.begin(), text.end());
  EXPECT_EQ(Crc32(bytes), 0xCBF43926u);
}

}  // namespace
}  // namespace ocellus
