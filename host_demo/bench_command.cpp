// SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host_demo/commands.h"
#include "host_demo/detector_session.h"
#include "host_demo/failure.h"
#include "host_demo/model_file.h"
#include "host_demo/model_options.h"
#include "host_demo/model_report.h"

namespace ocellus {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchOptions {
  ModelOptions model;
  double seconds = 5.0;
};

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

// Keeps this thread on the processor it runs on, so that caches stay warm.
// Returns its number.
int PinToOneProcessor() {
  const int processor = sched_getcpu();
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(processor), &set);
  if (processor < 0 || sched_setaffinity(0, sizeof set, &set) != 0) {
    throw Failure("cannot pin the benchmark to one processor: " +
                  ErrnoText(errno));
  }
  return processor;
}

double Median(std::vector<double> values) {
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The same image every time.
void FillWithNoise(std::span<int8_t> pixels) {
  uint32_t state = 1;  // xorshift32
  for (int8_t& pixel : pixels) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    pixel = static_cast<int8_t>(state >> 24);
  }
}

// Sums, operator by operator, the time within kernels for one image.
class OpTimes {
 public:
  explicit OpTimes(std::size_t op_count) : sum_ms_(op_count) {}

  // For Executor::set_observer(), with an OpTimes as the context.
  static void Observe(void* context, int32_t op_index, bool done) {
    auto* times = static_cast<OpTimes*>(context);
    const Clock::time_point now = Clock::now();
    if (done) {
      times->sum_ms_[op_index] +=
          std::chrono::duration<double, std::milli>(now - times->start_)
              .count();
    } else {
      times->start_ = now;
    }
  }

  void Clear() { std::fill(sum_ms_.begin(), sum_ms_.end(), 0.0); }
  const std::vector<double>& sum_ms() const { return sum_ms_; }

 private:
  Clock::time_point start_{};
  std::vector<double> sum_ms_;
};

struct KindTime {
  int ops = 0;
  int64_t macs = 0;
  double best_ms = 0.0;
};

void Bench(const BenchOptions& options) {
  const ModelFile file(FindModel(options.model.model));
  const Backend& backend = FindBackend(options.model.backend);
  const ModelReport report = ReportModel(file.model());
  const ArenaUse use = Executor::MeasureArena(file.model(), backend);
  const AlignedBytes arena = AllocateAligned(use.total_bytes());
  Executor executor;
  const Status status =
      executor.Prepare(file.model(), backend, {arena.get(), use.total_bytes()});
  if (status != Status::kOk) {
    throw Failure(file.path() + ": " + StatusText(status));
  }
  const int processor = PinToOneProcessor();

  std::vector<int8_t> image(
      file.model().shape(file.model().header().input).elements());
  FillWithNoise(image);
  const Tensor<const int8_t> input(
      image.data(), file.model().shape(file.model().header().input));

  // Rounds alternate: as a caller runs them, and with each kernel timed. So
  // both see the same machine.
  std::vector<double> image_ms;
  OpTimes times(report.ops.size());
  std::vector<double> op_ms(report.ops.size(), 1e30);
  RunNetwork(executor, input);  // touches all pages
  const Clock::time_point begin = Clock::now();
  do {
    const Clock::time_point start = Clock::now();
    RunNetwork(executor, input);
    image_ms.push_back(MillisecondsSince(start));
    times.Clear();
    executor.set_observer(OpTimes::Observe, &times);
    RunNetwork(executor, input);
    executor.set_observer(nullptr, nullptr);
    for (std::size_t i = 0; i < op_ms.size(); ++i) {
      op_ms[i] = std::min(op_ms[i], times.sum_ms()[i]);
    }
  } while (MillisecondsSince(begin) < options.seconds * 1000.0);

  std::map<std::string, KindTime> kinds;
  KindTime all;
  for (std::size_t i = 0; i < report.ops.size(); ++i) {
    for (KindTime* time : {&kinds[report.ops[i].kind], &all}) {
      ++time->ops;
      time->macs += report.ops[i].macs;
      time->best_ms += op_ms[i];
    }
  }
  std::printf("%s, backend %s, one thread on processor %d, %zu rounds\n",
              file.model().name(), backend.name, processor, image_ms.size());
  std::printf(
      "arena     %s activations + %s scratch + %s packed weights, "
      "bytes\n\n",
      GroupedText(static_cast<int64_t>(use.activation_bytes)).c_str(),
      GroupedText(static_cast<int64_t>(use.scratch_bytes)).c_str(),
      GroupedText(static_cast<int64_t>(use.packed_bytes)).c_str());
  std::printf("%-12s %5s %14s %10s %7s %10s\n", "kind", "ops", "MACs",
              "best ms", "share", "GMAC/s");
  const auto print = [&](const std::string& kind, const KindTime& time) {
    std::printf("%-12s %5d %14s %10.3f %5.1f %% %10.2f\n", kind.c_str(),
                time.ops, GroupedText(time.macs).c_str(), time.best_ms,
                100.0 * time.best_ms / all.best_ms,
                static_cast<double>(time.macs) / time.best_ms / 1e6);
  };
  for (const auto& [kind, time] : kinds) print(kind, time);
  print("all", all);
  const double best = *std::min_element(image_ms.begin(), image_ms.end());
  const double median = Median(image_ms);
  std::printf(
      "\nimage     best %.3f ms (%.1f images/s), median %.3f ms (%.1f "
      "images/s)\n",
      best, 1000.0 / best, median, 1000.0 / median);
}

}  // namespace

void AddBenchCommand(CLI::App& app) {
  const auto options = std::make_shared<BenchOptions>();
  CLI::App* command =
      app.add_subcommand("bench", "Time a model, operator kind by kind");
  command->add_option("MODEL", options->model.model,
                      "Compiled model (default: the shipped one)");
  AddBackendOption(*command, options->model);
  command->add_option("--seconds", options->seconds, "How long to measure")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command->callback([options] { Bench(*options); });
}

}  // namespace ocellus
