// SPDX-License-Identifier: Apache-2.0
#include "host_demo/classification.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>

#include "host_demo/detector_session.h"
#include "host_demo/failure.h"
#include "host_demo/picture.h"

namespace ocellus {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBest = 5;

std::vector<fs::path> Sorted(const std::string& folder) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) throw Failure("cannot read " + folder + ": " + error.message());
  std::vector<fs::path> paths;
  for (const fs::directory_entry& entry : entries) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// The class of each folder.
std::vector<int32_t> ClassesOf(const std::vector<fs::path>& folders,
                               const std::string& parent,
                               const std::vector<std::string>& class_names) {
  std::vector<int32_t> classes;
  const fs::path* unknown = nullptr;
  bool any_known = false;
  for (const fs::path& folder : folders) {
    const auto found = std::find(class_names.begin(), class_names.end(),
                                 folder.filename().string());
    const bool is_known = found != class_names.end();
    if (!is_known && unknown == nullptr) unknown = &folder;
    any_known = any_known || is_known;
    classes.push_back(static_cast<int32_t>(found - class_names.begin()));
  }
  if (unknown == nullptr) return classes;
  if (any_known || folders.size() != class_names.size()) {
    throw Failure(unknown->string() +
                  ": no class of the model (expected folders named as its "
                  "classes, or one for each of " +
                  std::to_string(class_names.size()) + " in " + parent + ")");
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    classes[i] = static_cast<int32_t>(i);
  }
  return classes;
}

// What the threads share.
struct Work {
  const std::vector<LabelledPicture>& pictures;
  const ModelFile& model;
  const Backend& backend;
  std::vector<std::size_t> ranks;    // by picture: of its class, 0 is best
  std::vector<double> inference_ms;  // by picture
  std::atomic<std::size_t> next{0};
  std::atomic<int64_t> done{0};
  std::atomic<int> threads_running{0};
  std::mutex mutex;
  std::exception_ptr first_error;  // guarded by mutex
};

void ClassifyUntilDone(Work* work) {
  try {
    DetectorSession session(work->model, work->backend);
    while (true) {
      const std::size_t i = work->next++;
      if (i >= work->pictures.size()) break;
      const std::vector<ClassProbability> best = session.Classify(
          ReadPicture(work->pictures[i].path), ChannelOrder::kBgr, kBest);
      const auto is_right = [&](const ClassProbability& one) {
        return one.class_id == work->pictures[i].class_id;
      };
      work->ranks[i] = static_cast<std::size_t>(
          std::find_if(best.begin(), best.end(), is_right) - best.begin());
      // Fewer than five classes: not among them is not among the best.
      if (work->ranks[i] == best.size()) work->ranks[i] = kBest;
      work->inference_ms[i] = session.inference_ms();
      ++work->done;
    }
  } catch (...) {
    const std::lock_guard lock(work->mutex);
    if (!work->first_error) work->first_error = std::current_exception();
    work->next = work->pictures.size();
  }
  --work->threads_running;
}

}  // namespace

std::vector<LabelledPicture> ReadClassFolders(
    const std::string& folder, const std::vector<std::string>& class_names) {
  std::vector<fs::path> folders = Sorted(folder);
  std::erase_if(folders,
                [](const fs::path& path) { return !fs::is_directory(path); });
  const std::vector<int32_t> classes = ClassesOf(folders, folder, class_names);
  std::vector<LabelledPicture> pictures;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    for (const fs::path& path : Sorted(folders[i])) {
      if (fs::is_regular_file(path) && IsPicture(path)) {
        pictures.push_back({path, classes[i]});
      }
    }
  }
  if (pictures.empty()) {
    throw Failure(folder +
                  ": no pictures in it (expected a folder for each class)");
  }
  return pictures;
}

ClassificationCount ClassificationRun::total() const {
  ClassificationCount total;
  for (const ClassificationCount& count : classes) {
    total.images += count.images;
    total.top1 += count.top1;
    total.top5 += count.top5;
  }
  return total;
}

ClassificationRun Classify(const std::vector<LabelledPicture>& pictures,
                           const ModelFile& model, const Backend& backend,
                           int threads,
                           const std::function<void(int64_t)>& progress) {
  Work work{.pictures = pictures,
            .model = model,
            .backend = backend,
            .ranks = std::vector<std::size_t>(pictures.size()),
            .inference_ms = std::vector<double>(pictures.size()),
            .mutex = {},
            .first_error = nullptr};
  work.threads_running = threads;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::jthread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back(ClassifyUntilDone, &work);
  }
  while (work.threads_running > 0) {
    progress(work.done);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  running.clear();  // joins
  if (work.first_error) std::rethrow_exception(work.first_error);

  ClassificationRun run;
  run.wall_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  run.classes.resize(model.class_names().size());
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    ClassificationCount& count = run.classes[pictures[i].class_id];
    ++count.images;
    count.top1 += work.ranks[i] == 0 ? 1 : 0;
    count.top5 += work.ranks[i] < kBest ? 1 : 0;
    run.mean_inference_ms += work.inference_ms[i];
  }
  run.mean_inference_ms /= static_cast<double>(pictures.size());
  return run;
}

}  // namespace ocellus
