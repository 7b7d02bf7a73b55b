// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host_demo/annotate.h"
#include "host_demo/commands.h"
#include "host_demo/detection_json.h"
#include "host_demo/detector_session.h"
#include "host_demo/failure.h"
#include "host_demo/model_file.h"
#include "host_demo/model_options.h"
#include "host_demo/output_file.h"
#include "host_demo/picture.h"
#include "host_demo/progress_bar.h"
#include "host_demo/video_recorder.h"
#include "host_demo/video_source.h"

namespace ocellus {
namespace {

namespace fs = std::filesystem;

struct DetectOptions {
  ModelOptions model;
  std::vector<std::string> files;
  std::string out = "ocellus-out";
  std::string json;
  double threshold = -1.0;  // negative: the model's
};

constexpr std::size_t kMaxDetections = 100;

// Files to look at: folders are replaced by the pictures in them, by name.
std::vector<std::string> Expand(const std::vector<std::string>& names) {
  std::vector<std::string> files;
  for (const std::string& name : names) {
    std::error_code error;
    if (!fs::exists(name, error)) {
      throw Failure(name + ": no such file or folder");
    }
    if (!fs::is_directory(name, error)) {
      files.push_back(name);
      continue;
    }
    std::vector<std::string> inside;
    fs::directory_iterator entries(name, error);
    if (error) throw Failure("cannot read " + name + ": " + error.message());
    for (const fs::directory_entry& entry : entries) {
      if (entry.is_regular_file(error) && IsPicture(entry.path())) {
        inside.push_back(entry.path());
      }
    }
    if (inside.empty()) {
      throw Failure(name + ": no pictures in this folder");
    }
    std::sort(inside.begin(), inside.end());
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return files;
}

// Where JSON lines go: a file that appears when complete, or stdout at once.
class JsonLines {
 public:
  explicit JsonLines(const std::string& path) {
    if (!path.empty()) file_.emplace(path);
  }

  void Add(const std::string& line) {
    if (file_) {
      file_->Write(line + "\n");
      file_->Flush();
    } else if (std::puts(line.c_str()) < 0 || std::fflush(stdout) != 0) {
      throw Failure("cannot write to standard output: " + ErrnoText(errno));
    }
  }

  void Commit() {
    if (file_) file_->Commit();
  }

 private:
  std::optional<OutputFile> file_;
};

// Names within the output folder, which the first makes; each given once.
class OutputNames {
 public:
  explicit OutputNames(std::string folder) : folder_(std::move(folder)) {}

  std::string Next(const std::string& file, const std::string& extension) {
    MakeFolder(folder_);
    const std::string stem = fs::path(file).stem().string();
    std::string name = stem + extension;
    for (int n = 2; !used_.insert(name).second; ++n) {
      name = stem + "-" + std::to_string(n) + extension;
    }
    return (fs::path(folder_) / name).string();
  }

 private:
  std::string folder_;
  std::set<std::string> used_;
};

class DetectRun {
 public:
  explicit DetectRun(const DetectOptions& options)
      : file_(FindModel(options.model.model)),
        session_(file_, FindBackend(options.model.backend)),
        threshold_(options.threshold < 0.0
                       ? file_.model().header().score_threshold
                       : static_cast<float>(options.threshold)),
        json_(options.json),
        names_(options.out) {}

  void Picture(const std::string& path) {
    cv::Mat picture = ReadPicture(path);
    Annotate(path, 0, picture);
    std::string extension = fs::path(path).extension().string();
    if (extension != ".jpg" && extension != ".jpeg") extension = ".png";
    WritePicture(names_.Next(path, extension), picture);
  }

  void Video(const std::string& path) {
    constexpr double kUsualFps = 25.0;
    VideoSource source(path);
    cv::Mat frame;
    if (!source.Read(frame)) return;
    const double fps = source.fps() > 0.0 ? source.fps() : kUsualFps;
    VideoRecorder recorder(names_.Next(path, ".mp4"), frame.size(), fps);
    ProgressBar bar(fs::path(path).filename().string(), source.frame_count());
    int64_t count = 0;
    do {
      Annotate(path, count, frame);
      recorder.Write(frame);
      bar.Update(++count);
    } while (source.Read(frame));
    recorder.Commit();
  }

  void Commit() { json_.Commit(); }

 private:
  void Annotate(const std::string& path, int64_t frame, cv::Mat& picture) {
    if (session_.is_classifier()) return Classify(path, frame, picture);
    const auto detections = session_.Detect(picture, ChannelOrder::kBgr,
                                            threshold_, kMaxDetections);
    json_.Add(DetectionsJson(path, frame, picture.cols, picture.rows,
                             detections, file_.class_names()));
    DrawDetections(picture, detections, file_.class_names());
  }

  void Classify(const std::string& path, int64_t frame, cv::Mat& picture) {
    constexpr std::size_t kTop = 5;
    const std::vector<ClassProbability> best =
        session_.Classify(picture, ChannelOrder::kBgr, kTop);
    json_.Add(ClassesJson(path, frame, best, file_.class_names()));
    std::vector<std::string> lines;
    for (const ClassProbability& one : best) {
      lines.push_back(std::to_string(std::lround(100.0f * one.score)) + "% " +
                      file_.class_names()[one.class_id]);
    }
    DrawPanel(picture, lines, Corner::kTopLeft);
  }

  ModelFile file_;
  DetectorSession session_;
  float threshold_;
  JsonLines json_;
  OutputNames names_;
};

void Detect(const DetectOptions& options) {
  const std::vector<std::string> files = Expand(options.files);
  DetectRun run(options);
  ProgressBar bar("detect", static_cast<int64_t>(files.size()));
  int64_t done = 0;
  for (const std::string& file : files) {
    if (IsPicture(file)) {
      run.Picture(file);
    } else {
      run.Video(file);
    }
    if (files.size() > 1) bar.Update(++done);
  }
  run.Commit();
}

}  // namespace

void AddDetectCommand(CLI::App& app) {
  const auto options = std::make_shared<DetectOptions>();
  CLI::App* command = app.add_subcommand(
      "detect", "Detect in pictures, folders of pictures and videos");
  command
      ->add_option("FILE", options->files,
                   "Pictures, folders of pictures, or videos")
      ->required();
  command
      ->add_option("--out", options->out,
                   "Folder for annotated pictures and videos")
      ->capture_default_str();
  command->add_option("--json", options->json,
                      "File for JSON lines, one a picture or frame (default: "
                      "standard output)");
  command
      ->add_option("--threshold", options->threshold,
                   "Lowest score to report (default: the model's)")
      ->check(CLI::Range(0.0, 1.0));
  AddModelOptions(*command, options->model);
  command->callback([options] { Detect(*options); });
}

}  // namespace ocellus
